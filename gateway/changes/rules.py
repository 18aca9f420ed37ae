"""The rules of changes: who may do which step, and when. A refusal has a reason and an audit row.

On official everything needs a second person; on sandbox a proposer may activate alone after a passed preflight. An admin
neither proposes nor approves. The second person is not the proposer, was an operator before the proposal, and nobody
saw the one-time codes of both. See docs/decisions/0057 and 0068.

Preflights have an hourly budget, of all workers together: runs of a change and questions about a profile's test identity
are counted inside an audit record before anything is sent, so that concurrent runs can't exceed the budget. Questions
with the impossible number are free. See docs/decisions/0066.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from math import ceil

from gateway.audit.model import LOCAL, AuditEntry, Kind, act_entry
from gateway.changes import store
from gateway.changes.model import FRESH, OPEN, Change, ChangeState
from gateway.errors import FieldError
from gateway.errors.operators import (
    OperatorError,
    PreflightBudgetSpent,
    PreflightFailed,
    RoleMissing,
    SameOperator,
    StateWrong,
)
from gateway.identifiers import Profile, new_identifier
from gateway.operators.model import Operator, Role, lasts
from gateway.operators.store import find_record
from gateway.profiles.model import Dependencies, Gateway
from gateway.profiles.store import read_state
from gateway.storage.database import Transaction

ACTORS = (Role.PROPOSER, Role.APPROVER)

QUESTIONS_AN_HOUR = 20
"""Questions about a profile's test identity; every operation is one."""

RUNS_AN_HOUR = 30
"""Preflights of one change."""

_ONE = (
    "you and the proposer of this change may be one person: one of you saw the other's one-time code, or a third "
    "person saw both: another approver has to do this"
)
_LATE = "from before the proposal: propose the change again, or let an earlier approver do this"
_HOUR = timedelta(hours=1)
_KEPT = timedelta(days=1)


def require(operator: Operator, roles: Collection[Role]) -> None:
    """Raise `RoleMissing` unless the operator's role is among these."""
    if operator.role not in roles:
        raise RoleMissing(tuple(role.value for role in roles))


def may_propose(operator: Operator) -> None:
    """Raise `RoleMissing`."""
    require(operator, (Role.PROPOSER,))


def may_preflight(operator: Operator, change: Change, now: datetime) -> None:
    """Raise `RoleMissing`, `StateWrong`."""
    require(operator, ACTORS)
    require_state(change, OPEN, now)


async def may_approve(transaction: Transaction, operator: Operator, change: Change, now: datetime) -> None:
    """Raise `SameOperator`, `RoleMissing`, `StateWrong`, `PreflightFailed`."""
    await _require_second_person(transaction, operator, change)
    require_state(change, {ChangeState.PROPOSED, ChangeState.PREFLIGHTED}, now)
    _require_preflight(change, now)


async def may_activate(transaction: Transaction, operator: Operator, change: Change, now: datetime) -> None:
    """Raise `SameOperator`, `RoleMissing`, `StateWrong`, `PreflightFailed`."""
    if change.needs_two_people:
        await _require_second_person(transaction, operator, change)
        if change.state is ChangeState.PREFLIGHTED:
            raise StateWrong(f"change {change.id} still needs its approval")
        require_state(change, {ChangeState.PROPOSED, ChangeState.APPROVED}, now)
    else:
        require(operator, ACTORS)
        require_state(change, OPEN, now)
    _require_preflight(change, now)


def may_reject(operator: Operator, change: Change, now: datetime) -> None:
    """The proposer also may reject it. Raise `RoleMissing`, `StateWrong`."""
    if operator.name != change.proposed_by:
        require(operator, (Role.APPROVER,))
    require_state(change, OPEN, now)


async def may_roll_back(transaction: Transaction, operator: Operator, change: Change, now: datetime) -> None:
    """Raise `SameOperator`, `RoleMissing`, `StateWrong`."""
    if change.needs_two_people:
        await _require_second_person(transaction, operator, change)
    else:
        require(operator, ACTORS)
    require_state(change, {ChangeState.ACTIVE, ChangeState.CONFIRMED}, now)


def _require_effect(gateway: Gateway, profile: Profile | None) -> None:
    """Raise `StateWrong` where an act on a profile would have no effect: in an embedded store that serves the other alone.

    An operator who suspends official there would believe that it is suspended. On PostgreSQL the process that serves the
    profile may have the same store. See docs/decisions/0103.
    """
    only = gateway.settings.serve_profile
    if gateway.deps.database.embedded and only is not None and profile not in {None, only}:
        raise StateWrong(
            f"this store serves {only.value} alone: what is done here has no effect on {profile}; "
            f"do it at the gateway that serves {profile}"
        )


def may_suspend(operator: Operator, profile: Profile) -> None:
    """One person is enough. Raise `RoleMissing`."""
    require(operator, (Role.APPROVER,) if profile is Profile.OFFICIAL else ACTORS)


def require_state(change: Change, states: Collection[ChangeState], now: datetime) -> None:
    """Raise `StateWrong` unless the change is in one of these states, and has not expired."""
    if change.state in OPEN and change.expires_at <= now:
        raise StateWrong(f"change {change.id} has expired: propose it again")
    if change.state not in states:
        raise StateWrong(f"change {change.id} is {change.state.value}")


