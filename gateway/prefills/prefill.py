"""No re-declaration: ask the registry for a form's fields, deliver what was asked and granted, nothing more.

All guards come before any packet. One packet an operation, all under one deadline; all `intended` rows in one
commit before them, all `answered` rows and one `delivered` in one after. A failed operation leaves its fields to
declare. Nobody found, a deceased person or a cancelled number ends the verification and its family.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.problems import find_problem
from gateway.errors.registry import RegistryError, RegistryRefused
from gateway.errors.verifications import VerificationInvalidated
from gateway.identifiers import new_identifier, new_request_code
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.prefills import store
from gateway.prefills.act import Act, pass_guards
from gateway.prefills.model import Filled, Prefill, PrefillRequest, Reason, ToDeclare, Trace
from gateway.prefills.places import Answer, reserve_place, settle
from gateway.prefills.values import value_of
from gateway.procedures.fields import FIELD_OPERATIONS, Operation
from gateway.profiles.model import Link, Place
from gateway.registry.model import Found, LifeStatus, NobodyFound, Question
from gateway.verifications import store as verifications
from gateway.verifications.claim_keys import key_claim
from gateway.verifications.evidence import raise_alarm
from gateway.verifications.guards import (
    is_registry_field,
    needed_operations,
)
from gateway.verifications.persons import find_person
from gateway.verifications.persons_store import is_about
from gateway.verifications.sealed_claims import open_claim

ENDED = (LifeStatus.DECEASED, LifeStatus.CANCELLED)


async def prefill_form(parts: Parts, place: Place, caller: Caller, request: PrefillRequest) -> Prefill:
    """Return the registry's values for the fields asked, and what is left to declare.

    Raises:
        FieldsError, GrantError, VerificationError, ProfileError, NotFound, EnquiryBudgetSpent: before anything was asked.
        VerificationInvalidated: also when the registry no longer knows such a living person.
    """
    act, link = await pass_guards(parts, place, caller, request)
    return await _ask_and_deliver(parts, act, link)


async def _ask_and_deliver(parts: Parts, act: Act, link: Link) -> Prefill:
    questions = _questions(parts, act, link)
    intended = [
        replace(entry, at=parts.clock.now(), kind=Kind.INTENDED)
        for entry in (_entry(act, question) for question in questions)
    ]
    if intended:
        await reserve_place(parts, act, link, intended)
    answers = await asyncio.gather(*(_ask(link, question) for question in questions))
    answered = [
        replace(_entry(act, question), at=parts.clock.now(), kind=Kind.ANSWERED, outcome=_outcome(answer))
        for question, answer in zip(questions, answers, strict=True)
    ]
    if any(_is_gone(answer) for answer in answers):
        await _invalidate(parts, act, answered, answers)
        raise VerificationInvalidated(verification=act.verification.id)
    prefill = _shape(
        parts, act, dict(zip((question.operation for question in questions), answers, strict=True))
    )
    filled = tuple(name for name, field in prefill.fields.items() if isinstance(field, Filled))
    delivered = replace(
        act.entry, at=parts.clock.now(), kind=Kind.DELIVERED, fields=filled, outcome=prefill.id
    )

    async def change(transaction: Transaction) -> None:
        await settle(transaction, parts, act, answers)
        await store.insert_trace(transaction, _trace(parts, act, prefill))

    await parts.audit.record(*answered, delivered, change=change, owed=True)
    return prefill


def _trace(parts: Parts, act: Act, prefill: Prefill) -> Trace:
    return Trace(
        id=prefill.id,
        profile=prefill.profile,
        client_id=act.verification.client_id,
        verification=prefill.verification,
        fields=tuple(name for name in prefill.fields if is_registry_field(act.role, name)),
        made_at=parts.clock.now(),
    )


def _questions(parts: Parts, act: Act, link: Link) -> Sequence[Question]:
    """One question for each operation that a field asked needs, in a fixed order; none for one under correction."""
    fields = [name for name in act.request.fields if name not in act.under_correction]
    claim = open_claim(act.place.keys, act.verification)
    deadline = parts.clock.monotonic() + link.connection.deadline_ms / 1000
    return [
        Question(
            profile=act.place.profile,
            revision=link.connection.revision,
            operation=operation,
            request_code=new_request_code(),
            procedure=act.procedure.slug,
            service_code=act.procedure.service_code,
            officer=act.request.initiated_by.officer or link.connection.officer,
            claim=claim,
            deadline=deadline,
        )
        for operation in needed_operations(act.role, fields)
    ]


async def _ask(link: Link, question: Question) -> Answer:
    try:
        return await link.registry.find_record(question)
    except RegistryError as error:
        raise_alarm(error, question.operation)
        return error


def _entry(act: Act, question: Question) -> AuditEntry:
    return replace(
        act.entry,
        operation=question.operation.value,
        request_code=question.request_code,
        origin="registry",
    )


def _outcome(answer: Answer) -> str:
    match answer:
        case Found():
            return "found"
        case NobodyFound():
            return "nobody_found"
    return find_problem(answer).code


def _is_gone(answer: Answer) -> bool:
    """Nobody by that number, name and date any more, or no living person by that number."""
    return isinstance(answer, NobodyFound) or _is_dead(answer)


def _is_dead(answer: Answer) -> bool:
    return isinstance(answer, Found) and answer.record.life_status in ENDED


async def _invalidate(
    parts: Parts, act: Act, answered: Sequence[AuditEntry], answers: Sequence[Answer]
) -> None:
    member, now = act.verification, parts.clock.now()
    claim = open_claim(act.place.keys, member)
    keyed = key_claim(act.place.keys, member.organisation, claim, subject=member.subject, now=now)

    async def change(transaction: Transaction) -> None:
        await settle(transaction, parts, act, answers)
        if any(_is_dead(answer) for answer in answers):
            person = await find_person(transaction, act.place.keys, member)
            await verifications.invalidate_person(transaction, member, is_about(person))
        else:
            await verifications.invalidate_claim(transaction, member, keyed.all)

    ended = replace(act.entry, at=parts.clock.now(), kind=Kind.ENDED, outcome="invalidated")
    await parts.audit.record(*answered, ended, change=change, owed=True)
    await parts.database.truncate_journal()


def _shape(parts: Parts, act: Act, answers: Mapping[Operation, Answer]) -> Prefill:
    fields = {name: _fill(parts, act, name, answers) for name in act.request.fields}
    to_declare: list[tuple[str, Reason]] = []
    for field in act.role.fields:
        asked = fields.get(field.name)
        if isinstance(asked, ToDeclare):
            to_declare.append((field.name, asked.reason))
        elif asked is None:
            to_declare.append((field.name, _reason_not_asked(act, field.name)))
    return Prefill(
        id=new_identifier("pre"),
        profile=act.place.profile,
        verification=act.verification.id,
        fields=fields,
        to_declare=to_declare,
    )


def _fill(parts: Parts, act: Act, name: str, answers: Mapping[Operation, Answer]) -> Filled | ToDeclare:
    if not is_registry_field(act.role, name):
        return ToDeclare(Reason.NOT_FROM_REGISTRY)
    if name in act.under_correction:
        return ToDeclare(Reason.UNDER_CORRECTION)
    answer = answers[FIELD_OPERATIONS[name]]
    if isinstance(answer, RegistryRefused):
        return ToDeclare(Reason.REGISTRY_REFUSED)
    if not isinstance(answer, Found):
        return ToDeclare(Reason.REGISTRY_UNAVAILABLE)
    value = value_of(name, answer.record)
    if value is None:
        return ToDeclare(Reason.REGISTRY_HAS_NONE)
    return Filled(value=value, as_of=answer.record.as_of, retrieved_at=parts.clock.now())


def _reason_not_asked(act: Act, name: str) -> Reason:
    if not is_registry_field(act.role, name):
        return Reason.NOT_FROM_REGISTRY
    granted = act.caller.grants.allows_field(act.procedure.slug, act.role.name, name)
    return Reason.NOT_ASKED if granted else Reason.NOT_GRANTED
