"""Planned misbehaviour: which call is hit by which fault. What a fault does to an answer is wire/misbehaviour.py.

A token call is hit only where the plan names `token` (or the kind is about tokens): a test that breaks
"the next call" means the next question.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

from mock_c06.errors import FaultUnknown
from mock_c06.operations import Operation
from mock_c06.runs.journal import TOKEN


class Kind(StrEnum):
    """The ways to misbehave."""

    LATENCY = "latency"
    HANG = "hang"
    RESET = "reset"
    UNAVAILABLE = "unavailable"
    MAINTENANCE = "maintenance"
    HTML_ERROR = "html_error"
    SOAP_FAULT = "soap_fault"
    UNAUTHORISED_ONCE = "unauthorised_once"
    TOKEN_EXPIRES_EARLY = "token_expires_early"  # noqa: S105 - a kind of fault, not a secret
    THROTTLE = "throttle"
    TRUNCATED = "truncated"
    GARBLED = "garbled"
    WRONG_ENCODING = "wrong_encoding"
    WRONG_NAMESPACE = "wrong_namespace"
    EMPTY = "empty"
    TWO_PEOPLE = "two_people"
    WRONG_PERSON = "wrong_person"
    SWAPPED_FIELDS = "swapped_fields"
    OVERSIZED = "oversized"
    TRICKLE = "trickle"


# A verdict names nobody and has no fields: these would do nothing to it, and must not be spent on it.
_RECORDS_ONLY = {Kind.WRONG_PERSON, Kind.SWAPPED_FIELDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault. `times` None is for ever; `share` is the part of matching calls that are hit."""

    kind: Kind
    operation: str | None = None
    account: str | None = None
    citizen_id: str | None = None
    times: int | None = None
    share: float = 1.0
    seed: int = 0
    delay_ms: int | None = None

    def concerns(self, *, operation: str | None, account: str | None, number: str | None) -> bool:
        """Say whether a call is one of those this fault is about."""
        if not self._concerns_operation(operation):
            return False
        return self.account in {None, account} and self.citizen_id in {None, number}

    def _concerns_operation(self, operation: str | None) -> bool:
        if self.kind is Kind.TOKEN_EXPIRES_EARLY:
            return operation == TOKEN
        if operation == TOKEN:
            return self.operation == TOKEN
        if self.kind in _RECORDS_ONLY and operation == Operation.AUTHENTICATE:
            return False
        return self.operation in {None, operation}


@dataclass(slots=True)
class _Planned:
    fault: Fault
    chance: random.Random
    left: int | None


@dataclass(slots=True)
class FaultPlan:
    """A run's planned faults; the first that concerns a call and has times left hits it."""

    _planned: dict[str, _Planned] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def plan(self, fault: Fault) -> str:
        """Keep the fault and give its id."""
        times = 1 if fault.kind is Kind.UNAUTHORISED_ONCE and fault.times is None else fault.times
        chance = random.Random(fault.seed)  # noqa: S311 - repeatable misbehaviour, not a secret
        fault_id = f"fault-{next(self._numbers)}"
        self._planned[fault_id] = _Planned(fault=fault, chance=chance, left=times)
        return fault_id

    def pick(self, *, operation: str | None, account: str | None, number: str | None) -> Fault | None:
        """Give the fault that hits this call, and count it as used."""
        for planned in self._planned.values():
            if planned.left == 0:
                continue
            if not planned.fault.concerns(operation=operation, account=account, number=number):
                continue
            if planned.chance.random() >= planned.fault.share:
                continue
            if planned.left is not None:
                planned.left -= 1
            return planned.fault
        return None

    def drop(self, fault_id: str) -> None:
        """Forget one; raises `FaultUnknown`."""
        if self._planned.pop(fault_id, None) is None:
            raise FaultUnknown(fault_id)

    def clear(self) -> None:
        """Forget all."""
        self._planned.clear()

    def planned(self) -> dict[str, tuple[Fault, int | None]]:
        """Give each planned fault with the times it has left."""
        return {fault_id: (planned.fault, planned.left) for fault_id, planned in self._planned.items()}
