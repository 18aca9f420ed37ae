"""Who may do what to a change, and when. Refusals name the reason; nothing here writes.

On official everything needs a second person; on sandbox a proposer may go on alone once the preflight has passed. An
admin neither proposes nor approves. See docs/decisions/0057.
"""

from collections.abc import Collection
from datetime import datetime

from gateway.changes.model import FRESH, OPEN, Change, ChangeState
from gateway.errors import FieldError
from gateway.errors.commands import StateWrong
from gateway.errors.operators import PreflightFailed, RoleMissing, SameOperator
from gateway.operators.model import Operator, Role
from gateway.places import Profile

ACTORS = (Role.PROPOSER, Role.APPROVER)


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


def may_approve(operator: Operator, change: Change, now: datetime) -> None:
    """Raise `SameOperator`, `RoleMissing`, `StateWrong`, `PreflightFailed`."""
    _require_another(operator, change)
    require(operator, (Role.APPROVER,))
    require_state(change, {ChangeState.PROPOSED, ChangeState.PREFLIGHTED}, now)
    require_preflight(change, now)


def may_activate(operator: Operator, change: Change, now: datetime) -> None:
    """Raise `SameOperator`, `RoleMissing`, `StateWrong`, `PreflightFailed`."""
    if change.guarded:
        _require_another(operator, change)
        require(operator, (Role.APPROVER,))
        if change.state is ChangeState.PREFLIGHTED:
            raise StateWrong(f"change {change.id} waits for its approval")
        require_state(change, {ChangeState.PROPOSED, ChangeState.APPROVED}, now)
    else:
        require(operator, ACTORS)
        require_state(change, OPEN, now)
    require_preflight(change, now)


def may_reject(operator: Operator, change: Change, now: datetime) -> None:
    """Whoever proposed it may take it back. Raise `RoleMissing`, `StateWrong`."""
    if operator.name != change.proposed_by:
        require(operator, (Role.APPROVER,))
    require_state(change, OPEN, now)


def may_roll_back(operator: Operator, change: Change, now: datetime) -> None:
    """Raise `SameOperator`, `RoleMissing`, `StateWrong`."""
    if change.guarded:
        _require_another(operator, change)
        require(operator, (Role.APPROVER,))
    else:
        require(operator, ACTORS)
    require_state(change, {ChangeState.ACTIVE, ChangeState.CONFIRMED}, now)


def may_suspend(operator: Operator, profile: Profile) -> None:
    """One person is enough. Raise `RoleMissing`."""
    require(operator, (Role.APPROVER,) if profile is Profile.OFFICIAL else ACTORS)


def require_state(change: Change, states: Collection[ChangeState], now: datetime) -> None:
    """Raise `StateWrong` unless the change is in one of these states, and not over its time."""
    if change.state in OPEN and change.expires_at <= now:
        raise StateWrong(f"change {change.id} has expired: propose it anew")
    if change.state not in states:
        raise StateWrong(f"change {change.id} is {change.state.value}")


def require_preflight(change: Change, now: datetime) -> None:
    """Raise `PreflightFailed`, naming each failed check, unless a fresh preflight has passed."""
    if change.preflight is None or change.preflighted_at is None:
        raise PreflightFailed((_error("preflight", "was not run"),))
    failed = tuple(_error(check.name, check.detail) for check in change.preflight.checks if not check.passed)
    if failed or not change.preflight.passed:
        raise PreflightFailed(failed or (_error("preflight", "failed"),))
    if change.preflighted_at + FRESH <= now:
        raise PreflightFailed((_error("preflight", "is older than an hour"),))


def _require_another(operator: Operator, change: Change) -> None:
    if operator.name == change.proposed_by:
        raise SameOperator


def _error(field: str, detail: str) -> FieldError:
    return FieldError(field=field, code="preflight_failed", detail=detail)
