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

    def __contains__(self, key: str) -> bool:
        """Say whether such a question is under way: whoever comes now waits for it."""
        return key in self._tasks

    async def wait(self, key: str) -> Answer:
        """Return the answer to the question under way."""
        return await asyncio.shield(self._tasks[key])

    async def ask(self, key: str, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Put a question and return its answer.

        It goes on when the caller is cancelled: what was asked must still be recorded.
        """
        task = asyncio.ensure_future(question())
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._land(key, done))
        return await self.wait(key)

    def _land(self, key: str, task: asyncio.Task[Answer]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # Read, so that a failure nobody waited for is no warning.
