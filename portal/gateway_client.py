"""A portal's client of the gateway: find the endpoints, get a token, verify once, prefill, show the ledger.

An example of an integration: all requests of a portal, in one file that imports nothing of the gateway. The client
authenticates with a secret (sandbox only) or with `private_key_jwt`; with a key it binds its tokens by DPoP (RFC 9449).
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx
from joserfc import jws
from joserfc.jwk import ECKey

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_EARLY_S = 20
_LOGIN_NOT_TAKEN = {"citizen_token_invalid", "citizen_login_unavailable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and members of an answer; a problem's `code` is in the members (RFC 9457)."""

    status: int
    members: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalAccount:
    """The output of `gateway accounts create --json`, and the account's private key if it has one."""

    client_id: str
    issuer: str
    client_secret: str | None = field(default=None, repr=False)
    key: ECKey | None = field(default=None, repr=False)


class TokenRefused(Exception):
    """The token endpoint refused; `error` is the error code of RFC 6749."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class GatewayClient:
    """One account at one profile of the gateway. Use it as an async context manager."""

    def __init__(
        self,
        account: PortalAccount,
        *,
        http: httpx.AsyncClient | None = None,
        scope: str | None = None,
        now: Callable[[], float] = time.time,  # noqa: TID251 - a portal uses the machine's clock
    ) -> None:
        self._account = account
        self._now = now
        self._scope = scope
        self._http = http or httpx.AsyncClient(timeout=30, trust_env=False)
        self._metadata: dict[str, Any] = {}
        self._token: dict[str, Any] = {}
        self._token_until = 0.0

    @property
    def client_id(self) -> str:
        """Return the account's id."""
        return self._account.client_id

    def as_account(self, client_id: str | None) -> "GatewayClient | None":
        """Return a client of another account that has the same key; None for none."""
        if client_id is None:
            return None
        return GatewayClient(replace(self._account, client_id=client_id), http=self._http, now=self._now)

    async def __aenter__(self) -> Self:
        """Open the client."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def token(self) -> dict[str, Any]:
        """Return the token endpoint's answer; fetch a new token shortly before the old one expires."""
        if time.monotonic() < self._token_until:  # a duration in this process needs no clock
            return self._token
        endpoint = (await self._find_endpoints())["token_endpoint"]
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        auth: httpx.Auth = httpx.Auth()
        if self._account.key is not None:
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": self._assertion()}
        elif self._account.client_secret is not None:
            auth = httpx.BasicAuth(self._account.client_id, self._account.client_secret)
        headers = {"DPoP": self._proof("POST", endpoint)} if self._account.key else {}
        response = await self._http.post(endpoint, data=form, headers=headers, auth=auth)
        members = response.json()
        if response.status_code != 200:
            raise TokenRefused(members.get("error", str(response.status_code)))
        self._token = members
        self._token_until = time.monotonic() + members["expires_in"] - _EARLY_S
        return self._token

    async def me(self) -> Answer:
        """`GET /me`."""
        return await self._call("GET", "/me")

    async def request_scope(self, scope: str) -> None:
        """Ask for this scope with the next token; sensitive fields need `prefill.sensitive` by name."""
        self._scope, self._token_until = scope, 0.0

    async def procedures(self) -> Answer:
        """`GET /procedures`."""
        return await self._call("GET", "/procedures")

    async def procedure(self, slug: str) -> Answer:
        """`GET /procedures/{slug}`."""
        return await self._call("GET", f"/procedures/{slug}")

    async def verify(
        self, enquiry: dict[str, Any], *, idempotency_key: str | None = None, id_token: str | None = None
    ) -> Answer:
        """`POST /verifications`; with a key, the same request sent again gets the same answer.

        `id_token`: the login of the citizen of the claim, which gives them a budget of their own. A gateway that doesn't take
        the login is asked without it.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        if id_token is not None:
            own = {"Citizen-Token": id_token}
            answer = await self._call("POST", "/verifications", enquiry, headers=headers | own)
            if answer.members.get("code") not in _LOGIN_NOT_TAKEN:
                return answer
        return await self._call("POST", "/verifications", enquiry, headers=headers)

    async def evaluate(self, request: dict[str, Any]) -> Answer:
        """`POST /evaluations`: what would be refused, without a claim."""
        return await self._call("POST", "/evaluations", request)

    async def revoke(self, verification: str) -> Answer:
        """`POST /verifications/{id}/revoke`."""
        return await self._call("POST", f"/verifications/{verification}/revoke")

    async def check_receipt(self, receipt: str) -> Answer:
        """`POST /receipts/check`."""
        return await self._call("POST", "/receipts/check", {"receipt": receipt})

    async def receipt_proof(self, verification: str) -> str | None:
        """`GET /receipts/{id}/proof`: the proof (C2SP tlog-proof); None while it can't be had. Needs `audit.read`."""
        address = f"{self._account.issuer}/v1/receipts/{verification}/proof"
        response = await self._send("GET", address, None, {})
        return response.text if response.status_code == 200 else None

    async def file_discrepancy(self, prefill: str, field: str, note: str) -> Answer:
        """`POST /discrepancies`."""
        return await self._call("POST", "/discrepancies", {"prefill": prefill, "field": field, "note": note})

    async def own_ledger(self, id_token: str) -> Answer:
        """`POST /ledger/mine`, for the citizen of the ID token."""
        return await self._call("POST", "/ledger/mine", headers={"Citizen-Token": id_token})

    async def prefill(self, request: dict[str, Any]) -> Answer:
        """`POST /prefills`."""
        return await self._call("POST", "/prefills", request)

    async def ledger(self, receipt: str) -> Answer:
        """`POST /ledger`."""
        return await self._call("POST", "/ledger", {"receipt": receipt})

    async def verify_elsewhere(self, issuer: str, enquiry: dict[str, Any]) -> Answer:
        """Use this account's token at another profile, which must refuse it."""
        return await self._call("POST", "/verifications", enquiry, issuer=issuer)

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        issuer: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call the API; if the token has ended early, by a change at the gateway, fetch a new one and call once more."""
        address = f"{issuer or self._account.issuer}/v1{path}"
        response = await self._send(method, address, body, headers or {})
        if (
            response.status_code == 401
            and issuer is None
            and response.json().get("code") not in _LOGIN_NOT_TAKEN
        ):
            self._token_until = 0.0
            response = await self._send(method, address, body, headers or {})
        return Answer(status=response.status_code, members=response.json(), headers=dict(response.headers))

    async def _send(
        self, method: str, address: str, body: dict[str, Any] | None, extra: dict[str, str]
    ) -> httpx.Response:
        token = await self.token()
        headers = {**extra, "Authorization": f"{token['token_type']} {token['access_token']}"}
        if self._account.key is not None:
            headers["DPoP"] = self._proof(method, address, token["access_token"])
        return await self._http.request(method, address, json=body, headers=headers)

    async def _find_endpoints(self) -> dict[str, Any]:
        """Read the issuer's metadata (RFC 8414) once."""
        if not self._metadata:
            base, _, profile = self._account.issuer.rpartition("/")
            response = await self._http.get(f"{base}/.well-known/oauth-authorization-server/{profile}")
            response.raise_for_status()
            self._metadata = response.json()
        return self._metadata

    def _assertion(self) -> str:
        """Return a signed client assertion for this issuer (RFC 7523)."""
        now = int(self._now())
        claims = {
            "iss": self._account.client_id,
            "sub": self._account.client_id,
            "aud": self._account.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        }
        return self._sign({"typ": "JWT"}, claims)

    def _proof(self, method: str, address: str, access_token: str | None = None) -> str:
        """Return a proof of possession of the key, for this call only (RFC 9449)."""
        assert self._account.key is not None
        claims: dict[str, Any] = {
            "htm": method,
            "htu": address,
            "iat": int(self._now()),
            "jti": secrets.token_urlsafe(16),
        }
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return self._sign({"typ": "dpop+jwt", "jwk": self._account.key.as_dict(private=False)}, claims)

    def _sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        assert self._account.key is not None
        payload = json.dumps(claims).encode()
        return jws.serialize_compact({"alg": "ES256", **header}, payload, self._account.key)
