"""The feed of changes, as a bulk client reads it: TraCuuThongTinCongDan asked by time instead of by person.

TuNgay and DenNgay (epoch ms by the run's clock, the second exclusive), Loai (0 for all), Trang from 1, SoBanGhi a page.
Each person whose record a life event changed comes once, as they are now, in the order of their last change; a page
that is not full is the last. The fields were seen in one public client; their ranges and Loai's codes are guesses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mock_c06.desk.accounts import Account
from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.population.model import Person
from mock_c06.runs.life import EventKind
from mock_c06.runs.run import Run
from mock_c06.wire.answering import Answer
from mock_c06.wire.enquiry import FEED, HEAD, Enquiry, FeedWindow, parse_head, wrong
from mock_c06.wire.record import Teller

MOST_A_PAGE = 1000
_KINDS = {
    "1": EventKind.BIRTH,
    "2": EventKind.DEATH,
    "3": EventKind.MARRIAGE,
    "4": EventKind.DIVORCE,
    "5": EventKind.MOVE,
    "6": EventKind.NAME_CORRECTION,
    "7": EventKind.RENUMBERED,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = re.compile(r"[0-9]{1,14}")
_COUNT = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class _Change:
    at: datetime
    n: int
    key: str


def parse_feed(fields: Mapping[str, str]) -> Enquiry:
    """Read the fields, by their wire names; raises `RequestRefused` 01."""
    if missing := [name for name in (*HEAD, *FEED) if not fields.get(name, "").strip() and name != "Loai"]:
        raise wrong(f"Thiếu {missing[0]}")
    values = {name: value.strip() for name, value in fields.items()}
    since, until = _instant(values, "TuNgay"), _instant(values, "DenNgay")
    kind = values.get("Loai") or "0"
    if kind != "0" and kind not in _KINDS:
        raise wrong("Giá trị của Loai không hợp lệ")
    if since >= until:
        raise wrong("DenNgay phải sau TuNgay")
    size = _count(values, "SoBanGhi")
    if size > MOST_A_PAGE:
        raise wrong(f"SoBanGhi không được quá {MOST_A_PAGE}")
    window = FeedWindow(since=since, until=until, kind=kind, page=_count(values, "Trang"), size=size)
    return parse_head(Operation.LOOK_UP, values, window)


def answer_feed(enquiry: Enquiry, window: FeedWindow, account: Account, run: Run) -> Answer:
    """Give one page; raises `RequestRefused` 006 for an account without the feed."""
    if not account.change_feed:
        raise RequestRefused("006", "Tài khoản không được cấp quyền nhận dữ liệu thay đổi")
    now = run.clock.now()
    start = (window.page - 1) * window.size
    keys = _changed(run, window, now)[start : start + window.size]
    people = [person for key in keys if (person := run.world.find_by_key(key)) is not None]
    teller = Teller(account=account, asked_by=None)
    records = tuple(teller.tell(person, _household(run, person), enquiry.operation) for person in people)
    return Answer(operation=enquiry.operation, count=len(records), records=records, as_of=now)


def _changed(run: Run, window: FeedWindow, now: datetime) -> list[str]:
    """Give the keys of who changed in the window, each once, by their last change."""
    last: dict[str, _Change] = {}
    for event in run.events:
        if window.since <= event.at < window.until and event.at <= now and _is_of(event.kind, window.kind):
            last |= {key: _Change(event.at, event.n, key) for key in event.keys}
    return [change.key for change in sorted(last.values(), key=lambda each: (each.at, each.n, each.key))]


def _is_of(kind: EventKind, wanted: str) -> bool:
    return wanted == "0" or _KINDS[wanted] is kind


def _household(run: Run, person: Person) -> tuple[Person, ...]:
    return run.world.household(person.household) if person.household else ()


def _instant(values: Mapping[str, str], name: str) -> datetime:
    if not _MS.fullmatch(values[name]):
        raise wrong(f"Giá trị của {name} không hợp lệ")
    return _EPOCH + timedelta(milliseconds=int(values[name]))


def _count(values: Mapping[str, str], name: str) -> int:
    if not _COUNT.fullmatch(values[name]):
        raise wrong(f"Giá trị của {name} không hợp lệ")
    return int(values[name])
