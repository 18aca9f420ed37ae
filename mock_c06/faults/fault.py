"""A fault of a plan: which calls it concerns, and how its delays are drawn.

A fault concerns a token call only if it names `token`, or if its kind concerns tokens alone: a test that breaks "the next
call" means the next question. Each delay is drawn from the fault's seed and the call's number alone, so that concurrent
calls do not change it.

Refused with the member's name: unknown members, windows without an offset or with an end before the start, members
that do not belong to the kind. A fault that can hit nothing is accepted with a warning: a plan may combine every kind
with one operation.
"""

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mock_c06.bodies import CallName, ControlBody, Instant, Integer, Number
from mock_c06.faults.kinds import KINDS
from mock_c06.faults.model import MAX_DELAY_MS, AnswerChange, CallFacts, FaultKind, ReplyChange
from mock_c06.operations import TOKEN, Operation

Milliseconds = Annotated[Integer, Field(ge=0, le=MAX_DELAY_MS)]


class _Bounds(ControlBody):
    min_ms: Milliseconds = 0
    max_ms: Milliseconds = MAX_DELAY_MS

    @model_validator(mode="after")
    def _in_order(self) -> "_Bounds":
        if self.min_ms > self.max_ms:
            raise ValueError("min_ms is greater than max_ms")
        return self

    def draw(self, chance: random.Random) -> int:
        """Draw one delay in milliseconds, inside the bounds."""
        return round(min(max(self._draw(chance), self.min_ms), self.max_ms))

    def _draw(self, chance: random.Random) -> float:
        raise NotImplementedError


class UniformBody(_Bounds):
    """A uniform distribution from `min_ms` to `max_ms`."""

    kind: Literal["uniform"]
    max_ms: Milliseconds

    def _draw(self, chance: random.Random) -> float:
        return chance.uniform(self.min_ms, self.max_ms)


class NormalBody(_Bounds):
    """A normal distribution, cut at the bounds."""

    kind: Literal["normal"]
    mean_ms: Number = Field(ge=0, le=MAX_DELAY_MS)
    sd_ms: Number = Field(ge=0, le=MAX_DELAY_MS)

    def _draw(self, chance: random.Random) -> float:
        return chance.normalvariate(self.mean_ms, self.sd_ms)


class LognormalBody(_Bounds):
    """A lognormal distribution, with a long tail as chains of platforms have; `sigma` is that of the logarithm."""

    kind: Literal["lognormal"]
    median_ms: Number = Field(gt=0, le=MAX_DELAY_MS)
    sigma: Number = Field(ge=0, le=10)

    def _draw(self, chance: random.Random) -> float:
        return self.median_ms * math.exp(min(chance.normalvariate(0, self.sigma), 50))


class ExponentialBody(_Bounds):
    """An exponential distribution."""

    kind: Literal["exponential"]
    mean_ms: Number = Field(gt=0, le=MAX_DELAY_MS)

    def _draw(self, chance: random.Random) -> float:
        return chance.expovariate(1 / self.mean_ms)


Delays = Annotated[UniformBody | NormalBody | LognormalBody | ExponentialBody, Field(discriminator="kind")]


def parse_kind_name(written: Any, kinds: Mapping[str, FaultKind]) -> str:
    """Return the name of a kind of fault; raises what pydantic raises for a value that is none of an enum's."""
    if isinstance(written, str) and written in kinds:
        return written
    *names, last = (f"'{name}'" for name in kinds)
    raise PydanticCustomError("enum", "{expected}", {"expected": f"{', '.join(names)} or {last}"})


KindName = Annotated[
    str,
    BeforeValidator(lambda written: parse_kind_name(written, KINDS)),
    Field(json_schema_extra={"enum": [*KINDS]}),
]


def _describe_kinds(schema: dict[str, Any], body: type["FaultBody"]) -> None:
    """Add to the JSON Schema the names of the kinds, and which members belong to which kinds."""
    schema["properties"]["kind"]["enum"] = [*body.kinds]
    schema["allOf"] = [
        _if_given(body, "at", {"type": "string"}),
        _if_given(body, "distribution", {"type": "object"}, delay_ms={"type": "null"}),
    ]


def _if_given(
    body: type["FaultBody"], member: str, given: dict[str, Any], **others: dict[str, Any]
) -> dict[str, Any]:
    then = {"kind": {"enum": body.kinds_with(member)}, **others}
    return {"if": {"required": [member], "properties": {member: given}}, "then": {"properties": then}}


_Position = Annotated[Integer, Field(ge=1)]


class EveryBody(ControlBody):
    """Every n-th of the calls that the fault concerns, from the `first` on; without `first` the n-th is the first."""

    every: _Position
    first: _Position | None = None


def _form_of_nth(sent: object) -> str:
    """Return which form somebody meant: the errors of the others only mislead."""
    if isinstance(sent, list):
        return "several"
    # No author writes this name: errors name it before the member, and that of a member would be taken for the member.
    return "every n-th" if isinstance(sent, Mapping | EveryBody) else "one"


_Nth = Annotated[
    Annotated[_Position, Tag("one")]
    | Annotated[list[_Position], Field(min_length=1), Tag("several")]
    | Annotated[EveryBody, Tag("every n-th")],
    Discriminator(_form_of_nth),
]


