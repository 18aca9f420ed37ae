"""What a record changes in covered tables, seen in its statements; and the covered rows as they are now.

Every statement of an engine is seen before it runs. A write of a covered table is noted with the rows that it meets as they
were, so that no store has to tell; outside a record of the audit it is refused, unless the statement says by its
execution option `unrecorded` why it changes nothing that counts. Text SQL is not seen: a test keeps it out.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from gateway.audit.model import AuditEntry
from gateway.audit.state import COVERED, row_digest, row_name
from gateway.database import Database, Instant, Transaction, metadata

_OPTION = "state_marks"
_UNRECORDED = "unrecorded"
_WRITTEN = "as written: "
_CHUNK = 250
"""Rows that one statement reads back at most: SQLite bounds the variables of a statement."""

_Key = tuple[object, ...]
_LATER = "read back"
"""In place of a digest that is not known from the statement alone."""


class Marks:
    """The covered rows that one record has changed so far: what each was, and what it is where that is known."""

    def __init__(self) -> None:
        self._former: dict[tuple[str, _Key], str | None] = {}
        self._now: dict[tuple[str, _Key], str | None] = {}

    def clear(self) -> None:
        """Forget everything: the next record begins."""
        self._former.clear()
        self._now.clear()

    async def settle(self, transaction: Transaction, entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        """Return a record's entries, the last with what the record changed.

        One statement a table at most, none where each changed row was inserted with all its values.

        Raises:
            RuntimeError: covered rows changed, and the record has no entry to say so.
        """
        if not self._now:
            return entries
        await self._read_back(transaction)
        changed = {
            row_name(*which): (former, self._now[which])
            for which, former in self._former.items()
            if former != self._now[which]
        }
        if not changed:
            return entries
        if not entries:
            raise RuntimeError(f"{min(changed)} was changed by a record without an audit entry")
        return [*entries[:-1], replace(entries[-1], state=changed)]

    def note_former(self, connection: sa.Connection, statement: Any, parameters: Mapping[str, Any]) -> None:
        """Read the rows that an UPDATE or DELETE is about to change."""
        table, where = statement.table, statement.whereclause
        query = _select(table, connection.dialect.name)
        query = query if where is None else query.where(where)
        for row in map(_as_written, connection.execute(query, parameters).mappings()):
            which = (table.name, _key_of(table.name, row))
            self._former.setdefault(which, row_digest(table.name, row))
            self._now[which] = _LATER

    def note_inserted(self, connection: sa.Connection, statement: Any, given: Mapping[str, Any]) -> None:
        """Take an inserted row's digest from its values; where they are part of the statement, it is read back."""
        table = statement.table
        whole = all(name in given for name in _key_names(table.name))
        values = given if whole else statement.compile(dialect=connection.dialect).params
        which = (table.name, _key_of(table.name, values))
        self._former.setdefault(which, None)
        # In a savepoint the row may yet go.
        known = whole and not connection.in_nested_transaction()
        self._now[which] = row_digest(table.name, given) if known else _LATER

    async def _read_back(self, transaction: Transaction) -> None:
        waiting: dict[str, list[_Key]] = {}
        for (table, key), now in self._now.items():
            if now is _LATER:
                waiting.setdefault(table, []).append(key)
        for table, keys in waiting.items():
            self._now.update({(table, key): None for key in keys})
            for start in range(0, len(keys), _CHUNK):
                query = _select_rows(table, keys[start : start + _CHUNK], transaction.dialect.name)
                for row in map(_as_written, (await transaction.execute(query)).mappings()):
                    which = (table, _key_of(table, row))
                    self._now[which] = row_digest(table, row)


async def begin_marks(transaction: Transaction) -> Marks:
    """Return the marks of a write transaction: its writes of covered tables are allowed, and noted there."""
    marks = Marks()
    await transaction.execution_options(**{_OPTION: marks})
    return marks


def watch_statements(database: Database) -> None:
    """See every statement of a store from now on; a second call changes nothing."""
    engine = database.engine.sync_engine
    if not sa.event.contains(engine, "before_execute", _before):
        sa.event.listen(engine, "before_execute", _before)
        sa.event.listen(engine, "after_execute", _after)


def _before(
    connection: sa.Connection,
    statement: Any,
    rows: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
) -> None:
    if not _is_covered(statement, options):
        return
    marks = options.get(_OPTION)
    if marks is None:
        raise RuntimeError(
            f"{statement.table.name} is written outside a record of the audit: write it in `AuditLog.commit` "
            "or `record`, or give the statement the execution option `unrecorded` and the reason"
        )
    if not statement.is_insert:
        for given in rows or (parameters,):
            marks.note_former(connection, statement, given)


def _after(
    connection: sa.Connection,
    statement: Any,
    rows: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    result: object,
) -> None:
    del result
    if _is_covered(statement, options) and statement.is_insert:
        for given in rows or (parameters,):
            options[_OPTION].note_inserted(connection, statement, given)


def _is_covered(statement: Any, options: Mapping[str, Any]) -> bool:
    written = getattr(statement, "is_dml", False) and statement.table.name in COVERED
    return bool(written) and _UNRECORDED not in options


def _select_rows(table: str, keys: Sequence[_Key], dialect: str) -> sa.Select[Any]:
    rows = metadata.tables[table]
    columns = list(rows.primary_key)
    if len(columns) == 1:
        return _select(rows, dialect).where(columns[0].in_([key[0] for key in keys]))
    return _select(rows, dialect).where(sa.tuple_(*columns).in_(keys))


def _select(table: Any, dialect: str) -> sa.Select[Any]:
    """Select a table's rows, on SQLite with each instant's text too: another spelling of it compares otherwise."""
    if dialect != "sqlite":
        return sa.select(table)
    instants = [column for column in table.columns if isinstance(column.type, Instant)]
    return sa.select(
        table, *(sa.type_coerce(each, sa.String).label(f"{_WRITTEN}{each.name}") for each in instants)
    )


def _as_written(found: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row with the text of an instant in its place where that is not as the gateway writes it."""
    row = {name: value for name, value in found.items() if not name.startswith(_WRITTEN)}
    for name, text in found.items():
        instant = row.get(name.removeprefix(_WRITTEN))
        if name.startswith(_WRITTEN) and instant is not None:
            ours = instant.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
            row |= {name.removeprefix(_WRITTEN): text} if text != ours else {}
    return row


def _key_of(table: str, row: Mapping[str, Any]) -> _Key:
    return tuple(row[name] for name in _key_names(table))


@cache
def _key_names(table: str) -> tuple[str, ...]:
    return tuple(column.name for column in metadata.tables[table].primary_key)


async def stream_state(connection: Transaction, table: str) -> AsyncIterator[tuple[str, str, bool]]:
    """Yield name and digest of every row of a covered table as it is now, by its key, and whether it is as it was made."""
    rows = metadata.tables[table]
    query = _select(rows, connection.dialect.name).order_by(*rows.primary_key)
    async for found in (await connection.stream(query)).mappings():
        row = _as_written(found)
        as_made = COVERED[table].as_made
        yield row_name(table, _key_of(table, row)), row_digest(table, row), bool(as_made and as_made(row))
