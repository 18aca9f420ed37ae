"""Process one call: planned fault, login, permissions, the question, its answer, the journal entry.

The order is C06's as far as it is known: login, status of the account, rate, request, operation, procedure, officer,
duplicate. A fault before the registry (down, throttled) does not change the run's memory.

Both dialects get the same answers. An unknown number, a wrong name, a deceased and a cancelled person give the same empty
answer to a yes/no question; a record also covers the deceased and the cancelled, with their status.

The change feed is TraCuuThongTinCongDan by time instead of by person: TuNgay and DenNgay (epoch ms by the run's
clock, the second exclusive), Loai (0 for all), Trang from 1, SoBanGhi per page. Each person whose record a life event
changed appears once, with the present record, in the order of the last change; a page that is not full is the last
one. The fields were seen in one public client; their ranges and Loai's codes are guesses.
"""

from dataclasses import replace
from datetime import datetime

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
from mock_c06.faces.call import Call, Endpoint
from mock_c06.faces.dialects import JsonDialect, SoapDialect, WireDialect, operation_of, require_own_operation
from mock_c06.faces.fault_watch import FaultWatch
from mock_c06.faces.observe import observe
from mock_c06.faults.plan import FaultHit
from mock_c06.journal import AskedPerson, Entry, Outcome, mask_subject
from mock_c06.login.admission import admit, license_enquiry
from mock_c06.matching import matches
from mock_c06.operations import Operation
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, NEVER_CONFIRMED, Claim, Person
from mock_c06.runs.run import Run
from mock_c06.runs.world import World
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.enquiry import FEED_KINDS, Enquiry, FeedWindow, duplicate_code
from mock_c06.wire.record import Answer, RecordWriter, write_empty_record
from mock_c06.wire.reply import Reply


def answer_claim(
    operation: Operation, claim: Claim, account: Account, world: World, *, as_of: datetime
) -> Answer:
    """Find the people who agree in number, name and birth, and answer what was asked."""
    yes_or_no = operation is Operation.AUTHENTICATE
    found = world.find(claim, core_only=yes_or_no)
    people = [person for person in found if matches(person, claim, account.switches)]
    if yes_or_no:
        never = set() if account.switches.confirms_dead else NEVER_CONFIRMED
        confirmed = [person for person in people if person.status not in never]
        return Answer(operation=operation, count=len(confirmed), as_of=as_of)
    writer = RecordWriter(account=account, asked_by=claim.number)
    records = tuple(
        writer.write(person, _household(person, world, operation), operation) for person in people
    )
    count = len(records)
    if not records and account.switches.empty_person:
        records = (write_empty_record(operation),)
    return Answer(operation=operation, count=count, records=records, as_of=as_of)


def _household(person: Person, world: World, operation: Operation) -> tuple[Person, ...]:
    """Return the members of the household that the operation's record contains."""
    if not person.household or operation not in {Operation.LOOK_UP, Operation.HOUSEHOLD}:
        return ()
    if operation is Operation.HOUSEHOLD:
        return world.household(person.household)
    head = person if person.relation_to_head == HEAD_OF_HOUSEHOLD else world.head(person.household)
    return (head,) if head is not None else ()


def answer_feed(operation: Operation, window: FeedWindow, account: Account, run: Run) -> Answer:
    """Answer one page; raises `RequestRefused` 006 for an account without the feed."""
    if not account.change_feed:
        raise RequestRefused("006", "Tài khoản không được cấp quyền nhận dữ liệu thay đổi")
    now = run.clock.now()
    start = (window.page - 1) * window.size
    keys = _changed(run, window, now)[start : start + window.size]
    people = [person for key in keys if (person := run.world.find_by_key(key)) is not None]
    writer = RecordWriter(account=account, asked_by=None)
    records = tuple(
        writer.write(person, _household(person, run.world, operation), operation) for person in people
    )
    return Answer(operation=operation, count=len(records), records=records, as_of=now)


def _changed(run: Run, window: FeedWindow, now: datetime) -> list[str]:
    """Return the keys of the people who changed in the window, each once, in the order of the last change."""
    last: dict[str, tuple[datetime, int, str]] = {}
    for event in run.events:
        is_wanted = window.kind == "0" or event.kind in FEED_KINDS[window.kind]
        if is_wanted and window.since <= event.at < window.until and event.at <= now:
            last |= {key: (event.at, event.n, key) for key in event.keys}
    return [key for _, _, key in sorted(last.values())]


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
    """What is known of a call before its caller is verified: `parsed` is the enquiry, or why it can't be read."""

    operation: Operation | None
    account: Account | None
    parsed: Enquiry | RequestRefused

    @property
    def enquiry(self) -> Enquiry | None:
        """The enquiry, None if it can't be read."""
        return self.parsed if isinstance(self.parsed, Enquiry) else None


def answer_question(register: Register, call: Call) -> Reply:
    """Answer a call of one of the five operations, through either dialect, and write it in the journal."""
    accounts = call.run.accounts_of(register)
    dialect: WireDialect = (
        JsonDialect(accounts) if call.route.endpoint is Endpoint.LGSP else SoapDialect(accounts)
    )
    reading = _read(call, dialect)
    watch = FaultWatch(
        call=call,
        operation=reading.operation,
        account=reading.account.name if reading.account else None,
        number=reading.enquiry.claim.number if reading.enquiry and reading.enquiry.claim else None,
    )
    ending = _end(register, call, dialect, reading, watch)
    return finish_call(call, reading.operation, reading.account, reading.enquiry, ending, watch.hit)


def _end(
    register: Register, call: Call, dialect: WireDialect, reading: _Reading, watch: FaultWatch
) -> CallResult:
    if (reply := watch.reply_before_login()) is not None:
        return CallResult(reply=reply, outcome=Outcome.FAULT)
    try:
        account = note_login(register, dialect.verify_caller(call, reading.account))
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
        return _Reading(operation=operation, account=account, parsed=refusal)
    return _Reading(operation=enquiry.operation, account=account, parsed=enquiry)


def _ask(
    call: Call, dialect: WireDialect, account: Account, reading: _Reading, watch: FaultWatch
) -> CallResult:
    enquiry = reading.parsed
    if isinstance(enquiry, RequestRefused):
        raise enquiry
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


def finish_call(
    call: Call,
    operation: str | None,
    account: Account | None,
    enquiry: Enquiry | None,
    ending: CallResult,
    hit: FaultHit | None,
) -> Reply:
    """Write the call into the run's journal, before the reply is sent; return the reply."""
    if hit is not None and not hit.fault.row.keeps_outcome and ending.outcome in _ANSWERED:
        ending = replace(ending, outcome=Outcome.FAULT)
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
            fault=hit.fault.kind if hit else None,
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
    return ending.reply


def _asked(claim: Claim) -> AskedPerson:
    birth = claim.birth_date.isoformat() if claim.birth_date else str(claim.birth_year)
    return AskedPerson(
        citizen_id=claim.citizen_id,
        id_card_number=claim.id_card_number,
        full_name=claim.full_name,
        birth=birth,
    )
