"""`/livez` and `/metrics`, which need no token: counts only, no account and no person.

In Prometheus's text format, version 0.0.4. Counts are those of this process, over all runs and deleted ones too.
"""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from mock_c06 import __version__
from mock_c06.journal import BUCKETS_MS, Tally
from mock_c06.runs.run import Runs

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def metrics_routes(runs: Runs) -> APIRouter:
    """Make the routes of `/livez` and `/metrics`."""
    router = APIRouter(tags=["metrics"])

    @router.get("/livez")
    async def say_alive() -> dict[str, str]:
        """Answer while the process runs."""
        return {"status": "ok"}

    @router.get("/metrics", response_class=PlainTextResponse)
    async def read_metrics() -> PlainTextResponse:
        """Return the counts of all calls at the registry faces."""
        return PlainTextResponse("\n".join(_lines(runs)) + "\n", media_type=_TEXT)

    return router


def _lines(runs: Runs) -> Iterable[str]:
    tally: Tally = runs.tally
    yield from _metric("build_info", "gauge", "The mock's version.", {(("version", __version__),): 1})
    yield from _metric("runs", "gauge", "Runs that exist.", {(): len(runs.names())})
    yield from _metric(
        "calls_total", "counter", "Calls at the registry faces, by how they ended.", tally.calls
    )
    yield from _metric("login_failures_total", "counter", "Failed logins, by reason.", tally.reasons)
    yield from _metric("faults_total", "counter", "Planned faults that hit a call, by kind.", tally.faults)
    yield from _metric("answer_bytes_total", "counter", "Bytes of answers' bodies.", {(): tally.bytes})
    name = "mock_c06_call_duration_seconds"
    yield f"# HELP {name} From the end of a request to the beginning of its answer, planned delays included."
    yield f"# TYPE {name} histogram"
    for bound, count in zip(BUCKETS_MS, tally.at_most, strict=True):
        yield f'{name}_bucket{{le="{bound / 1000:g}"}} {count}'
    yield f'{name}_bucket{{le="+Inf"}} {tally.count}'
    yield f"{name}_sum {tally.ms / 1000:.6f}"
    yield f"{name}_count {tally.count}"


def _metric(
    name: str, kind: str, told: str, samples: Mapping[tuple[tuple[str, str], ...], int]
) -> Iterable[str]:
    yield f"# HELP mock_c06_{name} {told}"
    yield f"# TYPE mock_c06_{name} {kind}"
    for labels, value in samples.items():
        written = ",".join(f'{label}="{text}"' for label, text in labels)
        yield f"mock_c06_{name}{{{written}}} {value}" if written else f"mock_c06_{name} {value}"
