"""A planned fault as a value: what its kind does, which calls it concerns, and how its delays are drawn.

`kinds.py` has the table of kinds, `plan.py` picks the fault of a call. A fault concerns a token call only if it names
`token`, or if its kind concerns tokens alone: a test that breaks "the next call" means the next question. Each delay is
drawn from the fault's seed and the call's number alone, so that concurrent calls do not change it.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import ClassVar

from mock_c06.errors import RequestRefused
from mock_c06.journal.journal import TOKEN
from mock_c06.operations import Operation
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.record import Answer
from mock_c06.wire.reply import Cut, Reply

MAX_DELAY_MS = 3_600_000
"""No delay is longer than an hour, whatever a plan says."""


class Shape(StrEnum):
    """The families of distributions that delays are drawn from."""

    UNIFORM = "uniform"
    NORMAL = "normal"
    LOGNORMAL = "lognormal"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """`low` and `high` bound every shape; `centre` is the mean (the median of a lognormal), `spread` its width.

    A normal's spread is in milliseconds, a lognormal's is the sigma of the logarithm; the others have none.
    """

    shape: Shape
    centre: float = 0.0
    spread: float = 0.0
    low: int = 0
    high: int = MAX_DELAY_MS

    def draw(self, chance: random.Random) -> int:
        """Draw one delay in milliseconds, inside the bounds."""
        return round(min(max(self._draw(chance), self.low), self.high, MAX_DELAY_MS))

    def _draw(self, chance: random.Random) -> float:
        match self.shape:
            case Shape.UNIFORM:
                return chance.uniform(self.low, self.high)
            case Shape.NORMAL:
                return chance.normalvariate(self.centre, self.spread)
            case Shape.LOGNORMAL:
                return self.centre * math.exp(min(chance.normalvariate(0, self.spread), 50))
        return chance.expovariate(1 / self.centre)


class Stage(IntEnum):
    """The stages of a call at which a fault can hit it. A fault is used up only by a call that reaches its stage."""

    BEFORE_LOGIN = 1
    ADMITTED = 2
    ANSWERED = 3
    REPLY = 4


@dataclass(frozen=True, slots=True)
class InsteadOfRegistry:
    """Reply before the registry reads the call."""

    reply: Callable[["Fault"], Reply]
    stage: ClassVar[Stage] = Stage.BEFORE_LOGIN


@dataclass(frozen=True, slots=True)
class TokenLifetime:
    """Issue a token that is valid for so many seconds."""

    seconds: Callable[["Fault"], float]
    stage: ClassVar[Stage] = Stage.ADMITTED


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refuse a call whose caller and request are accepted."""

    refusal: Callable[[], RequestRefused]
    stage: ClassVar[Stage] = Stage.ADMITTED


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """Change what the answer says; `can_change` is false for an answer that would stay the same."""

    change: Callable[[Answer], Answer]
    can_change: Callable[[Answer], bool] = lambda answer: answer.count > 0
    stage: ClassVar[Stage] = Stage.ANSWERED


@dataclass(frozen=True, slots=True)
class ReplyChange:
    """Change the bytes of the reply or its pace; `can_change` is false for a reply that would stay the same."""

    change: Callable[[Reply, "Fault"], Reply]
    can_change: Callable[[Reply], bool] = lambda _reply: True
    stage: ClassVar[Stage] = Stage.REPLY


Effect = InsteadOfRegistry | TokenLifetime | Refusal | AnswerChange | ReplyChange
QUESTIONS: frozenset[str | None] = frozenset(Operation)
ALL_CALLS: frozenset[str | None] = QUESTIONS | {TOKEN, None}
"""`None` is a call that names no operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One row of the table of kinds.

    `operations` are the calls that the kind can hit at all. `members` are those of a fault that belong to this kind
    alone (`at`, `distribution`). `uses_delay`: the effect reads `delay_ms` itself; under any other kind the reply comes
    that late. `keeps_outcome`: the journal still says how the call ended, not `fault`. `times` is how often a fault of
    this kind hits if the plan does not say; None is without end. `delay_until_end`: a fault with an end and no delay
    says how long it still lasts.
    """

    name: str
    description: str
    effect: Effect
    operations: frozenset[str | None] = ALL_CALLS
    members: frozenset[str] = frozenset()
    uses_delay: bool = False
    keeps_outcome: bool = False
    times: int | None = None
    delay_until_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Nth:
    """Which of the calls that it concerns a fault hits: these numbers (from 1), or every n-th from `first` on."""

    numbers: frozenset[int] = frozenset()
    every: int | None = None
    first: int = 1

    def has(self, n: int) -> bool:
        """Return whether the fault hits the n-th call."""
        if self.every is None:
            return n in self.numbers
        return n >= self.first and (n - self.first) % self.every == 0


@unfrozen
class CallFacts:
    """What is known of a call when a fault is looked for. `can_hit`: whether a kind would change anything."""

    stage: Stage
    operation: str | None
    account: str | None
    number: str | None
    now: datetime
    can_hit: Callable[[FaultKind], bool] = lambda _kind: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault. `times` None is without end; `share` is the part of the concerned calls that it hits."""

    kind: FaultKind
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

    def concerns(self, call: CallFacts) -> bool:
        """Return whether the fault can hit this call, at this stage and instant."""
        return (
            self.kind.effect.stage is call.stage
            and self._concerns_operation(call.operation)
            and self.account in {None, call.account}
            and self.citizen_id in {None, call.number}
            and (self.starts is None or self.starts <= call.now)
            and (self.ends is None or call.now < self.ends)
            and call.can_hit(self.kind)
        )

    def _concerns_operation(self, operation: str | None) -> bool:
        if operation not in self.kind.operations:
            return False
        if self.operation is None:
            return operation != TOKEN or self.kind.operations == {TOKEN}
        return operation == self.operation
