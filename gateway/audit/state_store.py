"""Evidence of the state in the database: how it begins, what each record of the audit changes, and the present covered rows.

A listener gets every statement of the engine before it runs. It notes each write of a covered table with the rows
before the write. Outside a record of the audit such a write is refused, unless the execution option `unrecorded`
gives the reason. SQL as text is not noticed, and a test forbids it.

A baseline names the rows that an older version of the gateway left. An edit made before it is part of it, so it is
taken once: a store whose audit has a baseline, or any state, takes none. In the same way the first evidence key adopts
the audit rows of an older version: the first start after the upgrade does it, and never again.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NULLTYPE

from gateway import deployment
from gateway.audit import store, tree_store
from gateway.audit.model import LOCAL, AuditEntry, AuditMark, EntryMacs, act_entry
from gateway.audit.state import ADOPTED, BASELINE, COVERED, row_digest, row_name
from gateway.errors.operators import StateWrong
from gateway.keys.model import Key
from gateway.keys.vault import ResealKeys
from gateway.storage.database import Database, Instant, Transaction, metadata
from gateway.storage.driver import ConnectionTransaction, any_text, escape_surrogates

_OPTION = "state_marks"
_UNRECORDED = "unrecorded"
_CHUNK = 250
"""Limit of the rows that one statement reads back, since SQLite limits the variables of a statement."""

_BASELINE_ROWS = 500
"""Covered rows that one audit row of a baseline names."""

_Key = tuple[object, ...]
_LATER = "read back"
"""In place of a digest that can't be computed from the statement."""


