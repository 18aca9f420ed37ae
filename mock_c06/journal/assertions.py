"""Assertions about a journal: how many calls match, in which order calls came, or that none came."""

from collections.abc import Sequence
from dataclasses import dataclass

from mock_c06.journal.journal import Entry, Journal, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether the assertion passes, and why: with the numbers of the entries, never with the people they concern."""

    passed: bool
    reason: str


def judge_count(journal: Journal, query: Query, *, at_least: int, at_most: int | None) -> Judgement:
    """Judge the number of matching entries."""
    found = journal.entries(query)
    if journal.dropped and (at_most is not None or len(found) < at_least):
        return _lost(journal)
    passed = len(found) >= at_least and (at_most is None or len(found) <= at_most)
    wanted = _range(at_least, at_most)
    return Judgement(passed=passed, reason=f"{len(found)} calls match{_which(found)}, expected {wanted}")


def judge_never(journal: Journal, query: Query) -> Judgement:
    """Judge that no entry matches."""
    found = journal.entries(query)
    if journal.dropped and not found:
        return _lost(journal)
    if not found:
        return Judgement(passed=True, reason="no call matches")
    return Judgement(passed=False, reason=f"{len(found)} calls match{_which(found)}, expected none")


def judge_order(journal: Journal, queries: Sequence[Query]) -> Judgement:
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
