"""Faults and plans as a test writes them, in JSON or TOML. Their schema is published: `GET /plan-schema.json`.

Refuses, naming the member: unknown members, windows without an offset or that end before they begin, and members
that mean nothing for the kind.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from mock_c06.operations import Operation
from mock_c06.runs.delays import MOST_MS, Distribution, Shape
from mock_c06.runs.faults import Cut, Fault, Kind, Nth
from mock_c06.runs.plan import Planned

_Ms = Annotated[int, Field(ge=0, le=MOST_MS)]
_Position = Annotated[int, Field(ge=1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Bounds(_Body):
    min_ms: _Ms = 0
    max_ms: _Ms = MOST_MS

    @model_validator(mode="after")
    def _in_order(self) -> "_Bounds":
        if self.min_ms > self.max_ms:
            raise ValueError("min_ms is over max_ms")
        return self

    def _make(self, shape: Shape, centre: float = 0.0, spread: float = 0.0) -> Distribution:
        return Distribution(shape=shape, centre=centre, spread=spread, low=self.min_ms, high=self.max_ms)


class UniformBody(_Bounds):
    """Any delay from `min_ms` to `max_ms`, each as likely."""

    kind: Literal["uniform"]
    max_ms: _Ms

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.UNIFORM)


class NormalBody(_Bounds):
    """Around a mean, cut at the bounds."""

    kind: Literal["normal"]
    mean_ms: float = Field(ge=0, le=MOST_MS)
    sd_ms: float = Field(ge=0, le=MOST_MS)

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.NORMAL, self.mean_ms, self.sd_ms)


class LognormalBody(_Bounds):
    """Mostly near the median with a long tail, as chains of platforms are; `sigma` is that of the logarithm."""

    kind: Literal["lognormal"]
    median_ms: float = Field(gt=0, le=MOST_MS)
    sigma: float = Field(ge=0, le=10)

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.LOGNORMAL, self.median_ms, self.sigma)


class ExponentialBody(_Bounds):
    """Mostly short, seldom long."""

    kind: Literal["exponential"]
    mean_ms: float = Field(gt=0, le=MOST_MS)

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.EXPONENTIAL, self.mean_ms)


class EveryBody(_Body):
    """Every so-manieth call that the fault is about, from the `first` on; without it the every-th is the first."""

    every: _Position
    first: _Position | None = None


class FaultBody(_Body):
    """A fault to plan; without `times` it stays until it is dropped."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)

    kind: Kind = Field(description="What happens.")
    operation: Operation | Literal["token"] | None = Field(default=None, description="Only to these calls.")
    account: str | None = Field(default=None, description="Only to this account's calls, by its name.")
    citizen_id: str | None = Field(
        default=None, description="Only to calls about this number, 12 or 9 digits."
    )
    times: int | None = Field(default=None, ge=1, description="Exactly so often, then no more.")
    share: float = Field(default=1.0, gt=0, le=1, description="This part of the calls, drawn from the seed.")
    seed: int = Field(
        default=0, description="Share and delays follow from it and from the call's number alone."
    )
    delay_ms: _Ms | None = Field(default=None, description="The delay, or what the kind makes of it.")
    nth: int | list[_Position] | EveryBody | None = Field(
        default=None,
        description="Which of the calls that the fault is about: a number, several, or every n-th.",
    )
    starts: AwareDatetime | None = Field(
        default=None, alias="from", description="By the run's clock, inclusive."
    )
    ends: AwareDatetime | None = Field(
        default=None, alias="until", description="By the run's clock, exclusive."
    )
    distribution: (
        Annotated[UniformBody | NormalBody | LognormalBody | ExponentialBody, Field(discriminator="kind")]
        | None
    ) = Field(default=None, description="Of a latency, in the place of delay_ms.")
    at: Literal["before", "mid", "after"] | None = Field(
        default=None,
        description="Where a reset cuts: before the answer, in the middle of its body, after it.",
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "FaultBody":
        if self.at is not None and self.kind is not Kind.RESET:
            raise ValueError("at belongs to a reset")
        if self.distribution is not None and (self.kind is not Kind.LATENCY or self.delay_ms is not None):
            raise ValueError("distribution belongs to a latency, in the place of delay_ms")
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise ValueError("until is not after from")
        if (isinstance(self.nth, int) and self.nth < 1) or self.nth == []:
            raise ValueError("nth counts from 1")
        return self

    def make(self) -> Fault:
        """Give the fault."""
        return Fault(
            kind=self.kind,
            operation=self.operation,
            account=self.account,
            citizen_id=self.citizen_id,
            times=self.times,
            share=self.share,
            seed=self.seed,
            delay_ms=self.delay_ms,
            nth=_make_nth(self.nth),
            starts=self.starts,
            ends=self.ends,
            distribution=self.distribution.make() if self.distribution is not None else None,
            cut=Cut(self.at or "before"),
        )


class PlanBody(_Body):
    """A named list of faults, put at once in the place of all that are planned."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_address: str | None = Field(default=None, alias="$schema", description="For editors; not read.")
    name: str = Field(min_length=1, max_length=100)
    description: str | None = Field(default=None, max_length=10_000)
    faults: list[FaultBody] = Field(max_length=1000)


def plan_schema() -> dict[str, Any]:
    """Give the JSON Schema of a plan."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PlanBody.model_json_schema(by_alias=True),
        "title": "A fault plan of mock-c06",
    }


