"""Background tasks: one that runs while a block runs, and one that belongs to no request."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def start_task(
    work: Coroutine[Any, Any, T], *, kept_in: set[asyncio.Task[T]] | None = None
) -> asyncio.Task[T]:
    """Start a task in an empty context: what it logs does not belong to the request that starts it.

    `kept_in`: the set that has the task until it ends.
    """
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    if kept_in is not None:
        kept_in.add(task)
        task.add_done_callback(kept_in.discard)
    return task


def retrieve_failure(task: asyncio.Task[Any]) -> None:
    """Retrieve a failure that no caller waits for any more, so that asyncio doesn't warn of it."""
    if not task.cancelled():
        task.exception()


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
