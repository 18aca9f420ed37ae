"""The header `Citizen-Token`: the ID token with which a citizen has signed in at a portal a short time ago.

Checks, in this order: one header, its form, its algorithm, its key among the issuer's, the signature, then the claims `iss`,
`aud` (one login client of the settings), `exp`, `iat`, `nonce`, `auth_time` (15 minutes at most) and `citizen_id`. What fails
is named by the claim; a value is never repeated or logged. Source: OpenID Connect Core 1.0 §3.1.3.7, contract §9.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway.citizens.login_keys import LoginKeys
from gateway.clock import Clock
from gateway.enquiries.claim import parse_citizen_id
from gateway.errors.requests import CitizenTokenInvalid, CitizenTokenMissing
from gateway.keys.jws import ALGORITHMS, JwsInvalid, read_header, verify_jws, whole_seconds
from gateway.oauth.model import PresentCitizen

HEADER = "Citizen-Token"
MAX_AGE_S = 900
"""Seconds since the citizen signed in, after which the token is not accepted."""

SKEW_S = 30
ACCEPTED = (*ALGORITHMS, "RS256")
"""The algorithms of ID tokens; RS256 is the one that every issuer must have (OpenID Connect Core 1.0 §15.1)."""


class CitizenLogin:
    """The login that a profile accepts: its issuer's keys, and the login clients whose tokens count."""

    def __init__(self, issuer: str, clients: Collection[str], *, keys: LoginKeys, clock: Clock) -> None:
        self._issuer, self._clients = issuer, frozenset(clients)
        self._keys, self._clock = keys, clock

    async def identify(self, raw: str) -> PresentCitizen:
        """Return the citizen of an ID token.

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
            return PresentCitizen(citizen_id=parse_citizen_id(claims["citizen_id"]))
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


async def find_citizen(
    login: CitizenLogin | None, headers: Sequence[str], *, required: bool
) -> PresentCitizen | None:
    """Return the citizen of a call's headers `Citizen-Token`; None without one, unless it is required.

    Raises:
        CitizenTokenMissing, CitizenTokenInvalid (also where the profile has no login), CitizenLoginUnavailable
    """
    if not headers:
        if required:
            raise CitizenTokenMissing
        return None
    if login is None:
        raise CitizenTokenInvalid("no login is configured for this profile")
    if len(headers) > 1:
        raise CitizenTokenInvalid("two headers")
    return await login.identify(headers[0].strip())
