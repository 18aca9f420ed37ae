"""Reads of the audit's entries by what auditors look for, and their erasure.

Ids of entries grow with time, but a clock may have been wrong: a period is searched among the ids that a bisection finds,
a day wider on both sides, and each entry's own time decides.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.erasures import parse_range
from gateway.audit.model import Kind
from gateway.audit.store import IN_AUDIT, audit_entries, audit_rows
from gateway.enquiries.person_store import renamed_numbers
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.inspection.period import Period
from gateway.storage.outages import Cause, find_cause

_SLACK = timedelta(days=1)
"""By how much a clock may have been wrong."""

_CHUNK = 250
"""Limit of the variables of one statement."""

_COLUMNS = frozenset({"client_id", "request_id", "kind", "profile", "organisation", "citizen"})


def member(connection: AsyncConnection, name: str) -> sa.ColumnElement[str]:
    """Return a member of an entry as text: its column, else from the body."""
    if name in _COLUMNS:
        return audit_entries.c[name]
    if connection.dialect.name == "sqlite":
        return sa.func.json_extract(audit_entries.c.body, f"$.{name}", type_=sa.String)
    found: sa.ColumnElement[str] = sa.cast(audit_entries.c.body, sa.JSON)[name].as_string()
    return found


async def in_period(connection: AsyncConnection, period: Period) -> sa.ColumnElement[bool]:
    """Return the condition that an entry is of a period."""
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    at = member(connection, "at")
    ids = await _read_ends(connection) if period.start is not None or period.end is not None else None
    # Every time is written in UTC, so that texts have the order of times.
    if period.start is not None:
        conditions.append(at >= period.start.isoformat())
        conditions.append(audit_entries.c.id >= await _first_id(connection, ids, period.start - _SLACK))
    if period.end is not None:
        conditions.append(at < period.end.isoformat())
        conditions.append(audit_entries.c.id < await _first_id(connection, ids, period.end + _SLACK))
    return sa.and_(*conditions)


async def _read_ends(connection: AsyncConnection) -> tuple[int, int] | None:
    """Return the lowest and the highest id, None without an entry."""
    # Two subqueries, each answered by the index. An entry outside the audit must not lead the bisection astray.
    number = audit_entries.c.id
    ends = (
        sa.select(number).where(IN_AUDIT).order_by(order).limit(1).scalar_subquery()
        for order in (number.asc(), number.desc())
    )
    low, high = (await connection.execute(sa.select(*ends))).one()
    return None if low is None else (low, high)


async def _first_id(connection: AsyncConnection, ends: tuple[int, int] | None, at: datetime) -> int:
    """Return the lowest id whose entry is not before an instant, by bisection; above all ids if there is none."""
    if ends is None:
        return 0
    low, high = ends[0], ends[1] + 1
    next_one = (
        sa.select(audit_entries.c.id, member(connection, "at"))
        .where(audit_entries.c.id >= sa.bindparam("number"), IN_AUDIT)
        .order_by(audit_entries.c.id)
        .limit(1)
    )
    while low < high:
        middle = (low + high) // 2
        number, written = (await connection.execute(next_one, {"number": middle})).one()
        if written < at.isoformat():
            low = number + 1
        else:
            high = middle
    return int(low)


async def list_found(
    connection: AsyncConnection, equals: Mapping[str, str], period: Period, *, before: int | None, most: int
) -> list[tuple[int, int | None, str]]:
    """Return the latest entries with these members, of a period and before an entry: id, row if any, body; newest first."""
    query = (
        sa.select(audit_entries.c.id, audit_rows.c.row, audit_entries.c.body)
        .outerjoin_from(audit_entries, audit_rows, audit_rows.c.entry == audit_entries.c.id)
        .where(IN_AUDIT, await in_period(connection, period))
        .where(*(member(connection, name) == value for name, value in equals.items()))
        .order_by(audit_entries.c.id.desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(audit_entries.c.id < before)
    return [(number, row, body) for number, row, body in await connection.execute(query)]


async def stream_questions(
    connection: AsyncConnection, *, months: Collection[str] | None = None
) -> AsyncIterator[str]:
    """Yield the bodies of every question and its answer, oldest first; only those of some months, if they are given."""
    query = (
        sa.select(audit_entries.c.body)
        .where(audit_entries.c.request_code.is_not(None), IN_AUDIT)
        .order_by(audit_entries.c.id)
    )
    if months is not None:
        query = query.where(audit_entries.c.month.in_(sorted(months)))
    async for (body,) in await connection.stream(query):
        yield body


async def stream_of_account(
    connection: AsyncConnection, client_id: str, kinds: Collection[Kind], period: Period
) -> AsyncIterator[str]:
    """Yield the bodies of an account's entries of some kinds and a period, oldest first."""
    query = (
        sa.select(audit_entries.c.body)
        .where(audit_entries.c.client_id == client_id, IN_AUDIT)
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]))
        .where(await in_period(connection, period))
        .order_by(audit_entries.c.id)
    )
    async for (body,) in await connection.stream(query):
        yield body


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


