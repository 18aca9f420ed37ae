"""Structured logs on standard error: JSON or console lines, each with the request's id.

Events name things by our ids only. Messages of libraries pass through the same writer; what an HTTP library
says of addresses is kept out, and a traceback carries no local values.
"""

import logging
import sys
from typing import Literal

import structlog

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


def set_up_logs(*, form: Literal["json", "console"], level: str) -> None:
    """Send structlog and the standard logging through one writer."""
    render = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
        )
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
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
    finish: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        finish.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*finish, _one_line, render])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _one_line(logger: object, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Escape line breaks and terminal escapes in values: no forged line, no repainted screen."""
    del logger, method
    return {
        key: value.translate(_CONTROLS) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }


_CONTROLS = {code: f"\\x{code:02x}" for code in [*range(32), 127, *range(128, 160)]}
