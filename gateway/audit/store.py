"""Audit entries in the database: how they are appended, and what reads them.

An entry has an id that keeps causal order (who has read a committed entry appends with a higher id) and has gaps. It waits in
`audit_waiting` until the sequencer gives it a row (`tree_store.py`). The members that queries use are also columns;
`audit verify` compares them. An entry can be dropped by month, its row stays. See docs/decisions/0027 and 0078.
"""

import json
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.macs import EntryMacs
from gateway.audit.model import AuditEntry, Kind, leaf_hash, month_of
from gateway.identifiers import Profile
from gateway.storage.database import Instant, RowNumber, metadata
from gateway.storage.driver import DriverTransaction
from gateway.storage.statements import HotStatement, is_one_of

INDEXED = ("profile", "organisation", "citizen", "kind", "request_code", "client_id", "request_id")

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("month", sa.String(7), primary_key=True),  # PostgreSQL partitions only by columns of the key
    sa.Column("salt", sa.String(32)),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("organisation", sa.String(64)),
    sa.Column("citizen", sa.String(64)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request_code", sa.String(40)),
    sa.Column("client_id", sa.String(40)),
    sa.Column("request_id", sa.String(64)),
    sa.Column("leaf", sa.String(64)),  # none in entries older than schema 0017
    sa.Column("mac", sa.String(80)),  # none in rows older than the mark (`macs.py`)
    sa.Index(None, "organisation", "citizen", "id"),
    sa.Index(None, "request_code"),
    sa.Index(None, "client_id", "id"),
    sa.Index(None, "request_id"),
)
audit_waiting = sa.Table(
    "audit_waiting",
    metadata,
    sa.Column("entry", RowNumber, primary_key=True, autoincrement=False),
)
audit_rows = sa.Table(
    "audit_rows",
    metadata,
    sa.Column("row", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("previous", sa.String(64)),  # previous, hash and digest: only in rows older than schema 0017
    sa.Column("hash", sa.String(64)),
    sa.Column("digest", sa.String(64)),
    sa.Column("entry", RowNumber, nullable=False, unique=True),
    sa.Column("leaf", sa.String(64), nullable=False),
)
audit_promises = sa.Table(
    "audit_promises",
    metadata,
    sa.Column("verification", sa.String(40), primary_key=True),
    sa.Column("entry", RowNumber, nullable=False),
    sa.Column("leaf", sa.String(64), nullable=False),
)
audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("root", sa.String(64), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("frontier", sa.Text),  # only the last one's is kept
    sa.Column("at", Instant, nullable=False),
)
audit_subtrees = sa.Table(
    "audit_subtrees",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

IN_AUDIT = sa.or_(
    *(
        sa.exists().where(column == audit_entries.c.id).correlate(audit_entries)
        for column in (audit_rows.c.entry, audit_waiting.c.entry)
    )
)
"""The condition that an entry has a row or waits for one. Every reader has it, as it shows only what `audit verify` checks."""

PROMISED = (Kind.ANSWERED.value, Kind.REUSED.value)
"""The kinds of entries that record a verification."""

# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_INSERT_ENTRIES, _INSERT_WAITING, _INSERT_PROMISES = (
    HotStatement(sa.insert(audit_entries)),
    HotStatement(sa.insert(audit_waiting)),
    HotStatement(sa.insert(audit_promises)),
)
_LAST_ID = sa.text(
    "SELECT max(coalesce((SELECT max(id) FROM audit_entries), 0), coalesce((SELECT max(entry) FROM audit_rows), 0))"
)
_NEXT_IDS = sa.text("SELECT nextval('audit_entry_ids') FROM generate_series(1, CAST(:count AS INTEGER))")
_IDS = HotStatement(_LAST_ID, postgresql=_NEXT_IDS)

ADVISORY_LOCK = 0x6175646974  # "audit"
"""The lock of PostgreSQL that a cold change takes alone, and hot groups share."""


async def append(
    transaction: DriverTransaction, entries: Sequence[AuditEntry], macs: EntryMacs | None, *, after: int = 0
) -> list[tuple[int, str]]:
    """Append entries in the caller's write transaction, as the last of its writes. Return id and leaf hash of each.

    Without `macs` they have none: only before the store's first evidence key, which adopts them.

    Ids come after the writes of covered tables: whoever waits for a changed row appends with a higher id. They are above
    those of every committed entry; on SQLite there is one writer, on PostgreSQL a sequence. On SQLite they are also above
    `after`, the last one that the caller was given: the id of an entry that was deleted since is not given again.
    """
    if not entries:
        return []
    ids = [row[0] for row in await transaction.fetch(_IDS, {"count": len(entries)})]
    if transaction.embedded:
        first = max(ids[0], after) + 1
        ids = list(range(first, first + len(entries)))
    rows = [entry_values(number, entry, macs) for number, entry in zip(ids, entries, strict=True)]
    await transaction.run(_INSERT_ENTRIES, rows)
    await transaction.run(_INSERT_WAITING, [{"entry": number} for number in ids])
    promises = []
    for entry, row in zip(entries, rows, strict=True):
        if entry.promise is not None:
            entry.promise.leaf = row["leaf"]
            promises.append({"verification": entry.verification, "entry": row["id"], "leaf": row["leaf"]})
    await transaction.run(_INSERT_PROMISES, promises)
    return [(row["id"], row["leaf"]) for row in rows]


def entry_values(number: int, entry: AuditEntry, macs: EntryMacs | None) -> dict[str, Any]:
    """Return every column of a new entry, with a new salt."""
    salt, body, month = secrets.token_hex(16), entry.canonical(), month_of(entry.at)
    leaf = leaf_hash(salt=salt, body=body)
    return {
        "id": number,
        "month": month,
        "salt": salt,
        "body": body,
        "profile": entry.profile.value if entry.profile else None,
        "organisation": entry.organisation,
        "citizen": entry.citizen,
        "kind": entry.kind.value,
        "request_code": entry.request_code,
        "leaf": leaf,
        "mac": None if macs is None else macs.make(entry=number, month=month, leaf=leaf),
        "client_id": entry.client_id,
        "request_id": entry.request_id,
    }


async def lock(connection: AsyncConnection) -> None:
    """Take the audit's lock until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})


async def find_leaf(connection: AsyncConnection, row: int | None = None) -> tuple[int, str] | None:
    """Return a row's number and leaf hash, of the last row without `row`; None if there is no such row."""
    query = sa.select(audit_rows.c.row, audit_rows.c.leaf).order_by(audit_rows.c.row.desc()).limit(1)
    found = (await connection.execute(query if row is None else query.where(audit_rows.c.row == row))).first()
    return None if found is None else (found.row, found.leaf)


async def find_false_promise(connection: AsyncConnection) -> str | None:
    """Return the first verification whose promise is not the leaf of the entry that recorded it, None if there is none."""
    # Its state says that it inserted the verification. An entry of a further reuse, or of a delivery, only names it.
    recorded_it = audit_entries.c.kind.in_(PROMISED) & audit_entries.c.body.contains(
        sa.literal('"verifications/') + audit_promises.c.verification + sa.literal('":[null,')
    )
    leaf = sa.func.coalesce(audit_entries.c.leaf, audit_rows.c.leaf)  # an entry can be dropped, its row stays
    query = (
        sa.select(audit_promises.c.verification)
        .outerjoin_from(audit_promises, audit_entries, audit_entries.c.id == audit_promises.c.entry)
        .outerjoin(audit_rows, audit_rows.c.entry == audit_promises.c.entry)
        .where(sa.or_(leaf.is_distinct_from(audit_promises.c.leaf), ~recorded_it))
        .order_by(audit_promises.c.verification)
        .limit(1)
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def list_promised(connection: AsyncConnection, verifications: Sequence[str]) -> set[str]:
    """Return which of these verifications have a promise."""
    query = sa.select(audit_promises.c.verification).where(is_one_of(audit_promises.c.verification, "some"))
    return set((await connection.execute(query, {"some": verifications})).scalars())


async def stream_bodies(
    connection: AsyncConnection, *, months: Collection[str] | None = None
) -> AsyncIterator[str]:
    """Yield every entry's body, oldest first; only those of some months (`month_of`), if they are given."""
    query = sa.select(audit_entries.c.body).where(IN_AUDIT).order_by(audit_entries.c.id)
    if months is not None:
        query = query.where(audit_entries.c.month.in_(sorted(months)))
    async for (body,) in await connection.stream(query):
        yield body


async def list_erasures(connection: AsyncConnection) -> list[Mapping[str, Any]]:
    """Return the body of every erasure. A check must check each of these entries too, by its row or as a waiting one."""
    query = sa.select(audit_entries.c.body).where(audit_entries.c.kind == Kind.ERASED.value, IN_AUDIT)
    return [json.loads(body) for body in (await connection.execute(query)).scalars()]


async def has_state(connection: AsyncConnection) -> bool:
    """Return whether any entry has `state`. Reads every body."""
    # The text of a member's name: in a value the quotes would be escaped.
    query = sa.select(audit_entries.c.id).where(audit_entries.c.body.contains(',"state":{')).limit(1)
    return (await connection.execute(query)).first() is not None


async def list_bodies(
    connection: AsyncConnection,
    *,
    profile: Profile,
    organisation: str,
    citizens: Sequence[str],
    kinds: Iterable[Kind],
    most: int,
) -> list[str]:
    """Return the bodies of an organisation's latest entries on one citizen (any of their pseudonyms), oldest first."""
    query = (
        sa.select(audit_entries.c.id, audit_entries.c.body)
        .where(audit_entries.c.profile == profile.value)
        .where(audit_entries.c.organisation == organisation)
        .where(audit_entries.c.citizen == sa.bindparam("one"))
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]), IN_AUDIT)
        .order_by(audit_entries.c.id.desc())
        .limit(most)
    )
    # One query for each pseudonym: the index has its latest entries in order; with several, all would be sorted.
    found = [row for one in citizens for row in await connection.execute(query, {"one": one})]
    return [body for _, body in sorted(found)[-most:]]