async def list_rows(
    connection: AsyncConnection, *, first: int, last: int, most: int
) -> Sequence[Mapping[str, Any]]:
    """Return rows with salt and body of their entries, in order; both are None of a row whose entry was erased."""
    query = _ROWS.where(audit_rows.c.row >= first, audit_rows.c.row <= last).order_by(audit_rows.c.row)
    return [dict(row) for row in (await connection.execute(query.limit(most))).mappings()]


async def list_later_erasures(
    connection: AsyncConnection, *, first: int, last: int
) -> Sequence[Mapping[str, Any]]:
    """Return the rows after `last`, as `list_rows` does, that erased entries of rows from `first` to `last`."""
    query = _ROWS.where(audit_entries.c.kind == Kind.ERASED.value, audit_rows.c.row > last)
    found = (await connection.execute(query.order_by(audit_rows.c.row))).mappings()
    named = ((row, map(parse_range, json.loads(row["body"]).get("erased", ()))) for row in found)
    return [dict(row) for row, ranges in named if any(one <= last and first <= end for one, end in ranges)]


async def list_erasable(
    connection: AsyncConnection, kinds: Collection[Kind], period: Period, *, most: int
) -> list[tuple[int, int, str]]:
    """Return row, id and body of the oldest entries of some kinds and a period; not those of the hash chain."""
    query = (
        sa.select(audit_rows.c.row, audit_entries.c.id, audit_entries.c.body)
        .join_from(audit_entries, audit_rows, audit_rows.c.entry == audit_entries.c.id)
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]), audit_rows.c.hash.is_(None))
        .where(await in_period(connection, period))
        .order_by(audit_rows.c.row)
        .limit(most)
    )
    return [(row, number, body) for row, number, body in await connection.execute(query)]


async def count_erasable(connection: AsyncConnection, kinds: Collection[Kind], period: Period) -> int:
    """Return how many entries `list_erasable` would return without a limit."""
    query = (
        sa.select(sa.func.count())
        .select_from(audit_entries)
        .join(audit_rows, audit_rows.c.entry == audit_entries.c.id)
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]), audit_rows.c.hash.is_(None))
        .where(await in_period(connection, period))
    )
    return int((await connection.execute(query)).scalar_one())


async def delete_entries(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    """Delete entries by id; their rows stay."""
    for start in range(0, len(numbers), _CHUNK):
        some = numbers[start : start + _CHUNK]
        await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id.in_(some)))


async def vacuum_entries(connection: AsyncConnection, *, full: bool, lock_seconds: float) -> None:
    """On PostgreSQL, free the place of deleted entries; `full` writes the table anew under an exclusive lock.

    Raises:
        StateWrong: others kept the table locked for `lock_seconds`.
    """
    await connection.execute(sa.text(f"SET lock_timeout = '{int(lock_seconds * 1000)}ms'"))
    try:
        await connection.execute(sa.text(f"VACUUM {'(FULL) ' if full else ''}audit_entries"))
    except DBAPIError as error:
        if find_cause(error) is not Cause.LOCKED:
            raise
        raise StateWrong(
            f"could not lock the table of entries in {lock_seconds:g} s, since other connections use it. The entries are "
            "erased; the table is not written anew. Try again in a quiet hour, or while the gateway is stopped"
        ) from error


async def map_oldest(connection: AsyncConnection, profile: Profile, organisation: str) -> Mapping[str, str]:
    """Return the oldest pseudonym of each number that an organisation asked under several keys, by its later ones."""
    query = sa.select(renamed_numbers.c.pseudonym, renamed_numbers.c.stable).where(
        renamed_numbers.c.profile == profile.value, renamed_numbers.c.organisation == organisation
    )
    return {row.pseudonym: row.stable for row in await connection.execute(query)}
