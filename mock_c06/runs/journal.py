"""The registry's own log of every call at its door, refused ones too, so that a caller's audit can be compared.

Kept in memory for as long as the run lives. What was asked about a person is kept apart (`Asked`) and shown only
where the control face is asked for it; elsewhere the number is masked. Source: NĐ 47/2020 Đ45 (what a provider logs).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice

from mock_c06.light import light_value
from mock_c06.runs.seen import Seen

TOKEN = "token"  # noqa: S105 - the journal's word for a token call, not a secret


class Outcome(StrEnum):
    """How a call ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FAULT = "fault"
    UNAUTHORISED = "unauthorised"
    THROTTLED = "throttled"


@light_value
class Asked:
    """Whom a call was about, in whole: synthetic, and treated as personal all the same."""

    citizen_id: str | None
    id_card_number: str | None
    full_name: str
    birth: str

    @property
    def number(self) -> str:
        """The number asked by."""
        return self.citizen_id or self.id_card_number or ""


@light_value
class Entry:
    """One call. `code` is C06's or the HTTP status of a refusal; `fault` the planned misbehaviour, if any.

    `fault_id` and `fault_call` say which fault of the plan it was and its how-manieth call; `sent_late_ms` how
    long it held the answer back.
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
    asked: Asked | None = field(default=None, repr=False)
    seen: Seen | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which entries are meant: a member that is None doesn't narrow. `since` is inclusive, by the wall clock."""

    environment: str | None = None
    operation: str | None = None
    account: str | None = None
    outcome: str | None = None
    fault: str | None = None
    fault_id: str | None = None
    code: str | None = None
    ma_yeu_cau: str | None = None
    numbers: frozenset[str] | None = field(default=None, repr=False)
    since: datetime | None = None
    after: int = 0

    def matches(self, entry: Entry) -> bool:
        """Say whether an entry is meant."""
        pairs = (
            (self.environment, entry.environment),
            (self.operation, entry.operation),
            (self.account, entry.account),
            (self.outcome, entry.outcome),
            (self.fault, entry.fault),
            (self.fault_id, entry.fault_id),
            (self.code, entry.code),
            (self.ma_yeu_cau, entry.ma_yeu_cau),
        )
        if any(wanted is not None and wanted != held for wanted, held in pairs):
            return False
        if self.numbers is not None and (entry.asked is None or entry.asked.number not in self.numbers):
            return False
        return entry.n > self.after and (self.since is None or datetime.fromisoformat(entry.at) >= self.since)


ALL = Query()


class Journal:
    """Entries in the order of the calls; `n` starts at 1."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._forgotten = 0

    def next_number(self) -> int:
        """Give the number that the next entry must carry."""
        return self._forgotten + len(self._entries) + 1

    def append(self, entry: Entry) -> None:
        """Keep the entry."""
        self._entries.append(entry)

    def last(self) -> Entry:
        """Give the newest entry; there must be one."""
        return self._entries[-1]

    def clear(self) -> None:
        """Forget every entry; the numbers go on."""
        self._forgotten += len(self._entries)
        self._entries.clear()

    def entries(self, query: Query = ALL) -> list[Entry]:
        """Give the entries that the query means, oldest first."""
        # Numbers have no gaps: what lies before `after` needn't be looked at, however long the run.
        start = max(query.after - self._forgotten, 0)
        return [entry for entry in islice(self._entries, start, None) if query.matches(entry)]


def mask_subject(citizen_id: str | None, id_card_number: str | None) -> str | None:
    """Hide the middle of a number: `001090***123`, `012***678`."""
    if citizen_id:
        return f"{citizen_id[:6]}***{citizen_id[-3:]}"
    return f"{id_card_number[:3]}***{id_card_number[-3:]}" if id_card_number else None
