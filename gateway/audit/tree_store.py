"""Rows, checkpoints and inner hashes of the audit's tree in the database. Only the sequencer writes them (docs/decisions/0078)."""

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.model import EntryMacs, is_utf_8
from gateway.audit.store import (
    BEFORE_ALL,
    INDEXED,
    Rows,
    audit_checkpoints,
    audit_entries,
    audit_rows,
    audit_subtrees,
    audit_waiting,
)
from gateway.audit.tree import TILE_HEIGHT, Frontier, SubtreeRoot, root_of
from gateway.storage.driver import ConnectionTransaction, Reader, fetch_plain
from gateway.storage.statements import HotStatement, instant_as_text, is_one_of

PAGE = 2_048

_ADVISORY_LOCK = 0x73657175656E6365  # "sequence"

_LAST_ROW = sa.select(sa.func.coalesce(sa.func.max(audit_rows.c.row), 0))
_LAST_SIZE = sa.select(sa.func.coalesce(sa.func.max(audit_checkpoints.c.size), 0))
_FIRST_WAITING = sa.select(sa.func.min(audit_waiting.c.entry)).scalar_subquery()
_LAST_WAITING = sa.select(sa.func.max(audit_waiting.c.entry)).scalar_subquery()
_WORK = sa.select(_FIRST_WAITING, _LAST_WAITING, _LAST_ROW.scalar_subquery(), _LAST_SIZE.scalar_subquery())
_HAS_ROW = sa.exists(sa.select(audit_rows.c.row).where(audit_rows.c.entry == audit_waiting.c.entry))
_LIMIT, _AFTER = sa.bindparam("most", type_=sa.Integer), sa.bindparam("after", type_=sa.BigInteger)
_FIRST, _LAST = sa.bindparam("first", type_=sa.BigInteger), sa.bindparam("last", type_=sa.BigInteger)
_BETWEEN = sa.and_(audit_entries.c.id >= _FIRST, audit_entries.c.id <= _LAST)
_WAITING_IDS = sa.select(audit_waiting.c.entry).order_by(audit_waiting.c.entry)
_WAITING = (
    sa.select(audit_waiting.c.entry, _HAS_ROW)
    .where(audit_waiting.c.entry > _AFTER)
    .order_by(audit_waiting.c.entry)
    .limit(_LIMIT)
)
# Also by the range of ids, so that PostgreSQL reads only its partitions; a join may read all of them.
_OF_WAITING = sa.select(*audit_entries.c["id", "month", "leaf", "mac"]).where(
    _BETWEEN, is_one_of(audit_entries.c.id, "some")
)
_MERGE = HotStatement(sa.insert(audit_rows))
_NOT_CHAINED = {"previous": None, "hash": None, "digest": None}
_DELETE_MERGED = sa.delete(audit_waiting).where(is_one_of(audit_waiting.c.entry, "merged"))
_AUTHENTICATE = (
    sa.update(audit_entries)
    .where(audit_entries.c.id == sa.bindparam("entry"), audit_entries.c.month == sa.bindparam("of_month"))
    .values(mac=sa.bindparam("made"))
)
_ROWS_AFTER = sa.select().where(audit_rows.c.row > _AFTER).order_by(audit_rows.c.row).limit(_LIMIT)
_LEAVES = _ROWS_AFTER.add_columns(audit_rows.c.row, audit_rows.c.leaf)
_UNCHAINED_AFTER = sa.select(sa.exists().where(audit_rows.c.row > _AFTER, audit_rows.c.hash.is_(None)))
_CHECKPOINTS = sa.select(
    *audit_checkpoints.c["size", "root", "note", "frontier"], instant_as_text(audit_checkpoints.c.at)
)
_LAST_CHECKPOINT = _CHECKPOINTS.order_by(audit_checkpoints.c.size.desc()).limit(1)
_CHECKPOINTS_BETWEEN = _CHECKPOINTS.where(
    audit_checkpoints.c.size > _AFTER, audit_checkpoints.c.size <= sa.bindparam("to", type_=sa.BigInteger)
).order_by(audit_checkpoints.c.size)
_ROWS = _ROWS_AFTER.add_columns(*audit_rows.c["row", "entry", "leaf", "previous", "hash", "digest"])
ENTRY = (
    audit_entries.c.id,
    audit_entries.c.salt,
    audit_entries.c.body,
    audit_entries.c.leaf,
    audit_entries.c.month,
    audit_entries.c.mac,
    *(audit_entries.c[name] for name in INDEXED),
)
"""The columns of an entry, in the order of `check_entry`."""
_ENTRIES = sa.select(*ENTRY).order_by(audit_entries.c.id).limit(_LIMIT)
_ENTRIES_BETWEEN = _ENTRIES.where(_BETWEEN)
_ENTRIES_OF_ROWS = _ENTRIES.where(
    audit_entries.c.id.in_(sa.select(audit_rows.c.entry).where(audit_rows.c.row.between(_FIRST, _LAST)))
)
_SUBTREES = (
    sa.select(audit_subtrees.c.position, audit_subtrees.c.hash)
    .where(audit_subtrees.c.level == sa.bindparam("level"))
    .where(audit_subtrees.c.position.between(_FIRST, _LAST))
    .order_by(audit_subtrees.c.position)
)
_CHECK_WAITING = (
    sa.select(audit_waiting.c.entry, _HAS_ROW, *ENTRY)
    .outerjoin_from(audit_waiting, audit_entries, audit_waiting.c.entry == audit_entries.c.id)
    .where(audit_waiting.c.entry > _AFTER)
    .order_by(audit_waiting.c.entry)
    .limit(_LIMIT)
)
_WAITING_OF = HotStatement(sa.select(audit_waiting.c.entry).where(is_one_of(audit_waiting.c.entry, "some")))
_IS_ONE = is_one_of(audit_rows.c.entry, "some")
# As bytes on SQLite, where it may be text that is no UTF-8: the driver reads no row with such a text.
_PLACED = HotStatement(
    sa.select(audit_rows.c.entry, sa.cast(audit_rows.c.leaf, sa.LargeBinary)).where(_IS_ONE),
    postgresql=sa.select(audit_rows.c.entry, audit_rows.c.leaf).where(_IS_ONE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckpoint:
    """A checkpoint as it is stored; `frontier` is None unless it is the last one, and if it is not a list of hashes.

    `minute` is that of its time, None if no time is stored.
    """

    size: int
    root: str
    note: str
    frontier: Sequence[bytes] | None
    minute: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The first and the last id of the waiting entries, None if none waits; how many rows there are, and how many are signed."""

    first: int | None
    last: int | None
    rows: int
    signed: int

    @property
    def is_done(self) -> bool:
        """Return whether a pass has nothing to do."""
        return self.first is None and self.rows <= self.signed


async def find_work(connection: AsyncConnection) -> Work:
    """Return what a pass has to do."""
    first, last, rows, signed = (await connection.execute(_WORK)).one()
    return Work(first=first, last=last, rows=rows, signed=signed)


async def try_lock(connection: AsyncConnection) -> bool:
    """Take the sequencer's lock until the transaction ends; False if another has it. SQLite has one writer anyway.

    PostgreSQL plans each statement of the transaction for its values: a common plan waits for the lock of every partition.
    """
    if connection.dialect.name != "postgresql":
        return True
    plan_anew = "set_config('plan_cache_mode', 'force_custom_plan', true)"
    query = sa.text(f"SELECT pg_try_advisory_xact_lock(:key), {plan_anew}")
    return bool((await connection.execute(query, {"key": _ADVISORY_LOCK})).scalar_one())


class WaitingEntry(NamedTuple):
    """A waiting entry; month, leaf and MAC are empty if they are missing. `has_row`: it has a row already."""

    entry: int
    has_row: bool
    month: str
    leaf: str
    mac: str


async def list_waiting(connection: AsyncConnection, *, after: int, most: int) -> Sequence[WaitingEntry]:
    """Return `most` waiting entries after an id, in order. One that is stored in several months is there several times."""
    waiting = await fetch_plain(connection, _WAITING, {"after": after, "most": most})
    if not waiting:
        return ()
    ids, stored = [entry for entry, _ in waiting], defaultdict[int, list[Sequence[Any]]](list)
    for entry, *columns in await fetch_plain(
        connection, _OF_WAITING, {"first": ids[0], "last": ids[-1], "some": ids}
    ):
        stored[entry].append([column or "" for column in columns])
    return [
        WaitingEntry(*each, *columns) for each in waiting for columns in stored.get(each[0], [("", "", "")])
    ]


async def walk_waiting(
    connection: AsyncConnection, *, most: int
) -> AsyncGenerator[Sequence[WaitingEntry], None]:
    """Yield pages of waiting entries in order, without those that were committed after the first was read."""
    page = await list_waiting(connection, after=BEFORE_ALL, most=most)
    if len(page) < most:  # less than a page: this statement has read every waiting entry
        if page:
            yield page
        return
    async with connection.stream(_WAITING_IDS) as found:
        async for ids in found.scalars().partitions(most):
            here, after = set(ids), max(ids[0] - 1, BEFORE_ALL)
            while here and (page := await list_waiting(connection, after=after, most=most)):
                yield [each for each in page if each.entry in here]
                after = page[-1].entry
                here = {entry for entry in here if entry > after}


async def find_unmerged(reader: Reader, committed: Mapping[int, str]) -> tuple[set[int], set[int]]:
    """Return which committed entries, by id and leaf hash, still wait for their row, and which neither wait nor have one."""
    some = {"some": list(committed)}
    # First those that wait: one that gets its row between the two statements is in the second.
    waiting = {entry for (entry,) in await reader.fetch(_WAITING_OF, some)}
    placed = dict(map(tuple, await reader.fetch(_PLACED, some)))
    late = {each: (leaf, leaf.encode()) for each, leaf in committed.items() if each not in waiting}
    return waiting, {each for each, leaf in late.items() if placed.get(each) not in leaf}


async def merge(connection: AsyncConnection, entries: Sequence[tuple[int, str]], *, after: int) -> None:
    """Give waiting entries, by id and leaf hash, the rows after a row."""
    rows = [
        {"row": row, "entry": entry, "leaf": leaf} | _NOT_CHAINED
        for row, (entry, leaf) in enumerate(entries, after + 1)
    ]
    await ConnectionTransaction(connection).run_as_text(_MERGE, rows)
    await connection.execute(_DELETE_MERGED, {"merged": [entry for entry, _ in entries]})


async def authenticate_waiting(connection: AsyncConnection, macs: EntryMacs) -> None:
    """Give every waiting entry a MAC, but not one that was changed to what no MAC can name: `audit verify` finds it."""
    after = BEFORE_ALL
    while page := await list_waiting(connection, after=after, most=PAGE):
        after = page[-1].entry
        rows = [
            {
                "entry": each.entry,
                "of_month": each.month,
                "made": macs.make(entry=each.entry, month=each.month, leaf=each.leaf),
            }
            for each in page
            if each.leaf and is_utf_8(each.month, each.leaf)
        ]
        if rows:
            await connection.execute(_AUTHENTICATE, rows)


async def list_leaves(connection: AsyncConnection, *, after: int, most: int = PAGE) -> list[bytes]:
    """Return the leaf hashes of the rows after a row, in order, up to the first row that is missing."""
    found = await fetch_plain(connection, _LEAVES, {"after": after, "most": most})
    numbered = enumerate(found, after + 1)
    return [_read_hash(leaf) for _, (_, leaf) in takewhile(lambda each: each[0] == each[1][0], numbered)]


def _read_hash(text: str) -> bytes:
    """Return a stored hash; empty, which equals no hash, if somebody has stored another text."""
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError):  # SQLite may have bytes there
        return b""


async def last_row(connection: AsyncConnection) -> int:
    """Return the last row's number, 0 if there is none."""
    return int((await connection.execute(_LAST_ROW)).scalar_one())


async def has_unchained(connection: AsyncConnection, *, after: int) -> bool:
    """Return whether a row after a row is not of the chain."""
    return bool((await connection.execute(_UNCHAINED_AFTER, {"after": after})).scalar_one())


async def find_last_checkpoint(connection: AsyncConnection) -> StoredCheckpoint | None:
    """Return the checkpoint of the largest tree."""
    found = await fetch_plain(connection, _LAST_CHECKPOINT)
    return _stored(found[0]) if found else None


async def list_checkpoints(connection: AsyncConnection, *, after: int, to: int) -> list[StoredCheckpoint]:
    """Return the checkpoints of trees with more than `after` and at most `to` rows, in order."""
    found = await fetch_plain(connection, _CHECKPOINTS_BETWEEN, {"after": after, "to": to})
    return [_stored(each) for each in found]


async def insert_checkpoint(
    connection: AsyncConnection, *, tree: Frontier, note: str, at: datetime, former: StoredCheckpoint | None
) -> None:
    """Store a checkpoint. The former one is kept, without its frontier, if it is the last one of its minute."""
    if former is not None:
        this = audit_checkpoints.c.size == former.size
        if former.minute == _to_minute(at):
            await connection.execute(sa.delete(audit_checkpoints).where(this))
        else:
            await connection.execute(sa.update(audit_checkpoints).where(this).values(frontier=None))
    values = {
        "size": tree.size,
        "root": tree.root().hex(),
        "note": note,
        "frontier": json.dumps([each.hex() for each in tree.hashes]),
        "at": at,
    }
    await connection.execute(sa.insert(audit_checkpoints), values)


def _to_minute(at: datetime) -> datetime:
    # SQLite stores UTC without an offset.
    utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return utc.replace(second=0, microsecond=0)


async def insert_subtrees(connection: AsyncConnection, completed: Iterable[tuple[int, int, bytes]]) -> None:
    """Store the roots of subtrees of 256^level leaves."""
    rows = [{"level": level, "position": index, "hash": root.hex()} for level, index, root in completed]
    if rows:
        await connection.execute(sa.insert(audit_subtrees), rows)


async def list_subtrees(connection: AsyncConnection, *, level: int, after: int, most: int) -> list[bytes]:
    """Return the roots of subtrees of 256^level leaves from a position on; level 0 are the leaves."""
    if level == 0:
        return await list_leaves(connection, after=after, most=most)
    found = await find_subtrees(connection, level, first=after, last=after + most - 1)
    return list(found.values())


async def find_subtrees(
    connection: AsyncConnection, level: int, *, first: int, last: int
) -> dict[int, bytes]:
    """Return the stored roots of subtrees of 256^level leaves by their positions, in order; level 1 or higher."""
    found = await fetch_plain(connection, _SUBTREES, {"level": level, "first": first, "last": last})
    # SQLite keeps 0.5 in a column of numbers: it is between two positions, and none itself.
    return {position: _read_hash(text) for position, text in found if isinstance(position, int)}


def subtree_reader(connection: AsyncConnection) -> SubtreeRoot:
    """Return a function that reads the root of a subtree of the stored tree."""

    async def read(level: int, index: int) -> bytes:
        stored, above = divmod(level, TILE_HEIGHT)
        begin, count = index << above, 1 << above
        hashes = await list_subtrees(connection, level=stored, after=begin, most=count)
        if len(hashes) != count:
            raise LookupError(level, index)

        async def from_these(height: int, place: int) -> bytes:
            tree = Frontier()
            tree.extend(hashes[place << height : (place + 1) << height])
            return tree.root()

        return await root_of(0, count, from_these)

    return read


async def stream_checked(connection: AsyncConnection) -> AsyncIterator[tuple[Rows, Rows]]:
    """Yield every row, a page at a time and in order, with the entries of the page, ordered by id.

    An entry is not among them if it is missing; entries of other rows may be.
    """
    after = BEFORE_ALL
    while rows := await fetch_plain(connection, _ROWS, {"after": after, "most": PAGE}):
        yield rows, await _list_entries(connection, rows)
        after = rows[-1][0]


async def _list_entries(connection: AsyncConnection, rows: Rows) -> Rows:
    """Return the entries of rows. A range of ids is read in half the time of a join, and has few entries of other rows."""
    # SQLite keeps a text in a column of numbers: such a row has no entry.
    ids, most = [row[1] for row in rows if isinstance(row[1], int)], 2 * PAGE
    if not ids:
        return ()
    between = {"first": min(ids), "last": max(ids), "most": most}
    entries = await fetch_plain(connection, _ENTRIES_BETWEEN, between)
    if len(entries) < most:
        return entries
    of_rows = {"first": rows[0][0], "last": rows[-1][0], "most": most}
    return await fetch_plain(connection, _ENTRIES_OF_ROWS, of_rows)


async def stream_waiting(connection: AsyncConnection) -> AsyncIterator[Rows]:
    """Yield id and whether it has a row of every waiting entry, and then its columns as `stream_checked` does."""
    after = BEFORE_ALL
    while page := await fetch_plain(connection, _CHECK_WAITING, {"after": after, "most": PAGE}):
        yield page
        after = page[-1][0]


def _stored(found: Sequence[Any]) -> StoredCheckpoint:
    size, root, note, frontier, at = found
    hashes, minute = _parse_frontier(frontier), _parse_minute(at)
    return StoredCheckpoint(size=size, root=root, note=note, frontier=hashes, minute=minute)


def _parse_frontier(text: str | None) -> Sequence[bytes] | None:
    try:
        return None if text is None else [bytes.fromhex(each) for each in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        return None


def _parse_minute(at: Any) -> datetime | None:
    try:
        return _to_minute(datetime.fromisoformat(at) if isinstance(at, str) else at)
    except (ValueError, AttributeError, OverflowError):
        return None
