"""Count a week's enquiries in the audit's entries. No person's data is read: an entry has none.

Counted are portals' calls, not preflights. A question counts once, by the row of its answer; a field counts once for each
dossier and role, however often it is delivered, and not if the citizen disputed it in the same week.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from statistics import quantiles

from gateway.audit.model import AuditEntry, Kind
from gateway.identifiers import Profile
from gateway.procedures.fields import Operation
from gateway.reports.model import Measured

_CONFIRMED, _NOT_CONFIRMED = "confirmed", "not_confirmed"
_REPLAY = "replay"


class WeekCount:
    """The counts of one week, entry by entry."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._succeeded: dict[Profile, set[str]] = defaultdict(set)
        self._asked_at: dict[str, datetime] = {}
        self._latencies: list[int] = []
        self._delivered: set[tuple[str | None, ...]] = set()
        self._disputed: set[tuple[str | None, ...]] = set()
        self._by: dict[str, dict[str, Counter[str]]] = {
            name: defaultdict(Counter) for name in ("service", "profile", "organisation")
        }

    def add(self, entry: AuditEntry) -> None:
        """Count an entry of the week."""
        if entry.client_id is None:
            return
        match entry.kind:
            case Kind.INTENDED if entry.request_code is not None:
                self._asked_at[entry.request_code] = entry.at
                if entry.operation == Operation.AUTHENTICATE:
                    self._count(entry, "asked")
            case Kind.ANSWERED if entry.request_code is not None:
                self._add_answer(entry)
            case Kind.REUSED:
                self._count(entry, "reused")
                self._note_success(entry)
            case Kind.DELIVERED if entry.origin != _REPLAY:
                self._count(entry, "prefills")
                self._delivered |= {(*_dossier(entry), field) for field in entry.fields}
            case Kind.FILED:
                self._disputed |= {(*_dossier(entry), field) for field in entry.fields}
            case _:
                pass

    def _add_answer(self, entry: AuditEntry) -> None:
        asked_at = self._asked_at.pop(entry.request_code or "", None)
        if asked_at is not None:
            self._latencies.append(round((entry.at - asked_at).total_seconds() * 1000))
        if entry.operation != Operation.AUTHENTICATE:
            return
        if entry.outcome in {_CONFIRMED, _NOT_CONFIRMED}:
            self._count(entry, entry.outcome)
            self._note_success(entry)
        else:
            self._count(entry, "failed")
            self._failures[entry.outcome or "unknown"] += 1

    def _count(self, entry: AuditEntry, what: str) -> None:
        self._counts[what] += 1
        keys = (entry.procedure, entry.profile and entry.profile.value, entry.organisation)
        for counters, key in zip(self._by.values(), keys, strict=True):
            if key is not None:
                counters[key][what] += 1

    def _note_success(self, entry: AuditEntry) -> None:
        if entry.outcome == _CONFIRMED and entry.profile is not None and entry.procedure is not None:
            self._succeeded[entry.profile].add(entry.procedure)

    def result(self) -> Measured:
        """Return the figures."""
        return Measured(
            **{name: self._counts[name] for name in (*_VERDICTS, "reused", "prefills")},
            fields_spared=len(self._delivered - self._disputed),
            connected=tuple(sorted(self._succeeded[Profile.OFFICIAL])),
            tested=tuple(sorted(self._succeeded[Profile.SANDBOX])),
            failures=dict(sorted(self._failures.items())),
            latency_ms=_percentiles(self._latencies),
            by={name: _plain(counters) for name, counters in self._by.items()},
        )


_VERDICTS = ("asked", "confirmed", "not_confirmed", "failed")


def _dossier(entry: AuditEntry) -> tuple[str | None, ...]:
    return entry.client_id, entry.procedure, entry.dossier, entry.subject_role


def _plain(counters: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {key: dict(sorted(counts.items())) for key, counts in sorted(counters.items())}


def _percentiles(latencies: list[int]) -> dict[str, int | None]:
    if len(latencies) < 2:
        only = latencies[0] if latencies else None
        return {"p50": only, "p95": only}
    cuts = quantiles(latencies, n=20, method="inclusive")
    return {"p50": round(cuts[9]), "p95": round(cuts[18])}
