"""What becomes of a proposal: preflight, approval, activation, rejection, return.

Each act holds its rules inside the commit in which it happens, against the change as it stands then: two operators
at once, or two workers, can't both be right. See docs/decisions/0057.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from gateway.audit.model import LOCAL, AuditEntry
from gateway.changes import rules, store
from gateway.changes.evidence import change_entry, refusals_recorded
from gateway.changes.model import Change, ChangeKind, ChangeState, hash_diff
from gateway.changes.preflight_budget import begin_run
from gateway.changes.second_person import hold_second_person
from gateway.changes.subjects import SUBJECTS
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors.commands import StateWrong
from gateway.errors.operators import DiffChanged
from gateway.errors.requests import NotFound
from gateway.operators.model import Operator
from gateway.operators.two_people import note_two_people
from gateway.operators.use_cases import confirm_operator
from gateway.places import Profile
from gateway.profiles.epochs import refresh
from gateway.profiles.model import Gateway
from gateway.profiles.opening import open_revision
from gateway.profiles.preflight import Preflight
from gateway.profiles.store import read_standing
from gateway.profiles.switching import return_to_former


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """A change that has happened; `shown_once` is what its operator must take down now, such as a one-time code."""

    change: Change
    shown_once: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Step(Protocol):
    """Holds the rules and returns the change as it becomes, with the word for its row."""

    async def __call__(self, transaction: Transaction, change: Change) -> tuple[Change, str]: ...


async def preflight_change(
    gateway: Gateway, by: Operator, change_id: str, trial: Trial
) -> tuple[Change, Preflight]:
    """Try what is proposed, outside of service; a passed one may then be approved or activated.

    Raises:
        NotFound, RoleMissing, StateWrong
        PreflightBudgetSpent: of this change, or about a test identity of its profile, enough was asked for this hour.
    """
    change = await get_change(gateway, change_id)
    async with refusals_recorded(gateway.parts, by, "preflight", profile=change.profile, change=change.id):
        rules.may_preflight(by, change, gateway.parts.clock.now())
        trial = replace(trial, run=await begin_run(gateway.parts, change))
        found = await SUBJECTS[change.kind].check(gateway, change, trial)
    if trial.login_only:  # a rehearsal shows, but lets nothing happen
        return change, found

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.parts.clock.now()
        rules.may_preflight(by, change, now)
        diff = await SUBJECTS[change.kind].diff(transaction, gateway, change)
        # What was approved stays approved only while it passes; a failed preflight takes the approval back.
        kept = change.state is ChangeState.APPROVED and found.passed and diff == change.diff
        state = ChangeState.PREFLIGHTED if found.passed else ChangeState.PROPOSED
        after = replace(
            change, state=change.state if kept else state, preflight=found, preflighted_at=now, diff=diff
        )
        return after, "preflight_passed" if found.passed else "preflight_failed"

    return await _act(gateway, by, change_id, "preflight", step), found


async def approve_change(gateway: Gateway, by: Operator, change_id: str, diff_hash: str) -> Change:
    """Approve exactly the diff that was looked at.

    Raises:
        NotFound, SameOperator, RoleMissing, StateWrong, PreflightFailed
        DiffChanged: the hash is of another diff than what would be done now.
    """

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.parts.clock.now()
        await hold_second_person(transaction, by, change)
        rules.may_approve(by, change, now)
        await _hold_diff(transaction, gateway, change, diff_hash)
        return replace(
            change, state=ChangeState.APPROVED, approved_by=by.name, approved_at=now
        ), "change_approved"

    return await _act(gateway, by, change_id, "approve", step)


async def activate_change(gateway: Gateway, by: Operator, change_id: str) -> Activated:
    """Let a change happen, in one commit and epoch; this worker follows at once, the others within a second.

    Raises:
        NotFound, SameOperator, RoleMissing, StateWrong, PreflightFailed, DiffChanged
    """
    shown: dict[str, str] = {}

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        shown.clear()
        now = gateway.parts.clock.now()
        await hold_second_person(transaction, by, change)
        rules.may_activate(by, change, now)
        await _hold_diff(transaction, gateway, change, change.diff_hash)
        subject = SUBJECTS[change.kind]
        shown.update(await subject.happen(transaction, gateway, change, by))
        await _retire_former(transaction, change)
        watch = gateway.places[change.profile].policy.watch if change.profile else None
        watched = subject.watched and watch is not None
        after = replace(
            change,
            state=ChangeState.ACTIVE if watched else ChangeState.CONFIRMED,
            activated_by=by.name,
            activated_at=now,
            watch_until=now + watch.window if watched and watch is not None else None,
        )
        return after, "change_activated"

    change = await _act(gateway, by, change_id, "activate", step)
    await refresh(gateway)
    return Activated(change=change, shown_once=dict(shown))


async def reject_change(gateway: Gateway, by: Operator, change_id: str, reason: str | None) -> Change:
    """End a proposal. Raises `NotFound`, `RoleMissing`, `StateWrong`."""

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        del transaction
        now = gateway.parts.clock.now()
        rules.may_reject(by, change, now)
        ended = replace(change, state=ChangeState.REJECTED, ended_by=by.name, ended_at=now, reason=reason)
        return ended, "change_rejected"

    return await _act(gateway, by, change_id, "reject", step)


async def roll_back_change(gateway: Gateway, by: Operator, change_id: str, reason: str | None) -> Change:
    """Return to the former revision by hand, while it stands ready.

    Raises:
        NotFound, SameOperator, RoleMissing
        StateWrong: nothing to return to, or it doesn't open; or not a change of the connection.
    """

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.parts.clock.now()
        await hold_second_person(transaction, by, change)
        rules.may_roll_back(by, change, now)
        after = await undo(transaction, change)
        standing = await read_standing(transaction, change.place)
        if standing.active is not None:  # never to one that nothing can be asked by
            await open_revision(transaction, gateway, change.place, standing.active)
        return replace(
            after, ended_by=by.name, ended_at=now, reason=reason or "by hand"
        ), "change_rolled_back"

    change = await _act(gateway, by, change_id, "rollback", step)
    await refresh(gateway)
    return change


async def undo(transaction: Transaction, change: Change) -> Change:
    """Make the revision active again that a change replaced; return the change as rolled back.

    Raises:
        StateWrong: there is none, or another change came after.
    """
    if change.kind is not ChangeKind.ACTIVATE_REVISION or change.profile is None or change.revision is None:
        raise StateWrong(f"change {change.id} is of a kind that can't be rolled back: propose its reverse")
    standing = await return_to_former(transaction, change.profile, left=change.revision)
    for other in await store.list_changes(transaction, profile=change.profile, states=[ChangeState.RETIRED]):
        if other.revision == standing.active:
            back = replace(other, state=ChangeState.CONFIRMED)
            await store.update_change(transaction, back, former=ChangeState.RETIRED)
    return replace(change, state=ChangeState.ROLLED_BACK)


async def get_change(gateway: Gateway, change_id: str) -> Change:
    """Return a change. Raises `NotFound`."""
    async with gateway.parts.database.read() as transaction:
        found = await store.find_change(transaction, change_id)
    if found is None:
        raise NotFound
    return found


async def _act(gateway: Gateway, by: Operator, change_id: str, tried: str, step: _Step) -> Change:
    """Take a step in one commit with its row; a refusal leaves one too."""
    seen = await get_change(gateway, change_id)
    done: list[Change] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        done.clear()
        await confirm_operator(transaction, by)
        before = await store.find_change(transaction, change_id)
        if before is None:
            raise NotFound
        noted = await note_two_people(transaction, gateway, actor=by.name)
        after, outcome = await step(transaction, before)
        if after.state is not before.state and _by_two_on_official(after):
            noted = noted or await note_two_people(transaction, gateway, actor=by.name, acted=True)
        if not await store.update_change(transaction, after, former=before.state):
            raise StateWrong(f"change {change_id} was changed by another just now: look again")
        done.append(after)
        return [*noted, change_entry(gateway.parts, after, outcome, actor=by.name)]

    async with refusals_recorded(gateway.parts, by, tried, profile=seen.profile, change=seen.id):
        await gateway.parts.audit.commit(decide)
    return done[0]


def _by_two_on_official(change: Change) -> bool:
    by = (change.proposed_by, change.activated_by)
    return change.profile is Profile.OFFICIAL and None not in by and LOCAL not in by


async def _hold_diff(transaction: Transaction, gateway: Gateway, change: Change, seen: str) -> None:
    """Raise `DiffChanged` unless what would be done now is exactly what was looked at."""
    now = await SUBJECTS[change.kind].diff(transaction, gateway, change)
    if not hmac.compare_digest(hash_diff(change.id, change.profile, now), seen):
        raise DiffChanged


async def _retire_former(transaction: Transaction, change: Change) -> None:
    """End the change whose revision is replaced by this one."""
    if change.kind is not ChangeKind.ACTIVATE_REVISION:
        return
    states = [ChangeState.ACTIVE, ChangeState.CONFIRMED]
    for other in await store.list_changes(transaction, profile=change.profile, states=states):
        if other.kind is ChangeKind.ACTIVATE_REVISION and other.id != change.id:
            await store.update_change(
                transaction, replace(other, state=ChangeState.RETIRED), former=other.state
            )
