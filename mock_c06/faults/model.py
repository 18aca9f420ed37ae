"""What a kind of fault does, and what is known of a call when a fault for it is looked for.

`kinds.py` has the table of kinds, `fault.py` the faults of a plan, `plan.py` picks the fault of a call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mock_c06.errors import RequestRefused
from mock_c06.operations import TOKEN, Operation
from mock_c06.unfrozen import unfrozen
from mock_c06.wire.record import Answer
from mock_c06.wire.reply import Reply

MAX_DELAY_MS = 3_600_000
"""No delay is longer than an hour, whatever a plan says."""


class FaultMembers(Protocol):
    """What an effect reads of its fault (`fault.py`): the delay of this call, and where a reset cuts."""

    @property
    def delay_ms(self) -> int | None:
        """The delay in milliseconds; None if the plan says nothing."""

    @property
    def at(self) -> str | None:
        """`before`, `mid` or `after`."""


@dataclass(frozen=True, slots=True)
class InsteadOfRegistry:
    """Reply before the registry reads the call."""

    reply: Callable[[FaultMembers], Reply]


@dataclass(frozen=True, slots=True)
class TokenLifetime:
    """Issue a token that is valid for so many seconds."""

    seconds: Callable[[FaultMembers], float]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refuse a call whose caller and request are accepted."""

    refusal: Callable[[], RequestRefused]


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """Change what the answer says; `can_change` is false for an answer that would stay the same."""

    change: Callable[[Answer], Answer]
    can_change: Callable[[Answer], bool] = lambda answer: answer.count > 0


@dataclass(frozen=True, slots=True)
class ReplyChange:
    """Change the bytes of the reply or its pace; `can_change` is false for a reply that would stay the same."""

    change: Callable[[Reply, FaultMembers], Reply]
    can_change: Callable[[Reply], bool] = lambda _reply: True


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


@unfrozen
class CallFacts:
    """What is known of a call when a fault with an effect is looked for. `subject` is the answer or reply to change.

    A call asks for one effect after the other, so that a fault is used up only by a call that it can change.
    """

    effect: type[object]
    operation: str | None
    account: str | None
    number: str | None
    now: datetime
    subject: Any = None