async def list_answered(connection: AsyncConnection, request_codes: Sequence[str]) -> set[str]:
    """Return the codes that have an answer's entry."""
    query = sa.select(audit_entries.c.request_code).where(
        audit_entries.c.request_code.in_(request_codes),
        audit_entries.c.kind == Kind.ANSWERED.value,
        IN_AUDIT,
    )
    return {str(code) for code in (await connection.execute(query)).scalars()}


async def list_intended(
    connection: AsyncConnection, macs: EntryMacs, *, after: int, limit: int, now: datetime
) -> tuple[list[tuple[int, str]], int | None]:
    """Return id and body of the next intended questions after an entry, in order, and the last id if there may be more.

    An entry that waits without a right MAC, under a key that is accepted `now`, is left out: an answer would be evidence of
    a question that nobody asked.
    """
    query = (
        sa.select(
            audit_entries.c.id,
            audit_entries.c.month,
            audit_entries.c.leaf,
            audit_entries.c.mac,
            audit_entries.c.body,
            audit_rows.c.row,
        )
        .outerjoin_from(audit_entries, audit_rows, audit_rows.c.entry == audit_entries.c.id)
        .where(audit_entries.c.id > after, audit_entries.c.kind == Kind.INTENDED.value, IN_AUDIT)
        .order_by(audit_entries.c.id)
        .limit(limit)
    )
    found = (await connection.execute(query)).all()
    genuine = [
        (each.id, each.body)
        for each in found
        if each.row is not None
        or macs.is_right(each.mac, entry=each.id, month=each.month, leaf=each.leaf or "", now=now)
    ]
    return genuine, found[-1].id if len(found) == limit else None
