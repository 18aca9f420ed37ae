"""Faults and plans as a test writes them, in JSON or TOML. Their schema is published: `GET /plan-schema.json`.

Refuses, naming the member: unknown members, windows without an offset or that end before they begin, and members
that mean nothing for the kind.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from mock_c06.control.delay_json import Delays, Milliseconds, write_delays
from mock_c06.control.fault_rules import find_futility, schema_rules
from mock_c06.control.values import Instant, Number, Whole
from mock_c06.operations import Operation
from mock_c06.runs.faults import Cut, Fault, Kind, Nth
from mock_c06.runs.plan import Planned

_Position = Annotated[Whole, Field(ge=1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EveryBody(_Body):
    """Every so-manieth call that the fault is about, from the `first` on; without it the every-th is the first."""

    every: _Position
    first: _Position | None = None


class FaultBody(_Body):
    """A fault to plan; without `times` it stays until it is dropped."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, serialize_by_alias=True, json_schema_extra=schema_rules()
    )

    kind: Kind = Field(description="What happens.")
    operation: Operation | Literal["token"] | None = Field(default=None, description="Only to these calls.")
    account: str | None = Field(default=None, description="Only to this account's calls, by its name.")
    citizen_id: str | None = Field(
        default=None,
        pattern=r"^([0-9]{12}|[0-9]{9})$",
        description="Only to calls about this number, 12 or 9 digits.",
    )
    times: _Position | None = Field(default=None, description="Exactly so often, then no more.")
    share: Number = Field(default=1.0, gt=0, le=1, description="This part of the calls, drawn from the seed.")
    seed: Whole = Field(
        default=0, description="Share and delays follow from it and from the call's number alone."
    )
    delay_ms: Milliseconds | None = Field(
        default=None, description="How late the answer comes, or what the kind makes of it."
    )
    nth: _Position | Annotated[list[_Position], Field(min_length=1)] | EveryBody | None = Field(
        default=None,
        description="Which of the calls that the fault is about: a number, several, or every n-th.",
    )
    starts: Instant | None = Field(default=None, alias="from", description="By the run's clock, inclusive.")
    ends: Instant | None = Field(default=None, alias="until", description="By the run's clock, exclusive.")
    distribution: Delays | None = Field(default=None, description="Of a latency, in the place of delay_ms.")
    at: Literal["before", "mid", "after"] | None = Field(
        default=None,
        description="Where a reset cuts: before the answer, in the middle of its body, after it.",
    )

    # Of a member that is wrong itself there is nothing in `info.data`: one complaint is enough.
    @field_validator("at")
    @classmethod
    def _at_a_reset(cls, at: str | None, info: ValidationInfo) -> str | None:
        if at is not None and info.data.get("kind", Kind.RESET) is not Kind.RESET:
            raise ValueError("belongs to a reset")
        return at

    @field_validator("distribution")
    @classmethod
    def _of_a_latency(cls, drawn: Delays | None, info: ValidationInfo) -> Delays | None:
        is_latency = info.data.get("kind", Kind.LATENCY) is Kind.LATENCY
        if drawn is not None and (not is_latency or info.data.get("delay_ms") is not None):
            raise ValueError("belongs to a latency, in the place of delay_ms")
        return drawn

    @field_validator("ends")
    @classmethod
    def _after_it_starts(cls, ends: datetime | None, info: ValidationInfo) -> datetime | None:
        starts = info.data.get("starts")
        if starts is not None and ends is not None and starts >= ends:
            raise ValueError("is not after from")
        return ends

    def find_futility(self) -> str | None:
        """Say why this can hit nothing; None where it can."""
        return find_futility(self.kind, self.operation, self.citizen_id)

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

    def named_accounts(self) -> list[tuple[str, str | None]]:
        """Give the accounts that the faults name, each with its place."""
        return [(f"faults.{n}.account", fault.account) for n, fault in enumerate(self.faults)]

    def find_futile(self) -> list[str]:
        """Say which faults can hit nothing, and why."""
        reasons = ((n, fault.find_futility()) for n, fault in enumerate(self.faults))
        return [f"faults.{n}.{reason}" for n, reason in reasons if reason is not None]


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
        "distribution": write_delays(fault.distribution),
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
