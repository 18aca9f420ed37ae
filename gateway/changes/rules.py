"""The rules of changes: who may do which step, and when. A refusal has a reason and an audit row.

On official everything needs a second person; on sandbox a proposer may activate alone after a passed preflight. An admin
neither proposes nor approves. The second person is not the proposer, was an operator before the proposal, and nobody
saw the one-time codes of both. See docs/decisions/0057 and 0068.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime

from gateway.audit.model import LOCAL, Kind
from gateway.changes.model import FRESH, OPEN, Change, ChangeState
from gateway.errors import FieldError
from gateway.errors.operators import OperatorError, PreflightFailed, RoleMissing, SameOperator, StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import Profile
from gateway.operators.model import Operator, Role
from gateway.operators.two_people import are_one_person
from gateway.profiles.model import Gateway
from gateway.profiles.switching import new_act_entry
from gateway.storage.database import Transaction

ACTORS = (Role.PROPOSER, Role.APPROVER)

_ONE = (
    "you and the proposer of this change may be one person: one of you saw the other's one-time code, or a third "
    "person saw both: another approver has to do this"
)
_LATE = "from before the proposal: propose the change again, or let an earlier approver do this"


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
    if change.preflighted_at + FRESH <= now:
        raise PreflightFailed((_error("preflight", "is older than an hour"),))


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
    if await are_one_person(transaction, change.proposed_by, operator, admitted_by=admitted_by):
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
        outcome = f"{error.code}:{tried}"
        entry = new_act_entry(Kind.REFUSED, profile, outcome, at=deps.clock.now(), actor=by.name)
        await deps.refusals.record(entry if change is None else entry.copy_with(act=change))
        raise


def invalid_member(name: str, detail: str, *, code: str = "request_invalid") -> RequestInvalid:
    """Return the error for one member of a proposal."""
    return RequestInvalid((FieldError(field=name, code=code, detail=detail),))
