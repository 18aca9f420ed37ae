"""Reading the evidence: verify it, and show an organisation its own enquiries on a citizen.

It is verified in one snapshot of the store: the chain, the columns and the mark beside it, and on demand the rows of
other tables that it vouches for (`state.py`). Source: threats 38 and 54.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway import deployment
from gateway.audit import store
from gateway.audit.checking import STEP, OpenQuestions, Progress, StateInEvidence
from gateway.audit.model import GENESIS, AuditHead, AuditRow, Kind, month_of, row_hash
from gateway.audit.state import COVERED
from gateway.audit.store import StoredEntry
from gateway.database import Database, Transaction
from gateway.errors.commands import AuditBroken
from gateway.places import Profile

LEDGER_KINDS = (Kind.ANSWERED, Kind.REUSED, Kind.DELIVERED, Kind.REFUSED)

LEDGER_MOST = 500
"""Entries of one answer at most: a portal can make any number of them, at no question's cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReport:
    """What was compared: how many rows of each covered table, and the audit rows that took over what was there."""

    head: AuditHead
    tables: Mapping[str, int]
    baselines: tuple[int, ...]


async def verify_audit(
    database: Database, *, known: AuditHead | None = None, progress: Progress | None = None
) -> AuditHead:
    """Check every row: number, link, hash, the columns beside the body, and the mark of the questions that are settled.

    `known` is a head kept elsewhere: without one a tail that was cut off can't be seen.

    Raises:
        AuditBroken: names the first bad row and what is wrong with it.
    """
    async with database.walk() as connection:
        return await _verify_chain(
            connection, StateInEvidence(), known=known, progress=progress or _say_nothing
        )


async def verify_state(
    database: Database,
    *,
    known: AuditHead | None = None,
    reported: int = 0,
    progress: Progress | None = None,
) -> StateReport:
    """Do what `verify_audit` does, and compare every covered row with the digest that the audit has of it.

    Edits that an audit row up to `reported` took over are left out: who asks has looked into them.

    Raises:
        AuditBroken: also names the first covered row that was changed, inserted or deleted without an audit row.
    """
    said = progress or _say_nothing
    async with database.walk() as connection:
        state = StateInEvidence(reported=reported)
        head = await _verify_chain(connection, state, known=known, progress=said)
        tables = {name: await state.compare(connection, name, said) for name in COVERED}
    state.require_clean()
    return StateReport(head=head, tables=tables, baselines=tuple(state.baselines))


async def _verify_chain(
    connection: Transaction, state: StateInEvidence, *, known: AuditHead | None, progress: Progress
) -> AuditHead:
    head, questions = AuditHead(rows=0, hash=GENESIS), OpenQuestions()
    async for row, entry in store.stream_rows(connection):
        body = _check_row(row, entry, after=head)
        head = AuditHead(rows=row.row, hash=row.hash)
        if known is not None and known.rows == head.rows and known.hash != head.hash:
            raise AuditBroken(f"row {row.row}: not the row that the checkpoint saw")
        questions.take(row.row, body)
        state.take(row.row, body)
        if row.row % STEP == 0:
            progress("audit rows", row.row)
    strays = await store.count_strays(connection)
    if known is not None and known.rows > head.rows:
        raise AuditBroken(f"row {head.rows + 1}: missing, the checkpoint saw {known.rows} rows")
    if strays:
        raise AuditBroken(f"row {head.rows + 1}: missing, {strays} entries stand beside no row")
    questions.check(await deployment.find_settled(connection), head)
    return head


def _check_row(row: AuditRow, entry: StoredEntry | None, *, after: AuditHead) -> Mapping[str, Any]:
    """Return a row's body once everything of it is checked."""
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
    return _check_columns(row, entry)


def _check_columns(row: AuditRow, entry: StoredEntry) -> Mapping[str, Any]:
    """Return the body, which the columns beside it say nothing else than."""
    try:
        body = json.loads(entry.body)
        month = month_of(datetime.fromisoformat(body["at"]))
    except (ValueError, KeyError, TypeError):
        raise AuditBroken(f"row {row.row}: its content is not an entry") from None
    # By its month a row is dropped one day: another one would end evidence too early, or never.
    for name, value in {"month": entry.month, **entry.columns}.items():
        if (month if name == "month" else body.get(name)) != value:
            raise AuditBroken(f"row {row.row}: column {name} differs from its content")
    return dict(body)


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


def _say_nothing(what: str, count: int) -> None:
    del what, count
