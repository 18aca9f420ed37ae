"""The header `Citizen-Token`: the ID token with which a citizen has signed in at a portal a short time ago.

Checks, in this order: one header, its form, its algorithm, its key among the issuer's, the signature, then the claims `iss`,
`aud` (one login client of the settings), `exp`, `iat`, `nonce`, `auth_time` (15 minutes at most) and `citizen_id`. What fails
is named by the claim; a value is never repeated or logged. Source: OpenID Connect Core 1.0 §3.1.3.7, contract §9.

The issuer's public keys are fetched when they are needed. Its metadata names their address (OpenID Connect Discovery 1.0 §4),
which must have the issuer's own origin. Both answers have a limit of size and of time; no redirect is followed and no proxy
of the environment is used. Keys are read again after five minutes; if that fails, the kept ones are used until they are
fifteen minutes old, and then no token is accepted. An unknown key's id causes one reading in ten seconds at most.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from joserfc.errors import JoseError

from gateway.background import start_task
from gateway.clock import Clock
from gateway.edge.strict_json import NotStrictJson, read_object
from gateway.enquiries.claim import parse_citizen_id
from gateway.errors.requests import CitizenLoginUnavailable, CitizenTokenInvalid
from gateway.keys.jws import (
    ALGORITHMS,
    AnyKey,
    JwsInvalid,
    import_public_key,
    read_header,
    verify_jws,
    whole_seconds,
)

REFRESH_S = 300.0
END_S = 900.0
RETRY_S = 10.0
FETCH_S = 5.0
MAX_ANSWER = 64 * 1024
MAX_KEYS = 32
METADATA = "/.well-known/openid-configuration"

HEADER = "Citizen-Token"
MAX_AGE_S = 900
"""Seconds since the citizen signed in, after which the token is not accepted."""

SKEW_S = 30
ACCEPTED = (*ALGORITHMS, "RS256")
"""The algorithms of ID tokens; RS256 is the one that every issuer must have (OpenID Connect Core 1.0 §15.1)."""

_ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "EC": ("ES256",),
    "OKP": ("EdDSA",),
    "RSA": ("PS256", "RS256"),
}

OpenTransport = Callable[[], httpx.AsyncBaseTransport]

log = structlog.get_logger("gateway.citizens")


def open_login_transport() -> httpx.AsyncBaseTransport:
    """Return the transport by which the keys of a login are read."""
    from gateway.bounded_transport import BoundedTransport  # noqa: PLC0415 - without a citizens' login nobody needs httpcore

    return BoundedTransport()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginKey:
    """A public key, and the algorithms with which it may have signed."""

    key: AnyKey
    algorithms: tuple[str, ...]


class _AnswerInvalid(Exception):
    """The issuer's answer can't be used; the text is the failed check."""


class LoginKeys:
    """The keys of one issuer in this worker."""

    def __init__(self, issuer: str, *, clock: Clock, open_transport: OpenTransport) -> None:
        self._issuer, self._clock, self._open_transport = issuer, clock, open_transport
        self._keys: Mapping[str, LoginKey] = {}
        self._read_at = self._tried_at = -math.inf
        self._reading: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> LoginKey | None:
        """Return the issuer's key with this id; None if it has none. Only who asks for an unknown key waits for a reading.

        Raises:
            CitizenLoginUnavailable: the issuer's keys can't be read, and the kept ones are too old.
        """
        now = self._clock.monotonic()
        is_due = now - self._read_at >= REFRESH_S or kid not in self._keys
        if is_due and now - self._tried_at >= RETRY_S:
            self._tried_at = now
            self._reading = start_task(self._try_read())
        is_kept = kid in self._keys and now - self._read_at < END_S
        if self._reading is not None and not is_kept:
            await asyncio.shield(self._reading)  # a caller who leaves doesn't end it for the others
        waited = self._clock.monotonic() - self._tried_at
        if self._clock.monotonic() - self._read_at >= END_S:
            raise CitizenLoginUnavailable(retry_after=max(1, math.ceil(RETRY_S - waited)))
        return self._keys.get(kid)

    async def _try_read(self) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                self._keys = await self._read()
        except (
            TimeoutError,
            httpx.HTTPError,
            httpx.InvalidURL,
            OSError,
            ValueError,
            _AnswerInvalid,
        ) as error:
            reason = str(error) if isinstance(error, _AnswerInvalid) else type(error).__name__
            log.warning("citizen_login_unavailable", issuer=self._issuer, reason=reason)
        else:
            self._read_at = self._clock.monotonic()

    async def _read(self) -> Mapping[str, LoginKey]:
        async with httpx.AsyncClient(
            transport=self._open_transport(), follow_redirects=False, trust_env=False, timeout=FETCH_S
        ) as client:
            metadata = await _get(client, self._issuer + METADATA)
            if metadata.get("issuer") != self._issuer:
                raise _AnswerInvalid("the metadata names another issuer")
            address = metadata.get("jwks_uri")
            if not isinstance(address, str) or _origin(address) != _origin(self._issuer):
                raise _AnswerInvalid("jwks_uri has another origin than the issuer")
            return _read_keys(await _get(client, address))


def _origin(address: str) -> tuple[str, str, int | None]:
    url = httpx.URL(address)
    return url.scheme, url.host, url.port


async def _get(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with client.stream("GET", address, headers=headers) as answer:
        if answer.status_code != 200:
            raise _AnswerInvalid(f"status {answer.status_code}")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise _AnswerInvalid("compressed")
        content = b""
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > MAX_ANSWER:
                raise _AnswerInvalid("too large")
    try:
        return read_object(content, depth=8, members=256, colons=2048, parse_float=float)
    except NotStrictJson as error:
        raise _AnswerInvalid(error.reason) from None


def _read_keys(document: Mapping[str, Any]) -> Mapping[str, LoginKey]:
    """Return the keys for signatures of a JWK Set by their ids; keys of other kinds are left out."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise _AnswerInvalid(f"no list of at most {MAX_KEYS} keys")
    found: dict[str, LoginKey] = {}
    for jwk in listed:
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        if not isinstance(kid, str) or jwk.get("use", "sig") != "sig":
            continue
        try:
            key = import_public_key(jwk)
        except (JoseError, ValueError):
            continue
        if kid in found:
            raise _AnswerInvalid("an id occurs twice")
        known = _ALGORITHMS.get(key.key_type, ())
        if algorithms := tuple(name for name in known if jwk.get("alg", name) == name):
            found[kid] = LoginKey(key=key, algorithms=algorithms)
    if not found:
        raise _AnswerInvalid("no key for signatures")
    return found