class Marks:
    """The covered rows that one record has changed so far: the digest of each before, and after if it is known."""

    def __init__(self) -> None:
        self._former: dict[tuple[str, _Key], str | None] = {}
        self._now: dict[tuple[str, _Key], str | None] = {}
        self._inserting: list[tuple[sa.Connection, Any, Mapping[str, Any], bool]] = []

    async def settle(self, transaction: Transaction, entries: Sequence[AuditEntry]) -> Sequence[AuditEntry]:
        """Return a record's entries; the last one gets what the record changed.

        Reads changed rows back, with one statement a table; not rows that were inserted with all their values.

        Raises:
            RuntimeError: covered rows changed, and the record has no entry.
        """
        self.note_inserted()
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
        for found in connection.execute(query, parameters).mappings():
            row = _as_written(table, found, connection.dialect.name)
            which = (table.name, _key_of(table.name, row))
            self._former.setdefault(which, row_digest(table.name, row))
            self._now[which] = _LATER

    def note_write(
        self, connection: sa.Connection, statement: Any, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Note the rows that a statement is about to change. An INSERT has succeeded if another write comes, or the end."""
        self.note_inserted()
        if not statement.is_insert:
            for given in rows:
                self.note_former(connection, statement, given)
            return
        # A savepoint may still be rolled back.
        nested = connection.in_nested_transaction()
        self._inserting += [(connection, statement, given, nested) for given in rows]

    def note_failure(self, statement: Any) -> None:
        """Note that a statement failed: it has inserted nothing."""
        self._inserting = [each for each in self._inserting if each[1] is not statement]

    def note_inserted(self) -> None:
        """Compute the digests of inserted rows from their values; rows with values in the statement are read back."""
        for connection, statement, given, nested in self._inserting:
            table = statement.table
            whole = all(name in given for name in _key_names(table.name))
            values = given if whole else statement.compile(dialect=connection.dialect).params
            which = (table.name, _key_of(table.name, values))
            self._former.setdefault(which, None)
            self._now[which] = row_digest(table.name, given) if whole and not nested else _LATER
        self._inserting.clear()

    async def _read_back(self, transaction: Transaction) -> None:
        waiting: dict[str, list[_Key]] = {}
        for (table, key), now in self._now.items():
            if now is _LATER:
                waiting.setdefault(table, []).append(key)
        for table, keys in waiting.items():
            self._now.update({(table, key): None for key in keys})
        async for table, key, digest in _read_rows(transaction, waiting):
            self._now[table, key] = digest


async def begin_marks(transaction: Transaction) -> Marks:
    """Allow a write transaction to write covered tables; return the marks that note the writes of its next record."""
    marks = Marks()
    await transaction.execution_options(**{_OPTION: marks})
    return marks


def watch_statements(database: Database) -> None:
    """Notice every write of a covered table from now on; a second call changes nothing."""
    database.watch_writes(COVERED, before=_before_write, failed=_after_failure)


def _before_write(
    connection: sa.Connection,
    statement: Any,
    rows: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
) -> None:
    if _UNRECORDED in options:
        return
    marks: Marks | None = options.get(_OPTION)
    if marks is None:
        raise RuntimeError(
            f"{statement.table.name} is written outside a record of the audit: write it in `AuditLog.commit` "
            "or `record`, or give the statement the execution option `unrecorded` and the reason"
        )
    marks.note_write(connection, statement, rows)


def _after_failure(statement: Any, options: Mapping[str, Any]) -> None:
    marks: Marks | None = options.get(_OPTION)
    if marks is not None:
        marks.note_failure(statement)


def _select_rows(table: str, keys: Sequence[_Key], dialect: str) -> sa.Select[Any]:
    rows = metadata.tables[table]
    first, *others = rows.primary_key
    if not others:
        return _select(rows, dialect).where(first.in_([key[0] for key in keys]))
    return _select(rows, dialect).where(sa.tuple_(first, *others).in_(keys))


@cache
def _select(table: sa.Table, dialect: str) -> sa.Select[Any]:
    """Select a table's rows; on SQLite as they are stored, since there a column may have a value of any type."""
    if dialect != "sqlite":
        return sa.select(table)
    stored: list[Any] = [sa.type_coerce(each, NULLTYPE).label(each.name) for each in table.columns]
    return sa.select(*stored)


def _as_written(table: sa.Table, found: Mapping[Any, Any], dialect: str) -> dict[str, Any]:
    """Return a row; what the gateway would not have written stays as it is stored, so that its digest is another one.

    An instant in another form is such a value: SQL compares its text.
    """
    row = dict(found)
    for name, read in _readers_of(table, dialect):
        if row[name] is not None:
            row[name] = read(row[name])
    return row


@cache
def _readers_of(table: sa.Table, dialect: str) -> Sequence[tuple[str, Callable[[Any], Any]]]:
    """Return the columns whose stored form is read here, each with its reader; on PostgreSQL the driver reads all."""
    if dialect != "sqlite":
        return []
    types = [(column.name, type(column.type)) for column in table.columns]
    return [(name, _READERS[each]) for name, each in types if each in _READERS]


def _read_instant(stored: Any) -> Any:
    try:
        instant = datetime.fromisoformat(stored)
    except (TypeError, ValueError):
        return stored
    ours = instant.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    # A list: the text itself may be the one that a digest has of our instant (`2026-11-30T00:00:00+00:00`).
    return instant.replace(tzinfo=UTC) if stored == ours else ["stored", stored]


def _read_json(stored: Any) -> Any:
    try:
        return json.loads(stored) if isinstance(stored, str) else stored
    except (ValueError, RecursionError):
        return stored


def _read_boolean(stored: Any) -> Any:
    return bool(stored) if stored in (0, 1) else stored


_READERS: Mapping[type, Callable[[Any], Any]] = {
    Instant: _read_instant,
    sa.JSON: _read_json,
    sa.Boolean: _read_boolean,
}
"""What each type makes of its stored form on SQLite; the other types leave it as it is."""


def _key_of(table: str, row: Mapping[str, Any]) -> _Key:
    return tuple(row[name] for name in _key_names(table))


@cache
def _key_names(table: str) -> tuple[str, ...]:
    return tuple(column.name for column in metadata.tables[table].primary_key)


async def read_digests(transaction: Transaction, names: Iterable[str]) -> dict[str, str]:
    """Return the present digests of covered rows by name (`row_name`); a row that is gone is left out."""
    waiting: dict[str, list[_Key]] = {}
    for name in names:
        table, *parts = name.split("/")
        columns = metadata.tables[table].primary_key.columns
        key = tuple(
            int(part) if isinstance(column.type, sa.Integer) else part
            for column, part in zip(columns, parts, strict=True)
        )
        waiting.setdefault(table, []).append(key)
    return {row_name(table, key): digest async for table, key, digest in _read_rows(transaction, waiting)}


async def _read_rows(
    transaction: Transaction, wanted: Mapping[str, Sequence[_Key]]
) -> AsyncIterator[tuple[str, _Key, str]]:
    """Yield table, key and digest of the wanted rows that exist."""
    for table, keys in wanted.items():
        for start in range(0, len(keys), _CHUNK):
            query = _select_rows(table, keys[start : start + _CHUNK], transaction.dialect.name)
            for found in (await transaction.execute(query)).mappings():
                row = _as_written(metadata.tables[table], found, transaction.dialect.name)
                yield table, _key_of(table, row), row_digest(table, row)


async def stream_state(connection: Transaction, table: str) -> AsyncIterator[tuple[str, str, bool]]:
    """Yield name and digest of every row of a covered table, and whether it is unchanged since its creation (`Covered.as_made`)."""
    rows = metadata.tables[table]
    query = _select(rows, connection.dialect.name).order_by(*rows.primary_key)
    async with any_text(connection):
        async for found in (await connection.stream(query)).mappings():
            row = _as_written(rows, found, connection.dialect.name)
            as_made = COVERED[table].as_made
            name = escape_surrogates(row_name(table, _key_of(table, row)))
            yield name, row_digest(table, row), bool(as_made and as_made(row))


async def take_baseline(transaction: Transaction, *, now: datetime) -> int:
    """Append audit rows that name every covered row; return the number of covered rows.

    Every table of the caller's transaction has the newest schema.
    """
    await store.lock(transaction)
    if await store.has_state(transaction):
        return 0
    hot = ConnectionTransaction(transaction)
    taken, state = 0, dict[str, tuple[str | None, str | None]]()
    entry = act_entry(BASELINE, at=now, actor=LOCAL)
    for table in COVERED:
        async for name, digest, _ in stream_state(transaction, table):
            state[name] = (None, digest)
            if len(state) == _BASELINE_ROWS:
                await store.append(hot, [entry.copy_with(state=state)], None)
                taken, state = taken + len(state), {}
    if state:
        await store.append(hot, [entry.copy_with(state=state)], None)
    return taken + len(state)


async def begin_evidence(
    database: Database, transaction: Transaction, key: Key, *, reseal: ResealKeys | None
) -> None:
    """Mark the rows that have no MAC, give the waiting entries one, and record that the older keys are sealed anew.

    `key` is the store's first evidence key. A new store (`reseal` None) gets a mark without rows.

    Raises:
        StateWrong: a store without keys has an audit.
    """
    macs = EntryMacs([key])
    await store.lock(transaction)
    last = await store.find_leaf(transaction)
    if reseal is None:
        if last is not None or await store.count_rows(transaction, store.audit_entries):
            raise StateWrong("the store has an audit and no keys: put back the rows of the table keys")
    else:
        watch_statements(database)
        marks = await begin_marks(transaction)
        await reseal()
        await tree_store.authenticate_waiting(transaction, macs)
        adopted = act_entry(ADOPTED, at=key.created_at, actor=LOCAL)
        entries = await marks.settle(transaction, [adopted])
        await store.append(ConnectionTransaction(transaction), entries, macs)
    mark = AuditMark(rows=0, leaf="") if last is None else AuditMark(rows=last[0], leaf=last[1])
    await deployment.record_mark(transaction, macs.write_mark(mark))
