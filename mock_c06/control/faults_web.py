"""Faults and plans at the control face, in JSON or TOML; their schema is `GET /plan-schema.json`.

Refused with the member's name: unknown members, windows without an offset or with an end before the start, members
that do not belong to the kind. A fault that can hit nothing is accepted with a warning: a plan may combine every kind
with one operation.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mock_c06.control.accounts_json import NamedAccounts
from mock_c06.control.token import guarded_router
from mock_c06.control.validation import ControlBody, Instant, Integer, Number, parse_kind_name
from mock_c06.faults.kinds import KINDS
from mock_c06.faults.model import MAX_DELAY_MS, Distribution, Fault, FaultKind, Nth, Shape
from mock_c06.faults.plan import PlanEntry
from mock_c06.journal.journal import TOKEN
from mock_c06.operations import Operation
from mock_c06.runs.run import Runs
from mock_c06.wire.reply import Cut

Milliseconds = Annotated[Integer, Field(ge=0, le=MAX_DELAY_MS)]
_MEMBERS: Mapping[Shape, tuple[str, ...]] = {
    Shape.UNIFORM: (),
    Shape.NORMAL: ("mean_ms", "sd_ms"),
    Shape.LOGNORMAL: ("median_ms", "sigma"),
    Shape.EXPONENTIAL: ("mean_ms",),
}
"""The members that are a shape's centre and spread."""


class _Bounds(ControlBody):
    min_ms: Milliseconds = 0
    max_ms: Milliseconds = MAX_DELAY_MS

    @model_validator(mode="after")
    def _in_order(self) -> "_Bounds":
        if self.min_ms > self.max_ms:
            raise ValueError("min_ms is greater than max_ms")
        return self

    def make(self) -> Distribution:
        """Return the distribution."""
        written = self.model_dump()
        shape = Shape(written["kind"])
        centre, spread = (*(written[name] for name in _MEMBERS[shape]), 0.0, 0.0)[:2]
        return Distribution(shape=shape, centre=centre, spread=spread, low=self.min_ms, high=self.max_ms)


class UniformBody(_Bounds):
    """A uniform distribution from `min_ms` to `max_ms`."""

    kind: Literal["uniform"]
    max_ms: Milliseconds


class NormalBody(_Bounds):
    """A normal distribution, cut at the bounds."""

    kind: Literal["normal"]
    mean_ms: Number = Field(ge=0, le=MAX_DELAY_MS)
    sd_ms: Number = Field(ge=0, le=MAX_DELAY_MS)


class LognormalBody(_Bounds):
    """A lognormal distribution, with a long tail as chains of platforms have; `sigma` is that of the logarithm."""

    kind: Literal["lognormal"]
    median_ms: Number = Field(gt=0, le=MAX_DELAY_MS)
    sigma: Number = Field(ge=0, le=10)


class ExponentialBody(_Bounds):
    """An exponential distribution."""

    kind: Literal["exponential"]
    mean_ms: Number = Field(gt=0, le=MAX_DELAY_MS)


Delays = Annotated[UniformBody | NormalBody | LognormalBody | ExponentialBody, Field(discriminator="kind")]


def write_delays(drawn: Distribution | None) -> dict[str, Any] | None:
    """Write a distribution so that planning it again takes it back unchanged."""
    if drawn is None:
        return None
    own = dict(zip(_MEMBERS[drawn.shape], (drawn.centre, drawn.spread), strict=False))
    return {"kind": drawn.shape.value, **own, "min_ms": drawn.low, "max_ms": drawn.high}


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


