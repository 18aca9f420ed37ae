"""Audit rows at rest: the chain, which stays, and the entries beside it, which are of a month each.

The chain holds no more than digests, room for a Merkle tree over rows that stay. An entry's searched-by members
stand beside its body; `audit verify` compares them. See docs/decisions/0027.
"""

import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.model import GENESIS, AuditEntry, AuditHead, AuditRow, Kind, entry_digest, row_hash
from gateway.database import RowNumber, metadata
from gateway.places import Profile

INDEXED = ("profile", "organisation", "citizen", "kind", "request_code")

audit_rows = sa.Table(
    "audit_rows",
    metadata,
    sa.Column("row", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64)),
)
audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("row", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("month", sa.String(7), primary_key=True),  # PostgreSQL partitions by what is in the key
    sa.Column("salt", sa.String(32)),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("organisation", sa.String(64)),
    sa.Column("citizen", sa.String(64)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request_code", sa.String(40)),
    sa.Index(None, "organisation", "citizen", "row"),
    sa.Index(None, "request_code"),
)

# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_INSERT_ROWS, _INSERT_ENTRIES = sa.insert(audit_rows), sa.insert(audit_entries)
_HEAD = sa.select(audit_rows.c.row, audit_rows.c.hash).order_by(audit_rows.c.row.desc()).limit(1)

_ADVISORY_LOCK = 0x6175646974  # "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it stands beside its row: its digest as computed now, its month, and the searched-by members."""

    body: str
    digest: str | None
    month: str
    columns: dict[str, str | None]


async def append(connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
    """Chain entries behind the last row, inside the caller's write transaction, after `lock`."""
    head = await read_head(connection)
    rows: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    for entry in entries:
        number, stored = head.rows + 1, _store(entry)
        digest = entry_digest(salt=stored["salt"], body=stored["body"])
        chained = row_hash(row=number, previous=head.hash, content=digest)
        rows.append({"row": number, "previous": head.hash, "hash": chained, "digest": digest})
        beside.append({"row": number} | stored)
        head = AuditHead(rows=number, hash=chained)
    await connection.execute(_INSERT_ROWS, rows)
    await connection.execute(_INSERT_ENTRIES, beside)


def _store(entry: AuditEntry) -> dict[str, Any]:
    return {
        "month": entry.month,
        "salt": secrets.token_hex(16),
        "body": entry.canonical(),
        "profile": entry.profile.value if entry.profile else None,
        "organisation": entry.organisation,
        "citizen": entry.citizen,
        "kind": entry.kind.value,
        "request_code": entry.request_code,
    }


async def lock(connection: AsyncConnection) -> None:
    """Let no other worker append until this transaction ends: SQLite's writer is alone already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


async def read_head(connection: AsyncConnection) -> AuditHead:
    """Return the last row's number and hash, or the genesis."""
    last = (await connection.execute(_HEAD)).first()
    return AuditHead(rows=last.row, hash=last.hash) if last else AuditHead(rows=0, hash=GENESIS)


async def stream_rows(connection: AsyncConnection) -> AsyncIterator[tuple[AuditRow, StoredEntry | None]]:
    """Yield every row in order with the entry beside it, None where that is gone."""
    query = (
        sa.select(audit_rows, audit_entries)
        .outerjoin_from(audit_rows, audit_entries, audit_rows.c.row == audit_entries.c.row)
        .order_by(audit_rows.c.row)
    )
    async for found in await connection.stream(query):
        entry = _stored_entry(found) if found.body is not None else None
        content = found.digest or (entry.body if entry else "")
        row = AuditRow(row=found[0], previous=found.previous, hash=found.hash, content=content)
        yield row, entry


async def stream_bodies(connection: AsyncConnection) -> AsyncIterator[str]:
    """Yield every entry's body, oldest first."""
    query = sa.select(audit_entries.c.body).order_by(audit_entries.c.row)
    async for (body,) in await connection.stream(query):
        yield body


def _stored_entry(found: sa.Row[tuple[Any, ...]]) -> StoredEntry:
    digest = None if found.digest is None else entry_digest(salt=found.salt or "", body=found.body)
    columns = {name: getattr(found, name) for name in INDEXED}
    return StoredEntry(body=found.body, digest=digest, month=found.month, columns=columns)


async def has_state(connection: AsyncConnection) -> bool:
    """Say whether any entry says what it changed in covered tables. Reads every body."""
    # As a member's name: in a value its quotes would be escaped.
    query = sa.select(audit_entries.c.row).where(audit_entries.c.body.contains(',"state":{')).limit(1)
    return (await connection.execute(query)).first() is not None


async def count_strays(connection: AsyncConnection) -> int:
    """Return how many entries stand beside no row."""
    strays = ~sa.exists().where(audit_rows.c.row == audit_entries.c.row)
    query = sa.select(sa.func.count()).select_from(audit_entries).where(strays)
    return int((await connection.execute(query)).scalar_one())


async def list_bodies(
    connection: AsyncConnection,
    *,
    profile: Profile,
    organisation: str,
    citizens: Sequence[str],
    kinds: Iterable[Kind],
    most: int,
) -> list[str]:
    """Return the bodies of one organisation's rows on one citizen (any of their pseudonyms): the latest, oldest first."""
    query = (
        sa.select(audit_entries.c.row, audit_entries.c.body)
        .where(audit_entries.c.profile == profile.value)
        .where(audit_entries.c.organisation == organisation)
        .where(audit_entries.c.citizen == sa.bindparam("one"))
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]))
        .order_by(audit_entries.c.row.desc())
        .limit(most)
    )
    # A query for each: an index gives one pseudonym's latest rows in order, those of several would all be sorted.
    found = [row for one in citizens for row in await connection.execute(query, {"one": one})]
    return [body for _, body in sorted(found)[-most:]]


async def list_answered(connection: AsyncConnection, request_codes: Sequence[str]) -> set[str]:
    """Return those of the codes that have an answer's row."""
    query = sa.select(audit_entries.c.request_code).where(
        audit_entries.c.request_code.in_(request_codes), audit_entries.c.kind == Kind.ANSWERED.value
    )
    return {str(code) for code in (await connection.execute(query)).scalars()}


async def list_intended(connection: AsyncConnection, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Return row and body of the questions that were intended after a row, in order."""
    query = (
        sa.select(audit_entries.c.row, audit_entries.c.body)
        .where(audit_entries.c.row > after, audit_entries.c.kind == Kind.INTENDED.value)
        .order_by(audit_entries.c.row)
        .limit(limit)
    )
    return [(row, body) for row, body in await connection.execute(query)]
