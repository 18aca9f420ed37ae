"""Registry clients, one for each active revision: opened once, kept while the revision is active, then closed.

A request keeps its client: after a switch it ends on the former revision, and no new request starts there.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.background import start_task
from gateway.identifiers import Profile
from gateway.registry.connection import Connection
from gateway.registry.model import Registry

OpenRegistry = Callable[[Connection], Registry]
"""Opens the registry client of a connection; a parameter, so that commands that ask nothing load no client."""

_GRACE_S = 10.0


def longest_request(connection: Connection) -> float:
    """Return for how many seconds a request may use a client after it took it.

    It may wait for the same question at another worker (whose lease is a deadline and 5 s), then ask itself, then ask
    for its form's fields: a deadline each.
    """
    return 3 * connection.deadline_ms / 1000 + _GRACE_S


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledClient:
    """A connection and the client that was opened for it."""

    connection: Connection
    registry: Registry


class ClientPool:
    """Opens clients and closes them. Without `open_registry` there are no clients, and nothing can be asked.

    `only`: the one profile that this server answers for; None: both.
    """

    def __init__(self, open_registry: OpenRegistry | None, *, only: Profile | None = None) -> None:
        self._open = open_registry
        self._only = only
        self._clients: set[PooledClient] = set()
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def can_open(self) -> bool:
        """Return whether anything can be asked."""
        return self._open is not None

    def serves(self, profile: Profile) -> bool:
        """Return whether this process answers for a profile; a command, which answers for none, works with both."""
        return self._open is None or self._only in {None, profile}

    @property
    def served(self) -> tuple[Profile, ...]:
        """Return the profiles that this process answers for."""
        return tuple(filter(self.serves, Profile))

    def open(self, connection: Connection) -> PooledClient | None:
        """Return a new client for this connection, None without `open_registry`. Raises `SettingInvalid` if it can't work."""
        if self._open is None:
            return None
        client = PooledClient(connection=connection, registry=self._open(connection))
        self._clients.add(client)
        return client

    def retire(self, client: PooledClient) -> None:
        """Close a client after the longest request that may still use it."""
        start_task(self._end(client), kept_in=self._endings)

    async def close(self, client: PooledClient) -> None:
        """Close a client that no request uses."""
        self._clients.discard(client)
        await client.registry.aclose()

    async def aclose(self) -> None:
        """Close every client, retired or not."""
        for task in list(self._endings):
            task.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        while self._clients:
            await self._clients.pop().registry.aclose()

    async def _end(self, client: PooledClient) -> None:
        await asyncio.sleep(longest_request(client.connection))
        await self.close(client)
