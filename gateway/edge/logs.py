"""Structured logs on standard error: JSON or console lines, each with the request's id.

Events contain only the gateway's own ids. Messages of libraries pass through the same writer; those of HTTP libraries,
which contain addresses, are left out. A traceback has files, lines and classes, never an error's text, which may repeat a
person's data.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import structlog
from pydantic_core import to_json

REQUEST_IDS: ContextVar[Mapping[str, str]] = ContextVar("request_ids")
"""The ids of the request under way, which every log line of its task has."""

UVICORN_LOG = "gateway.edge.uvicorn"
"""The logger of uvicorn's messages on connections: one for each malformed request, which the limiter counts already."""

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
    """Send structlog and the standard logging through one writer; `worker`, one of several, is on each line."""
    render = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=24)
    )
    shared: list[structlog.types.Processor] = [
        _add_request_ids,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    finish: list[structlog.types.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(_format_error),
    ]
    if worker is not None:  # here: a copy of the supervisor has loggers whose own processors are fixed
        finish.append(partial(_add_worker, number=worker))
    members = {} if worker is None else {"worker": worker}
    handler = _JsonHandler(members) if form == "json" else logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*finish, _one_line, render])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(UVICORN_LOG).setLevel(logging.ERROR)


class _JsonHandler(logging.StreamHandler[Any]):
    """Writes JSON lines to standard error; the line of a request is written without structlog's processors."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__(sys.stderr)
        self._members = members

    def write_request(self, logger: str, members: Mapping[str, Any]) -> None:
        """Write the line of a request, which has only the gateway's own words, numbers and checked ids."""
        line = {
            **self._members,
            **members,
            "event": "request",
            **REQUEST_IDS.get(_NO_IDS),
            "level": "info",
            "logger": logger,
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),  # noqa: TID251 - as structlog's TimeStamper
        }
        self.acquire()
        try:
            self.stream.write(f"{to_json(line).decode()}\n")
            self.stream.flush()
        except OSError:  # as logging does: a line that can't be written stops no request
            pass
        finally:
            self.release()


def log_request(log: Any, **members: Any) -> None:
    """Log an answered request by `log`; JSON lines are written directly."""
    handler = next(iter(logging.getLogger().handlers), None)
    if not isinstance(handler, _JsonHandler):
        log.info("request", **members)
    elif logging.getLogger(_REQUEST_LOG).isEnabledFor(logging.INFO):
        handler.write_request(_REQUEST_LOG, members)


_REQUEST_LOG = "gateway.edge"
_NO_IDS: Mapping[str, str] = {}


def _add_request_ids(
    logger: object, method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    del logger, method
    return {**REQUEST_IDS.get(_NO_IDS), **event}


def _add_worker(
    logger: object, method: str, event: structlog.types.EventDict, *, number: int
) -> structlog.types.EventDict:
    del logger, method
    return {"worker": number} | dict(event)  # an event's own `worker` has precedence


def _format_error(exc_info: structlog.typing.ExcInfo) -> str:
    """Return class, files and lines of an error, then of its cause; no message, no source line."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines.append(type(error).__qualname__)
        frames = traceback.extract_tb(error.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _one_line(logger: object, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Escape line breaks and terminal escapes in values, so that no value can forge a line."""
    del logger, method
    return {
        key: value.translate(_CONTROLS) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(32), 127, *range(128, 160)]}
