"""Fill a form: ask the registry for the requested fields, and deliver only requested and granted ones.

All checks run before any question. There is one question for each operation, all at the same time; one commit before them
has all `intended` rows, one commit after them all `answered` rows and one `delivered` row. Both commits check that no right
of the call has ended (`checks.py`). The citizen declares the fields of a failed operation. No match, a deceased person or a
cancelled number ends the verification and its family.

The first commit reserves one answered enquiry in the budgets; the last one counts it, or releases it if the registry gave
no answer. A prefill that asks nothing reserves none.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice

from gateway.accounts.model import Caller
from gateway.audit.log import HotChange, HotRecord
from gateway.audit.model import AuditEntry, Kind, with_state
from gateway.audit.state import State
from gateway.background import retrieve_failure
from gateway.enquiries import budget_store, budgets, person_store, prefill_store, store
from gateway.enquiries.authorise import AuthorisedPrefill, authorise_prefill, lease_length
from gateway.enquiries.budget_store import Reservation
from gateway.enquiries.checks import (
    Recheck,
    find_all_ended,
    find_ended,
    needed_operations,
    raise_alarm,
    refusals_recorded,
)
from gateway.enquiries.claim import Joined, join_numbers
from gateway.enquiries.commits import citizen_lock, refused_entry
from gateway.enquiries.model import Answer, Brought, Filled, Prefill, PrefillRequest, Reason, ToDeclare, Trace
from gateway.enquiries.person_store import note_joined
from gateway.enquiries.prefill_store import about_person
from gateway.enquiries.question_log import new_question
from gateway.errors import GatewayError
from gateway.errors.requests import RegistryAnswerInvalid, RegistryRefused, VerificationInvalidated
from gateway.identifiers import new_timed_identifier
from gateway.procedures.model import FIELD_OPERATIONS, FormField, Operation
from gateway.profiles.model import Dependencies, Place
from gateway.registry.http_sender import unforeseen
from gateway.registry.model import LifeStatus, NobodyFound, Question, Record, value_of
from gateway.storage.database import Transaction
from gateway.storage.driver import ConnectionTransaction, DriverTransaction

GONE = (LifeStatus.DECEASED, LifeStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intent:
    """A prefill to commit before its questions."""

    deps: Dependencies
    prefill: AuthorisedPrefill
    entries: Sequence[AuditEntry]


@dataclass(frozen=True, kw_only=True)
class _Settled:
    """A prefill whose questions have ended. `joined` are the numbers in its records."""

    deps: Dependencies
    prefill: AuthorisedPrefill
    answers: Sequence[Answer]

    @property
    def is_answered(self) -> bool:
        """Return whether the registry answered a question."""
        return any(not isinstance(answer, GatewayError) for answer in self.answers)

    @cached_property
    def joined(self) -> Sequence[Joined]:
        prefill = self.prefill
        keys, organisation = prefill.place.keys, prefill.verification.organisation
        found = [
            join_numbers(keys, organisation, prefill.claim, answer.record)
            for answer in self.answers
            if isinstance(answer, Brought)
        ]
        return [joined for joined in found if joined is not None]


@dataclass(frozen=True, kw_only=True)
class _Delivery(_Settled):
    """A form to deliver, with the rows of its answers."""

    rows: Sequence[AuditEntry]
    filled: Prefill

    @property
    def entry(self) -> AuditEntry:
        """Return the row of the delivery."""
        fields = tuple(name for name, field in self.filled.fields.items() if isinstance(field, Filled))
        return self.prefill.entry.copy_with(kind=Kind.DELIVERED, fields=fields, outcome=self.filled.id)


async def prefill_form(deps: Dependencies, place: Place, caller: Caller, request: PrefillRequest) -> Prefill:
    """Return the registry's values of the requested fields, and the fields that the citizen must declare.

    Raises:
        FieldsError, GrantError, VerificationError, ProfileError, NotFound, EnquiryBudgetSpent: before anything was asked.
        VerificationInvalidated: also if the registry has no such living person any more.
        TokenInvalid, AccountSuspended, VerificationError, ProfileSuspended: also when that right ended while it was
            asked; nothing of the answers is delivered.
    """
    prefill = await authorise_prefill(deps, place, caller, request)
    # It continues if the caller is cancelled, since asked questions must be recorded.
    asking = asyncio.create_task(_ask_and_deliver(deps, prefill))
    asking.add_done_callback(retrieve_failure)
    return await asyncio.shield(asking)


async def _ask_and_deliver(deps: Dependencies, prefill: AuthorisedPrefill) -> Prefill:
    fields = [name for name in prefill.request.fields if name not in prefill.under_correction]
    begun = deps.clock.monotonic()
    asked = [new_question(prefill, each, begun=begun) for each in needed_operations(fields)]
    questions, entries = [question for question, _ in asked], [entry for _, entry in asked]
    if questions:
        async with refusals_recorded(deps, prefill.entry):
            await deps.audit.submit(_INTENTS, _Intent(deps=deps, prefill=prefill, entries=entries))
    answers = await asyncio.gather(*(_ask(deps, prefill, question) for question in questions))
    now = deps.clock.now()
    rows = [
        entry.copy_with(at=now, kind=Kind.ANSWERED, outcome=_outcome(answer))
        for entry, answer in zip(entries, answers, strict=True)
    ]
    if any(isinstance(answer, NobodyFound) or _is_dead(answer) for answer in answers):
        await _invalidate(deps, prefill, rows, answers)
        raise VerificationInvalidated(verification=prefill.verification.id)
    by_operation = {question.operation: answer for question, answer in zip(questions, answers, strict=True)}
    return await _deliver(deps, prefill, rows, by_operation)


async def _apply_intents(transaction: DriverTransaction, records: Sequence[HotRecord[_Intent]]) -> None:
    """Reserve one enquiry of each prefill in the budgets and record its questions, if no right has ended."""
    deps = records[0].value.deps
    now = deps.clock.now()
    ended = await find_all_ended(transaction, [record.value.prefill.rights for record in records], now)
    for record, error in zip(records, ended, strict=True):
        record.failed = error
    left = [record for record in records if record.failed is None]
    wanted = [_wanted(record.value.prefill, now) for record in left]
    refused = await budgets.reserve(transaction, deps, wanted, now=now)
    for record, spent in zip(left, refused, strict=True):
        record.failed = spent
        if spent is None:
            record.entries = [each.copy_with(at=now, kind=Kind.INTENDED) for each in record.value.entries]


def _wanted(prefill: AuthorisedPrefill, now: datetime) -> budgets.WantedReservation:
    reservation = Reservation(
        act=prefill.entry.act,
        profile=prefill.place.profile.value,
        client_id=prefill.verification.client_id,
        organisation=prefill.verification.organisation,
        subject="",
        claim_key="",
        ends_at=now + lease_length(prefill),
    )
    return budgets.WantedReservation(reservation=reservation, place=prefill.place)


async def _find_intent_locks(
    transaction: DriverTransaction, records: Sequence[HotRecord[_Intent]]
) -> Iterable[int]:
    prefills = [record.value.prefill for record in records]
    places = {prefill.account: prefill.place for prefill in prefills}
    return await budgets.find_account_locks(transaction, records[0].value.deps, places)


_INTENTS = HotChange(apply=_apply_intents, find_locks=_find_intent_locks)


async def _ask(deps: Dependencies, prefill: AuthorisedPrefill, question: Question) -> Answer:
    """Ask one question; a failure is returned as its answer, so that its row is written with the others."""
    try:
        found = await prefill.client.find_record(
            replace(question, before_sending=Recheck(deps, prefill.rights))
        )
        return found if isinstance(found, NobodyFound) else _read(prefill, question.operation, found.record)
    except GatewayError as error:
        raise_alarm(error, question.operation)
        return error
    except Exception as exc:  # noqa: BLE001 - every intended question must get an answer's row
        return unforeseen(exc, "prefill")


def _read(prefill: AuthorisedPrefill, operation: Operation, record: Record) -> Brought:
    """Return the requested fields from the record of an operation."""
    wanted = [name for name in prefill.request.fields if FIELD_OPERATIONS.get(name) is operation]
    return Brought(
        record=record,
        values={name: value_of(name, record) for name in wanted},
        as_of=None if record.as_of is None else record.as_of.astimezone(UTC),
    )


def _outcome(answer: Answer) -> str:
    match answer:
        case Brought():
            return "found"
        case NobodyFound():
            return "nobody_found"
    return answer.code


def _is_dead(answer: Answer) -> bool:
    return isinstance(answer, Brought) and answer.record.life_status in GONE


async def _settle(
    transaction: DriverTransaction, settled: Sequence[_Settled], now: datetime
) -> list[list[State]]:
    """Release reservations; of each that the registry answered, count the enquiry and join the numbers in its records.

    Returns what each changed in covered tables.
    """
    await budget_store.release(transaction, [each.prefill.entry.act for each in settled])
    answered = Counter(each.prefill.account for each in settled if each.is_answered)
    await budget_store.add_answered(transaction, settled[0].deps, answered, now=now)
    noted = iter(await note_joined(transaction, [one for each in settled for one in each.joined]))
    return [list(islice(noted, len(each.joined))) for each in settled]


async def _apply_deliveries(transaction: DriverTransaction, records: Sequence[HotRecord[_Delivery]]) -> None:
    """Record answers and deliveries. The result of each is the right that ended meanwhile, so that nothing is delivered."""
    values = [record.value for record in records]
    now = values[0].deps.clock.now()
    states = await _settle(transaction, values, now)
    ended = await find_all_ended(transaction, [value.prefill.rights for value in values], now)
    traces = [_trace(value, now) for value, error in zip(values, ended, strict=True) if error is None]
    added = iter(await prefill_store.insert_traces(transaction, traces))
    for record, state, error in zip(records, states, ended, strict=True):
        record.result = error
        if error is None:
            row = record.value.entry.copy_with(at=now)
            record.entries = [*record.value.rows, with_state(row, *state, next(added))]
        else:
            refused = refused_entry(record.value.prefill.entry, error, now)
            record.entries = [*record.value.rows, with_state(refused, *state)]


def _trace(delivery: _Delivery, now: datetime) -> Trace:
    filled = delivery.filled
    return Trace(
        id=filled.id,
        profile=filled.profile,
        client_id=delivery.prefill.verification.client_id,
        verification=filled.verification,
        fields=tuple(name for name in filled.fields if name in FIELD_OPERATIONS),
        made_at=now,
    )


async def _find_delivery_locks(
    _: DriverTransaction, records: Sequence[HotRecord[_Delivery]]
) -> Iterable[int]:
    joined = [one for record in records for one in record.value.joined]
    return [citizen_lock(number, number.stable) for one in joined for number in (one.card, one.person)]


_DELIVERIES = HotChange(apply=_apply_deliveries, find_locks=_find_delivery_locks)


async def _deliver(
    deps: Dependencies,
    prefill: AuthorisedPrefill,
    rows: Sequence[AuditEntry],
    answers: Mapping[Operation, Answer],
) -> Prefill:
    """Record the answers and the delivery; if a right has ended meanwhile, the answers and the refusal."""
    filled = _fill_form(deps, prefill, answers)
    delivery = _Delivery(deps=deps, prefill=prefill, answers=list(answers.values()), rows=rows, filled=filled)
    ended: GatewayError | None = await deps.audit.submit(_DELIVERIES, delivery, mandatory=True)
    await budgets.raise_alarms(deps, prefill.place, prefill.verification.client_id)
    if ended is not None:
        raise ended
    return filled


async def _invalidate(
    deps: Dependencies, prefill: AuthorisedPrefill, rows: Sequence[AuditEntry], answers: Sequence[Answer]
) -> None:
    """End the verifications that the registry no longer confirms. Raises the refusal if a right of the call has ended."""
    verification = prefill.verification
    settled = _Settled(deps=deps, prefill=prefill, answers=answers)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], GatewayError | None]:
        now = deps.clock.now()
        refused = await find_ended(transaction, replace(prefill.rights, verification=None), now)
        await _settle(ConnectionTransaction(transaction), [settled], now)
        if any(_is_dead(answer) for answer in answers):
            reader = ConnectionTransaction(transaction)
            person = await person_store.find_person(reader, prefill.place.keys, verification)
            await store.invalidate_person(transaction, verification, about_person(person))
        else:
            await store.invalidate_claim(transaction, verification, prefill.claim_keys.all)
        ended = prefill.entry.copy_with(at=now, kind=Kind.ENDED, outcome="invalidated")
        if refused is None:
            return [*rows, ended], None
        return [*rows, ended, refused_entry(prefill.entry, refused, now)], refused

    refused = await deps.audit.commit(decide, mandatory=True)
    await budgets.raise_alarms(deps, prefill.place, verification.client_id)
    await deps.database.truncate_journal()
    if refused:
        raise refused


def _fill_form(
    deps: Dependencies, prefill: AuthorisedPrefill, answers: Mapping[Operation, Answer]
) -> Prefill:
    """Return each requested field, and all fields to declare in form order."""
    now = deps.clock.now()
    fields: dict[str, Filled | ToDeclare] = {}
    for name in prefill.request.fields:
        operation = FIELD_OPERATIONS.get(name)
        answer = None if operation is None else answers.get(operation)
        if (
            isinstance(answer, Brought)
            and answer.values[name] is not None
            and name not in prefill.under_correction
        ):
            fields[name] = Filled(value=answer.values[name], as_of=answer.as_of, retrieved_at=now)
        else:
            fields[name] = ToDeclare(_reason_unfilled(prefill, name, answer))
    grants = prefill.caller.grants.for_role(prefill.procedure.slug, prefill.role.name)
    to_declare: list[tuple[FormField, Reason]] = []
    for field in prefill.role.fields:
        name = field.name
        asked = fields.get(name)
        if isinstance(asked, ToDeclare):
            to_declare.append((field, asked.reason))
        elif asked is None and name not in FIELD_OPERATIONS:
            to_declare.append((field, Reason.NOT_FROM_REGISTRY))
        elif asked is None:
            granted = any(grant.covers_field(name) for grant in grants)
            to_declare.append((field, Reason.NOT_ASKED if granted else Reason.NOT_GRANTED))
    return Prefill(
        id=new_timed_identifier("pre", now),
        profile=prefill.place.profile,
        verification=prefill.verification.id,
        fields=fields,
        to_declare=to_declare,
    )


def _reason_unfilled(prefill: AuthorisedPrefill, name: str, answer: Answer | None) -> Reason:
    if name not in FIELD_OPERATIONS:
        return Reason.NOT_FROM_REGISTRY
    if name in prefill.under_correction:
        return Reason.UNDER_CORRECTION
    match answer:
        case Brought():
            return Reason.REGISTRY_HAS_NONE
        case RegistryRefused():
            return Reason.REGISTRY_REFUSED
        case RegistryAnswerInvalid():
            return Reason.REGISTRY_ANSWER_INVALID
    return Reason.REGISTRY_UNAVAILABLE
