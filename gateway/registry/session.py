"""One profile's standing with the registry: who we are, on which URL, until when.

Puts the authorisation layers on each packet and holds one deadline over a whole exchange, token fetch and
second attempt included. Refuses, through `guard.py`, whatever is not this profile's, and through `latch.py` a
login that was refused too often. Retries once and only after a 401 on a token: that packet was not taken in, so
its request code is still unused.
"""

import asyncio
from collections.abc import Mapping

import httpx

from gateway.clock import Clock
from gateway.errors.commands import SettingInvalid
from gateway.errors.registry import RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable
from gateway.registry.authorisation import C06Login, Timestamps, basic, check_credentials, standing_headers
from gateway.registry.connection import Connection, Dialect
from gateway.registry.guard import PLATFORM_FOLDER, Guard
from gateway.registry.latch import LoginLatch
from gateway.registry.model import Question
from gateway.registry.outbound import Answer, Outbound
from gateway.registry.refusals import refuse_status
from gateway.registry.tokens import Token, TokenKeeper, read_token

_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


class Session:
    """Sends questions with the connection's credentials."""

    def __init__(self, connection: Connection, outbound: Outbound, guard: Guard, clock: Clock) -> None:
        check_credentials(connection)
        self._connection = connection
        self._outbound = outbound
        self._guard = guard
        self._clock = clock
        self._standing = standing_headers(connection)
        self._urls: dict[str, httpx.URL] = {}
        root = guard.base.path.rstrip("/")
        self._folder = root if connection.dialect is Dialect.SOAP else f"{root}{PLATFORM_FOLDER}"
        self._token_url = guard.base.copy_with(path=f"{root}/token")
        self._login = _login(connection, clock)
        self._latch = LoginLatch(clock, connection.profile)
        self._tokens = TokenKeeper(self._fetch_token, clock, connection.profile)

    async def call(self, question: Question, path: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send a question and return the answer, whose status is 200, 400 or 500; raises `RegistryError`."""
        url = self._url(path)
        # Before a token is fetched: not even that packet may leave for a question of the other profile or revision.
        self._guard.check(question.owner, url)
        remaining = question.deadline - self._clock.monotonic()
        if remaining <= 0:
            raise RegistryTimeout
        try:
            async with asyncio.timeout(remaining):
                return await self._latch.run(lambda: self._exchange(question, url, headers, content))
        except TimeoutError as exc:
            raise RegistryTimeout from exc

    async def aclose(self) -> None:
        """Close the outbound client."""
        await self._tokens.aclose()
        await self._outbound.aclose()

    async def _exchange(
        self, question: Question, url: httpx.URL, headers: Mapping[str, str], content: bytes
    ) -> Answer:
        headers = {**self._standing, **headers}
        await question.may_leave()  # the latch, or the place before it, may have kept it waiting
        if self._login is not None:
            headers |= self._login.headers(str(url))
            answer = await self._outbound.post(question.owner, url, headers, content)
        else:
            answer = await self._exchange_with_token(question, url, headers, content)
        refuse_status(answer.status, answer.retry_after, self._clock.now())
        return answer

    async def _exchange_with_token(
        self, question: Question, url: httpx.URL, headers: dict[str, str], content: bytes
    ) -> Answer:
        token = await self._tokens.current()
        await question.may_leave()
        answer = await self._outbound.post(question.owner, url, headers | _bearer(token), content)
        if answer.status == 401:
            # The same request code again: a packet that was not let in was never a question, so the code is still
            # unused at the registry, and the audit's one pair of rows by this code stands for the one question.
            token = await self._tokens.after_rejection(token)
            await question.may_leave()
            answer = await self._outbound.post(question.owner, url, headers | _bearer(token), content)
        return answer

    async def _fetch_token(self) -> Token:
        """Fetch a token by client credentials, within the connection's own deadline."""
        credential = basic(self._connection.ngsp_key or "", self._connection.ngsp_secret or "")
        headers = {**self._standing, **_FORM, "authorization": credential}
        form = b"grant_type=client_credentials"
        try:
            async with asyncio.timeout(self._connection.deadline_ms / 1000):
                answer = await self._outbound.post(self._connection.owner, self._token_url, headers, form)
        except TimeoutError as exc:
            raise RegistryTimeout from exc
        refuse_status(answer.status, answer.retry_after, self._clock.now())
        if answer.status == 400:  # RFC 6749 §5.2: invalid_client may come so
            raise RegistryCredentialsRejected
        if answer.status != 200:
            raise RegistryUnavailable
        return read_token(answer.content, self._clock.monotonic())

    def _url(self, path: str) -> httpx.URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._guard.base.copy_with(path=f"{self._folder}/{path}")
        return url


def _bearer(token: Token) -> dict[str, str]:
    return {"authorization": f"Bearer {token.value}"}


def _login(connection: Connection, clock: Clock) -> C06Login | None:
    """Return C06's own login for SOAP; None where a platform's token carries us."""
    if connection.dialect is Dialect.SOAP and connection.c06_user is not None:
        timestamps = Timestamps(clock, connection.timestamp_unit)
        return C06Login(connection.c06_user, connection.c06_secret or "", timestamps)
    if connection.ngsp_key is None:
        raise SettingInvalid("c06_user or ngsp_key: the registry can't be logged in to without")
    return None
