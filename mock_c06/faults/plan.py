"""A run's planned faults, and which call each of them hits: exactly as many as it says, on one event loop.

`pick` finds a fault and counts it as used without an `await` between the two, so that a thousand concurrent calls
cannot use the same one. Whether the n-th call is hit follows from the fault's seed and n alone.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from mock_c06.errors import FaultUnknown
from mock_c06.faults.fault import FaultBody
from mock_c06.faults.model import CallFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHit:
    """A fault that hits a call: its id in the plan, and which of the calls that it concerns this is (`n`, from 1).

    `fault.delay_ms` is the delay of this call, if one is drawn.
    """

    fault_id: str
    fault: FaultBody
    n: int


@dataclass(slots=True)
class PlanEntry:
    """A fault in the plan: how often it may still hit, how many calls it concerned, and how many it hit."""

    fault: FaultBody
    left: int | None
    calls: int = 0
    hits: int = 0


@dataclass(slots=True)
class FaultPlan:
    """A run's planned faults; the first that concerns a call and may still hit is the one that hits it."""

    name: str | None = None
    _planned: dict[str, PlanEntry] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def is_empty(self) -> bool:
        """Return whether no fault is planned, as in most runs."""
        return not self._planned

    def plan(self, fault: FaultBody) -> str:
        """Add the fault and return its id."""
        fault_id = f"fault-{next(self._numbers)}"
        times = fault.row.times if fault.times is None else fault.times
        self._planned[fault_id] = PlanEntry(fault=fault, left=times)
        return fault_id

    def put(self, name: str, faults: Iterable[FaultBody]) -> list[str]:
        """Replace all planned faults by a named list of faults; return their ids."""
        self.clear()
        self.name = name
        return [self.plan(fault) for fault in faults]

    def pick(self, call: CallFacts) -> FaultHit | None:
        """Return the fault that hits this call, and count it as used."""
        for fault_id, planned in self._planned.items():
            if planned.left == 0 or not planned.fault.concerns(call):
                continue
            planned.calls += 1
            if not _is_chosen(planned.fault, planned.calls):
                continue
            planned.hits += 1
            if planned.left is not None:
                planned.left -= 1
            fault = _with_delay(planned.fault, planned.calls, call)
            return FaultHit(fault_id=fault_id, fault=fault, n=planned.calls)
        return None

    def drop(self, fault_id: str) -> None:
        """Remove one fault; raises `FaultUnknown`."""
        if self._planned.pop(fault_id, None) is None:
            raise FaultUnknown(fault_id)

    def clear(self) -> None:
        """Remove all faults; the numbers of ids go on, so that an id never means two faults."""
        self._planned.clear()
        self.name = None

    def planned(self) -> dict[str, PlanEntry]:
        """Return the planned faults by id, with their counts."""
        return dict(self._planned)


def _is_chosen(fault: FaultBody, n: int) -> bool:
    return fault.has_nth(n) and (fault.share >= 1 or _chance(fault, n, "hit").random() < fault.share)


def _with_delay(fault: FaultBody, n: int, call: CallFacts) -> FaultBody:
    """Draw the delay of this call, or take what is left until the fault ends."""
    if fault.distribution is not None:
        return fault.model_copy(update={"delay_ms": fault.distribution.draw(_chance(fault, n, "delay"))})
    if fault.row.delay_until_end and fault.delay_ms is None and fault.ends is not None:
        left = fault.ends - call.now
        return fault.model_copy(update={"delay_ms": int(left.total_seconds() * 1000)})
    return fault


def _chance(fault: FaultBody, n: int, purpose: str) -> random.Random:
    # Seeded by text: Python hashes it with SHA-512, the same on every machine.
    return random.Random(f"{fault.seed}:{n}:{purpose}")  # noqa: S311 - repeatable misbehaviour, not a secret
