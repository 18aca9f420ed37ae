"""Verify once: reuse what is live, else ask the registry yes or no, and remember the answer.

Order: meaning, grants, officer, connection, reuse, question. `intended` is durable before the packet leaves;
`answered`, the verification and its receipt's ground are one commit before the answer does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.model import AuditEntry, Kind
from gateway.clock import today
from gateway.edge.problems import find_problem
from gateway.errors import RegistryError
from gateway.identifiers import VerificationId, new_identifier, new_request_code
from gateway.keys.model import Purpose
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.profiles.model import Link, Place
from gateway.registry.model import Question
from gateway.verifications import store
from gateway.verifications.evidence import about, open_act, raise_alarm, refusals_recorded
from gateway.verifications.flights import Flights
from gateway.verifications.fold import fold_claim
from gateway.verifications.guards import check_grants, check_officer, find_act, get_link
from gateway.verifications.model import (
    Enquiry,
    Origin,
    Outcome,
    Verdict,
    Verification,
    VerificationState,
)
from gateway.verifications.sealed_claims import seal_claim

VerificationFlights = Flights[Verification]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    """One call, its guards passed."""

    place: Place
    caller: Caller
    enquiry: Enquiry
    procedure: Procedure
    entry: AuditEntry

    def keyed_fold(self) -> tuple[str, ...]:
        """Return the claim's keyed fold under every look-up key, the current first."""
        text = f"claim|{self.caller.account.client_id}|{fold_claim(self.enquiry.claim)}"
        return tuple(key.mac(text) for key in self.place.keys.all(Purpose.LOOKUP))


async def verify_citizen(
    parts: Parts, place: Place, flights: VerificationFlights, caller: Caller, enquiry: Enquiry
) -> Outcome:
    """Return a verification of the claim for this act.

    Raises:
        FieldsError, GrantError, ProfileError: before anything was asked.
        RegistryError: the registry gave no usable answer.
    """
    procedure, role = find_act(parts, enquiry.procedure, enquiry.subject_role)
    entry = open_act(
        parts,
        place,
        caller,
        procedure=procedure.slug,
        dossier=enquiry.dossier,
        subject_role=enquiry.subject_role,
    )
    entry = replace(
        about(entry, place, enquiry.claim),
        initiated_by=enquiry.initiated_by.kind,
        authentication=enquiry.initiated_by.authentication,
        legal_basis=procedure.legal_basis,
    )
    async with refusals_recorded(parts, entry):
        check_grants(caller, procedure, role)
        officer = await check_officer(parts, place, caller, enquiry.initiated_by)
        link = get_link(place)
    act = _Act(
        place=place,
        caller=caller,
        enquiry=enquiry,
        procedure=procedure,
        entry=replace(entry, officer=officer),
    )
    if not enquiry.fresh and (reused := await _reuse(parts, act)):
        return reused
    return await _ask_once(parts, flights, act, link)


async def _ask_once(parts: Parts, flights: VerificationFlights, act: _Act, link: Link) -> Outcome:
    """Ask, or wait for the same question in flight and share its verdict."""
    scope = act.enquiry.dossier if act.place.policy.reuse == "dossier" else ""
    key = f"{act.place.profile}|{act.keyed_fold()[0]}|{scope}"
    verification, asked_here = await flights.join(key, lambda: _ask(parts, act, link))
    if asked_here:
        return Outcome(verification=verification, origin=Origin.REGISTRY)
    if verification.verdict is Verdict.CONFIRMED and (shared := await _reuse(parts, act)):
        return shared
    return await _share_verdict(parts, act, verification)


async def _reuse(parts: Parts, act: _Act) -> Outcome | None:
    """Serve the same live verification again, or derive a new one, as far as the policy goes."""
    async with parts.database.read() as connection:
        if _choose(act, await _list_reusable(parts, act, connection)) is None:
            return None
    found: list[Verification] = []

    async def decide(connection: AsyncConnection) -> Sequence[AuditEntry]:
        # Read again where nobody else writes: the root may have ended since, or a twin been derived.
        chosen = _choose(act, await _list_reusable(parts, act, connection))
        if chosen is None:
            return ()
        if not chosen.is_for(act.procedure.slug, act.enquiry.dossier, act.enquiry.subject_role):
            chosen = _derive(parts, act, chosen)
            await store.insert_verification(connection, chosen)
        found.append(chosen)
        return [
            replace(
                act.entry,
                at=parts.clock.now(),
                kind=Kind.REUSED,
                verification=chosen.id,
                origin=Origin.REUSE.value,
                outcome=chosen.verdict.value,
            )
        ]

    await parts.audit.commit(decide)
    return Outcome(verification=found[0], origin=Origin.REUSE) if found else None


