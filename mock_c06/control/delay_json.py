"""How the delays of a latency are drawn, as a test writes it: a shape by its `kind`, within bounds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mock_c06.control.values import Number, Whole
from mock_c06.runs.delays import MOST_MS, Distribution, Shape

Milliseconds = Annotated[Whole, Field(ge=0, le=MOST_MS)]


class _Bounds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    min_ms: Milliseconds = 0
    max_ms: Milliseconds = MOST_MS

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
    max_ms: Milliseconds

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.UNIFORM)


class NormalBody(_Bounds):
    """Around a mean, cut at the bounds."""

    kind: Literal["normal"]
    mean_ms: Number = Field(ge=0, le=MOST_MS)
    sd_ms: Number = Field(ge=0, le=MOST_MS)

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.NORMAL, self.mean_ms, self.sd_ms)


class LognormalBody(_Bounds):
    """Mostly near the median with a long tail, as chains of platforms are; `sigma` is that of the logarithm."""

    kind: Literal["lognormal"]
    median_ms: Number = Field(gt=0, le=MOST_MS)
    sigma: Number = Field(ge=0, le=10)

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.LOGNORMAL, self.median_ms, self.sigma)


class ExponentialBody(_Bounds):
    """Mostly short, seldom long."""

    kind: Literal["exponential"]
    mean_ms: Number = Field(gt=0, le=MOST_MS)

    def make(self) -> Distribution:
        """Give the distribution."""
        return self._make(Shape.EXPONENTIAL, self.mean_ms)


Delays = Annotated[UniformBody | NormalBody | LognormalBody | ExponentialBody, Field(discriminator="kind")]


def write_delays(drawn: Distribution | None) -> dict[str, Any] | None:
    """Write a distribution so that planning it again takes it back unchanged."""
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
