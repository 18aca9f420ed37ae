"""The registry's own log of every call, refused calls included, to compare a caller's audit with; its counts and assertions.

Kept in memory for as long as the run exists. The person asked about is a member of its own (`AskedPerson`), which the
control face shows only on request; elsewhere the number is masked. `Observation` is for the report card and has no
value of a person. The counts are of the whole process, for `/metrics`: deleting a run or its journal does not change
them. Source: NĐ 47/2020 Đ45 (what a provider logs).
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice

from pydantic import Field

from mock_c06.accounts.model import Environment
from mock_c06.bodies import CallName, ControlBody, Instant
from mock_c06.faults.fault import KindName
from mock_c06.login.reasons import LoginFailure
from mock_c06.unfrozen import unfrozen


class NumbersSent(StrEnum):
    """Which of the two numbers a request carried."""

    ONE = "one"
    BOTH = "both"
    NONE = "none"
    WRONG_LENGTH = "wrong_length"


class TimestampUnit(StrEnum):
    """What a login's timestamp counts, judged by its size."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    OTHER = "other"


@unfrozen
class Observation:
    """Only differences of `arrived_s` have a meaning. A member is None if the call did not show it."""

    arrived_s: float
    status: int
    retry_after_s: float | None = None
    is_cut: bool = False
    is_name_folded: bool | None = None
    numbers: NumbersSent | None = None
    timestamp: TimestampUnit | None = None
    wants_seconds: bool = False
    service_code: str | None = None


class Outcome(StrEnum):
    """How a call ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FAULT = "fault"
    UNAUTHORISED = "unauthorised"
    THROTTLED = "throttled"


@unfrozen
class AskedPerson:
    """The person that a call concerned, unmasked: synthetic, but treated like personal data."""

    citizen_id: str | None
    id_card_number: str | None
    full_name: str
    birth: str

    @property
    def number(self) -> str:
        """The number asked by."""
        return self.citizen_id or self.id_card_number or ""


@unfrozen
class Entry:
    """One call. `code` is C06's or the HTTP status of a refusal; `fault` the planned misbehaviour, if any.

    `fault_id` is the fault's id in the plan, `fault_call` which of its calls this was (from 1), `sent_late_ms` the
    delay of the answer. `reason`: why a login failed (login/reasons.py), which the caller does not learn, and
    `reason_detail`: what was hashed instead. `status` is None where the answer was cut off before it; `ms` counts from
    the end of the request to the beginning of the answer, a planned delay included; `bytes` are those of the answer's
    body as far as it is sent, `request_bytes` those of the request's.
    """

    n: int
    at: str
    environment: str
    operation: str | None
    account: str | None
    ma_yeu_cau: str | None
    outcome: Outcome
    code: str | None
    fault: str | None
    subject: str | None
    body_sha256: str
    fault_id: str | None = None
    fault_call: int | None = None
    sent_late_ms: int | None = None
    reason: str | None = None
    reason_detail: str | None = None
    status: int | None = None
    ms: float | None = None
    bytes: int | None = None
    request_bytes: int | None = None
    asked: AskedPerson | None = field(default=None, repr=False)
    observation: Observation | None = field(default=None, repr=False)


class EntryFilter(ControlBody):
    """Filters that a URL may have; an entry must match all. `since` is inclusive, by the wall clock, `after` is the number of
    an entry."""

    environment: Environment | None = None
    # With a misspelt name every `never` would pass.
    operation: CallName | None = None
    account: str | None = None
    outcome: Outcome | None = None
    fault: KindName | None = None
    fault_id: str | None = None
    code: str | None = None
    ma_yeu_cau: str | None = None
    reason: LoginFailure | None = None
    since: Instant | None = None
    after: int = Field(default=0, ge=0)

    @property
    def numbers(self) -> set[str | None]:
        """The numbers of one person, of which an entry must have one; without any it may be about anybody."""
        return set()

    def matches(self, entry: Entry) -> bool:
        """Return whether an entry matches."""
        for name in _EQUAL:
            wanted = getattr(self, name)
            if wanted is not None and wanted != getattr(entry, name):
                return False
        if self.numbers and (entry.asked is None or entry.asked.number not in self.numbers):
            return False
        return entry.n > self.after and (self.since is None or datetime.fromisoformat(entry.at) >= self.since)


_EQUAL = tuple(name for name in EntryFilter.model_fields if name not in {"since", "after"})


class QueryBody(EntryFilter):
    """The same filters, and the number of the person."""

    citizen_id: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    id_card_number: str | None = Field(default=None, pattern=r"^[0-9]{9}$")

    @property
    def numbers(self) -> set[str | None]:
        """With both numbers of a person, calls by either match."""
        return {self.citizen_id, self.id_card_number} - {None}


ALL = EntryFilter()


MAX_ENTRIES = 100_000
"""Of one run: some 150 MB. The oldest entry is dropped for a newer one."""


class Journal:
    """Entries in the order of the calls; `n` starts at 1. `dropped` is how many the limit has cost since `clear`."""

    def __init__(self, limit: int = MAX_ENTRIES, count: Callable[[Entry], None] | None = None) -> None:
        self._count = count
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._forgotten = 0
        self.dropped = 0

    def next_number(self) -> int:
        """Return the number of the next entry."""
        return self._forgotten + len(self._entries) + 1

    def append(self, entry: Entry) -> None:
        """Keep the entry."""
        if len(self._entries) == self._entries.maxlen:
            self._forgotten += 1
            self.dropped += 1
        self._entries.append(entry)
        if self._count is not None:
            self._count(entry)

    def last(self) -> Entry:
        """Return the newest entry; there must be one."""
        return self._entries[-1]

    def clear(self) -> None:
        """Remove every entry; the numbers go on."""
        self._forgotten += len(self._entries)
        self._entries.clear()
        self.dropped = 0

    def entries(self, query: EntryFilter = ALL) -> list[Entry]:
        """Return the entries that match, oldest first."""
        # Numbers have no gaps: the entries up to `after` are skipped without a look.
        start = max(query.after - self._forgotten, 0)
        return [entry for entry in islice(self._entries, start, None) if query.matches(entry)]


def mask_subject(citizen_id: str | None, id_card_number: str | None) -> str | None:
    """Mask the middle of a number: `001090***123`, `012***678`."""
    if citizen_id:
        return f"{citizen_id[:6]}***{citizen_id[-3:]}"
    return f"{id_card_number[:3]}***{id_card_number[-3:]}" if id_card_number else None


BUCKETS_MS = (1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 60_000)
_Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Tally:
    """Mutable; on one event loop. Labels are of small sets: environment, operation, outcome, reason, kind of fault."""

    calls: Counter[_Labels] = field(default_factory=Counter)
    reasons: Counter[_Labels] = field(default_factory=Counter)
    faults: Counter[_Labels] = field(default_factory=Counter)
    at_most: list[int] = field(default_factory=lambda: [0] * len(BUCKETS_MS))
    count: int = 0
    ms: float = 0.0
    bytes: int = 0

    def add(self, entry: Entry) -> None:
        """Count a call."""
        operation = entry.operation or "unknown"
        labels = (
            ("environment", entry.environment),
            ("operation", operation),
            ("outcome", entry.outcome.value),
        )
        self.calls[labels] += 1
        if entry.reason is not None:
            self.reasons[("reason", str(entry.reason)),] += 1
        if entry.fault is not None:
            self.faults[("kind", entry.fault),] += 1
        took = entry.ms or 0.0
        for position, bound in enumerate(BUCKETS_MS):
            if took <= bound:
                self.at_most[position] += 1
        self.count += 1
        self.ms += took
        self.bytes += entry.bytes or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether the assertion passes, and why: with the numbers of the entries, never with the people they concern."""

    passed: bool
    reason: str


