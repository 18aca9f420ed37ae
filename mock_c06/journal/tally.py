"""Counts of all calls of this process, for `/metrics`: deleting a run or its journal does not change them."""

from collections import Counter
from dataclasses import dataclass, field

from mock_c06.journal.journal import Entry

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
