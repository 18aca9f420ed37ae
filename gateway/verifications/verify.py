"""Verify once: reuse what is live, else ask the registry yes or no, and remember the answer.

Order: meaning, grants, officer, connection, reuse, question. `intended` is durable before the packet leaves;
`answered`, the verification and its receipt's ground are one commit before the answer does.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError, RegistryError
from gateway.identifiers import new_request_code
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.fields import Operation
from gateway.profiles.model import Link, Place
from gateway.registry.model import Question
from gateway.verifications import budgets, store
from gateway.verifications.act import Act, new_verification
from gateway.verifications.budgets_store import Reservation
from gateway.verifications.evidence import about, open_act, raise_alarm, refusals_recorded, within
from gateway.verifications.flights import Flights
from gateway.verifications.guards import check_grants, find_act, get_link
from gateway.verifications.model import Enquiry, Origin, Outcome, Verdict, Verification
from gateway.verifications.reuse import reuse

VerificationFlights = Flights[Outcome]

_GRACE_S = 5
_FIELDS = "prefill.fields"


async def verify_citizen(
    parts: Parts, place: Place, flights: VerificationFlights, caller: Caller, enquiry: Enquiry
) -> Outcome:
    """Return a verification of the claim for this act.

    Raises:
        FieldsError, GrantError, ProfileError: before anything was asked.
        RegistryError: the registry gave no usable answer.
    """
    act, link = await pass_guards(parts, place, caller, enquiry)
    if not enquiry.fresh and (reused := await reuse(parts, act)):
        return reused
    return await _ask_once(parts, flights, act, link)


async def pass_guards(parts: Parts, place: Place, caller: Caller, enquiry: Enquiry) -> tuple[Act, Link]:
    """Return the act that an enquiry stands for, its guards passed, and the way to the registry.

    Raises:
        FieldsError, GrantError, ProfileError
    """
    opened = open_act(parts, place, caller, dossier=enquiry.dossier, initiated_by=enquiry.initiated_by)
    opened = about(opened, place, enquiry.claim)
    async with refusals_recorded(parts, opened):
        procedure, role = find_act(parts, enquiry.procedure, enquiry.subject_role, enquiry.fields, at=_FIELDS)
    entry = within(opened, procedure, role)
    async with refusals_recorded(parts, entry):
        officer = await check_grants(
            parts, place, caller, (procedure, role), enquiry.initiated_by, enquiry.fields, at=_FIELDS
        )
        link = get_link(place)
    act = Act(
        place=place,
        caller=caller,
        enquiry=enquiry,
        procedure=procedure,
        entry=replace(entry, officer=officer),
    )
    return act, link


async def _ask_once(parts: Parts, flights: VerificationFlights, act: Act, link: Link) -> Outcome:
    """Ask, or wait for the same question in flight and share its verdict."""
    scope = act.enquiry.dossier if act.place.policy.reuse == "dossier" else ""
    key = f"{act.place.profile}|{act.caller.account.client_id}|{act.claim_in_flight()}|{scope}"
    if key not in flights:
        return await flights.ask(key, lambda: _ask_unless_known(parts, act, link))
    shared = (await _await_twin(parts, flights, act, key)).verification
    if shared.verdict is Verdict.NOT_CONFIRMED:
        return await _share_verdict(parts, act, shared)
    # What the first was given may have ended since: then nothing is left to share, and it is asked anew.
    return await reuse(parts, act) or await _ask_once(parts, flights, act, link)


async def _await_twin(parts: Parts, flights: VerificationFlights, act: Act, key: str) -> Outcome:
    """Wait for the same question in flight; its failure is this act's too, and is recorded as such."""
    try:
        return await flights.wait(key)
    except GatewayError as error:
        kind = Kind.ANSWERED if isinstance(error, RegistryError) else Kind.REFUSED
        outcome = find_problem(error).code
        await parts.audit.record(replace(act.entry, at=parts.clock.now(), kind=kind, outcome=outcome))
        raise


async def _ask_unless_known(parts: Parts, act: Act, link: Link) -> Outcome:
    """Look again, then ask: a twin may have been answered between the first look and this flight."""
    if not act.enquiry.fresh and (known := await reuse(parts, act)):
        return known
    return Outcome(verification=await _ask(parts, act, link), origin=Origin.REGISTRY)


