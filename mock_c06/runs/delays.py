"""How long a planned latency is: always the same, or drawn from a distribution, repeatable and bounded.

Each call's delay is drawn from the fault's seed and the call's number alone, so that it does not depend on what
else happens at the same time.
"""

import math
import random
from dataclasses import dataclass
from enum import StrEnum

# Nothing waits longer than an hour, whatever a plan says.
MOST_MS = 3_600_000


class Shape(StrEnum):
    """The families that latencies are drawn from."""

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
    high: int = MOST_MS

    def draw(self, chance: random.Random) -> int:
        """Draw one delay in milliseconds, inside the bounds."""
        return round(min(max(self._draw(chance), self.low), self.high, MOST_MS))

    def _draw(self, chance: random.Random) -> float:
        match self.shape:
            case Shape.UNIFORM:
                return chance.uniform(self.low, self.high)
            case Shape.NORMAL:
                return chance.normalvariate(self.centre, self.spread)
            case Shape.LOGNORMAL:
                return self.centre * math.exp(min(chance.normalvariate(0, self.spread), 50))
        return chance.expovariate(1 / self.centre)
