"""Change a profile's state: every function is one step, inside the caller's transaction.

The epoch is incremented in the same commit, so every worker follows within a second. The folder `changes` decides who may
do it and when: after a preflight, with a second person; one person may suspend.

On official a command without a sign-in may do anything while there is no operator, and afterwards only suspend. That is
checked inside the commit, so the same check applies to a command, a script and a test. Root can bypass it by writing to
the database, and the evidence of state shows that. See docs/decisions/0069.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.dependencies import Dependencies
from gateway.deployment import advance_epoch, has_operators
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile, new_identifier
from gateway.profiles import store
from gateway.profiles.revisions import PolicyChange, ProfileState, Suspension
from gateway.storage.database import Transaction

Permit = Callable[[Transaction], Awaitable[str]]
"""Checks inside the commit that an operator may do it, and returns their name; `permit_of` makes one."""


async def check_host_act(deps: Dependencies, permit: Permit | None, *, tried: str, remedy: str) -> None:
    """Refuse, before the commit and with an audit row, an act on official that needs an operator.

    Raises:
        StateWrong: there are operators, and no `permit`.
    """
    if permit is not None:
        return
    async with deps.database.read() as transaction:
        if not await has_operators(transaction):
            return
    at, outcome = deps.clock.now(), f"state_wrong:{tried}"
    await deps.audit.record(new_act_entry(Kind.REFUSED, Profile.OFFICIAL, outcome, at=at, actor=LOCAL))
    raise StateWrong(remedy)


async def actor_of(transaction: Transaction, permit: Permit | None, *, remedy: str) -> str:
    """Return who acts on official, inside the commit: the permit's operator, or `local` while there is no operator.

    Raises:
        StateWrong: there are operators, and no `permit`.
        What the permit raises.
    """
    if permit is not None:
        return await permit(transaction)
    if await has_operators(transaction):
        raise StateWrong(remedy)
    return LOCAL


def new_act_entry(
    kind: Kind, profile: Profile | None, outcome: str, *, at: datetime, actor: str
) -> AuditEntry:
    """Return an audit row with a new `act`, so that it belongs to no other row."""
    act = new_identifier("act")
    return AuditEntry(at=at, kind=kind, profile=profile, act=act, outcome=outcome, actor=actor)


def kind_of(actor: str) -> Kind:
    """Return the kind of an audit row by its actor."""
    return Kind.LOCAL if actor == LOCAL else Kind.OPERATOR


async def activate_revision(transaction: Transaction, profile: Profile, number: int) -> ProfileState:
    """Make a revision the active one; the one before it becomes the former. A suspension stays.

    Raises:
        StateWrong: it is active already.
    """
    state = await store.read_state(transaction, profile)
    if state.active == number:
        raise StateWrong(f"revision {number} of {profile.value} is active already")
    return await _write(transaction, profile, replace(state, active=number, former=state.active))


async def return_to_former(transaction: Transaction, profile: Profile, *, left: int) -> ProfileState:
    """Make the former revision active again; afterwards there is no former one.

    Raises:
        StateWrong: `left` is not the active revision, or there is no former one.
    """
    state = await store.read_state(transaction, profile)
    if state.active != left or state.former is None:
        raise StateWrong(
            f"revision {left} of {profile.value} is not active, or there is no former one to return to"
        )
    return await _write(transaction, profile, replace(state, active=state.former, former=None))


async def suspend(transaction: Transaction, profile: Profile, suspension: Suspension) -> ProfileState:
    """Suspend a profile: the registry is asked nothing more. Raises `StateWrong` if it is suspended already."""
    state = await store.read_state(transaction, profile)
    if state.suspension is not None:
        raise StateWrong(f"{profile.value} is suspended already: {state.suspension.reason}")
    return await _write(transaction, profile, replace(state, suspension=suspension))


async def resume(transaction: Transaction, profile: Profile) -> ProfileState:
    """End a suspension. Raises `StateWrong` without one."""
    state = await store.read_state(transaction, profile)
    if state.suspension is None:
        raise StateWrong(f"{profile.value} is not suspended")
    return await _write(transaction, profile, replace(state, suspension=None))


async def set_policy(transaction: Transaction, profile: Profile, policy: PolicyChange) -> ProfileState:
    """Replace the members of the policy that changes override."""
    state = await store.read_state(transaction, profile)
    return await _write(transaction, profile, replace(state, policy=policy))


async def _write(transaction: Transaction, profile: Profile, state: ProfileState) -> ProfileState:
    await store.write_state(transaction, profile, state)
    await advance_epoch(transaction)
    return state
