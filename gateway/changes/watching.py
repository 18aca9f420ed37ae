"""After a switch: watch the new revision at work, return by itself if it does badly, confirm it once its time is over.

All workers' questions count together (tallies.py). Whichever worker sees a threshold crossed first returns, once for a
change: to the former revision if that one still logs in on a fresh preflight, else the profile is suspended with an
alarm. It says why. A worker that dies in between leaves the change as it was, and another one does it.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import structlog

from gateway.audit.model import AuditEntry
from gateway.background import beside
from gateway.changes import store, tallies
from gateway.changes.evidence import change_entry
from gateway.changes.model import Change, ChangeState
from gateway.changes.revision_subject import try_revision
from gateway.changes.thresholds import find_crossing
from gateway.changes.trial import ITSELF, Trial
from gateway.changes.use_cases import undo
from gateway.database import Transaction
from gateway.errors import GatewayError
from gateway.errors.commands import StateWrong
from gateway.errors.places import Overloaded
from gateway.places import Profile
from gateway.profiles import store as profiles
from gateway.profiles.epochs import refresh
from gateway.profiles.model import Gateway
from gateway.profiles.opening import open_revision
from gateway.profiles.revisions import Suspension
from gateway.profiles.states import find_sheltered
from gateway.profiles.switching import suspend
from gateway.registry.probe_model import WayOut

LOOK_SECONDS = 0.5
LEASE = timedelta(seconds=10)
"""How long a change is one worker's to return from, unless it renews that."""

_RENEWED_SECONDS = 2.0

log = structlog.get_logger("gateway.changes")


def watching_changes(gateway: Gateway, way_out: WayOut) -> AbstractAsyncContextManager[None]:
    """Watch in the background while a block runs."""
    return beside(_watch(gateway, way_out))


async def _watch(gateway: Gateway, way_out: WayOut) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await look(gateway, way_out)
        except Overloaded:
            log.warning("changes_unread")
        except Exception:  # a background task's outermost edge: without it no change would be watched again
            log.exception("watch_failed")


async def look(gateway: Gateway, way_out: WayOut) -> None:
    """Look once: return from what does badly, confirm what did well, end what has waited too long."""
    now = gateway.parts.clock.now()
    async with gateway.parts.database.read() as transaction:
        active = await store.list_changes(transaction, states=[ChangeState.ACTIVE])
        overdue = await store.list_overdue(transaction, now=now)
    for change in [each for each in active if each.watched]:
        crossing = await _find_crossing(gateway, change)
        if crossing is not None:
            await return_by_itself(gateway, change, crossing, way_out)
        elif change.watch_until is not None and change.watch_until <= now:
            await _end(gateway, change, ChangeState.CONFIRMED, "change_confirmed", None)
    for change in overdue:
        await _end(gateway, change, ChangeState.EXPIRED, "change_expired", "not activated within 24 hours")


async def return_by_itself(gateway: Gateway, change: Change, crossing: str, way_out: WayOut) -> None:
    """Return to the former revision if it logs in, else suspend; once, whichever worker is first.

    Only the first tries the former's login: one try a worker could be one too many for C06.
    """
    if not await _lease(gateway, change):
        return
    async with beside(_keep_lease(gateway, change)):
        refused = await _try_former(gateway, change, way_out)
    reason = f"{crossing}; {refused or 'the former revision logged in'}"[:400]

    done: list[Change] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        done.clear()
        now = gateway.parts.clock.now()
        before = await store.find_change(transaction, change.id)
        if before is None or before.profile is None or not before.watched:
            return ()  # another worker, or an operator, was first
        ended = replace(before, ended_by=ITSELF, ended_at=now, reason=reason)
        if refused is None:
            after, outcome = await undo(transaction, ended), "change_returned"
        else:
            await _suspend(transaction, before.profile, Suspension(at=now, by=ITSELF, reason=reason))
            after, outcome = replace(ended, watch_until=None), "change_suspended"
        await store.update_change(transaction, after, former=ChangeState.ACTIVE)
        done.append(after)
        return [change_entry(gateway.parts, after, outcome, actor=ITSELF)]

    await gateway.parts.audit.commit(decide)
    if not done:
        return
    event = "switch_returned" if refused is None else "switch_alarm"
    log.error(event, profile=change.profile, change=change.id, reason=reason)
    await refresh(gateway)


async def _lease(gateway: Gateway, change: Change) -> bool:
    now = gateway.parts.clock.now()
    async with gateway.parts.database.write() as transaction:
        return await store.lease_return(transaction, change, now=now, until=now + LEASE)


async def _keep_lease(gateway: Gateway, change: Change) -> None:
    """Renew the lease for ever: a slow registry doesn't outlast it, and a dead worker's is over soon."""
    while True:
        await asyncio.sleep(_RENEWED_SECONDS)
        with contextlib.suppress(Overloaded):
            async with gateway.parts.database.write() as transaction:
                until = gateway.parts.clock.now() + LEASE
                await store.extend_return(transaction, change, until=until)


async def _try_former(gateway: Gateway, change: Change, way_out: WayOut) -> str | None:
    """Return why the former revision can't be returned to; None where it logs in on a fresh preflight."""
    profile = change.place
    trial = Trial(way_out=way_out, actor=ITSELF, login_only=True)
    try:
        async with gateway.parts.database.read() as transaction:
            standing = await profiles.read_standing(transaction, profile)
            if standing.former is None:
                return "there is no former revision"
            former = await open_revision(transaction, gateway, profile, standing.former)
        found = await try_revision(gateway, change, former, trial)
    except GatewayError as error:
        return f"the former revision can't be tried ({type(error).__name__})"
    failed = [check.name for check in found.checks if not check.passed]
    return f"the former revision fails {', '.join(failed)}" if failed else None


async def _suspend(transaction: Transaction, profile: Profile, suspension: Suspension) -> None:
    try:
        await suspend(transaction, profile, suspension)
    except StateWrong:
        return  # an operator was faster


async def _end(
    gateway: Gateway, change: Change, state: ChangeState, outcome: str, reason: str | None
) -> None:
    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        now = gateway.parts.clock.now()
        after = replace(
            change,
            state=state,
            ended_at=now if reason else None,
            ended_by=ITSELF if reason else None,
            reason=reason,
        )
        if not await store.update_change(transaction, after, former=change.state):
            return ()
        return [change_entry(gateway.parts, after, outcome, actor=ITSELF)]

    await gateway.parts.audit.commit(decide)


async def _find_crossing(gateway: Gateway, change: Change) -> str | None:
    """Say which threshold was crossed since the switch."""
    if change.profile is None:
        return None
    place = gateway.places[change.profile]
    of_change = place.link is not None and place.link.connection.revision == change.revision
    tally = await tallies.gather(gateway, change.id, find_sheltered(place) if of_change else None)
    return find_crossing(tally, place.policy.watch)
