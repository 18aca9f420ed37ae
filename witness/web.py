"""What a witness shows: its cosigned checkpoint, its key, its state and its metrics. All of it is open."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from witness.follower import State, Witness

_UNCACHED = {"cache-control": "no-store"}
_SHOWN = """\
/checkpoint  the last checkpoint, signed by the log and by this witness
/key         this witness's public key
/state       200 while it follows the log, else 503 and the reason
/metrics     its figures for Prometheus
"""


def build_app(witness: Witness, running: Callable[[], AbstractAsyncContextManager[None]]) -> Starlette:
    """Return the application; it follows the log while `running` is open."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running():
            yield

    async def show_index(_: Request) -> Response:
        return _text(f"{witness.key.name}: a witness of a verification gateway's signed log\n{_SHOWN}")

    async def show_checkpoint(_: Request) -> Response:
        if not witness.record.note:
            return _text("no checkpoint yet\n", status=404)
        return _text(witness.record.note)

    async def show_key(_: Request) -> Response:
        return _text(f"{witness.key}\n")

    async def show_state(_: Request) -> Response:
        members = {
            "state": witness.state.value,
            "reason": witness.reason or None,
            "origin": witness.record.origin or None,
            "size": witness.record.edge.size,
        }
        status = 200 if witness.state is State.FOLLOWING else 503
        return JSONResponse(members, status, headers=_UNCACHED)

    async def show_metrics(_: Request) -> Response:
        return _text(write_metrics(witness))

    pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": show_index,
        "/checkpoint": show_checkpoint,
        "/key": show_key,
        "/state": show_state,
        "/metrics": show_metrics,
    }
    app = Starlette(routes=[Route(path, show) for path, show in pages.items()], lifespan=lifespan)
    # The framework's redirect would go to whatever the caller's Host says.
    app.router.redirect_slashes = False
    return app


def write_metrics(witness: Witness) -> str:
    """Return the figures in Prometheus' text format."""
    lines = [
        "# TYPE witness_rows gauge",
        f"witness_rows {witness.record.edge.size}",
        "# TYPE witness_forked gauge",
        f"witness_forked {int(witness.state is State.FORKED)}",
        "# TYPE witness_alarm gauge",
        f"witness_alarm {int(witness.state.is_alarm)}",
        "# TYPE witness_checks_total counter",
        *(
            f'witness_checks_total{{outcome="{state.value}"}} {count}'
            for state, count in witness.checks.items()
            if state is not State.STARTING
        ),
    ]
    return "\n".join(lines) + "\n"


def _text(content: str, *, status: int = 200) -> Response:
    return PlainTextResponse(content, status, headers=_UNCACHED)
