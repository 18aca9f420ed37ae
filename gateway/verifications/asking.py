"""Ask the registry once for identical claims in flight, whichever worker they came to (docs/decisions/0031).

Within a worker the others wait for the first one's task, across workers for its leased row. `intended`, the lease
and a place in the budgets are one durable commit before the packet leaves; `answered`, the landing and the
verification are one commit before the answer does.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError
from gateway.errors.registry import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryError,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.parts import Parts
from gateway.profiles.model import Link
from gateway.registry.model import Question
from gateway.registry.refusals import unforeseen
from gateway.verifications import budgets, flights_store, store
from gateway.verifications.act import Act, new_verification
from gateway.verifications.budgets_store import Reservation
from gateway.verifications.evidence import raise_alarm, refusals_recorded
from gateway.verifications.flights import Flights
from gateway.verifications.flights_store import Flight
from gateway.verifications.model import Origin, Outcome, Verdict, Verification
from gateway.verifications.packets import (
    new_question,
    packet_entry,
    record_answer,
    record_failure,
    record_share,
)
from gateway.verifications.reuse import reuse
from gateway.verifications.rights import ENDED_RIGHTS, Recheck, check_rights

VerificationFlights = Flights[Outcome]

POLL_S = 0.025
"""How often a worker looks whether another worker's question has landed."""

_GRACE_S = 5

_OWN_FAILURES = frozenset(find_problem(each).code for each in ENDED_RIGHTS)
"""Ends of one caller's right: another's question that ended so leaves nothing to share, and no failure either."""


async def ask_once(parts: Parts, flights: VerificationFlights, act: Act, link: Link) -> Outcome:
    """Ask, or wait for the same question in flight and share its verdict.

    Raises:
        EnquiryBudgetSpent, Overloaded: before anything was asked.
        TokenInvalid, AccountSuspended, ProfileSuspended: a right of the call ended; nothing is delivered.
        RegistryError: the registry gave no usable answer.
    """
    key = _flight_key(act)
    while key in flights:
        twin = await _await_twin(parts, flights, act, key)
        if twin is not None and twin.verification.verdict is Verdict.NOT_CONFIRMED:
            return await _share_verdict(parts, act, twin.verification)
        # What the first was given may have ended since: then nothing is left to share, and it is asked anew.
        if twin is not None and (shared := await reuse(parts, act)):
            return shared
    return await flights.ask(key, lambda: _ask_unless_landed(parts, act, link, key))


def _flight_key(act: Act) -> str:
    """Return what two questions share that are one."""
    scope = act.enquiry.dossier if act.place.policy.reuse == "dossier" else ""
    text = f"{act.place.profile}|{act.caller.account.client_id}|{act.claim_in_flight()}|{scope}"
    return hashlib.sha256(text.encode()).hexdigest()


async def _await_twin(parts: Parts, flights: VerificationFlights, act: Act, key: str) -> Outcome | None:
    """Wait for the same question of this worker; its failure is this act's too, and is recorded as such.

    None where it was the right of its own caller that ended: that says nothing of this act's.
    """
    try:
        return await flights.wait(key)
    except ENDED_RIGHTS:
        return None
    except GatewayError as error:
        await _record_shared_failure(parts, act, error)
        raise


async def _record_shared_failure(parts: Parts, act: Act, error: GatewayError) -> None:
    kind = Kind.ANSWERED if isinstance(error, RegistryError) else Kind.REFUSED
    entry = replace(act.entry, at=parts.clock.now(), kind=kind, outcome=find_problem(error).code)
    await parts.audit.record(entry, owed=True)


async def _ask_unless_landed(parts: Parts, act: Act, link: Link, key: str) -> Outcome:
    """Ask, unless a twin of another worker is on its way or has landed since this act began: then share."""
    since = act.entry.at
    while True:
        question = new_question(parts, act, link)
        twin = await _take_off(parts, act, link, question, key=key, since=since)
        if twin is None:
            verification = await _fly(parts, act, link, question, key)
            return Outcome(verification=verification, origin=Origin.REGISTRY)
        landed = await _await_landing(parts, twin)
        if landed is None or landed.landed_at is None:
            continue  # its worker died: the lease is over, and whoever comes next flies
        if (shared := await _share_landing(parts, act, landed)) is not None:
            return shared
        since = landed.landed_at


