"""Process one call: planned fault, login, permissions, the question, the journal entry.

The order is C06's as far as it is known: login, status of the account, rate, request, operation, procedure, officer,
duplicate. A fault before the registry (down, throttled) does not change the run's memory.
"""

from dataclasses import dataclass, replace

from mock_c06.accounts.model import Account
from mock_c06.accounts.register import Register, note_login
from mock_c06.clock import rfc3339
from mock_c06.errors import (
    AccountLocked,
    AccountNotActive,
    CallRefused,
    RequestRefused,
    Throttled,
    Unauthorised,
)
from mock_c06.faces.answers import answer_claim, answer_feed
from mock_c06.faces.call import Call, Endpoint
from mock_c06.faces.dialects import JsonDialect, SoapDialect, WireDialect, operation_of, require_own_operation
from mock_c06.faces.fault_watch import FaultWatch
from mock_c06.faces.observe import observe
from mock_c06.faults.plan import FaultHit
from mock_c06.journal.journal import AskedPerson, Entry, Outcome, mask_subject
from mock_c06.login.admission import admit, license_enquiry
from mock_c06.operations import Operation
from mock_c06.people.model import Claim
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.enquiry import Enquiry, FeedWindow, duplicate_code
from mock_c06.wire.record import Answer
from mock_c06.wire.reply import Reply

_ANSWERED = {Outcome.FOUND, Outcome.NOT_FOUND}


@unfrozen
class CallResult:
    """How a call ended, for its reply and its journal entry."""

    reply: Reply
    outcome: Outcome
    code: str | None = None
    reason: str | None = None
    reason_detail: str | None = None


@unfrozen
class _Reading:
    """What is known of a call before its caller is verified."""

    operation: Operation | None
    account: Account | None
    enquiry: Enquiry | None
    refusal: RequestRefused | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Answers the five operations through either dialect."""

    register: Register

    def answer(self, call: Call) -> Reply:
        """Answer a call and write it in the journal."""
        register = call.run.accounts_of(self.register)
        dialect: WireDialect = (
            JsonDialect(register) if call.route.endpoint is Endpoint.LGSP else SoapDialect(register)
        )
        reading = _read(call, dialect)
        watch = FaultWatch(
            call=call,
            operation=reading.operation,
            account=reading.account.name if reading.account else None,
            number=reading.enquiry.claim.number if reading.enquiry and reading.enquiry.claim else None,
        )
        ending = self._end(call, dialect, reading, watch)
        hit = watch.hit
        if hit is not None and not hit.fault.kind.keeps_outcome and ending.outcome in _ANSWERED:
            ending = replace(ending, outcome=Outcome.FAULT)
        record_call(call, reading.operation, reading.account, reading.enquiry, ending, hit)
        return ending.reply

    def _end(self, call: Call, dialect: WireDialect, reading: _Reading, watch: FaultWatch) -> CallResult:
        if (reply := watch.reply_before_login()) is not None:
            return CallResult(reply=reply, outcome=Outcome.FAULT)
        try:
            account = note_login(self.register, dialect.verify_caller(call, reading.account))
            admit(account, call.run.memory, monotonic=call.monotonic)
            ending = _ask(call, dialect, account, reading, watch)
        except CallRefused as refusal:
            ending = refusal_result(refusal, dialect.write_refusal(refusal, reading.account))
        changed = watch.change_reply(ending.reply)
        return ending if changed is ending.reply else replace(ending, reply=changed)


def _read(call: Call, dialect: WireDialect) -> _Reading:
    account = dialect.claimed_account(call)
    try:
        enquiry = dialect.parse(call, account)
    except RequestRefused as refusal:
        operation = operation_of(call)
        return _Reading(operation=operation, account=account, enquiry=None, refusal=refusal)
    return _Reading(operation=enquiry.operation, account=account, enquiry=enquiry, refusal=None)


def _ask(
    call: Call, dialect: WireDialect, account: Account, reading: _Reading, watch: FaultWatch
) -> CallResult:
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
    if (refusal := watch.refusal()) is not None:
        raise refusal
    answer = watch.change_answer(_answer_once(call, account, enquiry))
    outcome = Outcome.FOUND if answer.count else Outcome.NOT_FOUND
    return CallResult(reply=dialect.write_answer(answer, account), outcome=outcome)


def _answer_once(call: Call, account: Account, enquiry: Enquiry) -> Answer:
    """Answer, unless the account has used this MaYeuCau before: then refuse, or repeat a stored answer."""
    answers = call.run.memory.answers
    key = (account.name, enquiry.ma_yeu_cau)
    stored = answers.get(key)
    if key in answers:
        if isinstance(stored, Answer) and stored.operation is enquiry.operation:
            return stored
        raise duplicate_code()
    operation, question = enquiry.operation, enquiry.question
    if isinstance(question, FeedWindow):
        answer = answer_feed(operation, question, account, call.run)
    else:
        now = call.run.clock.now()
        answer = answer_claim(operation, question, account, call.run.world, as_of=now)
    call.run.memory.keep_answer(key, answer if account.switches.stored_answer else None)
    return answer


def refusal_result(refusal: CallRefused, reply: Reply) -> CallResult:
    """Return a refusal with its outcome and code for the journal."""
    match refusal:
        case RequestRefused():
            return CallResult(reply=reply, outcome=Outcome.REFUSED, code=refusal.code)
        case AccountLocked():
            return CallResult(reply=reply, outcome=Outcome.UNAUTHORISED, code="locked", reason=refusal.reason)
        case Unauthorised():
            return CallResult(
                reply=reply,
                outcome=Outcome.UNAUTHORISED,
                code="401",
                reason=refusal.reason,
                reason_detail=refusal.detail,
            )
        case Throttled():
            return CallResult(reply=reply, outcome=Outcome.THROTTLED, code="429")
        case AccountNotActive():
            return CallResult(reply=reply, outcome=Outcome.REFUSED, code="403", reason=refusal.reason)
    return CallResult(reply=reply, outcome=Outcome.REFUSED)


def record_call(
    call: Call,
    operation: str | None,
    account: Account | None,
    enquiry: Enquiry | None,
    ending: CallResult,
    hit: FaultHit | None,
) -> None:
    """Write the call into the run's journal, before the reply is sent."""
    journal = call.run.journal
    claim = enquiry.claim if enquiry else None
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
            fault=hit.fault.kind.name if hit else None,
            subject=mask_subject(claim.citizen_id, claim.id_card_number) if claim else None,
            body_sha256=call.body_sha256,
            fault_id=hit.fault_id if hit else None,
            fault_call=hit.n if hit else None,
            reason=ending.reason,
            reason_detail=ending.reason_detail,
            status=ending.reply.status_sent,
            ms=call.ms_until(ending.reply),
            bytes=ending.reply.bytes_sent,
            request_bytes=len(call.body),
            sent_late_ms=round(ending.reply.delay_s * 1000) or None,
            asked=_asked(claim) if claim else None,
            observation=observe(call, enquiry, account, ending.reply),
        )
    )


def _asked(claim: Claim) -> AskedPerson:
    birth = claim.birth_date.isoformat() if claim.birth_date else str(claim.birth_year)
    return AskedPerson(
        citizen_id=claim.citizen_id,
        id_card_number=claim.id_card_number,
        full_name=claim.full_name,
        birth=birth,
    )
