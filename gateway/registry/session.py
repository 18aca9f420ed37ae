"""One connection's session with the registry: it logs in and sends questions, each within its deadline.

The deadline covers a whole exchange, with token fetch and second attempt. `EgressPolicy` refuses what is not this
connection's. A question is sent twice only after a 401 for its token: the registry did not accept the first one, so its
request code is still unused.

The login lockout limits wrong logins, since C06 locks an account after several. While a login is not known to work, one
question at a time tries it and the others wait; a refusal counts once, and the waiting questions fail too. After `TRIES`
refusals in a row no login is tried for `COOLING_S` seconds, then one. An outage says nothing about a login.

The platform's access token is fetched once for all waiting questions, and once more after a 401. A fetch outlives the
request that began it, so it has the connection's own deadline.

The headers of a login are the platform's token, its adapter's header, and C06's Basic over a hash. Credentials that a header
can't carry are refused. Source: RFC 6749 §4.4 and §5.1; public clients of C06, NGSP and LGSP.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TypeAlias, TypeVar

import httpx
import structlog

from gateway.background import retrieve_failure, start_task
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryError,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.identifiers import Profile
from gateway.registry.connection import Connection, Dialect, Owner, TimestampUnit
from gateway.registry.egress import PLATFORM_FOLDER, EgressPolicy
from gateway.registry.http_sender import HttpAnswer, HttpSender, find_http_date, refuse_status, unforeseen
from gateway.registry.model import Question
from gateway.registry.reader import leaf, parse_object

MAX_SKEW_S = 300
"""Seconds between the two clocks beyond which C06 refuses every login."""

_MAX_LEAD_MS = 1_000

TRIES = 3
COOLING_S = 60.0

_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_LIFETIME = re.compile(r"[0-9]{1,9}")
_DEFAULT_LIFETIME = "300"
_MAX_LIFETIME = 86_400
_MAX_MARGIN = 30

_log = structlog.get_logger(__name__)

Answered = TypeVar("Answered")
_Post: TypeAlias = Callable[[dict[str, str]], Awaitable[HttpAnswer]]
"""Sends the question with these headers."""


class LoginLockout:
    """The lockout of one connection's login: a refusal of any layer counts.

    A refusal ends a round: results of questions from an earlier round then count neither for nor against the login.
    """

    def __init__(self, clock: Clock, profile: Profile) -> None:
        self._clock = clock
        self._profile = profile
        self._trying = asyncio.Lock()
        self._works = False
        self._round = 0
        self._refused = 0
        self._locked_until = -inf

    async def run(self, attempt: Callable[[], Awaitable[Answered]]) -> Answered:
        """Return what an attempt returns; while locked, raise `RegistryCredentialsRejected` without an attempt."""
        if self._clock.monotonic() < self._locked_until:
            raise RegistryCredentialsRejected
        number = self._round
        if not self._works:
            async with self._trying:
                # The question that tried the login was refused, so the waiting ones fail too.
                if number != self._round:
                    raise RegistryCredentialsRejected
                if not self._works:
                    return await self._try(attempt, number)
        return await self._try(attempt, number)

    async def _try(self, attempt: Callable[[], Awaitable[Answered]], number: int) -> Answered:
        try:
            answer = await attempt()
        except RegistryCredentialsRejected:
            if number == self._round:
                self._note_refusal()
            raise
        if number == self._round:
            self._works = True
            self._refused = 0
        return answer

    def _note_refusal(self) -> None:
        self._round += 1
        self._works = False
        self._refused += 1
        if self._refused >= TRIES:
            self._locked_until = self._clock.monotonic() + COOLING_S
            _log.error("registry_login_locked_out", profile=self._profile.value, seconds=COOLING_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token, to be used until `good_until` on the monotonic clock."""

    value: str = field(repr=False)
    good_until: float


