"""Outbound clients by revision: opened once, kept while their revision is active, closed when their requests ended.

A request keeps the link that it took: after a switch it ends on the old revision, and none starts there.
"""

import asyncio
from collections.abc import Callable

from gateway.profiles.model import Link
from gateway.registry.connection import Connection
from gateway.registry.model import Registry

OpenRegistry = Callable[[Connection], Registry]
"""Opens the outbound client of a connection; handed in, so that commands which ask nothing load none."""

_GRACE_S = 10.0


def longest_request(connection: Connection) -> float:
    """Return for how many seconds a request that took a connection may still ask by it.

    It may wait for its twin at another worker (whose lease is a deadline and 5 s), then ask itself, then ask for its
    form's fields: a deadline each.
    """
    return 3 * connection.deadline_ms / 1000 + _GRACE_S


class Links:
    """Opens links and closes them. Without `open_registry` there are none, and nothing can be asked."""

    def __init__(self, open_registry: OpenRegistry | None) -> None:
        self._open = open_registry
        self._links: set[Link] = set()
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def can_open(self) -> bool:
        """Say whether anything can be asked."""
        return self._open is not None

    def open(self, connection: Connection) -> Link | None:
        """Return a link of this connection's own. Raises `SettingInvalid` where it can't work."""
        if self._open is None:
            return None
        link = Link(connection=connection, registry=self._open(connection))
        self._links.add(link)
        return link

    def retire(self, link: Link) -> None:
        """Close a link once no request that took it can ask any more."""
        task = asyncio.get_running_loop().create_task(self._end(link))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def close(self, link: Link) -> None:
        """Close a link that no request has taken."""
        self._links.discard(link)
        await link.registry.aclose()

    async def aclose(self) -> None:
        """Close every link, retired or not."""
        for task in list(self._endings):
            task.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        while self._links:
            await self._links.pop().registry.aclose()

    async def _end(self, link: Link) -> None:
        await asyncio.sleep(longest_request(link.connection))
        await self.close(link)
