"""What a registry can tell of one request by itself: name, number, code, timestamp, whom it is about."""

from collections.abc import Callable, Sequence
from datetime import datetime

from mock_c06.desk.procedures import PROCEDURES
from mock_c06.operations import Operation
from mock_c06.report.model import Found
from mock_c06.runs.journal import TOKEN, Entry, Outcome
from mock_c06.runs.seen import Numbers, Seen, Unit

ADULT_ENOUGH = 14
"""From this age on one has a card of one's own (Luật Căn cước 26/2023), and may be a parent or the requester."""
IMPOSSIBLE = "000000000000"
_BIRTHS = {"khai-sinh", "lien-thong-khai-sinh"}
_UNUSED = {Outcome.THROTTLED, Outcome.UNAUTHORISED, Outcome.REFUSED}


def seen_of(entry: Entry) -> Seen:
    """Give what was observed; only entries that have it are judged."""
    assert entry.seen is not None
    return entry.seen


def names_folded(entries: Sequence[Entry]) -> Found:
    """Names come as C06 compares them."""
    return _each(entries, lambda seen: seen.is_name_folded)


def one_number(entries: Sequence[Entry]) -> Found:
    """Exactly one of the two numbers comes, of its own length."""
    return _each(entries, lambda seen: seen.numbers is Numbers.ONE if seen.numbers else None)


def timestamps(entries: Sequence[Entry]) -> Found:
    """Timestamps count milliseconds, seconds only where the account says so."""

    def judge(seen: Seen) -> bool | None:
        if seen.timestamp is None:
            return None
        return seen.timestamp is (Unit.SECONDS if seen.wants_seconds else Unit.MILLISECONDS)

    return _each(entries, judge)


def request_ids(entries: Sequence[Entry]) -> Found:
    """A MaYeuCau that was used comes never again; the same question may keep it where it wasn't looked at."""
    used: dict[tuple[str | None, str], tuple[object, bool]] = {}
    looked, wrong = [], []
    for entry in entries:
        if entry.ma_yeu_cau is None:
            continue
        looked.append(entry.n)
        key = (entry.account, entry.ma_yeu_cau)
        question = (entry.operation, entry.asked)
        before = used.get(key)
        if before is not None and (before[1] or before[0] != question):
            wrong.append(entry.n)
        answered = entry.outcome not in _UNUSED and seen_of(entry).status < 500
        used[key] = (question, answered or (before is not None and before[1]))
    return Found(looked_at=tuple(looked), wrong=tuple(wrong))


def child_never_asked(entries: Sequence[Entry], now: datetime) -> Found:
    """A registration of birth asks about parents and requester; the child has no number yet."""
    looked, wrong = [], []
    for entry in entries:
        if PROCEDURES.get(seen_of(entry).service_code or "") not in _BIRTHS or entry.asked is None:
            continue
        looked.append(entry.n)
        if entry.asked.citizen_id == IMPOSSIBLE or now.year - int(entry.asked.birth[:4]) < ADULT_ENOUGH:
            wrong.append(entry.n)
    return Found(looked_at=tuple(looked), wrong=tuple(wrong))


def verdict_before_record(entries: Sequence[Entry]) -> Found:
    """The record is asked for only about somebody whom a yes or no has confirmed to this account before."""
    confirmed: set[tuple[str | None, str | None]] = set()
    looked, wrong = [], []
    for entry in entries:
        if entry.asked is None or entry.operation == TOKEN:
            continue
        subject = (entry.account, entry.asked.citizen_id or entry.asked.id_card_number)
        if entry.operation == Operation.AUTHENTICATE:
            looked.append(entry.n)
            if entry.outcome is Outcome.FOUND:
                confirmed.add(subject)
        elif entry.operation == Operation.LOOK_UP and entry.outcome in {Outcome.FOUND, Outcome.NOT_FOUND}:
            looked.append(entry.n)
            if subject not in confirmed:
                wrong.append(entry.n)
    return Found(looked_at=tuple(looked), wrong=tuple(wrong))


def _each(entries: Sequence[Entry], judge: Callable[[Seen], bool | None]) -> Found:
    judged = [(entry.n, judge(seen_of(entry))) for entry in entries]
    return Found(
        looked_at=tuple(n for n, right in judged if right is not None),
        wrong=tuple(n for n, right in judged if right is False),
    )
