"""Citizens who sign in at the mock's national login, and ID tokens that a test signs itself."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from mock_c06.app import MockRegistry, build_login
from tests.kit.audit import entry
from tests.kit.clocks import HandClock
from tests.kit.scene import LOGIN_CLIENT, LOGIN_ISSUER, Scene

_BACK = "http://127.0.0.1:49152/dang-nhap/xong"
_VERIFIER = "v" * 43
_CHALLENGE = urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")


async def sign_in(mock: MockRegistry, person: str = "nguyen-van-an") -> str:
    """Return the ID token of a person of the mock who signs in at the portal now."""
    transport = httpx.ASGITransport(build_login(mock, issuer=LOGIN_ISSUER))
    async with httpx.AsyncClient(transport=transport, base_url=LOGIN_ISSUER) as login:
        asked = {
            "response_type": "code",
            "client_id": LOGIN_CLIENT,
            "redirect_uri": _BACK,
            "scope": "openid profile",
            "state": "state-of-this-browser",
            "nonce": "nonce-of-this-browser",
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
        }
        page = await login.get("/authorize", params=asked)
        request_id = re.search(r'name="request_id" value="([^"]+)"', page.text)
        assert request_id is not None, page.text
        picked = await login.post("/authorize", data={"request_id": request_id[1], "person": person})
        code = parse_qs(urlsplit(picked.headers["location"]).query)["code"][0]
        form = {
            "grant_type": "authorization_code",
            "client_id": LOGIN_CLIENT,
            "redirect_uri": _BACK,
            "code": code,
            "code_verifier": _VERIFIER,
        }
        return str((await login.post("/token", data=form)).json()["id_token"])


async def make_many(scene: Scene, number: int) -> None:
    """Record so many further entries of the organisation that asked last, about the same citizen."""
    last = [row for row in await scene.audit() if row["kind"] == "answered"][-1]
    about = {name: last[name] for name in ("organisation", "citizen")}
    likes = [entry(**about, at=scene.clock.now(), dossier=f"HN-{each}") for each in range(number)]
    await scene.gateway.deps.audit.record(*likes)


class OwnIssuer:
    """A login whose answers and tokens a test makes; by default each of them is right."""

    def __init__(self, clock: HandClock) -> None:
        self.key = ECKey.generate_key("P-256", parameters={"kid": "k1"})
        self.published = {"keys": [self.key.as_dict(private=False, use="sig", alg="ES256")]}
        self.metadata: dict[str, Any] = {"issuer": LOGIN_ISSUER, "jwks_uri": f"{LOGIN_ISSUER}/jwks.json"}
        self.asked: list[str] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = self._answer
        self._clock = clock

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return what leads to this issuer."""
        return httpx.MockTransport(self.answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        is_keys = request.url.path == "/jwks.json"
        return httpx.Response(200, json=self.published if is_keys else self.metadata)

    def token(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """Return an ID token of An; a claim given as None is left out."""
        now = int(self._clock.now().timestamp())
        members = {
            "iss": LOGIN_ISSUER,
            "aud": LOGIN_CLIENT,
            "sub": "pairwise",
            "iat": now,
            "exp": now + 900,
            "auth_time": now,
            "nonce": "nonce-of-this-browser",
            "citizen_id": "001090000123",
        } | claims
        kept = {name: value for name, value in members.items() if value is not None}
        head = {"alg": "ES256", "typ": "JWT", "kid": "k1"} | (header or {})
        return jwt.encode(head, kept, key or self.key, [head["alg"]])
