"""One call from door to answer: planned fault, login, rules, the question, the journal's entry.

The order is C06's as far as it shows: login, state of the account, rate, request, operation, procedure,
officer, duplicate. A fault that stands before the registry (down, throttled) leaves no trace in its memory.
"""

from dataclasses import dataclass, replace

from mock_c06.clock import rfc3339
from mock_c06.desk.accounts import Account
from mock_c06.desk.grants import admit, license_enquiry
from mock_c06.desk.lifecycle import note_login
from mock_c06.desk.register import Register
from mock_c06.errors import (
    AccountLocked,
    AccountNotActive,
    CallRefused,
    RequestRefused,
    Throttled,
    Unauthorised,
)
from mock_c06.light import light_value
from mock_c06.operations import Operation
from mock_c06.runs.journal import Asked, Entry, Outcome, mask_subject
from mock_c06.runs.plan import Hit
from mock_c06.wire.answering import Answer, answer_enquiry
from mock_c06.wire.call import Call
from mock_c06.wire.change_feed import answer_feed
from mock_c06.wire.enquiry import Enquiry
from mock_c06.wire.fault_watch import FaultWatch
from mock_c06.wire.misbehaviour import INSTEAD, changes_outcome
from mock_c06.wire.observing import observe
from mock_c06.wire.reply import Reply
from mock_c06.wire.routes import Door
from mock_c06.wire.voices import JsonVoice, SoapVoice, Voice, operation_of, require_own_operation

_ANSWERED = {Outcome.FOUND, Outcome.NOT_FOUND}


@light_value
class Ending:
    """How a call ended, for its reply and its journal entry."""

    reply: Reply
    outcome: Outcome
    code: str | None = None


@light_value
class _Reading:
    """What can be told of a call before its caller is proven."""

    operation: Operation | None
    account: Account | None
    enquiry: Enquiry | None
    refusal: RequestRefused | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Answers the five operations through either voice."""

    register: Register

    def answer(self, call: Call) -> Reply:
        """Answer a call and write it in the journal."""
        register = self.register.under(call.run.switches, call.run.accounts or None)
        voice: Voice = JsonVoice(register) if call.route.door is Door.LGSP else SoapVoice(register)
        reading = _read(call, voice)
        watch = FaultWatch(
            call=call,
            operation=reading.operation,
            account=reading.account.name if reading.account else None,
            number=reading.enquiry.number if reading.enquiry else None,
        )
        ending = self._end(call, voice, reading, watch)
        hit = watch.hit
        if hit is not None and changes_outcome(hit.fault.kind) and ending.outcome in _ANSWERED:
            ending = replace(ending, outcome=Outcome.FAULT)
        record_call(call, reading.operation, reading.account, reading.enquiry, ending, hit)
        return ending.reply

    def _end(self, call: Call, voice: Voice, reading: _Reading, watch: FaultWatch) -> Ending:
        if (fault := watch.at_door()) is not None:
            return Ending(reply=watch.bend_reply(INSTEAD[fault.kind](fault)), outcome=Outcome.FAULT)
        try:
            account = note_login(self.register, voice.verify_caller(call, reading.account))
            admit(account, call.run.memory, monotonic=call.monotonic)
            ending = _ask(call, voice, account, reading, watch)
        except CallRefused as refusal:
            ending = end_refused(refusal, voice.write_refusal(refusal, reading.account))
        bent = watch.bend_reply(ending.reply)
        return ending if bent is ending.reply else replace(ending, reply=bent)


def _read(call: Call, voice: Voice) -> _Reading:
    account = voice.claimed_account(call)
    try:
        enquiry = voice.parse(call, account)
    except RequestRefused as refusal:
        operation = operation_of(call)
        return _Reading(operation=operation, account=account, enquiry=None, refusal=refusal)
    return _Reading(operation=enquiry.operation, account=account, enquiry=enquiry, refusal=None)


def _ask(call: Call, voice: Voice, account: Account, reading: _Reading, watch: FaultWatch) -> Ending:
    enquiry = reading.enquiry
    if enquiry is None:
        raise reading.refusal or RequestRefused("01", "Thông điệp không hợp lệ")
    require_own_operation(enquiry, account)
    license_enquiry(
        account,
        operation=enquiry.operation,
        service_code=enquiry.service_code,
        officer=enquiry.officer,
        agency=enquiry.agency,
    )
    if watch.once_admitted() is not None:
        raise _duplicate()
    answer = watch.bend_answer(_answer_once(call, account, enquiry))
    outcome = Outcome.FOUND if answer.count else Outcome.NOT_FOUND
    return Ending(reply=voice.write_answer(answer, account), outcome=outcome)


def _answer_once(call: Call, account: Account, enquiry: Enquiry) -> Answer:
    """Answer, unless the account has used this MaYeuCau before: then refuse, or say the same again."""
    answers = call.run.memory.answers
    key = (account.name, enquiry.ma_yeu_cau)
    stored = answers.get(key)
    if key in answers:
        if isinstance(stored, Answer) and stored.operation is enquiry.operation:
            return stored
        raise _duplicate()
    if enquiry.feed is not None:
        answer = answer_feed(enquiry, enquiry.feed, account, call.run)
    else:
        answer = answer_enquiry(enquiry, account, call.run.world, as_of=call.run.clock.now())
    answers[key] = answer if account.switches.stored_answer else None
    return answer


def _duplicate() -> RequestRefused:
    return RequestRefused("007", "MaYeuCau đã được sử dụng")


def end_refused(refusal: CallRefused, reply: Reply) -> Ending:
    """Say how a refusal stands in the journal."""
    match refusal:
        case RequestRefused():
            return Ending(reply=reply, outcome=Outcome.REFUSED, code=refusal.code)
        case AccountLocked():
            return Ending(reply=reply, outcome=Outcome.UNAUTHORISED, code="locked")
        case Unauthorised():
            return Ending(reply=reply, outcome=Outcome.UNAUTHORISED, code="401")
        case Throttled():
            return Ending(reply=reply, outcome=Outcome.THROTTLED, code="429")
        case AccountNotActive():
            return Ending(reply=reply, outcome=Outcome.REFUSED, code="403")
    return Ending(reply=reply, outcome=Outcome.REFUSED)


def record_call(
    call: Call,
    operation: str | None,
    account: Account | None,
    enquiry: Enquiry | None,
    ending: Ending,
    hit: Hit | None,
) -> None:
    """Write the call into the run's journal, before its answer leaves."""
    journal = call.run.journal
    journal.append(
        Entry(
            n=journal.next_number(),
            at=rfc3339(call.wall),
            environment=call.environment.value,
            operation=operation,
            account=account.name if account else None,
            ma_yeu_cau=enquiry.ma_yeu_cau if enquiry else None,
            outcome=ending.outcome,
            code=ending.code,
            fault=hit.fault.kind.value if hit else None,
            subject=mask_subject(enquiry.citizen_id, enquiry.id_card_number) if enquiry else None,
            body_sha256=call.body_sha256,
            fault_id=hit.fault_id if hit else None,
            fault_call=hit.n if hit else None,
            sent_late_ms=round(ending.reply.delay_s * 1000) or None,
            asked=_asked(enquiry) if enquiry and enquiry.number else None,
            seen=observe(call, enquiry, account, ending.reply),
        )
    )


def _asked(enquiry: Enquiry) -> Asked:
    birth = enquiry.birth_date.isoformat() if enquiry.birth_date else str(enquiry.birth_year)
    return Asked(
        citizen_id=enquiry.citizen_id,
        id_card_number=enquiry.id_card_number,
        full_name=enquiry.full_name,
        birth=birth,
    )
