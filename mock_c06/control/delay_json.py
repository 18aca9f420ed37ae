"""The distribution of a latency's delays as a test writes it: a `kind`, and bounds."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mock_c06.control.validation import ControlBody, Integer, Number
from mock_c06.faults.model import MAX_DELAY_MS, Distribution, Shape

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
