"""Reading the evidence: verify the chain, show an organisation its own enquiries on a citizen."""

import json
from collections.abc import Sequence

from gateway.audit import store
from gateway.audit.model import GENESIS, AuditHead, AuditRow, row_hash
from gateway.database import Database
from gateway.errors import AuditBroken
from gateway.places import Profile

LEDGER_KINDS = {"answered", "reused", "delivered", "refused"}


async def verify_audit(database: Database, *, known: AuditHead | None = None) -> AuditHead:
    """Check every row: number, link, hash, and the columns beside the body.

    `known` is a head kept elsewhere: without one a tail that was cut off can't be seen.

    Raises:
        AuditBroken: names the first bad row and what is wrong with it.
    """
    head = AuditHead(rows=0, hash=GENESIS)
    async with database.read() as connection:
        async for row, columns in store.stream_rows(connection):
            _check_row(row, columns, after=head)
            head = AuditHead(rows=row.row, hash=row.hash)
            if known is not None and known.rows == head.rows and known.hash != head.hash:
                raise AuditBroken(f"row {row.row}: not the row that the checkpoint saw")
    if known is not None and known.rows > head.rows:
        raise AuditBroken(f"row {head.rows + 1}: missing, the checkpoint saw {known.rows} rows")
    return head


def _check_row(row: AuditRow, columns: dict[str, str | None], *, after: AuditHead) -> None:
    if row.row > after.rows + 1:
        raise AuditBroken(f"row {after.rows + 1}: missing")
    if row.row != after.rows + 1:
        raise AuditBroken(f"row {row.row}: rows count from 1")
    if row.previous != after.hash:
        raise AuditBroken(f"row {row.row}: does not follow the row before it")
    if row.hash != row_hash(row=row.row, previous=row.previous, body=row.body):
        raise AuditBroken(f"row {row.row}: its content was changed")
    body = _read_body(row)
    for name, value in columns.items():
        if body.get(name) != value:
            raise AuditBroken(f"row {row.row}: column {name} differs from its content")


def _read_body(row: AuditRow) -> dict[str, object]:
    try:
        body = json.loads(row.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AuditBroken(f"row {row.row}: its content is not an entry")
    return body


async def list_enquiries(
    database: Database, *, profile: Profile, organisation: str, citizens: Sequence[str]
) -> list[dict[str, object]]:
    """Return this organisation's own enquiries on one citizen, oldest first (NĐ 13/2023: who looked)."""
    async with database.read() as connection:
        bodies = await store.list_bodies(
            connection, profile=profile, organisation=organisation, citizens=citizens
        )
    return [row for row in map(json.loads, bodies) if row["kind"] in LEDGER_KINDS]


async def read_audit_head(database: Database) -> AuditHead:
    """Return the last row's number and hash, to be kept outside the database."""
    async with database.read() as connection:
        return await store.read_head(connection)
