"""The report card of a run: nine checks, of single requests and of retries, each with a title and a remedy.

They judge only the calls that reached the registry, not the reasons of the client. Findings name entries by their numbers
in the journal, and no person. A retry is the same question by the same account after a call that failed, even if the
client repeats it on purpose. Pauses are judged leniently, because jitter is correct: there must be pauses, and the first
of several must not be the longest.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path

from mock_c06.accounts.model import PROCEDURES
from mock_c06.journal import Entry, EntryFilter, NumbersSent, Observation, Outcome, TimestampUnit
from mock_c06.login.reasons import LoginFailure
from mock_c06.operations import TOKEN, Operation
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
    reasons: Mapping[LoginFailure, tuple[int, ...]]

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
"""Nobody has it: a question about it tests the connection, as a gateway's preflight does."""

_BIRTHS = {"khai-sinh", "lien-thong-khai-sinh"}
_UNUSED = {Outcome.THROTTLED, Outcome.UNAUTHORISED, Outcome.REFUSED}


Judged = Iterator[tuple[int, bool]]
"""The numbers of the entries that a check looks at, and whether each is right; one that is wrong once is wrong."""


def _observed(entry: Entry) -> Observation:
    """Return the observation, which every judged entry has."""
    assert entry.observation is not None
    return entry.observation


def _logins_accepted(entries: Sequence[Entry]) -> Judged:
    """Check that every login is right; a fault before the login is not the client's."""
    for entry in entries:
        if entry.reason is not None or entry.outcome is not Outcome.FAULT:
            yield entry.n, entry.reason is None


def _names_folded(entries: Sequence[Entry]) -> Judged:
    """Check that names are sent folded, as C06 compares them."""
    for entry in entries:
        if (folded := _observed(entry).is_name_folded) is not None:
            yield entry.n, folded


def _one_number(entries: Sequence[Entry]) -> Judged:
    """Check that exactly one of the two numbers is sent, with the right length."""
    for entry in entries:
        if (numbers := _observed(entry).numbers) is not None:
            yield entry.n, numbers is NumbersSent.ONE


def _timestamps(entries: Sequence[Entry]) -> Judged:
    """Check that timestamps count milliseconds, or seconds if the account says so."""
    for entry in entries:
        seen = _observed(entry)
        if seen.timestamp is not None:
            wanted = TimestampUnit.SECONDS if seen.wants_seconds else TimestampUnit.MILLISECONDS
            yield entry.n, seen.timestamp is wanted


def _request_ids(entries: Sequence[Entry]) -> Judged:
    """Check that a used MaYeuCau does not come again; the same question may keep it if the registry did not process
    it."""
    used: dict[tuple[str | None, str], tuple[object, bool]] = {}
    for entry in entries:
        if entry.ma_yeu_cau is None:
            continue
        key = (entry.account, entry.ma_yeu_cau)
        question = (entry.operation, entry.asked)
        before = used.get(key)
        yield entry.n, before is None or not (before[1] or before[0] != question)
        answered = entry.outcome not in _UNUSED and _observed(entry).status < 500
        used[key] = (question, answered or (before is not None and before[1]))


def _child_never_asked(entries: Sequence[Entry], now: datetime) -> Judged:
    """Check that a registration of birth never asks about the child, who has no number yet."""
    for entry in entries:
        if PROCEDURES.get(_observed(entry).service_code or "") in _BIRTHS and entry.asked is not None:
            age = now.year - int(entry.asked.birth[:4])
            yield entry.n, age >= ADULT_ENOUGH


def _verdict_before_record(entries: Sequence[Entry]) -> Judged:
    """Check that a record is asked for only after a yes/no question has confirmed the person to this account."""
    confirmed: set[tuple[str | None, str | None]] = set()
    for entry in entries:
        if entry.asked is None or entry.operation == TOKEN or entry.asked.citizen_id == IMPOSSIBLE:
            continue
        subject = (entry.account, entry.asked.citizen_id or entry.asked.id_card_number)
        if entry.operation == Operation.AUTHENTICATE:
            yield entry.n, True
            if entry.outcome is Outcome.FOUND:
                confirmed.add(subject)
        elif entry.operation == Operation.LOOK_UP and entry.outcome in {Outcome.FOUND, Outcome.NOT_FOUND}:
            yield entry.n, subject in confirmed


