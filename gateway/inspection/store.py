"""The audit's entries as auditors look for them: by members, rows, period or affected people; and those to erase.

Ids of entries grow with time, but a clock may have been wrong: a period is searched among the ids that a bisection finds,
a day wider on both sides, and each entry's own time decides.

The people whom an account affects are needed within 72 hours after a leak of its credentials. A person is a pseudonym of the
account's organisation; one whose number was asked under several pseudonym keys is shown by the oldest pseudonym. Counted are
answers, reuses and deliveries: what the account learned. Source: NĐ 13/2023 Đ23, Luật 91/2025/QH15 Đ23.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.store import find_account
from gateway.audit.model import Kind, find_members, parse_range
from gateway.audit.store import ID_END, IN_AUDIT, audit_entries, audit_rows, stream_bodies
from gateway.audit.tree_store import ENTRY
from gateway.clock import Period, in_z
from gateway.deployment import require_filled
from gateway.enquiries.person_store import renamed_numbers
from gateway.errors.operators import StateWrong, Unknown
from gateway.identifiers import Profile
from gateway.storage.database import Database
from gateway.storage.driver import fetch_plain
from gateway.storage.outages import Cause, find_cause
from gateway.storage.statements import Row

_SLACK = timedelta(days=1)
"""By how much a clock may have been wrong."""

_CHUNK = 250
"""Limit of the variables of one statement."""

_LEARNED = (Kind.ANSWERED, Kind.REUSED, Kind.DELIVERED)
"""The kinds of entries by which an account learned something about a person."""

_COLUMNS = frozenset({"client_id", "request_id", "kind", "profile", "organisation", "citizen"})


def member(connection: AsyncConnection, name: str) -> sa.ColumnElement[str]:
    """Return a member of an entry as text: its column, else from the body.

    On PostgreSQL a text with a quote or a backslash is not found: no time, procedure or outcome has one.
    """
    if name in _COLUMNS:
        return audit_entries.c[name]
    body = audit_entries.c.body
    # A body that somebody changed to what is no JSON must not end the search for others: there PostgreSQL's cast is an error.
    if connection.dialect.name != "sqlite":
        found = sa.func.substring(body, rf'[{{,]\s*"{name}"\s*:\s*"([^"\\]*)"', type_=sa.String)
        # Most collations order a point before a plus sign, and so the first second of a period before its start.
        return found.collate("C")
    return sa.case((sa.func.json_valid(body) == 1, sa.func.json_extract(body, f"$.{name}", type_=sa.String)))


async def in_period(connection: AsyncConnection, period: Period) -> sa.ColumnElement[bool]:
    """Return the condition that an entry is of a period."""
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    at = member(connection, "at")
    ids = await _read_ends(connection) if period.start is not None or period.end is not None else None
    # Every time is written in UTC, so that texts have the order of times: one in `Z` is not before the same in `+00:00`.
    if period.start is not None:
        conditions.append(at >= period.start.isoformat())
        conditions.append(audit_entries.c.id >= await _first_id(connection, ids, period.start - _SLACK))
    if period.end is not None:
        conditions.append(at < period.end.isoformat())
        conditions.append(audit_entries.c.id < await _first_id(connection, ids, period.end + _SLACK))
    return sa.and_(*conditions)


async def _read_ends(connection: AsyncConnection) -> tuple[int, int] | None:
    """Return the lowest and the highest id that a gateway gave, None without one."""
    # Two subqueries, each answered by the index. Neither an entry outside the audit nor an id that no gateway gives, such as a
    # text on SQLite, must lead the bisection astray.
    number = audit_entries.c.id
    ends = (
        sa.select(number)
        .where(IN_AUDIT, number > 0, number < ID_END)
        .order_by(order)
        .limit(1)
        .scalar_subquery()
        for order in (number.asc(), number.desc())
    )
    low, high = (await connection.execute(sa.select(*ends))).one()
    return None if low is None else (low, high)


async def _first_id(connection: AsyncConnection, ends: tuple[int, int] | None, at: datetime) -> int:
    """Return the lowest id whose entry is not before an instant, by bisection; above all ids if there is none."""
    if ends is None:
        return 0
    low, high = ends[0], ends[1] + 1
    at_member = member(connection, "at")
    next_one = (
        sa.select(audit_entries.c.id, at_member)
        .where(audit_entries.c.id >= sa.bindparam("middle"), audit_entries.c.id < sa.bindparam("high"))
        .where(IN_AUDIT, at_member.is_not(None))
        .order_by(audit_entries.c.id)
        .limit(1)
    )
    while low < high:
        middle = (low + high) // 2
        found = await fetch_plain(connection, next_one, {"middle": middle, "high": high})
        if found and str(found[0][1]) < at.isoformat():
            low = found[0][0] + 1
        else:
            high = middle
    return int(low)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """A page of rows, newest first; `before` is where the next page begins, None after the last."""

    rows: tuple[Mapping[str, Any], ...]
    before: int | None


async def search(
    database: Database,
    equals: Mapping[str, str],
    *,
    period: Period,
    before: int | None = None,
    most: int = 100,
) -> FoundRows:
    """Return the latest rows of a period, and before an entry, whose members have these values.

    Each has its row number (None until it is merged) and its entry's id (None if it is no number, as SQLite keeps it); the digests of changed state are left out. What is
    no entry any more has the kind `unreadable` and no time.

    Raises:
        SchemaOld: a migration is not complete.
    """
    async with database.read() as connection:
        await require_filled(connection)
        query = (
            sa.select(audit_entries.c.id, audit_rows.c.row, audit_entries.c.body)
            .outerjoin_from(audit_entries, audit_rows, audit_rows.c.entry == audit_entries.c.id)
            .where(IN_AUDIT, await in_period(connection, period))
            .where(*(member(connection, name) == value for name, value in equals.items()))
            .order_by(audit_entries.c.id.desc())
            .limit(most + 1)
        )
        if before is not None:
            query = query.where(audit_entries.c.id < before)
        found = await fetch_plain(connection, query)
    shown = ((row, number if isinstance(number, int) else None, body) for number, row, body in found[:most])
    rows = tuple({"row": row, "entry": number} | _shown(body) for row, number, body in shown)
    return FoundRows(rows=rows, before=rows[-1]["entry"] if len(found) > most else None)


def _shown(body: object) -> dict[str, Any]:
    members = find_members(body)
    if members is None:
        return {"at": None, "kind": "unreadable"}
    shown = {name: value for name, value in members.items() if name != "state"}
    return shown | {"at": in_z(members["at"])}


def stream_questions(
    connection: AsyncConnection, *, months: Collection[str] | None = None
) -> AsyncIterator[str]:
    """Yield the bodies of every question and its answer, oldest first; only those of some months, if they are given."""
    return stream_bodies(connection, audit_entries.c.request_code.is_not(None), months=months)


async def find_rows(connection: AsyncConnection, period: Period) -> tuple[int, int] | None:
    """Return the first and the last row of a period; None without one."""
    query = (
        sa.select(sa.func.min(audit_rows.c.row), sa.func.max(audit_rows.c.row))
        .join_from(audit_rows, audit_entries, audit_rows.c.entry == audit_entries.c.id)
        .where(await in_period(connection, period))
    )
    first, last = (await connection.execute(query)).one()
    return None if first is None else (int(first), int(last))


_ROWS = sa.select(
    audit_rows.c.row,
    audit_rows.c.leaf,
    audit_rows.c.previous,
    audit_rows.c.hash,
    audit_rows.c.digest,
    audit_entries.c.salt,
    audit_entries.c.body,
).outerjoin_from(audit_rows, audit_entries, audit_rows.c.entry == audit_entries.c.id)


def _name_columns(found: Sequence[Row]) -> list[Mapping[str, Any]]:
    names = [column.name for column in _ROWS.selected_columns]
    return [dict(zip(names, row, strict=True)) for row in found]


async def list_rows(
    connection: AsyncConnection, *, first: int, last: int, most: int
) -> Sequence[Mapping[str, Any]]:
    """Return rows with salt and body of their entries, in order; both are None of a row whose entry was erased."""
    query = _ROWS.where(audit_rows.c.row >= first, audit_rows.c.row <= last).order_by(audit_rows.c.row)
    return _name_columns(await fetch_plain(connection, query.limit(most)))


async def list_later_erasures(
    connection: AsyncConnection, *, first: int, last: int
) -> Sequence[Mapping[str, Any]]:
    """Return the rows after `last`, as `list_rows` does, that erased entries of rows from `first` to `last`."""
    query = _ROWS.where(audit_entries.c.kind == Kind.ERASED.value, audit_rows.c.row > last)
    found = _name_columns(await fetch_plain(connection, query.order_by(audit_rows.c.row)))
    members = ((row, find_members(row["body"]) or {}) for row in found)
    named = ((row, map(parse_range, each.get("erased", ()))) for row, each in members)
    return [row for row, ranges in named if any(one <= last and first <= end for one, end in ranges)]


async def list_erasable(
    connection: AsyncConnection, kinds: Collection[Kind], period: Period, *, after: int, most: int
) -> Sequence[Row]:
    """Return the row and its leaf, and then the entry as `check_entry` takes it, of the oldest entries of some kinds and a period.

    They are after a row, and none is of the hash chain.
    """
    query = (await _erasable(connection, kinds, period)).with_only_columns(
        audit_rows.c.row, audit_rows.c.leaf, *ENTRY
    )
    return await fetch_plain(
        connection, query.where(audit_rows.c.row > after).order_by(audit_rows.c.row).limit(most)
    )


async def count_erasable(connection: AsyncConnection, kinds: Collection[Kind], period: Period) -> int:
    """Return how many entries `list_erasable` would return without a limit."""
    found = (await _erasable(connection, kinds, period)).with_only_columns(sa.func.count())
    return int((await connection.execute(found)).scalar_one())


async def _erasable(connection: AsyncConnection, kinds: Collection[Kind], period: Period) -> sa.Select[int]:
    return (
        sa.select(audit_rows.c.row)
        .join_from(audit_entries, audit_rows, audit_rows.c.entry == audit_entries.c.id)
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]), audit_rows.c.hash.is_(None))
        .where(await in_period(connection, period))
    )


async def delete_entries(connection: AsyncConnection, entries: Sequence[tuple[int, str]]) -> None:
    """Delete entries by id and month; their rows stay."""
    key = sa.tuple_(audit_entries.c.id, audit_entries.c.month)
    for start in range(0, len(entries), _CHUNK):
        await connection.execute(sa.delete(audit_entries).where(key.in_(entries[start : start + _CHUNK])))


_FILE = sa.text("SELECT pg_relation_filenode(to_regclass(:table))")


async def vacuum_entries(
    connection: AsyncConnection, tables: Sequence[str], *, full: bool, lock_seconds: float
) -> None:
    """On PostgreSQL, free the place of deleted entries; `full` writes each table anew under an exclusive lock on it.

    Raises:
        StateWrong: others kept a table locked for `lock_seconds`, or PostgreSQL skipped it, as for a user who does not own it.
    """
    await connection.execute(sa.text(f"SET lock_timeout = '{int(lock_seconds * 1000)}ms'"))
    try:
        for table in tables:
            before = (await connection.execute(_FILE, {"table": table})).scalar_one()
            await connection.execute(sa.text(f'VACUUM {"(FULL) " if full else ""}"{table}"'))
            if full and (await connection.execute(_FILE, {"table": table})).scalar_one() == before:
                raise StateWrong(
                    f"the entries are erased; the table {table} is not written anew, since only its owner may: run the "
                    "command again with GATEWAY_DATABASE_URL of the user who runs gateway migrate"
                )
    except DBAPIError as error:
        if find_cause(error) is not Cause.LOCKED:
            raise
        raise StateWrong(
            f"could not lock a table of entries in {lock_seconds:g} s, since other connections use it. The entries are "
            "erased; this table is not written anew. Try again when `audit verify`, searches and backups are at their end"
        ) from error


async def map_oldest(connection: AsyncConnection, profile: Profile, organisation: str) -> Mapping[str, str]:
    """Return the oldest pseudonym of each number that an organisation asked under several keys, by its later ones."""
    query = sa.select(renamed_numbers.c.pseudonym, renamed_numbers.c.stable).where(
        renamed_numbers.c.profile == profile.value, renamed_numbers.c.organisation == organisation
    )
    return {row.pseudonym: row.stable for row in await connection.execute(query)}


@dataclass(slots=True)
class AffectedPerson:
    """One person: acts about them, whether one of them was confirmed, and the fields that were delivered."""

    pseudonym: str
    organisation: str
    acts: set[str] = field(default_factory=set)
    confirmed: bool = False
    fields: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""

    def members(self) -> dict[str, object]:
        """Return the members of the contract, and when the account first and last asked."""
        return {
            "pseudonym": self.pseudonym,
            "organisation": self.organisation,
            "enquiries": len(self.acts),
            "confirmed": self.confirmed,
            "fields": sorted(self.fields),
            "first_at": in_z(self.first),
            "last_at": in_z(self.last),
        }


async def find_affected(database: Database, client_id: str, period: Period) -> list[AffectedPerson]:
    """Return the people whom an account asked about in a period, the first asked first.

    Raises:
        Unknown: there is no such account.
        SchemaOld: a migration is not complete.
    """
    people: dict[tuple[str, str], AffectedPerson] = {}
    async with database.walk() as connection:
        await require_filled(connection)
        account = await find_account(connection, client_id)
        if account is None:
            raise Unknown(f"{client_id}: no such account: gateway accounts list")
        oldest = await map_oldest(connection, account.profile, account.organisation)
        conditions = (
            audit_entries.c.client_id == client_id,
            audit_entries.c.kind.in_([kind.value for kind in _LEARNED]),
            await in_period(connection, period),
        )
        async for body in stream_bodies(connection, *conditions):
            row = find_members(body)
            if row is None or not {"citizen", "act"} <= row.keys():
                continue
            key = (row.get("organisation", ""), oldest.get(row["citizen"], row["citizen"]))
            person = people.setdefault(key, AffectedPerson(pseudonym=key[1], organisation=key[0]))
            person.acts.add(row["act"])
            person.confirmed |= row.get("outcome") == "confirmed"
            if row["kind"] == Kind.DELIVERED:
                person.fields.update(row.get("fields", ()))
            person.first, person.last = person.first or row["at"], row["at"]
    return list(people.values())


def count_affected(people: Iterable[AffectedPerson]) -> dict[str, object]:
    """Return the totals: people, enquiries, people confirmed, and people by field and by organisation."""
    found = list(people)
    return {
        "people": len(found),
        "enquiries": sum(len(each.acts) for each in found),
        "confirmed": sum(each.confirmed for each in found),
        "with_fields": sum(bool(each.fields) for each in found),
        "fields": dict(sorted(Counter(name for each in found for name in each.fields).items())),
        "organisations": dict(sorted(Counter(each.organisation for each in found).items())),
    }
