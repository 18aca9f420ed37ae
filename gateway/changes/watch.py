"""Watch a new revision after a switch: roll it back if it fails too often, confirm it at the end of the watch.

Each worker stores the counts of its own client when they have changed, and adds up the counts of all workers, including
those that have ended. The first worker that sees a threshold crossed rolls the change back, once: to the former revision if that
still logs in on a new preflight, else the profile is suspended with an alarm. The reason is stored. If that worker dies
meanwhile, the change stays as it was, and another worker rolls it back.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from gateway.audit.model import AuditEntry
from gateway.background import run_in_background
from gateway.changes import store
from gateway.changes.kind import PreflightOptions
from gateway.changes.lifecycle import roll_back_to_former
from gateway.changes.model import OPEN, Change, ChangeState, change_entry
from gateway.changes.profile_kinds import preflight_revision
from gateway.changes.store import WatchCounter, read_counters, write_counter
from gateway.errors import GatewayError
from gateway.errors.operators import StateWrong
from gateway.errors.requests import Overloaded
from gateway.preflight.recorder import PreflightNetwork
from gateway.profiles import store as profiles
from gateway.profiles.model import Gateway, Place, Watch
from gateway.profiles.places import refresh
from gateway.profiles.revisions import Suspension
from gateway.profiles.store import suspend
from gateway.registry.client import RegistryClient
from gateway.storage.database import Transaction

POLL_SECONDS = 0.5
IDLE_SECONDS = 5.0
"""How often the changes are read while nothing is watched and the epoch is the same."""
LEASE = timedelta(seconds=10)
"""How long only one worker may roll back a change; it renews the lease while it works."""

GATEWAY_ACTOR = "gateway"
"""The actor of what the gateway does without an operator."""

_RENEW_SECONDS = 2.0

log = structlog.get_logger("gateway.changes")

_FAILED = {"registry_unavailable", "registry_timeout", "registry_refused"}


async def _count(gateway: Gateway, change: Change, place: Place) -> WatchCounter:
    """Return the counts of all workers under a change's revision; stores this worker's newest counts."""
    async with gateway.deps.database.read() as transaction:
        stored = await read_counters(transaction, change.id)
    own = place.client
    if own is not None and own.connection.revision == change.revision:
        newest = _counter_of(own)
        if stored.get(own.id, WatchCounter()) != newest:
            # Under the audit's lock, like all writes of this folder.
            write = partial(write_counter, change=change.id, link=own.id, counter=newest)
            await gateway.deps.audit.record(change=write)
        stored[own.id] = newest
    return sum(stored.values(), WatchCounter())


def _counter_of(registry: RegistryClient) -> WatchCounter:
    """Return the counts of one client since it was opened."""
    counts: Counter[str] = Counter()
    for (_, outcome), count in registry.counts.items():
        counts[outcome] += count
    return WatchCounter(
        asked=counts.total(),
        refused_logins=counts["registry_credentials_rejected"],
        invalid_answers=counts["registry_answer_invalid"],
        failures=sum(counts[outcome] for outcome in _FAILED),
    )


def _describe_crossing(counter: WatchCounter, watch: Watch) -> str | None:
    """Return which threshold is crossed, as text with its numbers; None if none is.

    Failures and invalid answers count only while they are more than half of all questions.
    """
    if counter.refused_logins >= watch.refused_logins:
        return f"{counter.refused_logins} logins refused"
    if counter.invalid_answers >= watch.invalid_answers and counter.invalid_answers * 2 > counter.asked:
        return f"{counter.invalid_answers} of {counter.asked} answers were invalid"
    if counter.failures >= watch.failures and counter.failures * 2 > counter.asked:
        return f"{counter.failures} of {counter.asked} questions failed"
    return None


def watch_in_background(
    gateway: Gateway, preflight_network: PreflightNetwork
) -> AbstractAsyncContextManager[None]:
    """Watch in the background while a block runs."""
    return run_in_background(_watch(gateway, preflight_network))


async def _watch(gateway: Gateway, preflight_network: PreflightNetwork) -> None:
    loop = asyncio.get_running_loop()
    watched, epoch, due = True, gateway.places.epoch, loop.time()
    while True:
        await asyncio.sleep(POLL_SECONDS)
        # A change that is to be watched was activated with a new epoch.
        if not watched and epoch == gateway.places.epoch and loop.time() < due:
            continue
        epoch, due = gateway.places.epoch, loop.time() + IDLE_SECONDS
        try:
            watched = await check_watched(gateway, preflight_network)
        except Overloaded:
            log.warning("changes_unread")
        except Exception:  # the outermost edge of a task: without it the watch would stop
            log.exception("watch_failed")


async def check_watched(gateway: Gateway, preflight_network: PreflightNetwork) -> bool:
    """Check once: roll back failing revisions, confirm those whose watch has ended, expire old proposals.

    A server of one profile watches that profile's revisions: it has no client of the other, whose server watches the rest.
    Returns whether a revision was being watched.
    """
    now = gateway.deps.clock.now()
    async with gateway.deps.database.read() as transaction:
        found = await store.list_changes(transaction, states=[ChangeState.ACTIVE])
        overdue = await store.list_changes(transaction, states=OPEN, expired_at=now)
    active = [change for change in found if gateway.clients.serves(change.required_profile)]
    for change in active:
        if change.watch_until is None:  # it ended in an alarm
            continue
        place = gateway.places[change.required_profile]
        crossing = _describe_crossing(await _count(gateway, change, place), place.policy.watch)
        if crossing is not None:
            await _roll_back(gateway, change, crossing, preflight_network)
        elif change.watch_until <= now:
            await _end(gateway, change, replace(change, state=ChangeState.CONFIRMED), "change_confirmed")
    for change in overdue:
        reason = "not activated within 24 hours"
        ended = replace(
            change, state=ChangeState.EXPIRED, ended_at=now, ended_by=GATEWAY_ACTOR, reason=reason
        )
        await _end(gateway, change, ended, "change_expired")
    return any(change.watch_until is not None for change in active)


async def _roll_back(
    gateway: Gateway, change: Change, crossing: str, preflight_network: PreflightNetwork
) -> None:
    """Return to the former revision if it logs in, else suspend the profile; only the first worker does it.

    Only that worker tries the former login: C06 may lock the account if every worker tries.
    """
    now = gateway.deps.clock.now()
    async with gateway.deps.database.write() as transaction:
        if not await store.take_rollback_lease(transaction, change, now=now, until=now + LEASE):
            return
    async with run_in_background(_keep_lease(gateway, change)):
        refused = await _preflight_former(gateway, change, preflight_network)
    reason = f"{crossing}; {refused or 'the former revision logged in'}"[:400]

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], bool]:
        now = gateway.deps.clock.now()
        before = await store.find_change(transaction, change.id)
        if before is None or before.profile is None or not before.watched:
            return (), False  # another worker, or an operator, was first
        ended = replace(before, ended_by=GATEWAY_ACTOR, ended_at=now, reason=reason)
        if refused is None:
            after, outcome = await roll_back_to_former(transaction, ended), "change_returned"
        else:
            with contextlib.suppress(StateWrong):  # an operator was faster
                await suspend(
                    transaction, before.profile, Suspension(at=now, by=GATEWAY_ACTOR, reason=reason)
                )
            after, outcome = replace(ended, watch_until=None), "change_suspended"
        await store.update_change(transaction, after, former=ChangeState.ACTIVE)
        return [change_entry(after, outcome, at=now, actor=GATEWAY_ACTOR)], True

    if not await gateway.deps.audit.commit(decide):
        return
    event = "switch_returned" if refused is None else "switch_alarm"
    log.error(event, profile=change.profile, change=change.id, reason=reason)
    await refresh(gateway)


async def _keep_lease(gateway: Gateway, change: Change) -> None:
    """Renew the lease until cancelled: it lasts as long as a slow registry, and a dead worker's lease ends soon."""
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        with contextlib.suppress(Overloaded):
            async with gateway.deps.database.write() as transaction:
                until = gateway.deps.clock.now() + LEASE
                await store.renew_rollback_lease(transaction, change, until=until)


async def _preflight_former(
    gateway: Gateway, change: Change, preflight_network: PreflightNetwork
) -> str | None:
    """Return why the former revision can't be activated again; None if it logs in on a new preflight."""
    profile = change.required_profile
    options = PreflightOptions(preflight_network=preflight_network, actor=GATEWAY_ACTOR, login_only=True)
    try:
        async with gateway.deps.database.read() as transaction:
            number = (await profiles.read_state(transaction, profile)).former
            if number is None:
                return "there is no former revision"
            former = await profiles.open_revision(transaction, profile, number, master=gateway.vault.master)
        found = await preflight_revision(gateway, change, former, options)
    except GatewayError as error:
        return f"the former revision can't be tried ({type(error).__name__})"
    failed = [check.name for check in found.checks if not check.passed]
    return f"the former revision fails {', '.join(failed)}" if failed else None


async def _end(gateway: Gateway, before: Change, after: Change, outcome: str) -> None:
    """Replace a change, unless another worker or an operator was first."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        if not await store.update_change(transaction, after, former=before.state):
            return (), None
        return [change_entry(after, outcome, at=gateway.deps.clock.now(), actor=GATEWAY_ACTOR)], None

    await gateway.deps.audit.commit(decide)
