"""How a client comes back after a failure: with growing pauses, and not before it was told to.

A retry is the same question by the same account after a call that failed. Judged leniently, since jitter is right:
pauses must be there, and with several retries the longest must not be the first.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from mock_c06.report.checks import seen_of
from mock_c06.report.model import Found
from mock_c06.runs.journal import Entry

SHORTEST_S = 0.02
GROWTH = 1.1
MOST_TRIES = 10
_LENIENCY_S = 0.05
_ON_THEIR_WAY_S = 1.0
"""Other questions that arrive so soon after a refusal had left before its answer came."""


def retries_back_off(entries: Sequence[Entry]) -> Found:
    """After a failure the same question comes again later, each time after a longer pause, and not for ever."""
    looked: list[int] = []
    wrong: list[int] = []
    for chain in _chains(entries):
        looked += [entry.n for entry in chain[1:]]
        arrivals = [seen_of(entry).arrived_s for entry in chain]
        pauses = [later - before for before, later in pairwise(arrivals)]
        hasty = [
            entry.n
            for entry, before, pause in zip(chain[1:], chain, pauses, strict=False)
            # A connection that was cut may be opened anew at once, the first time (RFC 9110 §9.2.2).
            if pause < SHORTEST_S and not (seen_of(before).is_cut and before is chain[0])
        ]
        steady = len(pauses) > 1 and max(pauses[1:]) < pauses[0] * GROWTH
        endless = [entry.n for entry in chain[MOST_TRIES:]]
        wrong += sorted({*hasty, *endless, *([chain[-1].n] if steady else [])})
    return Found(looked_at=tuple(sorted(looked)), wrong=tuple(sorted(wrong)))


def retry_after_honoured(entries: Sequence[Entry]) -> Found:
    """Nothing comes before the time that `Retry-After` named."""
    looked: set[int] = set()
    wrong: set[int] = set()
    for position, refused in enumerate(entries):
        pause = seen_of(refused).retry_after_s
        if pause is None:
            continue
        for later in entries[position + 1 :]:
            if (later.account, later.environment) != (refused.account, refused.environment):
                continue
            waited = seen_of(later).arrived_s - seen_of(refused).arrived_s
            if not _same_question(refused, later) and waited < _ON_THEIR_WAY_S:
                continue
            looked.add(later.n)
            if waited >= pause - _LENIENCY_S:
                break
            wrong.add(later.n)
    return Found(looked_at=tuple(sorted(looked)), wrong=tuple(sorted(wrong)))


def _chains(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Give the calls of each question that failed and came again, up to the first that didn't fail."""
    by_question: dict[object, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.asked is not None:
            by_question[_question(entry)].append(entry)
    for calls in by_question.values():
        chain: list[Entry] = []
        for entry in calls:
            chain.append(entry)
            if not _has_failed(entry):
                yield from [chain] if len(chain) > 1 else []
                chain = []
        yield from [chain] if len(chain) > 1 else []


def _has_failed(entry: Entry) -> bool:
    seen = seen_of(entry)
    return seen.is_cut or seen.status == 429 or seen.status >= 500


def _question(entry: Entry) -> object:
    return (entry.environment, entry.account, entry.operation, entry.asked)


def _same_question(one: Entry, other: Entry) -> bool:
    return _question(one) == _question(other)
