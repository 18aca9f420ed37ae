"""The report card of a run: nine checks, of single requests and of retries, each with a title and a remedy.

They judge only the calls that reached the registry, not the reasons of the client. Findings name entries by their numbers
in the journal, and no person. A retry is the same question by the same account after a call that failed, even if the
client repeats it on purpose. Pauses are judged leniently, because jitter is correct: there must be pauses, and the first
of several must not be the longest.
"""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path

from mock_c06.accounts.model import PROCEDURES
from mock_c06.journal.journal import TOKEN, Entry, NumbersSent, Observation, Outcome, Query, TimestampUnit
from mock_c06.login.reasons import LoginFailure
from mock_c06.operations import Operation
from mock_c06.runs.run import Run


class Verdict(StrEnum):
    """The result of a check."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_SEEN = "not_seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """A sentence in both languages."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The numbers of the entries that a check looked at, of those that were wrong, and of these by their reason."""

    looked_at: tuple[int, ...]
    wrong: tuple[int, ...]
    reasons: Mapping[LoginFailure, tuple[int, ...]] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Wrong if any entry is, not seen if there was no entry to look at."""
        if self.wrong:
            return Verdict.WRONG
        return Verdict.RIGHT if self.looked_at else Verdict.NOT_SEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check with its finding: what it requires, and what to do if it is wrong."""

    id: str
    title: Bilingual
    remedy: Bilingual
    found: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The card of one run, or of one account in it."""

    run: str
    account: str | None
    calls: int
    checks: tuple[Check, ...]

    def count(self, verdict: Verdict) -> int:
        """Return the number of checks with this verdict."""
        return sum(check.found.verdict is verdict for check in self.checks)


ADULT_ENOUGH = 14
"""From this age on a person has an identity card (Luật Căn cước 26/2023), and may be a parent or the requester."""
IMPOSSIBLE = "000000000000"
_BIRTHS = {"khai-sinh", "lien-thong-khai-sinh"}
_UNUSED = {Outcome.THROTTLED, Outcome.UNAUTHORISED, Outcome.REFUSED}


def observed(entry: Entry) -> Observation:
    """Return the observation, which every judged entry has."""
    assert entry.observation is not None
    return entry.observation


def logins_accepted(entries: Sequence[Entry]) -> Finding:
    """Check that every login is right; a fault before the login is not the client's."""
    judged = [entry for entry in entries if entry.reason is not None or entry.outcome is not Outcome.FAULT]
    reasons: defaultdict[LoginFailure, tuple[int, ...]] = defaultdict(tuple)
    for entry in judged:
        if entry.reason is not None:
            reasons[LoginFailure(entry.reason)] += (entry.n,)
    wrong = tuple(entry.n for entry in judged if entry.reason is not None)
    return Finding(looked_at=tuple(entry.n for entry in judged), wrong=wrong, reasons=dict(reasons))


def names_folded(entries: Sequence[Entry]) -> Finding:
    """Check that names are sent folded, as C06 compares them."""
    return _each(entries, lambda observation: observation.is_name_folded)


def one_number(entries: Sequence[Entry]) -> Finding:
    """Check that exactly one of the two numbers is sent, with the right length."""
    return _each(
        entries, lambda observation: observation.numbers is NumbersSent.ONE if observation.numbers else None
    )


def timestamps(entries: Sequence[Entry]) -> Finding:
    """Check that timestamps count milliseconds, or seconds if the account says so."""

    def judge(observation: Observation) -> bool | None:
        if observation.timestamp is None:
            return None
        return observation.timestamp is (
            TimestampUnit.SECONDS if observation.wants_seconds else TimestampUnit.MILLISECONDS
        )

    return _each(entries, judge)


def request_ids(entries: Sequence[Entry]) -> Finding:
    """Check that a used MaYeuCau does not come again; the same question may keep it if the registry did not process
    it."""
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
        answered = entry.outcome not in _UNUSED and observed(entry).status < 500
        used[key] = (question, answered or (before is not None and before[1]))
    return Finding(looked_at=tuple(looked), wrong=tuple(wrong))


def child_never_asked(entries: Sequence[Entry], now: datetime) -> Finding:
    """Check that a registration of birth never asks about the child, who has no number yet."""
    looked, wrong = [], []
    for entry in entries:
        if PROCEDURES.get(observed(entry).service_code or "") not in _BIRTHS or entry.asked is None:
            continue
        looked.append(entry.n)
        if entry.asked.citizen_id == IMPOSSIBLE or now.year - int(entry.asked.birth[:4]) < ADULT_ENOUGH:
            wrong.append(entry.n)
    return Finding(looked_at=tuple(looked), wrong=tuple(wrong))


