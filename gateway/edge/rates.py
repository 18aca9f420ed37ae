"""How fast one account may call: a bucket each, per worker, in memory (docs/decisions/0034).

Holds no value of a request: an account's id and two numbers. What was refused is counted, not recorded row by row.
"""

from collections import OrderedDict
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.errors.callers import RateLimited

BURST_SECONDS = 4
"""A full bucket holds what may be called in this time, at once."""
KEPT = 10_000


@dataclass(slots=True)
class _Bucket:
    calls: float
    filled_at: float


class RateLimits:
    """The buckets of one worker. `refused` counts for the metrics."""

    def __init__(self, clock: Clock, *, kept: int = KEPT) -> None:
        self._clock = clock
        self._kept = kept
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self.refused: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many accounts are remembered."""
        return len(self._buckets)

    def spend(self, profile: str, client_id: str, *, per_second: int) -> None:
        """Take one call out of an account's bucket. Raises `RateLimited` where it is empty."""
        now = self._clock.monotonic()
        full = float(per_second * BURST_SECONDS)
        bucket = self._buckets.setdefault((profile, client_id), _Bucket(full, now))
        self._buckets.move_to_end((profile, client_id))
        bucket.calls = min(full, bucket.calls + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if len(self._buckets) > self._kept:
            self._buckets.popitem(
                last=False
            )  # the longest unused one: most likely full again, so nothing is lost
        if bucket.calls < 1:
            self.refused[profile] = self.refused.get(profile, 0) + 1
            raise RateLimited(retry_after=1)  # at one call a second or more, a second always brings one
        bucket.calls -= 1
