"""Stored changes, their preflight runs, and what each client has counted under a watched change.

All SQL of this folder; a writer has the audit's lock (`AuditLog.commit`). A run is kept for a day.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.changes.model import Change, ChangeKind, ChangeState, DiffLine
from gateway.identifiers import Profile
from gateway.preflight.report import Preflight, PreflightCheck
from gateway.profiles import store as profiles
from gateway.profiles.revisions import Revision
from gateway.storage.database import Instant, Transaction, metadata
from gateway.storage.driver import reading_row, refuse_bytes

preflight_runs = sa.Table(
    "preflight_runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("change", sa.String(40), nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("begun_at", Instant, nullable=False, index=True),
    sa.Column("asked_at", Instant),
    sa.Column("questions", sa.Integer, nullable=False),
)


async def insert_run(transaction: Transaction, run: str, change: Change, *, at: datetime) -> None:
    """Add a run before its preflight begins."""
    row = {"id": run, "change": change.id, "profile": change.profile, "begun_at": at, "questions": 0}
    await transaction.execute(sa.insert(preflight_runs).values(row))


async def charge_run(transaction: Transaction, run: str, *, questions: int, at: datetime) -> bool:
    """Store the number of questions of a run; return False if there is no such run, or it was charged before."""
    change = sa.update(preflight_runs).where(preflight_runs.c.id == run, preflight_runs.c.asked_at.is_(None))
    return bool((await transaction.execute(change.values(questions=questions, asked_at=at))).rowcount)


async def list_begun(transaction: Transaction, *, change: str, since: datetime) -> list[datetime]:
    """Return when the preflights of a change began since `since`, the oldest first."""
    query = sa.select(preflight_runs.c.begun_at).where(
        preflight_runs.c.change == change, preflight_runs.c.begun_at > since
    )
    return sorted((await transaction.execute(query)).scalars())


async def list_asked(
    transaction: Transaction, *, profile: Profile, since: datetime
) -> list[tuple[datetime, int]]:
    """Return times and numbers of questions about a profile's test identity, the oldest first."""
    query = sa.select(preflight_runs.c.asked_at, preflight_runs.c.questions).where(
        preflight_runs.c.profile == profile.value, preflight_runs.c.asked_at > since
    )
    return sorted((row.asked_at, row.questions) for row in await transaction.execute(query))


async def delete_runs(transaction: Transaction, *, before: datetime) -> None:
    """Delete the runs that began before then."""
    await transaction.execute(sa.delete(preflight_runs).where(preflight_runs.c.begun_at < before))