class FaultBody(ControlBody):
    """A fault to plan; without `times` it stays until it is deleted."""

    model_config = ConfigDict(
        populate_by_name=True, serialize_by_alias=True, json_schema_extra=_describe_kinds
    )

    kinds: ClassVar[Mapping[str, FaultKind]] = KINDS
    """The table that `kind` names a row of."""

    kind: str = Field(description="The kind of fault.")
    operation: Operation | Literal["token"] | None = Field(
        default=None, description="Only calls of this operation."
    )
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
    nth: _Position | Annotated[list[_Position], Field(min_length=1)] | EveryBody | None = Field(
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
        return parse_kind_name(kind, kinds=cls.kinds)

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

    @field_validator("ends")
    @classmethod
    def _after_it_starts(cls, ends: datetime | None, info: ValidationInfo) -> datetime | None:
        starts = info.data.get("starts")
        if starts is not None and ends is not None and starts >= ends:
            raise ValueError("is not after from")
        return ends

    @classmethod
    def kinds_with(cls, member: str) -> list[str]:
        """Return the names of the kinds that have this member."""
        return [name for name, kind in cls.kinds.items() if member in kind.members]

    def find_futility(self) -> str | None:
        """Return the member for which the fault can hit no call, and why; None if it can hit one."""
        hit = self.kinds[self.kind].operations
        if self.operation is not None and self.operation not in hit:
            names = [name for name in (*Operation, TOKEN) if name in hit]
            return f"operation: {self.kind} hits {', '.join(names)} alone, so this fault hits nothing"
        if self.citizen_id is not None and (self.operation == TOKEN or hit == {TOKEN}):
            return "citizen_id: a token call is about nobody, so this fault hits nothing"
        return None

    def make(self) -> Fault:
        """Return the fault."""
        return Fault(
            kind=self.kinds[self.kind],
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


class PlanBody(ControlBody):
    """A named list of faults that replaces all planned faults."""

    model_config = ConfigDict(populate_by_name=True)

    schema_address: str | None = Field(default=None, alias="$schema", description="For editors; not read.")
    name: str = Field(min_length=1, max_length=100)
    description: str | None = Field(default=None, max_length=10_000)
    faults: list[FaultBody] = Field(max_length=1000)

    def named_accounts(self) -> list[tuple[str, str | None]]:
        """Return the account names of the faults, each with its member."""
        return [(f"faults.{n}.account", fault.account) for n, fault in enumerate(self.faults)]

    def find_futile(self) -> list[str]:
        """Return which faults can hit nothing, and why."""
        reasons = ((n, fault.find_futility()) for n, fault in enumerate(self.faults))
        return [f"faults.{n}.{reason}" for n, reason in reasons if reason is not None]


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PlanBody.model_json_schema(by_alias=True),
        "title": "A fault plan of mock-c06",
    }


def planned_json(fault_id: str, planned: PlanEntry) -> dict[str, Any]:
    """Write a planned fault with its counts: the calls that it concerned, those that it hit, and how many it may
    still hit."""
    return {
        "id": fault_id,
        **fault_json(planned.fault),
        "times_left": planned.left,
        "calls": planned.calls,
        "hits": planned.hits,
    }


def plan_json(name: str | None, planned: Mapping[str, PlanEntry]) -> dict[str, Any]:
    """Write a run's plan."""
    return {"name": name, "faults": [planned_json(each, one) for each, one in planned.items()]}


def fault_json(fault: Fault) -> dict[str, Any]:
    """Write a fault so that planning it again takes it back unchanged."""
    return {
        "kind": fault.kind.name,
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
        "at": fault.cut.value if "at" in fault.kind.members else None,
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


def fault_routes(runs: Runs, accounts: NamedAccounts) -> APIRouter:
    """Make the routes."""
    router = guarded_router("faults")

    @router.get("/plan-schema.json")
    async def read_plan_schema() -> dict[str, Any]:
        """Return the JSON Schema of a plan."""
        return plan_schema()

    @router.get("/runs/{run}/plan")
    async def read_plan(run: str) -> dict[str, Any]:
        """Return the run's plan with the counts of each fault."""
        faults = runs.get(run).faults
        return plan_json(faults.name, faults.planned())

    @router.put("/runs/{run}/plan")
    async def put_plan(run: str, body: PlanBody) -> dict[str, Any]:
        """Replace all planned faults by these."""
        found = runs.get(run)
        accounts.verify(found, body.named_accounts())
        faults = found.faults
        faults.put(body.name, [fault.make() for fault in body.faults])
        futile = body.find_futile()
        return plan_json(faults.name, faults.planned()) | ({"warnings": futile} if futile else {})

    @router.get("/runs/{run}/faults")
    async def list_faults(run: str) -> dict[str, Any]:
        """Return the planned faults with the times they have left."""
        return {"faults": plan_json(None, runs.get(run).faults.planned())["faults"]}

    @router.post("/runs/{run}/faults", status_code=201)
    async def plan_fault(run: str, body: FaultBody) -> dict[str, str]:
        """Add a fault to the plan; a `warning` says why it can hit nothing."""
        found = runs.get(run)
        accounts.verify(found, [("account", body.account)])
        futility = body.find_futility()
        return {"id": found.faults.plan(body.make())} | ({"warning": futility} if futility else {})

    @router.delete("/runs/{run}/faults", status_code=204)
    async def clear_faults(run: str) -> Response:
        """Delete all planned faults."""
        runs.get(run).faults.clear()
        return Response(status_code=204)

    @router.delete("/runs/{run}/faults/{fault}", status_code=204)
    async def drop_fault(run: str, fault: str) -> Response:
        """Delete one planned fault."""
        runs.get(run).faults.drop(fault)
        return Response(status_code=204)

    return router
