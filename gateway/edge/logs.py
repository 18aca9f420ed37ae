"""Structured logs on standard error: JSON or console lines, each with the request's id.

Events name things by our ids only. Messages of libraries pass through the same writer; what an HTTP library
says of addresses is kept out. A traceback tells places and kinds, never an error's own text, which may repeat
a person's data.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Literal

import structlog

UVICORN_LOG = "gateway.edge.uvicorn"
"""The logger of what uvicorn says of a connection: a line for each one that is no HTTP, which `Room` counts already."""

_QUIET = (
    "httpx",
    "httpcore",
    "aiohttp",
    "asyncio",
    "aiosqlite",
    "sqlalchemy",
    "authlib",
    "alembic",
    "uvicorn.access",
)


def set_up_logs(*, form: Literal["json", "console"], level: str, worker: int | None = None) -> None:
    """Send structlog and the standard logging through one writer; one of many workers says which it is."""
    render = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *_name_worker(worker),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    finish: list[structlog.types.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(_tell_error),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*finish, _one_line, render])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(UVICORN_LOG).setLevel(logging.ERROR)


def _name_worker(number: int | None) -> Iterator[structlog.types.Processor]:
    """Yield what adds the worker's number to each event, where there are many workers."""

    def add(logger: object, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        del logger, method
        return {"worker": number} | dict(event)  # a supervisor's own `worker` wins

    if number is not None:
        yield add


def _tell_error(exc_info: structlog.typing.ExcInfo) -> str:
    return "\n".join(_tell_chain(exc_info[1]))


def _tell_chain(error: BaseException | None) -> Iterator[str]:
    """Yield kind and places of an error, then of what caused it; no message, no source line."""
    while error is not None:
        yield type(error).__qualname__
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one_line(logger: object, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Escape line breaks and terminal escapes in values: no forged line, no repainted screen."""
    del logger, method
    return {
        key: value.translate(_CONTROLS) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(32), 127, *range(128, 160)]}
