"""Closed-loop load: so many callers, each with its next request when the last was answered."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

CALLERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run saw: answers a second, and the median and 99th percentile in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float

    def to_json(self) -> dict[str, float]:
        """Return rounded members."""
        return {
            "per_second": round(self.per_second, 1),
            "p50_ms": round(self.p50_ms, 1),
            "p99_ms": round(self.p99_ms, 1),
        }


class WrongAnswer(Exception):
    """An answer that a benchmark must not count."""


async def measure(
    address: str,
    bodies: Sequence[Mapping[str, Any]],
    *,
    headers: Mapping[str, str],
    accept: Callable[[httpx.Response], bool],
) -> Figures:
    """Send every body once, `CALLERS` at a time. Raises `WrongAnswer` at the first that is not accepted."""
    took: list[float] = []
    queue = iter(bodies)
    async with httpx.AsyncClient(transport=AiohttpTransport(), headers=dict(headers), timeout=60) as http:

        async def caller() -> None:
            for body in queue:
                began = time.perf_counter()
                answer = await http.post(address, json=body)
                took.append(time.perf_counter() - began)
                if not accept(answer):
                    raise WrongAnswer(f"{answer.status_code} from {address}: {answer.text[:200]}")

        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        whole = time.perf_counter() - began
    cuts = quantiles(took, n=100)
    return Figures(per_second=len(took) / whole, p50_ms=cuts[49] * 1000, p99_ms=cuts[98] * 1000)