async def _take_off(
    parts: Parts, act: Act, link: Link, question: Question, *, key: str, since: datetime
) -> Flight | None:
    """Lease the question, reserve a place in the budgets and record what will be asked; or return the twin.

    Raises:
        TokenInvalid, AccountSuspended, ProfileSuspended, EnquiryBudgetSpent, Overloaded
    """
    found: list[Flight] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        found.clear()
        now = parts.clock.now()
        await check_rights(transaction, act.rights, now)
        former = await flights_store.find_flight(transaction, key)
        if former is not None and _is_twin(former, now=now, since=since):
            found.append(former)
            return ()
        ends_at = now + timedelta(milliseconds=link.connection.deadline_ms, seconds=_GRACE_S)
        claim = act.claim_keys(now)
        await budgets.unite(transaction, claim)
        wanted = _reservation(act, claim.current, ends_at)
        await budgets.reserve(transaction, wanted, act.place, act.number, now=now)
        flight = Flight(key=key, act=act.entry.act, lease_ends_at=ends_at)
        await flights_store.put_flight(transaction, flight, former=former)
        return (replace(packet_entry(act, question), at=now, kind=Kind.INTENDED),)

    async with refusals_recorded(parts, act.entry):
        await parts.audit.commit(decide)
    return found[0] if found else None


def _is_twin(flight: Flight, *, now: datetime, since: datetime) -> bool:
    """Say whether a flight is on its way, or landed after the act that looks had begun."""
    if flight.landed_at is not None:
        return flight.landed_at > since
    return flight.lease_ends_at >= now


def _reservation(act: Act, claim_key: str, ends_at: datetime) -> Reservation:
    return Reservation(
        act=act.entry.act,
        profile=act.place.profile.value,
        client_id=act.caller.account.client_id,
        organisation=act.caller.account.organisation,
        subject=act.entry.citizen or "",
        claim_key=claim_key,
        ends_at=ends_at,
    )


async def _await_landing(parts: Parts, twin: Flight) -> Flight | None:
    """Return the twin's flight once it has landed; None once its lease is over, or another took its place."""
    seen: Flight | None = twin
    while seen is not None and seen.act == twin.act:
        if seen.landed_at is not None:
            return seen
        if seen.lease_ends_at < parts.clock.now():
            return None
        await asyncio.sleep(POLL_S)
        async with parts.database.read() as connection:
            seen = await flights_store.find_flight(connection, twin.key)
    return None


async def _share_landing(parts: Parts, act: Act, landed: Flight) -> Outcome | None:
    """Give this act what another worker's question brought; None where nothing of it is left to share.

    Raises:
        RegistryError: that question failed, and this act's with it.
    """
    if landed.failure in _OWN_FAILURES:
        return None
    if landed.failure is not None:
        error = _rebuild(landed)
        await _record_shared_failure(parts, act, error)
        raise error
    async with parts.database.read() as connection:
        found = await store.find_verification(
            connection,
            landed.verification or "",
            profile=act.place.profile,
            client_id=act.caller.account.client_id,
        )
    if found is None:
        return None
    if found.verdict is Verdict.NOT_CONFIRMED:
        return await _share_verdict(parts, act, found)
    return await reuse(parts, act)


def _rebuild(landed: Flight) -> RegistryError:
    """Return the failure that another worker met."""
    match landed.failure:
        case "registry_refused":
            return RegistryRefused(landed.registry_code or "")
        case "registry_answer_invalid":
            return RegistryAnswerInvalid("found by the worker that asked")
        case "registry_credentials_rejected":
            return RegistryCredentialsRejected()
        case "registry_timeout":
            return RegistryTimeout()
    return RegistryUnavailable()


async def _fly(parts: Parts, act: Act, link: Link, question: Question, key: str) -> Verification:
    """Put the question; its answer, or its failure, is durable before anyone hears of it.

    Raises:
        RegistryError: also for what the registry made a reader of ours raise, whatever that was.
        TokenInvalid, AccountSuspended, ProfileSuspended: a right ended before the packet left, or before its answer.
    """
    entry = packet_entry(act, question)
    try:
        confirmed = await link.registry.confirm(replace(question, may_leave=Recheck(parts, act.rights)))
        verdict = Verdict.CONFIRMED if confirmed else Verdict.NOT_CONFIRMED
        verification = new_verification(parts, act, verdict)
    except GatewayError as error:
        raise_alarm(error, question.operation)
        await record_failure(parts, entry, error, key)
        raise
    except Exception as exc:  # a question that was intended is answered in evidence, whatever came
        surprise = unforeseen(exc, "verification")
        await record_failure(parts, entry, surprise, key)
        raise surprise from exc
    await record_answer(parts, act, entry, verification, key)
    return verification


async def _share_verdict(parts: Parts, act: Act, asked: Verification) -> Outcome:
    """Give a waiter the `not_confirmed` that the first was given; for another act, as a verification of its own."""
    entry = replace(act.entry, origin="registry")
    is_same = asked.is_for(act.procedure.slug, act.enquiry.dossier, act.enquiry.subject_role)
    verification = asked if is_same else new_verification(parts, act, asked.verdict)
    await record_share(parts, act, entry, verification, is_new=not is_same)
    return Outcome(verification=verification, origin=Origin.REGISTRY)
