"""A run's planned faults, and which call each of them hits: exactly as many as it says, on one event loop.

Looking for a fault and counting it as used is one step without a pause in it, so that a thousand calls at once
can't share one. Whether the n-th call is hit follows from the fault's seed and n alone.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from mock_c06.errors import FaultUnknown
from mock_c06.runs.faults import Fault, Kind, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A fault that hits a call: which one it is in the plan, and its how-manieth call this was.

    `fault` carries the delay of this very call, where one is drawn.
    """

    fault_id: str
    fault: Fault
    n: int


@dataclass(slots=True)
class Planned:
    """A fault in the plan: how often it may still hit, how many calls it was about, and how many it hit."""

    fault: Fault
    left: int | None
    seen: int = 0
    hits: int = 0


@dataclass(slots=True)
class FaultPlan:
    """A run's planned faults; the first that concerns a call and has times left hits it."""

    name: str | None = None
    _planned: dict[str, Planned] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is planned, as for most calls of most runs."""
        return not self._planned

    def plan(self, fault: Fault) -> str:
        """Keep the fault and give its id."""
        times = 1 if fault.kind is Kind.UNAUTHORISED_ONCE and fault.times is None else fault.times
        fault_id = f"fault-{next(self._numbers)}"
        self._planned[fault_id] = Planned(fault=fault, left=times)
        return fault_id

    def put(self, name: str, faults: Iterable[Fault]) -> list[str]:
        """Take a named list of faults in the place of all that are planned; give their ids."""
        self.clear()
        self.name = name
        return [self.plan(fault) for fault in faults]

    def pick(self, call: Target) -> Hit | None:
        """Give the fault that hits this call, and count it as used."""
        for fault_id, planned in self._planned.items():
            if planned.left == 0 or not planned.fault.concerns(call):
                continue
            planned.seen += 1
            if not _is_chosen(planned.fault, planned.seen):
                continue
            planned.hits += 1
            if planned.left is not None:
                planned.left -= 1
            return Hit(
                fault_id=fault_id, fault=_with_delay(planned.fault, planned.seen, call), n=planned.seen
            )
        return None

    def drop(self, fault_id: str) -> None:
        """Forget one; raises `FaultUnknown`."""
        if self._planned.pop(fault_id, None) is None:
            raise FaultUnknown(fault_id)

    def clear(self) -> None:
        """Forget all; numbers go on, so that an id never means two faults."""
        self._planned.clear()
        self.name = None

    def planned(self) -> dict[str, Planned]:
        """Give each planned fault with its counts."""
        return dict(self._planned)


def _is_chosen(fault: Fault, n: int) -> bool:
    if fault.nth is not None and not fault.nth.has(n):
        return False
    return fault.share >= 1 or _chance(fault, n, "hit").random() < fault.share


def _with_delay(fault: Fault, n: int, call: Target) -> Fault:
    """Draw the delay of this call; a maintenance with an end says when to come back."""
    if fault.distribution is not None:
        return replace(fault, delay_ms=fault.distribution.draw(_chance(fault, n, "delay")))
    if fault.kind is Kind.MAINTENANCE and fault.delay_ms is None and fault.ends is not None:
        return replace(fault, delay_ms=int((fault.ends - call.now).total_seconds() * 1000))
    return fault


def _chance(fault: Fault, n: int, purpose: str) -> random.Random:
    # Seeded by text: Python hashes it with SHA-512, the same on every machine.
    return random.Random(f"{fault.seed}:{n}:{purpose}")  # noqa: S311 - repeatable misbehaviour, not a secret