class CitizenLogin:
    """The login that a profile accepts: its issuer's keys, and the login clients whose tokens count."""

    def __init__(self, issuer: str, clients: Collection[str], *, keys: LoginKeys, clock: Clock) -> None:
        self._issuer, self._clients = issuer, frozenset(clients)
        self._keys, self._clock = keys, clock

    async def identify(self, raw: str) -> str:
        """Return the citizen's number in an ID token.

        Raises:
            CitizenTokenInvalid: `wrong` names what is wrong.
            CitizenLoginUnavailable: the issuer's keys can't be read.
        """
        claims = await self._verify(raw)
        now = int(self._clock.now().timestamp())
        if claims.get("iss") != self._issuer:
            raise CitizenTokenInvalid("iss")
        if _read_client(claims.get("aud")) not in self._clients:
            raise CitizenTokenInvalid("aud")
        _check_times(claims, now)
        if not isinstance(claims.get("nonce"), str) or not claims["nonce"]:
            raise CitizenTokenInvalid("nonce")
        try:
            return parse_citizen_id(claims["citizen_id"])
        except (KeyError, TypeError, ValueError):
            raise CitizenTokenInvalid("citizen_id") from None

    async def _verify(self, raw: str) -> Mapping[str, Any]:
        try:
            header = read_header(raw, typ=None, algorithms=ACCEPTED)
        except JwsInvalid:
            raise CitizenTokenInvalid("form or alg") from None
        kid, algorithm = header.get("kid"), header["alg"]
        if str(header.get("typ", "JWT")).upper() != "JWT" or not isinstance(kid, str):
            raise CitizenTokenInvalid("typ or kid")
        found = await self._keys.find(kid)
        if found is None or algorithm not in found.algorithms:
            raise CitizenTokenInvalid("kid")
        try:
            return verify_jws(raw, key=found.key, algorithm=algorithm)
        except JwsInvalid:
            raise CitizenTokenInvalid("signature") from None


def _read_client(aud: object) -> object:
    """Return the only audience; a token for several clients is not for one of them alone."""
    if isinstance(aud, list):
        aud = aud[0] if len(aud) == 1 else None
    return aud if isinstance(aud, str) else None


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    times = {name: whole_seconds(claims.get(name)) for name in ("exp", "iat", "auth_time")}
    for name, at in times.items():
        if at is None or (name == "exp" and at <= now) or (name != "exp" and at > now + SKEW_S):
            raise CitizenTokenInvalid(name)
    if now - (times["auth_time"] or 0) > MAX_AGE_S:
        raise CitizenTokenInvalid("auth_time")
