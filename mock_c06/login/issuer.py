"""The stand-in for the national login: an OpenID Connect issuer with one public client.

`nonce` and `state` are compulsory. `sub` is pairwise: another client gets another one. A citizen's number is in the ID
token and in the user information, never in an address. Nothing is stored: requests, codes and access tokens are in
memory, bounded in number. Sources: OpenID Connect Core 1.0 §3.1 and §8, RFC 9207 (`iss` in the answer).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, cast

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from mock_c06.clock import Clock
from mock_c06.login.code_flow import TOKEN_SECONDS, Code, CodeGrant, CodeServer, Latest, make_request
from mock_c06.login.holders import Holder

REQUEST_SECONDS = 600
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_REQUIRED = ("state", "nonce", "code_challenge", "code_challenge_method")


class LoginRefused(Exception):
    """An authorization request that is not answered by a redirect, or a refused token request (RFC 6749 §5.2)."""

    def __init__(self, error: str, detail: str, *, redirect: str | None = None, status: int = 400) -> None:
        super().__init__(detail)
        self.error, self.detail, self.redirect, self.status = error, detail, redirect, status


class Issuer:
    """One issuer. Mutable; it belongs to one event loop."""

    def __init__(self, address: str, *, seed: str, clock: Clock) -> None:
        self.address = address
        self.clock = clock
        self._asked: Latest[tuple[dict[str, str], float]] = Latest()
        self._seed = seed
        self._server = CodeServer(clock, self._sign_id_token)
        self._key = _derive_key(seed)

    def public_keys(self) -> dict[str, Any]:
        """Return the JWKS."""
        return {
            "keys": [self._key.as_dict(private=False, use="sig", alg="ES256", kid=self._key.thumbprint())]
        }

    def metadata(self) -> dict[str, Any]:
        """Return the members of OpenID Connect Discovery 1.0 §3."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "userinfo_endpoint": f"{self.address}/userinfo",
            "jwks_uri": f"{self.address}/jwks.json",
            "scopes_supported": ["openid", "profile"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "claims_supported": [
                "sub",
                "nonce",
                "auth_time",
                "citizen_id",
                "name",
                "birth_date",
                "officer_id",
            ],
        }

    def open_request(self, query: Mapping[str, str]) -> str:
        """Check an authorization request and return the id under which the picker answers it.

        Raises:
            LoginRefused: with a redirect where client and redirect address are right.
        """
        request = make_request("GET", query)
        try:
            grant = cast("CodeGrant", self._server.get_authorization_grant(request))
            redirect = grant.validate_authorization_request()
            for name in _REQUIRED:
                if not query.get(name):
                    raise InvalidRequestError(f"Missing '{name}'", redirect_uri=redirect)
        except OAuth2Error as error:
            raise self._refusal(error, query) from None
        except ValueError:  # Authlib's error repeats the member, and its text can't have these characters
            raise LoginRefused("invalid_request", "a member has characters that OAuth forbids") from None
        made = secrets.token_urlsafe(24)
        self._asked.put(made, (dict(query), self.clock.now().timestamp() + REQUEST_SECONDS))
        return made

    def find_request(self, request_id: str) -> dict[str, str] | None:
        """Return an open request; None once it is answered or too old."""
        found = self._asked.get(request_id)
        return found[0] if found and found[1] >= self.clock.now().timestamp() else None

    def answer(self, request_id: str, holder: Holder | None) -> str:
        """Answer an open request for a holder, or refuse it for None; return the redirect.

        Raises:
            LoginRefused: no such request.
        """
        query = self.find_request(request_id)
        if query is None:
            raise LoginRefused("invalid_request", "this sign-in is too old or has been answered")
        self._asked.pop(request_id)
        if holder is None:
            members = {"error": "access_denied", "state": query["state"], "iss": self.address}
            return str(add_params_to_uri(query["redirect_uri"], list(members.items())))
        request = make_request("GET", query)
        grant = cast("CodeGrant", self._server.get_authorization_grant(request))
        redirect = grant.validate_authorization_request()
        _, _, headers = grant.create_authorization_response(redirect, holder)
        return str(add_params_to_uri(dict(headers)["Location"], [("iss", self.address)]))

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request. Raises `LoginRefused`."""
        request = make_request("POST", form)
        try:
            grant = cast("CodeGrant", self._server.get_token_grant(request))
            grant.validate_token_request()
            _, members, _ = grant.create_token_response()
        except OAuth2Error as error:
            raise self._refusal(error, {}) from None
        return dict(cast("Mapping[str, Any]", members))

    def user_info(self, access_token: str) -> dict[str, Any] | None:
        """Return the holder's claims; None for a token that is unknown or too old."""
        found = self._server.tokens.get(access_token)
        if found is None or found[2] < self.clock.now().timestamp():
            return None
        holder, client_id, _ = found
        return {"sub": self.subject(holder, client_id), **holder.claims}

    def _sign_id_token(self, code: Code) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.address,
            "aud": code.client_id,
            "sub": self.subject(code.holder, code.client_id),
            "iat": now,
            "exp": now + TOKEN_SECONDS * 3,
            "auth_time": code.auth_time,
            "nonce": code.nonce,
            "amr": ["test"],
            **code.holder.claims,
        }
        header = {"alg": "ES256", "typ": "JWT", "kid": self._key.thumbprint()}
        return jwt.encode(header, claims, self._key, ["ES256"])

    def subject(self, holder: Holder, client_id: str) -> str:
        """Return the pairwise subject: the same for one client, another one for every other client."""
        text = f"{client_id}\n{holder.slug}".encode()
        return (
            base64.urlsafe_b64encode(hmac.digest(self._seed.encode(), text, hashlib.sha256))
            .decode()
            .rstrip("=")
        )

    def _refusal(self, error: OAuth2Error, query: Mapping[str, str]) -> LoginRefused:
        detail = str(error.description or "")
        redirect = getattr(error, "redirect_uri", None)
        if redirect is None:
            return LoginRefused(str(error.error), detail, status=error.status_code)
        members = {"error": str(error.error), "error_description": detail, "iss": self.address}
        if query.get("state"):
            members["state"] = query["state"]
        return LoginRefused(
            str(error.error), detail, redirect=str(add_params_to_uri(redirect, list(members.items())))
        )


def _derive_key(seed: str) -> ECKey:
    """Return the signing key of a seed: the same in every process with this seed. For a mock only."""
    digest = int.from_bytes(hashlib.sha512(f"mock-c06 login key\n{seed}".encode()).digest())
    key = ec.derive_private_key(digest % (_P256_ORDER - 1) + 1, ec.SECP256R1())
    return ECKey.import_key(key)
