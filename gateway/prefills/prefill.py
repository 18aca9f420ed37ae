"""No re-declaration: ask the registry for a form's fields, deliver what was asked and granted, nothing more.

All guards come before any packet. One packet an operation, all under one deadline; all `intended` rows in one
commit before them, all `answered` rows and one `delivered` in one after; both commits look whether the call's rights
still hold (`rights.py`). A failed operation, however it failed, leaves its fields to declare. Nobody found, a deceased
person or a cancelled number ends the verification and its family.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryAnswerInvalid, RegistryRefused
from gateway.errors.verifications import VerificationInvalidated
from gateway.identifiers import new_identifier, new_request_code
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.prefills import store
from gateway.prefills.act import Act, pass_guards
from gateway.prefills.model import (
    Answer,
    Brought,
    Filled,
    Prefill,
    PrefillRequest,
    Reason,
    ToDeclare,
    Trace,
)
from gateway.prefills.places import reserve_place, settle
from gateway.prefills.values import value_of
from gateway.procedures.fields import FIELD_OPERATIONS, Operation
from gateway.profiles.model import Link, Place
from gateway.registry.model import LifeStatus, NobodyFound, Question, Record
from gateway.registry.refusals import unforeseen
from gateway.verifications import store as verifications
from gateway.verifications.claim_keys import key_claim
from gateway.verifications.evidence import raise_alarm, refusals_recorded
from gateway.verifications.guards import is_registry_field, needed_operations
from gateway.verifications.packets import refused_entry
from gateway.verifications.persons import find_person
from gateway.verifications.persons_store import is_about
from gateway.verifications.rights import Recheck, check_rights, find_ended, rights_of
from gateway.verifications.sealed_claims import open_claim

ENDED = (LifeStatus.DECEASED, LifeStatus.CANCELLED)


async def prefill_form(parts: Parts, place: Place, caller: Caller, request: PrefillRequest) -> Prefill:
    """Return the registry's values for the fields asked, and what is left to declare.

    Raises:
        FieldsError, GrantError, VerificationError, ProfileError, NotFound, EnquiryBudgetSpent: before anything was asked.
        VerificationInvalidated: also when the registry no longer knows such a living person.
        TokenInvalid, AccountSuspended, VerificationError, ProfileSuspended: also when that right ended while it was
            asked; nothing of the answers is delivered.
    """
    act, link = await pass_guards(parts, place, caller, request)
    # It goes on when the caller is cancelled: what was asked must still be recorded.
    asking = asyncio.ensure_future(_ask_and_deliver(parts, act, link))
    asking.add_done_callback(_look_at)
    return await asyncio.shield(asking)


def _look_at(task: asyncio.Task[Prefill]) -> None:
    """Take note of a failure that no caller is left to see."""
    if not task.cancelled():
        task.exception()


async def _ask_and_deliver(parts: Parts, act: Act, link: Link) -> Prefill:
    questions = _questions(parts, act, link)
    if questions:
        await _intend(parts, act, link, questions)
    answers = await asyncio.gather(*(_ask(parts, act, link, question) for question in questions))
    answered = [
        replace(_entry(act, question), at=parts.clock.now(), kind=Kind.ANSWERED, outcome=_outcome(answer))
        for question, answer in zip(questions, answers, strict=True)
    ]
    if any(_is_gone(answer) for answer in answers):
        await _invalidate(parts, act, answered, answers)
        raise VerificationInvalidated(verification=act.verification.id)
    return await _deliver(parts, act, dict(zip(questions, answers, strict=True)), answered)


async def _intend(parts: Parts, act: Act, link: Link, questions: Sequence[Question]) -> None:
    """Take a place in the budgets and record what will be asked, in one commit, while every right to it holds."""

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        now = parts.clock.now()
        await check_rights(transaction, act.rights, now)
        await reserve_place(transaction, act, link, now=now)
        return [replace(_entry(act, question), at=now, kind=Kind.INTENDED) for question in questions]

    async with refusals_recorded(parts, act.entry):
        await parts.audit.commit(decide)


async def _deliver(
    parts: Parts, act: Act, asked: Mapping[Question, Answer], answered: Sequence[AuditEntry]
) -> Prefill:
    """Record what came and what is delivered of it; where a right ended meanwhile, what came and the refusal."""
    answers = list(asked.values())
    prefill = _shape(parts, act, {question.operation: answer for question, answer in asked.items()})
    filled = tuple(name for name, field in prefill.fields.items() if isinstance(field, Filled))
    refusals: list[GatewayError] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        refusals.clear()
        now = parts.clock.now()
        await settle(transaction, parts, act, answers)
        ended = await find_ended(transaction, act.rights, now)
        if ended is not None:
            refusals.append(ended)
            return [*answered, refused_entry(act.entry, ended, now)]
        await store.insert_trace(transaction, _trace(parts, act, prefill))
        delivered = replace(act.entry, at=now, kind=Kind.DELIVERED, fields=filled, outcome=prefill.id)
        return [*answered, delivered]

    await parts.audit.commit(decide, owed=True)
    if refusals:
        raise refusals[0]
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


async def _ask(parts: Parts, act: Act, link: Link, question: Question) -> Answer:
    """Put one question; whatever goes wrong with it is its answer, so that its row is written beside the others'."""
    may_leave = Recheck(parts, act.rights)
    try:
        found = await link.registry.find_record(replace(question, may_leave=may_leave))
        return found if isinstance(found, NobodyFound) else _read(act, question.operation, found.record)
    except GatewayError as error:
        raise_alarm(error, question.operation)
        return error
    except Exception as exc:  # noqa: BLE001 - a question that was intended is answered in evidence, whatever came
        return unforeseen(exc, "prefill")


