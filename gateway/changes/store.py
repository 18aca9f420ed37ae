"""Changes at rest. All SQL of this room; writers hold the audit's lock (`AuditLog.commit`)."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from gateway.changes.model import OPEN, Change, ChangeKind, ChangeState, DiffLine
from gateway.changes.tally_store import delete_tallies
from gateway.database import Instant, Transaction, metadata
from gateway.places import Profile
from gateway.profiles.preflight import Check, Preflight

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("diff", sa.Text, nullable=False),
    sa.Column("proposed_by", sa.String(64), nullable=False),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("preflight", sa.Text),
    sa.Column("preflighted_at", Instant),
    sa.Column("approved_by", sa.String(64)),
    sa.Column("approved_at", Instant),
    sa.Column("activated_by", sa.String(64)),
    sa.Column("activated_at", Instant),
    sa.Column("watch_until", Instant),
    sa.Column("returning_until", Instant),
    sa.Column("ended_by", sa.String(64)),
    sa.Column("ended_at", Instant),
    sa.Column("reason", sa.String(400)),
    sa.Column("proposer_admitted_by", sa.String(64)),
)


_COLUMNS = tuple(column.name for column in changes.columns)
_LEASE = "a lease, which the state in evidence leaves out"


async def insert_change(transaction: Transaction, change: Change) -> None:
    """Add a change."""
    await transaction.execute(sa.insert(changes).values(_row(change)))


async def update_change(transaction: Transaction, change: Change, *, former: ChangeState) -> bool:
    """Replace a change that is still in its former state; say whether it was. Once it isn't watched, its counts go."""
    where = (changes.c.id == change.id, changes.c.state == former.value)
    done = await transaction.execute(sa.update(changes).where(*where).values(_row(change)))
    if former is ChangeState.ACTIVE:
        await delete_tallies(transaction, change.id)
    return bool(done.rowcount)


async def lease_return(transaction: Transaction, change: Change, *, now: datetime, until: datetime) -> bool:
    """Take a change that is watched for this worker alone to return from; say whether no other has it."""
    free = sa.or_(changes.c.returning_until.is_(None), changes.c.returning_until <= now)
    watched = sa.and_(changes.c.state == ChangeState.ACTIVE.value, changes.c.watch_until.is_not(None))
    where = (changes.c.id == change.id, watched, free)
    change_lease = sa.update(changes).where(*where).values(returning_until=until)
    done = await transaction.execute(change_lease.execution_options(unrecorded=_LEASE))
    return bool(done.rowcount)


async def extend_return(transaction: Transaction, change: Change, *, until: datetime) -> None:
    """Keep a leased change for the worker that has it, while it is active."""
    where = (changes.c.id == change.id, changes.c.state == ChangeState.ACTIVE.value)
    change_lease = sa.update(changes).where(*where).values(returning_until=until)
    await transaction.execute(change_lease.execution_options(unrecorded=_LEASE))


async def find_change(transaction: Transaction, change: str) -> Change | None:
    """Return a change by its id."""
    row = (await transaction.execute(sa.select(changes).where(changes.c.id == change))).one_or_none()
    return None if row is None else _change(row)


async def list_changes(
    transaction: Transaction, *, profile: Profile | None = None, states: Sequence[ChangeState] = ()
) -> Sequence[Change]:
    """Return changes, the newest first, of a profile or in some states only where these are named."""
    query = sa.select(changes).order_by(changes.c.proposed_at.desc(), changes.c.id)
    if profile is not None:
        query = query.where(changes.c.profile == profile.value)
    if states:
        query = query.where(changes.c.state.in_([state.value for state in states]))
    return [_change(row) for row in await transaction.execute(query)]


async def list_overdue(transaction: Transaction, *, now: datetime) -> Sequence[Change]:
    """Return the open changes whose time to be activated is over."""
    states = [state.value for state in OPEN]
    query = sa.select(changes).where(changes.c.state.in_(states), changes.c.expires_at <= now)
    return [_change(row) for row in await transaction.execute(query)]


def _row(change: Change) -> dict[str, object]:
    members = {name: getattr(change, name) for name in _COLUMNS if hasattr(change, name)}
    return members | {
        "kind": change.kind.value,
        "profile": change.profile.value if change.profile else None,
        "state": change.state.value,
        "document": _text(dict(change.document)),
        "diff": _text([asdict(line) for line in change.diff]),
        "preflight": _text(asdict(change.preflight)) if change.preflight else None,
    }


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _change(row: sa.Row[tuple[object, ...]]) -> Change:
    members = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return Change(
        **members
        | {
            "kind": ChangeKind(row.kind),
            "profile": Profile(row.profile) if row.profile else None,
            "state": ChangeState(row.state),
            "document": json.loads(row.document),
            "diff": tuple(DiffLine(**line) for line in json.loads(row.diff)),
            "preflight": _preflight(row.preflight),
        }
    )


def _preflight(text: str | None) -> Preflight | None:
    if text is None:
        return None
    members = json.loads(text)
    return Preflight(**members | {"checks": tuple(Check(**check) for check in members["checks"])})
