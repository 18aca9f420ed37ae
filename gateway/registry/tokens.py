"""Keep the platform's access token: one fetch for however many wait, one more after a 401.

Refuses token answers that a header can't carry. The fetch outlives the request that began it (others wait for
it too), so it has the connection's own deadline. Source: RFC 6749 §4.4 and §5.1.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryAnswerInvalid, RegistryError, RegistryUnavailable
from gateway.places import Profile
from gateway.registry.json_in import parse_object
from gateway.registry.refusals import unforeseen
from gateway.registry.tree import leaf

_log = structlog.get_logger(__name__)

_VALUE = re.compile(r"[\x21-\x7e]{1,4096}")
_LIFETIME = re.compile(r"[0-9]{1,9}")
_DEFAULT_LIFETIME = 300
_LONGEST_LIFETIME = 86_400
_LONGEST_MARGIN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token and when, on the monotonic clock, to stop using it."""

    value: str = field(repr=False)
    good_until: float


class TokenKeeper:
    """The one holder of a connection's token."""

    def __init__(self, fetch: Callable[[], Awaitable[Token]], clock: Clock, profile: Profile) -> None:
        self._fetch = fetch
        self._clock = clock
        self._profile = profile
        self._token: Token | None = None
        self._fetching: asyncio.Task[Token] | None = None

    async def current(self) -> Token:
        """Return a token that is good now, fetching one if there is none."""
        token = self._token
        if token is not None and self._clock.monotonic() < token.good_until:
            return token
        return await self._renewed()

    async def after_rejection(self, rejected: Token) -> Token:
        """Return another token than the one that was just rejected."""
        if self._token is rejected:
            self._token = None
        return await self.current()

    async def aclose(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _renewed(self) -> Token:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._run())
            self._fetching.add_done_callback(_look_at)
        fetching = self._fetching
        try:
            # Shielded: a waiter whose time is over must not end the fetch of the others.
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            if fetching.cancelled():  # by `aclose`, not by the waiter's own end
                raise RegistryUnavailable from None
            raise

    async def _run(self) -> Token:
        try:
            self._token = await self._fetch()
        except RegistryError as exc:
            _log.warning("registry_token_failed", profile=self._profile.value, error=type(exc).__name__)
            raise
        except GatewayError:
            raise
        except Exception as exc:  # whatever the token's answer made a reader raise, for everyone who waits
            raise unforeseen(exc, "token") from exc
        finally:
            self._fetching = None
        _log.info("registry_token_refreshed", profile=self._profile.value)
        return self._token


def _look_at(task: asyncio.Task[Token]) -> None:
    """Take note of a failure that no waiter is left to see."""
    if not task.cancelled():
        task.exception()


def read_token(content: bytes, now: float) -> Token:
    """Return the token of a token endpoint's answer; raises `RegistryAnswerInvalid`."""
    answer = parse_object(content)
    value = leaf(answer, "access_token")
    lifetime = leaf(answer, "expires_in") or str(_DEFAULT_LIFETIME)
    if _VALUE.fullmatch(value) is None or _LIFETIME.fullmatch(lifetime) is None:
        raise RegistryAnswerInvalid("malformed token")
    if leaf(answer, "token_type").lower() not in {"bearer", ""}:
        raise RegistryAnswerInvalid("malformed token")
    seconds = min(int(lifetime), _LONGEST_LIFETIME)
    return Token(value=value, good_until=now + seconds - min(seconds / 10, _LONGEST_MARGIN))