class TokenCache:
    """Fetches and keeps the token of one connection."""

    def __init__(self, fetch: Callable[[], Awaitable[Token]], clock: Clock, profile: Profile) -> None:
        self._fetch = fetch
        self._clock = clock
        self._profile = profile
        self._token: Token | None = None
        self._fetching: asyncio.Task[Token] | None = None

    async def current(self) -> Token:
        """Return a valid token; fetch one if there is none."""
        token = self._token
        if token is not None and self._clock.monotonic() < token.good_until:
            return token
        if self._fetching is None:
            self._fetching = start_task(self._run())
            self._fetching.add_done_callback(retrieve_failure)
        fetching = self._fetching
        try:
            # Shielded: the deadline of one question must not cancel the fetch for the others.
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            if fetching.cancelled():  # by `aclose`, not by this question's deadline
                raise RegistryUnavailable from None
            raise

    async def after_rejection(self, rejected: Token) -> Token:
        """Return another token than the rejected one."""
        if self._token is rejected:
            self._token = None
        return await self.current()

    async def aclose(self) -> None:
        """Cancel a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _run(self) -> Token:
        try:
            self._token = await self._fetch()
        except RegistryError as exc:
            _log.warning("registry_token_failed", profile=self._profile.value, error=type(exc).__name__)
            raise
        except GatewayError:
            raise
        except Exception as exc:  # an unforeseen form of answer: all waiting questions get this error
            raise unforeseen(exc, "token") from exc
        finally:
            self._fetching = None
        _log.info("registry_token_refreshed", profile=self._profile.value)
        return self._token


class RegistrySession:
    """Sends questions with the connection's credentials."""

    def __init__(
        self, connection: Connection, sender: HttpSender, policy: EgressPolicy, clock: Clock
    ) -> None:
        check_credentials(connection)
        is_soap = connection.dialect is Dialect.SOAP
        self._has_c06_login = is_soap and connection.c06_user is not None
        if not self._has_c06_login and connection.ngsp_key is None:
            raise SettingInvalid("c06_user or ngsp_key: one of them is necessary for the login")
        self._connection = connection
        self._sender = sender
        self._policy = policy
        self._clock = clock
        self._common = common_headers(connection)
        self._urls: dict[str, httpx.URL] = {}
        root = policy.base.path.rstrip("/")
        self._folder = root if is_soap else f"{root}{PLATFORM_FOLDER}"
        self._token_url = policy.base.copy_with(path=f"{root}/token")
        self._timestamps = Timestamps(clock, connection.timestamp_unit)
        self._lockout = LoginLockout(clock, connection.profile)
        self._tokens = TokenCache(self._fetch_token, clock, connection.profile)

    async def call(
        self, question: Question, path: str, headers: Mapping[str, str], content: bytes
    ) -> HttpAnswer:
        """Send a question and return the answer, whose status is 200, 400 or 500; raises `RegistryError`."""
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = self._policy.base.copy_with(path=f"{self._folder}/{path}")
        owner = Owner(question.profile, question.revision)
        # Checked before a token is fetched: a question of another profile or revision must not cause a token request.
        self._policy.check(owner, url)
        remaining = question.deadline - self._clock.monotonic()
        if remaining <= 0:
            raise RegistryTimeout

        post: _Post = partial(self._sender.post, owner, url, content=content)
        headers = {**self._common, **headers}
        if self._has_c06_login:
            attempt = partial(self._exchange, question, url, headers, post)
        else:
            attempt = partial(self._exchange_with_token, question, headers, post)
        try:
            async with asyncio.timeout(remaining):
                return await self._lockout.run(attempt)
        except TimeoutError as exc:
            raise RegistryTimeout from exc

    def clock_skew(self) -> float | None:
        """Return by how many seconds the registry's clock was ahead at its last answer; None if that answer has no date."""
        date = find_http_date(self._sender.date)
        return None if date is None else (date - self._clock.now()).total_seconds()

    async def aclose(self) -> None:
        """Close the transport."""
        await self._tokens.aclose()
        await self._sender.aclose()

    async def _exchange(
        self, question: Question, url: httpx.URL, headers: Mapping[str, str], post: _Post
    ) -> HttpAnswer:
        # Checked here, since the question may have waited for the bulkhead or the lockout.
        await question.before_sending()
        user, secret = self._connection.c06_user or "", self._connection.c06_secret or ""
        answer = await post({**headers, **c06_headers(user, secret, str(url), self._timestamps.next())})
        refuse_status(answer.status, answer.retry_after, self._clock)
        return answer

    async def _exchange_with_token(
        self, question: Question, headers: Mapping[str, str], post: _Post
    ) -> HttpAnswer:
        await question.before_sending()
        token = await self._tokens.current()
        await question.before_sending()
        answer = await post({**headers, **_bearer(token)})
        if answer.status == 401:
            # With the same request code: the registry did not accept the question, so the code is still unused there,
            # and the two audit rows with this code belong to one question.
            token = await self._tokens.after_rejection(token)
            await question.before_sending()
            answer = await post({**headers, **_bearer(token)})
        refuse_status(answer.status, answer.retry_after, self._clock)
        return answer

    async def _fetch_token(self) -> Token:
        """Fetch a token by client credentials, within the connection's own deadline."""
        credential = basic(self._connection.ngsp_key or "", self._connection.ngsp_secret or "")
        headers = {**self._common, **_FORM, "authorization": credential}
        form = b"grant_type=client_credentials"
        try:
            async with asyncio.timeout(self._connection.deadline_ms / 1000):
                answer = await self._sender.post(self._connection.owner, self._token_url, headers, form)
        except TimeoutError as exc:
            raise RegistryTimeout from exc
        refuse_status(answer.status, answer.retry_after, self._clock)
        if answer.status == 400:  # RFC 6749 §5.2: invalid_client may come with this status
            raise RegistryCredentialsRejected
        if answer.status != 200:
            raise RegistryUnavailable
        return _read_token(answer.content, self._clock.monotonic())


