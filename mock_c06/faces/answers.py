"""Answer a question: find the people, and write what the account may read. Both dialects use it.

An unknown number, a wrong name, a deceased and a cancelled person give the same empty answer to a yes/no question; a
record also covers the deceased and the cancelled, with their status.

The change feed is TraCuuThongTinCongDan by time instead of by person: TuNgay and DenNgay (epoch ms by the run's
clock, the second exclusive), Loai (0 for all), Trang from 1, SoBanGhi per page. Each person whose record a life event
changed appears once, with the present record, in the order of the last change; a page that is not full is the last
one. The fields were seen in one public client; their ranges and Loai's codes are guesses.
"""

from datetime import datetime

from mock_c06.accounts.model import Account
from mock_c06.errors import RequestRefused
from mock_c06.matching.match import matches
from mock_c06.operations import Operation
from mock_c06.people.index import HEAD_OF_HOUSEHOLD
from mock_c06.people.model import Claim, LifeStatus, Person
from mock_c06.runs.run import Run
from mock_c06.runs.world import World
from mock_c06.wire.enquiry import FEED_KINDS, FeedWindow
from mock_c06.wire.record import Answer, RecordWriter, write_empty_record

_NEVER_CONFIRMED = {LifeStatus.DECEASED, LifeStatus.CANCELLED}


def answer_claim(
    operation: Operation, claim: Claim, account: Account, world: World, *, as_of: datetime
) -> Answer:
    """Find the people who agree in number, name and birth, and answer what was asked."""
    yes_or_no = operation is Operation.AUTHENTICATE
    found = world.find(claim, core_only=yes_or_no)
    people = [person for person in found if matches(person, claim, account.switches)]
    if yes_or_no:
        never = set() if account.switches.confirms_dead else _NEVER_CONFIRMED
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
        writer.write(person, run.world.household(person.household) if person.household else (), operation)
        for person in people
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