def _read(act: Act, operation: Operation, record: Record) -> Brought:
    """Shape what an operation brought of the fields that the form wants of it."""
    wanted = (
        name
        for name in act.request.fields
        if is_registry_field(act.role, name) and FIELD_OPERATIONS[name] is operation
    )
    return Brought(
        record=record,
        values={name: value_of(name, record) for name in wanted},
        as_of=None if record.as_of is None else record.as_of.astimezone(UTC),
    )


def _entry(act: Act, question: Question) -> AuditEntry:
    return replace(
        act.entry,
        operation=question.operation.value,
        request_code=question.request_code,
        origin="registry",
    )


def _outcome(answer: Answer) -> str:
    match answer:
        case Brought():
            return "found"
        case NobodyFound():
            return "nobody_found"
    return find_problem(answer).code


def _is_gone(answer: Answer) -> bool:
    """Nobody by that number, name and date any more, or no living person by that number."""
    return isinstance(answer, NobodyFound) or _is_dead(answer)


def _is_dead(answer: Answer) -> bool:
    return isinstance(answer, Brought) and answer.record.life_status in ENDED


async def _invalidate(
    parts: Parts, act: Act, answered: Sequence[AuditEntry], answers: Sequence[Answer]
) -> None:
    """End what the registry no longer vouches for. Raises the refusal where a right of the call ended meanwhile."""
    member, now = act.verification, parts.clock.now()
    claim = open_claim(act.place.keys, member)
    keyed = key_claim(act.place.keys, member.organisation, claim, subject=member.subject, now=now)
    refusals: list[GatewayError] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        refusals.clear()
        refused = await find_ended(transaction, rights_of(act.caller, officer=act.entry.officer), now)
        await settle(transaction, parts, act, answers)
        if any(_is_dead(answer) for answer in answers):
            person = await find_person(transaction, act.place.keys, member)
            await verifications.invalidate_person(transaction, member, is_about(person))
        else:
            await verifications.invalidate_claim(transaction, member, keyed.all)
        ended = replace(act.entry, at=parts.clock.now(), kind=Kind.ENDED, outcome="invalidated")
        if refused is None:
            return [*answered, ended]
        refusals.append(refused)
        return [*answered, ended, refused_entry(act.entry, refused, now)]

    await parts.audit.commit(decide, owed=True)
    await parts.database.truncate_journal()
    if refusals:
        raise refusals[0]


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
    if not isinstance(answer, Brought):
        return ToDeclare(_reason_of(answer))
    value = answer.values[name]
    if value is None:
        return ToDeclare(Reason.REGISTRY_HAS_NONE)
    return Filled(value=value, as_of=answer.as_of, retrieved_at=parts.clock.now())


def _reason_of(failure: NobodyFound | GatewayError) -> Reason:
    match failure:
        case RegistryRefused():
            return Reason.REGISTRY_REFUSED
        case RegistryAnswerInvalid():
            return Reason.REGISTRY_ANSWER_INVALID
    return Reason.REGISTRY_UNAVAILABLE


def _reason_not_asked(act: Act, name: str) -> Reason:
    if not is_registry_field(act.role, name):
        return Reason.NOT_FROM_REGISTRY
    granted = act.caller.grants.allows_field(act.procedure.slug, act.role.name, name)
    return Reason.NOT_ASKED if granted else Reason.NOT_GRANTED
