"""Tokens, assertions and proofs of an attacker: any header, any claims, any key."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.identifiers import Profile
from tests.kit.scene import ASSERTION_TYPE, Portal, Scene

AnyKey = ECKey | OKPKey | RSAKey
ALGORITHMS = {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}


class AnyAlgorithm(jws.JWSRegistry):
    """joserfc with every check of the header disabled, as an attacker can use it."""

    max_header_length = 8000

    def get_alg(self, name: str) -> JWSAlgModel:
        return self.algorithms[name]

    def check_header(self, header: Mapping[str, Any]) -> None:
        pass


def sign(claims: Mapping[str, Any], *, key: AnyKey, **header: Any) -> str:
    """Sign with a key, by the key's algorithm unless `alg` names another."""
    payload = json.dumps(claims).encode()
    members = {"alg": ALGORITHMS[key.key_type], **header}
    return jws.serialize_compact(members, payload, key, registry=AnyAlgorithm())


def sign_by_secret(claims: Mapping[str, Any], *, secret: bytes, **header: Any) -> str:
    """Sign with HS256 and any secret."""
    body = f"{encode({'alg': 'HS256', **header})}.{encode(claims)}"
    return f"{body}.{encode_bytes(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


def encode(members: Any) -> str:
    """Return JSON in base64url."""
    return encode_bytes(json.dumps(members).encode())


def encode_bytes(content: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWS without a check of its signature."""
    header, claims, _ = token.split(".")
    return _decode(header), _decode(claims)


def _decode(part: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members


def resign(
    scene: Scene, token: str, *, profile: Profile = Profile.SANDBOX, typ: str = "at+jwt", **claims: Any
) -> str:
    """Sign a token's claims, with changes, with the profile's own token key; a claim given as None is left out."""
    kid, key = scene.gateway.places[profile].tokens.signer(scene.clock.now())
    members = {name: value for name, value in (read(token)[1] | claims).items() if value is not None}
    return sign(members, key=key, typ=typ, kid=kid)


async def call_me(portal: Portal, token: str, *, scheme: str = "Bearer", **headers: str) -> httpx.Response:
    """`GET /me`, which needs a token and no scope, with a forged token."""
    return await portal.call("GET", "/me", Authorization=f"{scheme} {token}", **headers)


async def ask_by_assertion(portal: Portal, assertion: str, **form: str) -> httpx.Response:
    """Ask for a token with a forged assertion and no DPoP proof."""
    members = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return await portal.http.post(f"{portal.issuer}/oauth2/token", data=members | form)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return status and error of an OAuth refusal."""
    return answer.status_code, answer.json()["error"]