class FaultBody(ControlBody):
    """A fault to plan; without `times` it stays until it is deleted."""

    model_config = ConfigDict(
        populate_by_name=True, serialize_by_alias=True, json_schema_extra=_describe_kinds
    )

    kinds: ClassVar[Mapping[str, FaultKind]] = KINDS

    kind: str = Field(description="The kind of fault.")
    operation: CallName | None = Field(default=None, description="Only calls of this operation.")
    account: str | None = Field(default=None, description="Only calls of the account with this name.")
    citizen_id: str | None = Field(
        default=None,
        pattern=r"^([0-9]{9}|[0-9]{12})$",
        description="Only calls about this number, 12 or 9 digits.",
    )
    times: _Position | None = Field(
        default=None, description="The number of calls to hit; without it there is no end."
    )
    share: Number = Field(
        default=1.0, gt=0, le=1, description="The part of the calls to hit, drawn from the seed."
    )
    seed: Integer = Field(
        default=0, description="Share and delays depend on the seed and the call's number alone."
    )
    delay_ms: Milliseconds | None = Field(
        default=None, description="The delay of the answer, or what the kind uses it for."
    )
    nth: _Nth | None = Field(
        default=None,
        description="Which of the calls that the fault concerns: a number, several, or every n-th.",
    )
    starts: Instant | None = Field(default=None, alias="from", description="By the run's clock, inclusive.")
    ends: Instant | None = Field(default=None, alias="until", description="By the run's clock, exclusive.")
    distribution: Delays | None = Field(default=None, description="Of a latency, instead of delay_ms.")
    at: Literal["before", "mid", "after"] | None = Field(
        default=None,
        description="Where a reset cuts: before the answer, in the middle of its body, after it.",
    )

    # `info.data` lacks a member that is itself invalid: one complaint is enough.
    @field_validator("kind", mode="before")
    @classmethod
    def _names_a_kind(cls, kind: Any) -> str:
        return parse_kind_name(kind, cls.kinds)

    @field_validator("at")
    @classmethod
    def _at_belongs_to_the_kind(cls, at: str | None, info: ValidationInfo) -> str | None:
        takes_it = cls.kinds_with("at")
        if at is not None and info.data.get("kind", takes_it[0]) not in takes_it:
            raise ValueError(f"belongs to {', '.join(takes_it)}")
        return at

    @field_validator("distribution")
    @classmethod
    def _distribution_belongs_to_the_kind(cls, drawn: Delays | None, info: ValidationInfo) -> Delays | None:
        takes_it = cls.kinds_with("distribution")
        belongs = info.data.get("kind", takes_it[0]) in takes_it
        if drawn is not None and (not belongs or info.data.get("delay_ms") is not None):
            raise ValueError(f"belongs to {', '.join(takes_it)}, without delay_ms")
        return drawn

    @field_validator("nth")
    @classmethod
    def _count_every_nth_from_its_first(
        cls, nth: int | list[int] | EveryBody | None
    ) -> list[int] | EveryBody | None:
        if isinstance(nth, EveryBody):
            return EveryBody(every=nth.every, first=nth.first or nth.every)
        return sorted({nth} if isinstance(nth, int) else set(nth)) if nth is not None else None

    @field_validator("starts", "ends")
    @classmethod
    def _in_utc(cls, instant: datetime | None) -> datetime | None:
        return instant.astimezone(UTC) if instant is not None else None

    @field_validator("ends")
    @classmethod
    def _after_it_starts(cls, ends: datetime | None, info: ValidationInfo) -> datetime | None:
        starts = info.data.get("starts")
        if starts is not None and ends is not None and starts >= ends:
            raise ValueError("is not after from")
        return ends

    @model_validator(mode="after")
    def _cuts_before_unless_it_says(self) -> Self:
        if "at" in self.row.members:
            self.at = self.at or "before"
        return self

    @property
    def row(self) -> FaultKind:
        """The row of the fault's kind."""
        return self.kinds[self.kind]

    @classmethod
    def kinds_with(cls, member: str) -> list[str]:
        """Return the names of the kinds that have this member."""
        return [name for name, kind in cls.kinds.items() if member in kind.members]

    def find_futility(self) -> str | None:
        """Return the member for which the fault can hit no call, and why; None if it can hit one."""
        hit = self.row.operations
        if self.operation is not None and self.operation not in hit:
            names = [name for name in (*Operation, TOKEN) if name in hit]
            return f"operation: {self.kind} hits {', '.join(names)} alone, so this fault hits nothing"
        if self.citizen_id is not None and (self.operation == TOKEN or hit == {TOKEN}):
            return "citizen_id: a token call is about nobody, so this fault hits nothing"
        return None

    def concerns(self, call: CallFacts) -> bool:
        """Return whether the fault has this effect and can hit this call at this instant."""
        effect = self.row.effect
        return (
            isinstance(effect, call.effect)
            and self._concerns_operation(call.operation)
            and self.account in {None, call.account}
            and self.citizen_id in {None, call.number}
            and (self.starts is None or self.starts <= call.now)
            and (self.ends is None or call.now < self.ends)
            and (not isinstance(effect, AnswerChange | ReplyChange) or effect.can_change(call.subject))
        )

    def _concerns_operation(self, operation: str | None) -> bool:
        if operation not in self.row.operations:
            return False
        if self.operation is None:
            return operation != TOKEN or self.row.operations == {TOKEN}
        return operation == self.operation

    def has_nth(self, n: int) -> bool:
        """Return whether the fault may hit the n-th of the calls that it concerns, from 1."""
        match self.nth:
            case EveryBody(every=every, first=first):
                return n >= (first or every) and (n - (first or every)) % every == 0
            case list():
                return n in self.nth
        return True
