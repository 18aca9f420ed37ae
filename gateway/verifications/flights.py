"""Identical questions in flight are asked once: the first asks, the others wait and share its answer.

Within one worker. A failure is shared too, so that a registry in trouble is not asked again by each waiter.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Flights(Generic[Answer]):
    """Questions under way, by a key that two identical questions share."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Answer]] = {}

    async def join(self, key: str, ask: Callable[[], Awaitable[Answer]]) -> tuple[Answer, bool]:
        """Return the answer and whether this call was the one that asked.

        The question goes on when a waiter is cancelled: what was asked must still be recorded.
        """
        task = self._tasks.get(key)
        asked_here = task is None
        if task is None:
            task = asyncio.ensure_future(ask())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(task), asked_here

    def _land(self, key: str, task: asyncio.Task[Answer]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # Read, so that a failure nobody waited for is no warning.