watch_counters = sa.Table(
    "watch_tallies",
    metadata,
    sa.Column("change", sa.String(40), primary_key=True),
    sa.Column("link", sa.String(40), primary_key=True),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("refused_logins", sa.Integer, nullable=False),
    sa.Column("invalid_answers", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class WatchCounter:
    """The number of questions under one revision, and of failures by their kind."""

    asked: int = 0
    refused_logins: int = 0
    invalid_answers: int = 0
    failures: int = 0

    def __add__(self, other: "WatchCounter") -> "WatchCounter":
        """Add member by member."""
        return WatchCounter(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


async def read_counters(transaction: Transaction, change: str) -> dict[str, WatchCounter]:
    """Return the counts of each client under a change, by the client's id."""
    rows = await transaction.execute(sa.select(watch_counters).where(watch_counters.c.change == change))
    return {
        row.link: WatchCounter(row.asked, row.refused_logins, row.invalid_answers, row.failures)
        for row in rows
    }


async def write_counter(transaction: Transaction, *, change: str, link: str, counter: WatchCounter) -> None:
    """Replace the counts of a client (`link`) under a change."""
    own = (watch_counters.c.change == change, watch_counters.c.link == link)
    await transaction.execute(sa.delete(watch_counters).where(*own))
    row = {"change": change, "link": link} | asdict(counter)
    await transaction.execute(sa.insert(watch_counters).values(row))


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
    """Replace a change if it is still in its former state; return whether it was. Deletes its watch counters."""
    where = (changes.c.id == change.id, changes.c.state == former.value)
    done = await transaction.execute(sa.update(changes).where(*where).values(_row(change)))
    if former is ChangeState.ACTIVE:
        await transaction.execute(sa.delete(watch_counters).where(watch_counters.c.change == change.id))
    return bool(done.rowcount)


async def take_rollback_lease(
    transaction: Transaction, change: Change, *, now: datetime, until: datetime
) -> bool:
    """Take the lease to roll back a watched change; return False if another worker has it."""
    free = sa.or_(changes.c.returning_until.is_(None), changes.c.returning_until <= now)
    watched = sa.and_(changes.c.state == ChangeState.ACTIVE.value, changes.c.watch_until.is_not(None))
    where = (changes.c.id == change.id, watched, free)
    change_lease = sa.update(changes).where(*where).values(returning_until=until)
    done = await transaction.execute(change_lease.execution_options(unrecorded=_LEASE))
    return bool(done.rowcount)


async def renew_rollback_lease(transaction: Transaction, change: Change, *, until: datetime) -> None:
    """Renew the lease of a change if the change is still active."""
    where = (changes.c.id == change.id, changes.c.state == ChangeState.ACTIVE.value)
    change_lease = sa.update(changes).where(*where).values(returning_until=until)
    await transaction.execute(change_lease.execution_options(unrecorded=_LEASE))


async def find_change(transaction: Transaction, change: str) -> Change | None:
    """Return a change by its id."""
    with reading_row(f"changes/{change}"):
        row = (await transaction.execute(sa.select(changes).where(changes.c.id == change))).one_or_none()
    return None if row is None else _change(row)


async def list_changes(
    transaction: Transaction,
    *,
    profile: Profile | None = None,
    states: Collection[ChangeState] = (),
    expired_at: datetime | None = None,
) -> Sequence[Change]:
    """Return changes, the newest first; if given, only of one profile, in some states, expired at a time.

    Raises:
        RowUnreadable
    """
    query = sa.select(changes).order_by(changes.c.proposed_at.desc(), changes.c.id)
    if profile is not None:
        query = query.where(changes.c.profile == profile.value)
    if states:
        query = query.where(changes.c.state.in_(sorted(state.value for state in states)))
    if expired_at is not None:
        query = query.where(changes.c.expires_at <= expired_at)
    with reading_row("changes"):
        rows = (await transaction.execute(query)).all()
    return [_change(row) for row in rows]


def _row(change: Change) -> dict[str, object]:
    return {name: getattr(change, name) for name in _COLUMNS} | {
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
    with reading_row(f"changes/{row.id}"):
        refuse_bytes(members.values())
        preflight = json.loads(row.preflight) if row.preflight else None
        if preflight is not None:
            checks = tuple(PreflightCheck(**check) for check in preflight["checks"])
            preflight = Preflight(**preflight | {"checks": checks})
        return Change(
            **members
            | {
                "kind": ChangeKind(row.kind),
                "profile": Profile(row.profile) if row.profile else None,
                "state": ChangeState(row.state),
                "document": dict(json.loads(row.document)),
                "diff": tuple(DiffLine(**line) for line in json.loads(row.diff)),
                "preflight": preflight,
            }
        )


async def list_revisions(transaction: Transaction, profile: Profile) -> list[tuple[Revision, str]]:
    """Return a profile's revisions, the oldest first, each with its state: `active`, `former`, else its change's."""
    state = await profiles.read_state(transaction, profile)
    found = await profiles.list_revisions(transaction, profile)
    changes = await list_changes(transaction, profile=profile)
    states = {change.revision: change.state.value for change in reversed(changes)}
    states |= {state.former: "former", state.active: "active"}
    return [(revision, states.get(revision.number, "retired")) for revision in found]
