"""A report card as values. Entries are named by their numbers in the journal; nobody asked about is named."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check found."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_SEEN = "not_seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A sentence in both languages."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a check looked at: the numbers of the entries it is about, and of those that were wrong."""

    looked_at: tuple[int, ...]
    wrong: tuple[int, ...]

    @property
    def verdict(self) -> Verdict:
        """Wrong where any is, not seen where there was nothing to look at."""
        if self.wrong:
            return Verdict.WRONG
        return Verdict.RIGHT if self.looked_at else Verdict.NOT_SEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check with its finding: what it asks for, and what to do where it is wrong."""

    id: str
    title: Text
    remedy: Text
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The card of one run, of one account where it was narrowed."""

    run: str
    account: str | None
    calls: int
    checks: tuple[Check, ...]

    def count(self, verdict: Verdict) -> int:
        """Say how many checks ended so."""
        return sum(check.found.verdict is verdict for check in self.checks)