def _read_token(content: bytes, now: float) -> Token:
    """Return the token of a token endpoint's answer; raises `RegistryAnswerInvalid`."""
    answer = parse_object(content)
    value = leaf(answer, "access_token")
    lifetime = leaf(answer, "expires_in") or _DEFAULT_LIFETIME
    token_type = leaf(answer, "token_type").lower()
    if not (_TOKEN.fullmatch(value) and _LIFETIME.fullmatch(lifetime) and token_type in {"bearer", ""}):
        raise RegistryAnswerInvalid("malformed token")
    seconds = min(int(lifetime), _MAX_LIFETIME)
    return Token(value=value, good_until=now + seconds - min(seconds / 10, _MAX_MARGIN))


def _bearer(token: Token) -> dict[str, str]:
    return {"authorization": f"Bearer {token.value}"}


class Timestamps:
    """Values of the `Timestamp` header, each later than the one before.

    C06 treats an equal timestamp with an equal body as a replay. In milliseconds they run ahead of the clock by a
    second at most (C06 refuses a skew of five minutes); in seconds they may repeat: no two bodies are equal.
    """

    def __init__(self, clock: Clock, unit: TimestampUnit) -> None:
        self._clock = clock
        self._unit = unit
        self._last = 0

    def next(self) -> str:
        """Return the next value."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if self._unit is TimestampUnit.SECONDS:
            return str(milliseconds // 1000)
        if milliseconds <= self._last <= milliseconds + _MAX_LEAD_MS:
            milliseconds = self._last + 1
        self._last = milliseconds
        return str(milliseconds)


def c06_headers(user: str, secret: str, url: str, timestamp: str) -> dict[str, str]:
    """Return C06's login for one request: Basic over a hash of the URL, the user, the time and the secret."""
    digest = hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()
    return {"authorization": basic(user, digest), "timestamp": timestamp}


def basic(user: str, password: str) -> str:
    """Return RFC 7617's header value."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def common_headers(connection: Connection) -> dict[str, str]:
    """Return the headers that every request of this connection carries, token requests too."""
    headers: dict[str, str] = {}
    if (adapter := connection.adapter) is not None:
        members = {
            "AccessKey": adapter.access_key,
            "SecretKey": adapter.secret_key,
            "AppName": adapter.app_name,
            "PartnerCode": adapter.partner_code,
            "PartnerCodeCus": adapter.partner_code_cus,
        }
        document = json.dumps(members, ensure_ascii=False).encode()
        headers["lgspaccesstoken"] = base64.b64encode(document).decode()
    if connection.x_road_client is not None:
        headers["x-road-client"] = connection.x_road_client
    return headers


def check_credentials(connection: Connection) -> None:
    """Raise `SettingInvalid` if half of a credential is missing or can't be written in a header."""
    for half, other, name in (
        (connection.c06_user, connection.c06_secret, "c06_user and c06_secret"),
        (connection.ngsp_key, connection.ngsp_secret, "ngsp_key and ngsp_secret"),
    ):
        if (half is None) != (other is None):
            raise SettingInvalid(f"{name}: both or neither are expected")
        if half is not None and (":" in half or not half.isprintable()):
            raise SettingInvalid(f"{name}: the first must be printable text without a colon")
    client = connection.x_road_client
    if client is not None and not (client.isascii() and client.isprintable()):
        raise SettingInvalid("x_road_client: printable ASCII is expected")