def judge_count(journal: Journal, query: EntryFilter, *, at_least: int, at_most: int | None) -> Judgement:
    """Judge the number of matching entries."""
    found = journal.entries(query)
    if journal.dropped and (at_most is not None or len(found) < at_least):
        return _lost(journal)
    passed = len(found) >= at_least and (at_most is None or len(found) <= at_most)
    wanted = _range(at_least, at_most)
    return Judgement(passed=passed, reason=f"{len(found)} calls match{_which(found)}, expected {wanted}")


def judge_never(journal: Journal, query: EntryFilter) -> Judgement:
    """Judge that no entry matches."""
    found = journal.entries(query)
    if journal.dropped and not found:
        return _lost(journal)
    if not found:
        return Judgement(passed=True, reason="no call matches")
    return Judgement(passed=False, reason=f"{len(found)} calls match{_which(found)}, expected none")


def judge_order(journal: Journal, queries: Sequence[EntryFilter]) -> Judgement:
    """Judge that the calls came in this order; others may come between them."""
    met: list[Entry] = []
    entries = iter(journal.entries())
    for position, query in enumerate(queries):
        found = next((entry for entry in entries if query.matches(entry)), None)
        if found is None:
            return Judgement(passed=False, reason=f"in_order.{position}: no call matches{_after(met)}")
        met.append(found)
    return Judgement(passed=True, reason=f"the calls came in this order{_which(met)}")


def _lost(journal: Journal) -> Judgement:
    """Judge what the journal no longer knows: never as passed."""
    reason = f"the journal has dropped its {journal.dropped} oldest calls: clear it before what you count"
    return Judgement(passed=False, reason=reason)


def _range(at_least: int, at_most: int | None) -> str:
    if at_most is None:
        return f"at least {at_least}"
    return str(at_least) if at_least == at_most else f"{at_least} to {at_most}"


def _which(found: Sequence[Entry]) -> str:
    numbers = [str(entry.n) for entry in found[:20]]
    more = ["…"] if len(found) > len(numbers) else []
    return f" (n {', '.join(numbers + more)})" if found else ""


def _after(met: Sequence[Entry]) -> str:
    return f" after n {met[-1].n}" if met else ""