async def _ask(parts: Parts, act: Act, link: Link) -> Verification:
    """Put the question, with a durable row before the packet and one before the answer."""
    question = _question(parts, act, link)
    entry = replace(
        act.entry, operation=question.operation.value, request_code=question.request_code, origin="registry"
    )
    async with refusals_recorded(parts, act.entry):
        await _record_intent(parts, act, link, entry)
    try:
        confirmed = await link.registry.confirm(question)
    except GatewayError as error:
        raise_alarm(error, question.operation)
        await _record_failure(parts, entry, error)
        raise
    verification = new_verification(parts, act, Verdict.CONFIRMED if confirmed else Verdict.NOT_CONFIRMED)
    await _record_answer(parts, act, entry, verification)
    return verification


async def _record_intent(parts: Parts, act: Act, link: Link, entry: AuditEntry) -> None:
    """Reserve a place in the budgets with the row that says what will be asked. Raises `EnquiryBudgetSpent`."""
    now = parts.clock.now()
    claim = act.claim_keys(now)
    wanted = Reservation(
        act=entry.act,
        profile=act.place.profile.value,
        client_id=act.caller.account.client_id,
        organisation=act.caller.account.organisation,
        subject=act.entry.citizen or "",
        claim_key=claim.current,
        ends_at=now + timedelta(milliseconds=link.connection.deadline_ms, seconds=_GRACE_S),
    )

    async def change(transaction: Transaction) -> None:
        await budgets.unite(transaction, claim)
        await budgets.reserve(transaction, wanted, act.place.policy, now=now)

    await parts.audit.record(replace(entry, at=now, kind=Kind.INTENDED), change=change)


async def _record_failure(parts: Parts, entry: AuditEntry, error: GatewayError) -> None:
    async def change(transaction: Transaction) -> None:
        await budgets.give_back(transaction, entry.act)

    answered = replace(entry, at=parts.clock.now(), kind=Kind.ANSWERED, outcome=find_problem(error).code)
    await parts.audit.record(answered, change=change)


async def _share_verdict(parts: Parts, act: Act, asked: Verification) -> Outcome:
    """Give a waiter the `not_confirmed` that the first was given; for another act, as a verification of its own."""
    entry = replace(act.entry, origin="registry")
    if asked.is_for(act.procedure.slug, act.enquiry.dossier, act.enquiry.subject_role):
        await parts.audit.record(_answered(parts, entry, asked))
        return Outcome(verification=asked, origin=Origin.REGISTRY)
    verification = new_verification(parts, act, asked.verdict)
    await _record_answer(parts, act, entry, verification)
    return Outcome(verification=verification, origin=Origin.REGISTRY)


async def _record_answer(parts: Parts, act: Act, entry: AuditEntry, verification: Verification) -> None:
    """Keep the verification with its row; a `not_confirmed` ends what the same claim was confirmed as before."""
    answered = _answered(parts, entry, verification)
    claim = act.claim_keys(verification.verified_at)

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        await budgets.give_back(transaction, entry.act)
        ended = 0
        if verification.verdict is Verdict.NOT_CONFIRMED:
            await budgets.unite(transaction, claim)
            ended = await store.invalidate_claim(transaction, verification, claim.all)
        await store.insert_verification(transaction, verification)
        return (answered, replace(answered, kind=Kind.ENDED, outcome="invalidated")) if ended else (answered,)

    await parts.audit.commit(decide)


def _answered(parts: Parts, entry: AuditEntry, verification: Verification) -> AuditEntry:
    return replace(
        entry,
        at=parts.clock.now(),
        kind=Kind.ANSWERED,
        outcome=verification.verdict.value,
        verification=verification.id,
    )


def _question(parts: Parts, act: Act, link: Link) -> Question:
    connection = link.connection
    return Question(
        profile=act.place.profile,
        operation=Operation.AUTHENTICATE,
        request_code=new_request_code(),
        procedure=act.procedure.slug,
        service_code=act.procedure.service_code,
        officer=act.enquiry.initiated_by.officer or connection.officer,
        claim=act.enquiry.claim,
        deadline=parts.clock.monotonic() + connection.deadline_ms / 1000,
    )
