"""The portal as an OpenID Connect client: code flow with PKCE S256, `state` and `nonce`, a verified ID token.

Authlib writes the request, reads the answer and validates the claims; joserfc verifies the signature. The number is
only inside the ID token. Sources: OpenID Connect Core 1.0 §3.1.3.7, RFC 7636, RFC 9207.
"""

import asyncio
import json
import secrets
from typing import Any

import httpx
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from portal.clock import Clock
from portal.errors import SignInRefused

CALLBACK = "/dang-nhap/xong"
MAX_AGE_S = 900
"""Seconds since the person signed in, after which a sign-in isn't accepted, nor their ledger shown."""

STARTED_S = 600
"""Seconds from the start of a sign-in to the login's answer."""

MAX_ANSWER = 64 * 1024
"""Bytes of one answer of the login."""

_LEEWAY_S = 30
_PLAIN = {"accept-encoding": "identity"}  # its bytes are counted and read as sent
_TEXTS = ("sub", "citizen_id", "officer_id", "name", "birth_date")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_MALFORMED = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What JSON of another shape than expected raises."""


class OpenIdLogin:
    """One client at one issuer."""

    def __init__(
        self, issuer: str, client_id: str, *, redirect_uri: str, http: httpx.AsyncClient, clock: Clock
    ) -> None:
        self._issuer, self._client_id, self._redirect_uri = issuer, client_id, redirect_uri
        self._http, self._clock = http, clock
        self._metadata: dict[str, Any] = {}

    async def start(self) -> tuple[str, dict[str, str]]:
        """Return where to send the visitor, and what their sealed cookie holds meanwhile. Raises `SignInRefused`."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        endpoint = (await self._find_endpoints())["authorization_endpoint"]
        address = prepare_grant_uri(
            endpoint, self._client_id, "code", self._redirect_uri, "openid profile", state, nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),  # type: ignore[no-untyped-call]  # untyped in its stub
            code_challenge_method="S256", max_age=str(MAX_AGE_S),
        )  # fmt: skip
        return str(address), {"state": state, "nonce": nonce, "verifier": verifier}

    def read_answer(self, query: dict[str, str], kept: dict[str, Any], *, since: int) -> str:
        """Return the code in the answer to a started sign-in; nothing is asked yet. Raises `SignInRefused`."""
        if int(self._clock.now().timestamp()) - since > STARTED_S:
            raise SignInRefused("this sign-in is too old")
        if query.get("iss", self._issuer) != self._issuer:
            raise SignInRefused("the answer comes from another issuer")
        if "error" in query and secrets.compare_digest(
            query.get("state", "").encode(), kept["state"].encode()
        ):
            raise SignInRefused("cancelled" if query["error"] == "access_denied" else "the login refused")
        try:
            answer = parse_authorization_code_response(
                add_params_to_uri(self._redirect_uri, query), kept["state"]
            )
        except OAuth2Error as error:
            raise SignInRefused(f"the answer doesn't belong to this sign-in ({error.error})") from None
        return str(answer["code"])

    async def redeem(self, code: str, kept: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return the verified claims and the ID token for a code. Raises `SignInRefused`."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "code": code,
            "code_verifier": kept["verifier"],
        }
        members = await self._post((await self._find_endpoints())["token_endpoint"], form)
        id_token = str(members.get("id_token", ""))
        return await self._verify(id_token, kept["nonce"], str(members.get("access_token", ""))), id_token

    async def _verify(self, id_token: str, nonce: str, access_token: str) -> dict[str, Any]:
        found: Any = await self._get((await self._find_endpoints())["jwks_uri"])
        expected = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        now = int(self._clock.now().timestamp())
        try:
            token = jwt.decode(id_token, KeySet.import_key_set(found), algorithms=["ES256"])
            claims = CodeIDToken(
                token.claims, token.header, expected,
                {"nonce": nonce, "client_id": self._client_id, "max_age": MAX_AGE_S, "access_token": access_token},
            )  # fmt: skip
            claims.validate(now=now, leeway=_LEEWAY_S)
            signed_in_at = int(claims["auth_time"])
            for name in _TEXTS:
                str.encode(claims.get(name) or "")  # nothing else can be stored
            if "\n" in claims["sub"]:  # it would be a subject with an officer's id (`Visitor.owner`)
                raise ValueError("sub")
        except (JoseError, *_MALFORMED) as error:
            raise SignInRefused(f"the ID token isn't valid ({type(error).__name__})") from None
        if not -_LEEWAY_S <= now - signed_in_at <= MAX_AGE_S + _LEEWAY_S:
            raise SignInRefused("the sign-in is too long ago, or in the future")
        if not (claims.get("citizen_id") or claims.get("officer_id")):
            raise SignInRefused("the ID token names neither a citizen nor an officer")
        return dict(claims)

    async def _find_endpoints(self) -> dict[str, Any]:
        """Read the issuer's metadata once."""
        if not self._metadata:
            found = await self._get(f"{self._issuer}/.well-known/openid-configuration")
            if found.get("issuer") != self._issuer:
                raise SignInRefused("the login names another issuer")
            if not all(isinstance(found.get(name), str) for name in _ENDPOINTS):
                raise SignInRefused("the login doesn't say where it is asked")
            self._metadata = found
        return self._metadata

    async def _get(self, address: str) -> dict[str, Any]:
        return await self._ask("GET", address, None, "the login can't be reached")

    async def _post(self, address: str, form: dict[str, str]) -> dict[str, Any]:
        return await self._ask("POST", address, form, "the login gave no token")

    async def _ask(
        self, method: str, address: str, form: dict[str, str] | None, otherwise: str
    ) -> dict[str, Any]:
        """Return the JSON object of an answer, which is whole before the client's timeout. Raises `SignInRefused`."""
        try:
            async with (
                asyncio.timeout(self._http.timeout.read),  # httpx's own is for each part
                self._http.stream(method, address, data=form, headers=_PLAIN) as answer,
            ):
                answer.raise_for_status()
                content = bytearray()
                async for part in answer.aiter_raw():
                    content += part
                    if len(content) > MAX_ANSWER:
                        raise SignInRefused(f"{otherwise} (over {MAX_ANSWER} bytes)")
                return dict(json.loads(content))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, *_MALFORMED) as error:
            raise SignInRefused(f"{otherwise} ({type(error).__name__})") from None
