"""Planned misbehaviour: what a fault is, and which calls it is about. Which call it hits is runs/plan.py, what it
does to an answer wire/misbehaviour.py.

A token call is hit only where the plan names `token` (or the kind is about tokens): a test that breaks
"the next call" means the next question.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum, StrEnum

from mock_c06.light import light_value
from mock_c06.operations import Operation
from mock_c06.runs.delays import Distribution
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
    DUPLICATE_REFUSED = "duplicate_refused"


class Stage(IntEnum):
    """Where on its way a call is met by a fault. A fault is spent only on a call that gets so far."""

    DOOR = 1
    ADMITTED = 2
    ANSWERED = 3
    REPLY = 4


class Cut(Enum):
    """Where in an answer a reset comes: before any byte, half-way in the body, or after all of it."""

    BEFORE = "before"
    MID = "mid"
    AFTER = "after"


_STAGES = {
    **dict.fromkeys(
        (
            *(Kind.UNAVAILABLE, Kind.MAINTENANCE, Kind.HTML_ERROR, Kind.UNAUTHORISED_ONCE),
            *(Kind.THROTTLE, Kind.TOKEN_EXPIRES_EARLY),
        ),
        Stage.DOOR,
    ),
    Kind.DUPLICATE_REFUSED: Stage.ADMITTED,
    **dict.fromkeys((Kind.EMPTY, Kind.TWO_PEOPLE, Kind.WRONG_PERSON, Kind.SWAPPED_FIELDS), Stage.ANSWERED),
}
_SAID: frozenset[str | None] = frozenset(Operation)
# A fault must not be spent on a call that it does nothing to: a verdict names nobody, and only a record has the fields.
_MET: dict[Kind, frozenset[str | None]] = {
    Kind.TOKEN_EXPIRES_EARLY: frozenset({TOKEN}),
    Kind.WRONG_PERSON: _SAID - {Operation.AUTHENTICATE},
    Kind.SWAPPED_FIELDS: frozenset({Operation.LOOK_UP}),
    **dict.fromkeys((Kind.EMPTY, Kind.TWO_PEOPLE, Kind.DUPLICATE_REFUSED, Kind.WRONG_NAMESPACE), _SAID),
}


def stage_of(kind: Kind) -> Stage:
    """Say at which stage a kind strikes: those that bend the bytes come last."""
    return _STAGES.get(kind, Stage.REPLY)


def calls_met_by(kind: Kind) -> frozenset[str | None]:
    """Give the operations whose calls a kind can hit at all; None is a call that names none."""
    return _MET.get(kind, _SAID | {TOKEN, None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Nth:
    """Which of the calls that a fault is about: these numbers (from 1), or every `every`-th from `first` on."""

    numbers: frozenset[int] = frozenset()
    every: int | None = None
    first: int = 1

    def has(self, n: int) -> bool:
        """Say whether the n-th is one of them."""
        if self.every is None:
            return n in self.numbers
        return n >= self.first and (n - self.first) % self.every == 0


@light_value
class Target:
    """What can be told of a call when a fault is looked for. `can_hit` says whether a kind would change anything."""

    stage: Stage
    operation: str | None
    account: str | None
    number: str | None
    now: datetime
    can_hit: Callable[[Kind], bool] = lambda _kind: True


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
    nth: Nth | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    distribution: Distribution | None = None
    cut: Cut = Cut.BEFORE

    def concerns(self, call: Target) -> bool:
        """Say whether a call is one of those this fault is about, here and now."""
        return (
            stage_of(self.kind) is call.stage
            and self._concerns_operation(call.operation)
            and self.account in {None, call.account}
            and self.citizen_id in {None, call.number}
            and (self.starts is None or self.starts <= call.now)
            and (self.ends is None or call.now < self.ends)
            and call.can_hit(self.kind)
        )

    def _concerns_operation(self, operation: str | None) -> bool:
        if operation not in calls_met_by(self.kind):
            return False
        if self.operation is None:
            return operation != TOKEN or self.kind is Kind.TOKEN_EXPIRES_EARLY
        return operation == self.operation