def planned_json(fault_id: str, planned: Planned) -> dict[str, Any]:
    """Write a planned fault with its counts: the calls it was about, those it hit, and how many it may still hit."""
    return {
        "id": fault_id,
        **fault_json(planned.fault),
        "times_left": planned.left,
        "calls": planned.seen,
        "hits": planned.hits,
    }


def plan_json(name: str | None, planned: Mapping[str, Planned]) -> dict[str, Any]:
    """Write a run's plan."""
    return {"name": name, "faults": [planned_json(each, one) for each, one in planned.items()]}


def fault_json(fault: Fault) -> dict[str, Any]:
    """Write a fault so that planning it again takes it back unchanged."""
    return {
        "kind": fault.kind.value,
        "operation": fault.operation,
        "account": fault.account,
        "citizen_id": fault.citizen_id,
        "times": fault.times,
        "share": fault.share,
        "seed": fault.seed,
        "delay_ms": fault.delay_ms,
        "nth": _nth_json(fault.nth),
        "from": _time_json(fault.starts),
        "until": _time_json(fault.ends),
        "distribution": _distribution_json(fault.distribution),
        "at": fault.cut.value if fault.kind is Kind.RESET else None,
    }


def _make_nth(nth: int | list[int] | EveryBody | None) -> Nth | None:
    match nth:
        case None:
            return None
        case EveryBody():
            return Nth(every=nth.every, first=nth.first or nth.every)
        case int():
            return Nth(numbers=frozenset({nth}))
    return Nth(numbers=frozenset(nth))


def _nth_json(nth: Nth | None) -> list[int] | dict[str, int] | None:
    if nth is None:
        return None
    return sorted(nth.numbers) if nth.every is None else {"every": nth.every, "first": nth.first}


def _time_json(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z") if instant is not None else None


def _distribution_json(drawn: Distribution | None) -> dict[str, Any] | None:
    if drawn is None:
        return None
    bounds = {"min_ms": drawn.low, "max_ms": drawn.high}
    own: dict[str, float] = {}
    match drawn.shape:
        case Shape.NORMAL:
            own = {"mean_ms": drawn.centre, "sd_ms": drawn.spread}
        case Shape.LOGNORMAL:
            own = {"median_ms": drawn.centre, "sigma": drawn.spread}
        case Shape.EXPONENTIAL:
            own = {"mean_ms": drawn.centre}
    return {"kind": drawn.shape.value, **own, **bounds}
