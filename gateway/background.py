"""Background tasks: one that runs while a block runs, and one that belongs to no request."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def start_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task in an empty context: what it logs does not belong to the request that starts it."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())


@asynccontextmanager
async def run_in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `work` while the block runs, and cancel it at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