def verdict_before_record(entries: Sequence[Entry]) -> Finding:
    """Check that a record is asked for only after a yes/no question has confirmed the person to this account."""
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
    return Finding(looked_at=tuple(looked), wrong=tuple(wrong))


def _each(entries: Sequence[Entry], judge: Callable[[Observation], bool | None]) -> Finding:
    judged = [(entry.n, judge(observed(entry))) for entry in entries]
    return Finding(
        looked_at=tuple(n for n, right in judged if right is not None),
        wrong=tuple(n for n, right in judged if right is False),
    )


SHORTEST_S = 0.02
GROWTH = 1.1
MAX_TRIES = 10
_LENIENCY_S = 0.05
_ON_THEIR_WAY_S = 1.0
"""Other questions that arrive within this time after a refusal were sent before the refusal arrived."""


def retries_back_off(entries: Sequence[Entry]) -> Finding:
    """Check that retries come after pauses that get longer, and end."""
    looked: list[int] = []
    wrong: list[int] = []
    for chain in _chains(entries):
        looked += [entry.n for entry in chain[1:]]
        arrivals = [observed(entry).arrived_s for entry in chain]
        pauses = [later - before for before, later in pairwise(arrivals)]
        hasty = [
            entry.n
            for entry, before, pause in zip(chain[1:], chain, pauses, strict=False)
            # After a cut connection one immediate retry is right (RFC 9110 §9.2.2).
            if pause < SHORTEST_S and not (observed(before).is_cut and before is chain[0])
        ]
        steady = len(pauses) > 1 and max(pauses[1:]) < pauses[0] * GROWTH
        endless = [entry.n for entry in chain[MAX_TRIES:]]
        wrong += sorted({*hasty, *endless, *([chain[-1].n] if steady else [])})
    return Finding(looked_at=tuple(sorted(looked)), wrong=tuple(sorted(wrong)))


def retry_after_honoured(entries: Sequence[Entry]) -> Finding:
    """Check that no call comes before the time of `Retry-After`."""
    looked: set[int] = set()
    wrong: set[int] = set()
    for position, refused in enumerate(entries):
        pause = observed(refused).retry_after_s
        if pause is None:
            continue
        for later in entries[position + 1 :]:
            if (later.account, later.environment) != (refused.account, refused.environment):
                continue
            waited = observed(later).arrived_s - observed(refused).arrived_s
            if _question(refused) != _question(later) and waited < _ON_THEIR_WAY_S:
                continue
            looked.add(later.n)
            if waited >= pause - _LENIENCY_S:
                break
            wrong.add(later.n)
    return Finding(looked_at=tuple(sorted(looked)), wrong=tuple(sorted(wrong)))


def _chains(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Return the calls of each question that failed and was repeated, up to the first call that did not fail."""
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
    observation = observed(entry)
    return observation.is_cut or observation.status == 429 or observation.status >= 500


def _question(entry: Entry) -> object:
    return (entry.environment, entry.account, entry.operation, entry.asked)


@cache
def _load_texts() -> Mapping[str, Mapping[str, Bilingual]]:
    rows = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))
    return {name: {part: Bilingual(**texts) for part, texts in row.items()} for name, row in rows.items()}


def make_card(run: Run, *, account: str | None = None) -> Card:
    """Judge the run's journal; of one account, if it is named."""
    entries = [
        entry for entry in run.journal.entries(Query(account=account)) if entry.observation is not None
    ]
    found: dict[str, Finding] = {
        "login_accepted": logins_accepted(entries),
        "name_folded": names_folded(entries),
        "request_id_unique": request_ids(entries),
        "one_number": one_number(entries),
        "timestamp_ms": timestamps(entries),
        "retry_backoff": retries_back_off(entries),
        "retry_after_honoured": retry_after_honoured(entries),
        "verdict_before_record": verdict_before_record(entries),
        "child_never_asked": child_never_asked(entries, run.clock.now()),
    }
    texts = _load_texts()
    checks = tuple(Check(id=name, **texts[name], found=one) for name, one in found.items())
    return Card(run=run.name, account=account, calls=len(entries), checks=checks)
