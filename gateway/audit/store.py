"""Audit rows at rest. Members that are searched by stand beside the body; `audit verify` compares them."""

from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.model import GENESIS, AuditEntry, AuditHead, AuditRow, row_hash
from gateway.database import RowNumber, metadata
from gateway.places import Profile

INDEXED = ("profile", "organisation", "citizen", "kind")

audit_rows = sa.Table(
    "audit_rows",
    metadata,
    sa.Column("row", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("organisation", sa.String(64)),
    sa.Column("citizen", sa.String(64)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Index(None, "organisation", "citizen"),
)

_ADVISORY_LOCK = 0x6175646974  # "audit"


async def append(connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
    """Chain entries behind the last row, inside the caller's write transaction, after `lock`."""
    head = await read_head(connection)
    rows = []
    for entry in entries:
        number, body = head.rows + 1, entry.canonical()
        digest = row_hash(row=number, previous=head.hash, body=body)
        rows.append(
            {
                "row": number,
                "previous": head.hash,
                "hash": digest,
                "body": body,
                "profile": entry.profile.value if entry.profile else None,
                "organisation": entry.organisation,
                "citizen": entry.citizen,
                "kind": entry.kind.value,
            }
        )
        head = AuditHead(rows=number, hash=digest)
    await connection.execute(sa.insert(audit_rows), rows)


async def lock(connection: AsyncConnection) -> None:
    """Let no other worker append until this transaction ends: SQLite's writer is alone already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})


async def read_head(connection: AsyncConnection) -> AuditHead:
    """Return the last row's number and hash, or the genesis."""
    query = sa.select(audit_rows.c.row, audit_rows.c.hash).order_by(audit_rows.c.row.desc()).limit(1)
    last = (await connection.execute(query)).first()
    return AuditHead(rows=last.row, hash=last.hash) if last else AuditHead(rows=0, hash=GENESIS)


async def stream_rows(connection: AsyncConnection) -> AsyncIterator[tuple[AuditRow, dict[str, str | None]]]:
    """Yield every row in order, with the searched-by columns as they stand."""
    async for row in await connection.stream(sa.select(audit_rows).order_by(audit_rows.c.row)):
        stored = AuditRow(row=row.row, previous=row.previous, hash=row.hash, body=row.body)
        yield stored, {name: getattr(row, name) for name in INDEXED}


async def list_bodies(
    connection: AsyncConnection, *, profile: Profile, organisation: str, citizens: Sequence[str]
) -> list[str]:
    """Return the bodies of one organisation's rows on one citizen (any of their pseudonyms), oldest first."""
    query = (
        sa.select(audit_rows.c.body)
        .where(audit_rows.c.profile == profile.value)
        .where(audit_rows.c.organisation == organisation)
        .where(audit_rows.c.citizen.in_(citizens))
        .order_by(audit_rows.c.row)
    )
    return list((await connection.execute(query)).scalars())