def _require_preflight(change: Change, now: datetime) -> None:
    """Raise `PreflightFailed`, naming each failed check, unless a fresh preflight has passed."""
    if change.preflight is None or change.preflighted_at is None:
        raise PreflightFailed((_error("preflight", "was not run"),))
    failed = tuple(_error(check.name, check.detail) for check in change.preflight.checks if not check.passed)
    if failed or not change.preflight.passed:
        raise PreflightFailed(failed or (_error("preflight", "failed"),))
    if not lasts(change.preflighted_at + FRESH, FRESH, now=now):
        raise PreflightFailed((_error("preflight", "is not of the last hour"),))


def _error(field: str, detail: str) -> FieldError:
    return FieldError(field=field, code="preflight_failed", detail=detail)


async def _require_second_person(transaction: Transaction, operator: Operator, change: Change) -> None:
    """Require an approver who is not the proposer; if the change needs two people, one who is certainly another person.

    Raises:
        SameOperator: they are the proposer; or one admitted the other, or a third person admitted both after official
            began to need two people.
        RoleMissing: no approver; or one who enrolled, or got the role, at or after the time of the proposal. Not for a
            first revision that the settings proposed, since that may come before the first operator.
    """
    if operator.name == change.proposed_by:
        raise SameOperator
    require(operator, (Role.APPROVER,))
    if not change.needs_two_people:
        return
    admitted_by = change.proposer_admitted_by
    if await _are_one_person(transaction, change.proposed_by, operator, admitted_by=admitted_by):
        raise SameOperator(_ONE)
    late = operator.role_since is None or operator.role_since >= change.proposed_at
    if late and change.proposed_by != LOCAL:
        raise RoleMissing((Role.APPROVER.value,), since=_LATE)


@asynccontextmanager
async def refusals_recorded(
    gateway: Gateway, by: Operator, tried: str, *, profile: Profile | None, change: str | None = None
) -> AsyncIterator[None]:
    """Record an operator's refusal in its own transaction, since that of the refused act is rolled back.

    Raises `StateWrong` before the act where it would have no effect (docs/decisions/0103).
    """
    deps = gateway.deps
    try:
        _require_effect(gateway, profile)
        yield
    except (OperatorError, StateWrong) as error:
        outcome, now = f"{error.code}:{tried}", deps.clock.now()
        await deps.refusals.record(
            act_entry(outcome, at=now, actor=by.name, profile=profile, kind=Kind.REFUSED, act=change)
        )
        raise


async def begin_run(deps: Dependencies, change: Change) -> str:
    """Count a preflight before it begins; return its id. Raises `PreflightBudgetSpent`, `Overloaded`."""
    now, run = deps.clock.now(), new_identifier("pfl")

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], str]:
        begun = await store.list_begun(transaction, change=change.id, since=now - _HOUR)
        if len(begun) >= RUNS_AN_HOUR:
            raise PreflightBudgetSpent("the preflights of this change", _wait(begun[-RUNS_AN_HOUR], now))
        await store.delete_runs(transaction, before=now - _KEPT)
        await store.insert_run(transaction, run, change, at=now)
        return (), run

    return await deps.audit.commit(decide)


async def charge_questions(deps: Dependencies, profile: Profile, run: str | None, questions: int) -> None:
    """Count the questions about a test identity that a preflight is about to ask.

    Raises:
        PreflightBudgetSpent: the budget is used up, or this preflight was not counted, or was charged before.
        Overloaded
    """
    now = deps.clock.now()

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        await require_questions(transaction, profile, questions, now)
        if run is None or not await store.charge_run(transaction, run, questions=questions, at=now):
            raise PreflightBudgetSpent("the questions of this preflight", 1)
        return (), None

    await deps.audit.commit(decide)


async def require_questions(
    transaction: Transaction, profile: Profile, questions: int, now: datetime
) -> None:
    """Raise `PreflightBudgetSpent` if this number of questions about a test identity can't be asked now."""
    asked = await store.list_asked(transaction, profile=profile, since=now - _HOUR)
    over = sum(count for _, count in asked) + questions - QUESTIONS_AN_HOUR
    if over <= 0:
        return
    ends = now
    for at, count in asked:  # the oldest first: when these are an hour old, the budget is enough
        if over > 0:
            over, ends = over - count, at
    raise PreflightBudgetSpent("the questions about a test identity", _wait(ends, now))


def _wait(at: datetime, now: datetime) -> int:
    """Return the whole seconds until a count made at `at` is an hour old."""
    return max(1, ceil((at + _HOUR - now).total_seconds()))


async def _are_one_person(
    transaction: Transaction, proposer: str, approver: Operator, *, admitted_by: str | None
) -> bool:
    """Return whether one person may act as both: one saw the other's one-time code, or a third person saw both codes.

    `admitted_by` is who admitted the proposer, as stored with the proposal. A third person counts only if both operators
    were created after official began to need two people: before that, the first admin creates both.
    """
    if proposer == LOCAL:
        return False  # `local` is no operator, and admits only the first admin
    found = await find_record(transaction, proposer)
    first = admitted_by or (None if found is None else found.operator.created_by)
    if approver.name == first or approver.created_by == proposer:
        return True
    since = (await read_state(transaction, Profile.OFFICIAL)).two_people_since
    if found is None or since is None:
        return False
    both = (found.operator, approver)
    alone = all(each.admitted_in is None for each in both)
    return all(each.created_at > since for each in both) and (alone or first == approver.created_by)
