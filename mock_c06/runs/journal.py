"""The registry's own log of every call at its door, refused ones too, so that a caller's audit can be compared.

Holds no name and no date; the number masked. Kept in memory for as long as the run lives.
Source: NĐ 47/2020 Đ45 (what a provider logs).
"""

from dataclasses import dataclass
from enum import StrEnum

TOKEN = "token"  # noqa: S105 - the journal's word for a token call, not a secret


class Outcome(StrEnum):
    """How a call ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FAULT = "fault"
    UNAUTHORISED = "unauthorised"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call. `code` is C06's or the HTTP status of a refusal; `fault` the planned misbehaviour, if any."""

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


class Journal:
    """Entries in the order of the calls; `n` starts at 1."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def next_number(self) -> int:
        """Give the number that the next entry must carry."""
        return len(self._entries) + 1

    def append(self, entry: Entry) -> None:
        """Keep the entry."""
        self._entries.append(entry)

    def entries(self, *, environment: str | None = None, operation: str | None = None) -> list[Entry]:
        """Give the entries, all or those of one environment and operation."""
        return [
            entry
            for entry in self._entries
            if environment in {None, entry.environment} and operation in {None, entry.operation}
        ]


def mask_subject(citizen_id: str | None, id_card_number: str | None) -> str | None:
    """Hide the middle of a number: `001090***123`, `012***678`."""
    if citizen_id:
        return f"{citizen_id[:6]}***{citizen_id[-3:]}"
    return f"{id_card_number[:3]}***{id_card_number[-3:]}" if id_card_number else None
