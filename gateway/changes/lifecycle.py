"""The steps of a proposed change: preflight, approval, activation, rejection, rollback; and a suspension by hand.

Each step checks its rules inside its commit, against the stored change: if two operators or workers take a step at once,
only one succeeds (docs/decisions/0057). In an emergency one person may suspend; the end of a suspension is a change.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from gateway.audit.model import LOCAL, AuditEntry, act_entry
from gateway.changes import rules, store
from gateway.changes.kind import PreflightOptions
from gateway.changes.model import Change, ChangeKind, ChangeState, change_entry, hash_diff
from gateway.changes.propose import KINDS
from gateway.changes.rules import begin_run, refusals_recorded
from gateway.errors.operators import DiffChanged, StateWrong
from gateway.errors.requests import NotFound
from gateway.identifiers import Profile
from gateway.operators.model import Operator
from gateway.operators.use_cases import confirm_operator, record_two_people
from gateway.preflight.report import Preflight
from gateway.profiles.model import Gateway
from gateway.profiles.places import refresh
from gateway.profiles.revisions import Suspension
from gateway.profiles.store import open_revision, read_state, return_to_former, suspend
from gateway.storage.database import Transaction


async def suspend_profile(gateway: Gateway, by: Operator, profile: Profile, reason: str | None) -> None:
    """Suspend a profile: the registry is asked nothing more; this worker follows at once, the others within a second.

    Raises:
        RoleMissing
        StateWrong: it is suspended already, or served from another store.
        TokenInvalid: the operator was disabled, or got another role, meanwhile.
    """

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        rules.may_suspend(by, profile)
        await confirm_operator(transaction, by)
        now = gateway.deps.clock.now()
        suspension = Suspension(at=now, by=by.name, reason=reason or "suspended by hand")
        await suspend(transaction, profile, suspension)
        return [act_entry("profile_suspended", at=now, actor=by.name, profile=profile)], None

    async with refusals_recorded(gateway, by, "suspend", profile=profile):
        await gateway.deps.audit.commit(decide)
    await refresh(gateway)


Step = Callable[[Transaction, Change], Awaitable[tuple[Change, str]]]
"""Checks the rules and returns the new state of the change, with the outcome for its audit row."""


async def preflight_change(
    gateway: Gateway, by: Operator, change_id: str, options: PreflightOptions
) -> tuple[Change, Preflight]:
    """Run a preflight of a proposed change, which affects no portal; a passed one allows approval or activation.

    Raises:
        NotFound, RoleMissing, StateWrong
        PreflightBudgetSpent: the hour's preflights of this change, or questions about the test identity, are used up.
    """
    change = await get_change(gateway, change_id)
    async with refusals_recorded(gateway, by, "preflight", profile=change.profile, change=change.id):
        rules.may_preflight(by, change, gateway.deps.clock.now())
        options = replace(options, run=await begin_run(gateway.deps, change))
        found = await KINDS[change.kind].check(gateway, change, options)
    if options.login_only:  # a rehearsal: its result doesn't count
        return change, found

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.deps.clock.now()
        rules.may_preflight(by, change, now)
        diff = await KINDS[change.kind].diff(transaction, gateway, change)
        # An approval stays only if the preflight passes and the diff is the same.
        kept = change.state is ChangeState.APPROVED and found.passed and diff == change.diff
        state = ChangeState.PREFLIGHTED if found.passed else ChangeState.PROPOSED
        after = replace(
            change,
            state=change.state if kept else state,
            preflight=found,
            preflighted_at=now,
            diff=diff,
            approved_by=change.approved_by if kept else None,
            approved_at=change.approved_at if kept else None,
        )
        return after, "preflight_passed" if found.passed else "preflight_failed"

    return await _take_step(gateway, by, change_id, "preflight", step), found


async def approve_change(gateway: Gateway, by: Operator, change_id: str, diff_hash: str) -> Change:
    """Approve exactly the diff that the operator saw.

    Raises:
        NotFound, SameOperator, RoleMissing, StateWrong, PreflightFailed
        DiffChanged: the hash is not of the present diff.
    """

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.deps.clock.now()
        await rules.may_approve(transaction, by, change, now)
        await _require_same_diff(transaction, gateway, change, diff_hash)
        after = replace(change, state=ChangeState.APPROVED, approved_by=by.name, approved_at=now)
        return after, "change_approved"

    return await _take_step(gateway, by, change_id, "approve", step)


async def activate_change(gateway: Gateway, by: Operator, change_id: str) -> Change:
    """Apply a change, in one commit and epoch; this worker follows at once, the others within a second.

    Raises:
        NotFound, SameOperator, RoleMissing, StateWrong, PreflightFailed, DiffChanged
    """

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.deps.clock.now()
        await rules.may_activate(transaction, by, change, now)
        await _require_same_diff(transaction, gateway, change, change.diff_hash)
        kind = KINDS[change.kind]
        shown = await kind.apply(transaction, gateway, change, by)
        await _retire_former(transaction, change)
        watch = gateway.places[change.profile].policy.watch if change.profile and kind.watched else None
        after = replace(
            change,
            state=ChangeState.CONFIRMED if watch is None else ChangeState.ACTIVE,
            activated_by=by.name,
            activated_at=now,
            watch_until=None if watch is None else now + timedelta(seconds=watch.seconds),
            shown_once=shown or {},
        )
        return after, "change_activated"

    change = await _take_step(gateway, by, change_id, "activate", step)
    await refresh(gateway)
    return change


async def reject_change(gateway: Gateway, by: Operator, change_id: str, reason: str | None) -> Change:
    """End a proposal. Raises `NotFound`, `RoleMissing`, `StateWrong`."""

    async def step(_transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.deps.clock.now()
        rules.may_reject(by, change, now)
        ended = replace(change, state=ChangeState.REJECTED, ended_by=by.name, ended_at=now, reason=reason)
        return ended, "change_rejected"

    return await _take_step(gateway, by, change_id, "reject", step)


async def roll_back_change(gateway: Gateway, by: Operator, change_id: str, reason: str | None) -> Change:
    """Return to the former revision, as an operator decides.

    Raises:
        NotFound, SameOperator, RoleMissing
        StateWrong: no former revision, or its secrets can't be unsealed; or the change is not of the connection.
    """

    async def step(transaction: Transaction, change: Change) -> tuple[Change, str]:
        now = gateway.deps.clock.now()
        await rules.may_roll_back(transaction, by, change, now)
        after = await roll_back_to_former(transaction, change)
        state = await read_state(transaction, change.required_profile)
        if state.active is not None:  # never to a revision that can't be opened
            await open_revision(
                transaction, change.required_profile, state.active, master=gateway.vault.master
            )
        after = replace(after, ended_by=by.name, ended_at=now, reason=reason or "by hand")
        return after, "change_rolled_back"

    change = await _take_step(gateway, by, change_id, "rollback", step)
    await refresh(gateway)
    return change


async def roll_back_to_former(transaction: Transaction, change: Change) -> Change:
    """Activate the revision again that a change replaced; return the change as rolled back.

    Raises:
        StateWrong: there is none, or another change has followed.
    """
    if change.kind is not ChangeKind.ACTIVATE_REVISION or change.profile is None or change.revision is None:
        raise StateWrong(f"change {change.id} is of a kind that can't be rolled back: propose its reverse")
    state = await return_to_former(transaction, change.profile, left=change.revision)
    for other in await store.list_changes(transaction, profile=change.profile, states=[ChangeState.RETIRED]):
        if other.revision == state.active:
            back = replace(other, state=ChangeState.CONFIRMED)
            await store.update_change(transaction, back, former=ChangeState.RETIRED)
    return replace(change, state=ChangeState.ROLLED_BACK)


async def get_change(gateway: Gateway, change_id: str) -> Change:
    """Return a change. Raises `NotFound`."""
    async with gateway.deps.database.read() as transaction:
        return await _get(transaction, change_id)


async def list_changes(gateway: Gateway, profile: Profile | None = None) -> Sequence[Change]:
    """Return the changes of a profile, or all, the newest first."""
    async with gateway.deps.database.read() as transaction:
        return await store.list_changes(transaction, profile=profile)


async def _get(transaction: Transaction, change_id: str) -> Change:
    found = await store.find_change(transaction, change_id)
    if found is None:
        raise NotFound
    return found


async def _take_step(gateway: Gateway, by: Operator, change_id: str, tried: str, step: Step) -> Change:
    """Take a step in one commit with its audit row; a refusal leaves a row too."""
    seen = await get_change(gateway, change_id)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Change]:
        await confirm_operator(transaction, by)
        before = await _get(transaction, change_id)
        noted = await record_two_people(transaction, gateway, actor=by.name)
        after, outcome = await step(transaction, before)
        if after.state is not before.state and _by_two_on_official(after):
            noted = noted or await record_two_people(transaction, gateway, actor=by.name, acted=True)
        if not await store.update_change(transaction, after, former=before.state):
            raise StateWrong(f"change {change_id} was changed by someone else just now: read it again")
        entry = change_entry(after, outcome, at=gateway.deps.clock.now(), actor=by.name)
        return [*noted, entry], after

    async with refusals_recorded(gateway, by, tried, profile=seen.profile, change=seen.id):
        return await gateway.deps.audit.commit(decide)


def _by_two_on_official(change: Change) -> bool:
    by = (change.proposed_by, change.activated_by)
    return change.profile is Profile.OFFICIAL and None not in by and LOCAL not in by


async def _require_same_diff(transaction: Transaction, gateway: Gateway, change: Change, seen: str) -> None:
    """Raise `DiffChanged` unless `seen` is the hash of the present diff."""
    now = await KINDS[change.kind].diff(transaction, gateway, change)
    if not hmac.compare_digest(hash_diff(change.id, change.profile, now), seen):
        raise DiffChanged


async def _retire_former(transaction: Transaction, change: Change) -> None:
    """Retire the change whose revision this change replaces."""
    if change.kind is not ChangeKind.ACTIVATE_REVISION:
        return
    states = [ChangeState.ACTIVE, ChangeState.CONFIRMED]
    for other in await store.list_changes(transaction, profile=change.profile, states=states):
        if other.kind is ChangeKind.ACTIVATE_REVISION and other.id != change.id:
            await store.update_change(
                transaction, replace(other, state=ChangeState.RETIRED), former=other.state
            )