async def _list_reusable(parts: Parts, act: _Act, connection: AsyncConnection) -> list[Verification]:
    return await store.list_reusable(
        connection,
        profile=act.place.profile,
        client_id=act.caller.account.client_id,
        claim_keys=act.keyed_fold(),
        now=parts.clock.now(),
    )


def _choose(act: _Act, candidates: Sequence[Verification]) -> Verification | None:
    """Return the one for exactly this act, else the latest that the policy lets reach here."""
    for candidate in candidates:
        if candidate.is_for(act.procedure.slug, act.enquiry.dossier, act.enquiry.subject_role):
            return candidate
    for candidate in candidates:
        if act.place.policy.reuse == "account" or candidate.dossier == act.enquiry.dossier:
            return candidate
    return None


def _derive(parts: Parts, act: _Act, source: Verification) -> Verification:
    """Return a new verification from a root: its own id and seal, the root's times."""
    derived = replace(
        _new(parts, act, Verdict.CONFIRMED),
        origin=Origin.REUSE,
        derived_from=source.root,
        verified_at=source.verified_at,
        expires_at=source.expires_at,
    )
    return _sealed(act, derived)


async def _ask(parts: Parts, act: _Act, link: Link) -> Verification:
    """Put the question, with a durable row before the packet and one before the answer."""
    question = _question(parts, act, link)
    entry = replace(
        act.entry, operation=question.operation.value, request_code=question.request_code, origin="registry"
    )
    await parts.audit.record(replace(entry, at=parts.clock.now(), kind=Kind.INTENDED))
    try:
        confirmed = await link.registry.confirm(question)
    except RegistryError as error:
        raise_alarm(error, question.operation)
        code = find_problem(error).code
        await parts.audit.record(replace(entry, at=parts.clock.now(), kind=Kind.ANSWERED, outcome=code))
        raise
    verification = _new(parts, act, Verdict.CONFIRMED if confirmed else Verdict.NOT_CONFIRMED)
    await _record_answer(parts, entry, verification)
    return verification


async def _share_verdict(parts: Parts, act: _Act, asked: Verification) -> Outcome:
    """Give a waiter the verdict that the first was given; for another act, as a verification of its own."""
    if asked.is_for(act.procedure.slug, act.enquiry.dossier, act.enquiry.subject_role):
        return Outcome(verification=asked, origin=Origin.REGISTRY)
    verification = _new(parts, act, asked.verdict)
    await _record_answer(parts, replace(act.entry, origin="registry"), verification)
    return Outcome(verification=verification, origin=Origin.REGISTRY)


async def _record_answer(parts: Parts, entry: AuditEntry, verification: Verification) -> None:
    answered = replace(
        entry,
        at=parts.clock.now(),
        kind=Kind.ANSWERED,
        outcome=verification.verdict.value,
        verification=verification.id,
    )

    async def change(connection: AsyncConnection) -> None:
        await store.insert_verification(connection, verification)

    await parts.audit.record(answered, change=change)


def _question(parts: Parts, act: _Act, link: Link) -> Question:
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


def _new(parts: Parts, act: _Act, verdict: Verdict) -> Verification:
    now = parts.clock.now()
    confirmed = verdict is Verdict.CONFIRMED
    verification = Verification(
        id=VerificationId(new_identifier("ver")),
        profile=act.place.profile,
        client_id=act.caller.account.client_id,
        organisation=act.caller.account.organisation,
        procedure=act.procedure.slug,
        procedure_code=act.procedure.code_on(today(parts.clock)),
        dossier=act.enquiry.dossier,
        subject_role=act.enquiry.subject_role,
        verdict=verdict,
        origin=Origin.REGISTRY,
        derived_from=None,
        verified_at=now,
        expires_at=now + timedelta(seconds=act.place.policy.reuse_seconds) if confirmed else None,
        state=VerificationState.LIVE,
        subject=act.entry.citizen or "",
        subject_key=act.entry.citizen_key or "",
        claim_key=act.keyed_fold()[0],
        claim_key_id=act.place.keys.current(Purpose.LOOKUP).kid,
    )
    return _sealed(act, verification) if confirmed else verification


def _sealed(act: _Act, verification: Verification) -> Verification:
    sealed, wrapped = seal_claim(act.place.keys, verification.id, act.enquiry.claim)
    return replace(verification, sealed_claim=sealed, wrapped_key=wrapped)
