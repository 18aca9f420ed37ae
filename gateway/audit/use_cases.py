"""Reading the evidence: verify the chain, show an organisation its own enquiries on a citizen."""

import json
from collections.abc import Sequence

from gateway.audit import store
from gateway.audit.model import GENESIS, AuditHead, AuditRow, Kind, row_hash
from gateway.audit.store import StoredEntry
from gateway.database import Database
from gateway.errors.commands import AuditBroken
from gateway.places import Profile

LEDGER_KINDS = (Kind.ANSWERED, Kind.REUSED, Kind.DELIVERED, Kind.REFUSED)

LEDGER_MOST = 500
"""Entries of one answer at most: a portal can make any number of them, at no question's cost."""


async def verify_audit(database: Database, *, known: AuditHead | None = None) -> AuditHead:
    """Check every row: number, link, hash, and the columns beside the body.

    `known` is a head kept elsewhere: without one a tail that was cut off can't be seen.

    Raises:
        AuditBroken: names the first bad row and what is wrong with it.
    """
    head = AuditHead(rows=0, hash=GENESIS)
    async with database.walk() as connection:
        async for row, entry in store.stream_rows(connection):
            _check_row(row, entry, after=head)
            head = AuditHead(rows=row.row, hash=row.hash)
            if known is not None and known.rows == head.rows and known.hash != head.hash:
                raise AuditBroken(f"row {row.row}: not the row that the checkpoint saw")
        strays = await store.count_strays(connection)
    if known is not None and known.rows > head.rows:
        raise AuditBroken(f"row {head.rows + 1}: missing, the checkpoint saw {known.rows} rows")
    if strays:
        raise AuditBroken(f"row {head.rows + 1}: missing, {strays} entries stand beside no row")
    return head


def _check_row(row: AuditRow, entry: StoredEntry | None, *, after: AuditHead) -> None:
    if row.row > after.rows + 1:
        raise AuditBroken(f"row {after.rows + 1}: missing")
    if row.row != after.rows + 1:
        raise AuditBroken(f"row {row.row}: rows count from 1")
    if row.previous != after.hash:
        raise AuditBroken(f"row {row.row}: does not follow the row before it")
    if entry is None:
        raise AuditBroken(f"row {row.row}: its content is missing")
    if entry.digest not in {None, row.content}:
        raise AuditBroken(f"row {row.row}: its content was changed")
    if row.hash != row_hash(row=row.row, previous=row.previous, content=row.content):
        raise AuditBroken(f"row {row.row}: its content was changed")
    _check_columns(row, entry)


def _check_columns(row: AuditRow, entry: StoredEntry) -> None:
    try:
        body = json.loads(entry.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise AuditBroken(f"row {row.row}: its content is not an entry")
    for name, value in entry.columns.items():
        if body.get(name) != value:
            raise AuditBroken(f"row {row.row}: column {name} differs from its content")


async def list_enquiries(
    database: Database, *, profile: Profile, organisation: str, citizens: Sequence[str]
) -> tuple[list[dict[str, object]], bool]:
    """Return this organisation's latest enquiries on one citizen, oldest first, and whether there are earlier ones.

    NĐ 13/2023: who looked.
    """
    async with database.read() as connection:
        bodies = await store.list_bodies(
            connection,
            profile=profile,
            organisation=organisation,
            citizens=citizens,
            kinds=LEDGER_KINDS,
            most=LEDGER_MOST + 1,
        )
    return [json.loads(body) for body in bodies[-LEDGER_MOST:]], len(bodies) > LEDGER_MOST


async def read_audit_head(database: Database) -> AuditHead:
    """Return the last row's number and hash, to be kept outside the database."""
    async with database.read() as connection:
        return await store.read_head(connection)