SHORTEST_S = 0.02
GROWTH = 1.1
MAX_TRIES = 10
_LENIENCY_S = 0.05
_ON_THEIR_WAY_S = 1.0
"""Other questions that arrive within this time after a refusal were sent before the refusal arrived."""


def _retries_back_off(entries: Sequence[Entry]) -> Judged:
    """Check that retries come after pauses that get longer, and end."""
    for chain in _chains(entries):
        arrivals = [_observed(entry).arrived_s for entry in chain]
        pauses = [later - before for before, later in pairwise(arrivals)]
        steady = len(pauses) > 1 and max(pauses[1:]) < pauses[0] * GROWTH
        for position, (before, entry) in enumerate(pairwise(chain), start=1):
            # After a cut connection one immediate retry is right (RFC 9110 §9.2.2).
            excused = position == 1 and _observed(before).is_cut
            hasty = pauses[position - 1] < SHORTEST_S and not excused
            yield entry.n, not (hasty or position >= MAX_TRIES or (steady and entry is chain[-1]))


def _retry_after_honoured(entries: Sequence[Entry]) -> Judged:
    """Check that no call comes before the time of `Retry-After`."""
    for position, refused in enumerate(entries):
        pause = _observed(refused).retry_after_s
        if pause is None:
            continue
        for later in entries[position + 1 :]:
            if (later.account, later.environment) != (refused.account, refused.environment):
                continue
            waited = _observed(later).arrived_s - _observed(refused).arrived_s
            if _question(refused) != _question(later) and waited < _ON_THEIR_WAY_S:
                continue
            in_time = waited >= pause - _LENIENCY_S
            yield later.n, in_time
            if in_time:
                break


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
    observation = _observed(entry)
    return observation.is_cut or observation.status == 429 or observation.status >= 500


def _question(entry: Entry) -> object:
    return (entry.environment, entry.account, entry.operation, entry.asked)


@cache
def _load_texts() -> Mapping[str, Mapping[str, Bilingual]]:
    rows = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))
    return {name: {part: Bilingual(**texts) for part, texts in row.items()} for name, row in rows.items()}


def _find(judged: Judged, reasons: Mapping[LoginFailure, tuple[int, ...]]) -> Finding:
    seen = list(judged)
    wrong = sorted({n for n, right in seen if not right})
    return Finding(looked_at=tuple(sorted({n for n, _ in seen})), wrong=tuple(wrong), reasons=reasons)


def make_card(run: Run, *, account: str | None = None) -> Card:
    """Judge the run's journal; of one account, if it is named."""
    entries = [
        entry for entry in run.journal.entries(EntryFilter(account=account)) if entry.observation is not None
    ]
    judged: dict[str, Judged] = {
        "login_accepted": _logins_accepted(entries),
        "name_folded": _names_folded(entries),
        "request_id_unique": _request_ids(entries),
        "one_number": _one_number(entries),
        "timestamp_ms": _timestamps(entries),
        "retry_backoff": _retries_back_off(entries),
        "retry_after_honoured": _retry_after_honoured(entries),
        "verdict_before_record": _verdict_before_record(entries),
        "child_never_asked": _child_never_asked(entries, run.clock.now()),
    }
    refused: defaultdict[LoginFailure, list[int]] = defaultdict(list)
    for entry in entries:
        if entry.reason is not None:
            refused[LoginFailure(entry.reason)].append(entry.n)
    reasons, texts = {reason: tuple(numbers) for reason, numbers in refused.items()}, _load_texts()
    checks = tuple(
        Check(id=name, **texts[name], found=_find(each, reasons if name == "login_accepted" else {}))
        for name, each in judged.items()
    )
    return Card(run=run.name, account=account, calls=len(entries), checks=checks)
