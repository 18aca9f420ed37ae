"""How Authlib decides the code flow: the public client, PKCE S256, a code that serves once, the ID token.

Sources: RFC 6749 §4.1, RFC 7636, RFC 8252 §7.3 (any loopback port), OpenID Connect Core 1.0 §3.1.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode

from mock_c06.clock import Clock
from mock_c06.login.holders import Holder

T = TypeVar("T")

CLIENTS = ("dvctt-portal",)
REDIRECT_PATH = "/dang-nhap/"
_PLAIN = re.compile(r"[A-Za-z0-9:/.\[\]_~-]+")
"""A redirect in these characters reads alike everywhere: no `%`, no backslash, no control, no separator of a header."""

CODE_SECONDS = 60
TOKEN_SECONDS = 300
KEPT = 2_000
"""How many requests, codes and access tokens are in memory; the oldest are dropped."""

_TLS_ENDS_HERE = "https://loopback.invalid"
"""Authlib refuses requests over plain http; the mock listens on loopback alone."""


class Latest(OrderedDict[str, T]):
    """The latest entries: `put` drops the oldest beyond `KEPT`."""

    def put(self, key: str, value: T) -> None:
        """Add an entry."""
        self[key] = value
        while len(self) > KEPT:
            self.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An issued code, in the form that Authlib's grant reads."""

    client_id: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    holder: Holder
    auth_time: int
    until: float

    def get_redirect_uri(self) -> str:
        """Return the address of the authorization request."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.scope


class _Client(ClientMixin):
    """A public client on any loopback port."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""  # a request must say where it goes

    def get_allowed_scope(self, scope: Any) -> str:
        asked = str(scope or "").split()
        if "openid" not in asked:
            raise InvalidScopeError
        return " ".join(asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return is_loopback_redirect(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        del client_secret
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        del endpoint
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


def is_loopback_redirect(uri: str) -> bool:
    """Return whether a redirect goes to `/dang-nhap/…` on a loopback address, any port (RFC 8252 §7.3)."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "http"
        and host in {"127.0.0.1", "localhost", "::1"}
        and parts.username is None
        and parts.path.startswith(REDIRECT_PATH)
        and not parts.query
        and "#" not in uri
        and ".." not in parts.path
        and _PLAIN.fullmatch(uri) is not None
    )


class CodeGrant(AuthorizationCodeGrant):
    """The grant of the public client."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012 - Authlib's own attribute

    server: "CodeServer"

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        """Keep what the code stands for."""
        data, now = _members(request), self.server.clock.now().timestamp()
        self.server.codes.put(
            code,
            Code(
                client_id=data["client_id"],
                redirect_uri=data["redirect_uri"],
                scope=str(request.scope),
                nonce=data["nonce"],
                code_challenge=data["code_challenge"],
                code_challenge_method=data["code_challenge_method"],
                holder=cast("Holder", request.user),
                auth_time=int(now),
                until=now + CODE_SECONDS,
            ),
        )

    def query_authorization_code(self, code: str, client: ClientMixin) -> Code | None:
        """Take the code: it serves once, right or wrong."""
        found = self.server.codes.pop(code, None)
        in_time = found is not None and found.until >= self.server.clock.now().timestamp()
        return found if found and in_time and found.client_id == client.get_client_id() else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Do nothing: the code was taken when it was read."""

    def authenticate_user(self, authorization_code: Code) -> Holder:
        """Return who picked themselves."""
        return authorization_code.holder

    def save_token(self, token: dict[str, Any]) -> None:
        """Keep the access token for the user information."""
        until = self.server.clock.now().timestamp() + TOKEN_SECONDS
        code = cast("Code", self.request.authorization_code)
        self.server.tokens.put(token["access_token"], (code.holder, code.client_id, until))


class _Challenge(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012 - Authlib's own attribute


class _IdToken(OpenIDCode):
    def __init__(self, sign: Callable[[Code], str]) -> None:
        super().__init__(require_nonce=True)
        self._sign = sign

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        del nonce, request
        return False  # the client verifies that its nonce comes back; a code serves once

    def encode_id_token(self, token: Mapping[str, Any], request: OAuth2Request) -> str:
        del token
        return self._sign(cast("Code", request.authorization_code))


class CodeServer(AuthorizationServer):
    """Authlib's server of one issuer; `sign` makes the ID token for a code."""

    def __init__(self, clock: Clock, sign: Callable[[Code], str]) -> None:
        super().__init__()
        self.clock = clock
        self.codes: Latest[Code] = Latest()
        self.tokens: Latest[tuple[Holder, str, float]] = Latest()
        self.register_grant(CodeGrant, [_Challenge(required=True), _IdToken(sign)])
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: secrets.token_urlsafe(32), expires_generator=lambda *_: TOKEN_SECONDS
            ),
        )

    def query_client(self, client_id: str) -> _Client | None:  # type: ignore[override]  # Authlib expects None too
        """Return the client; None for an unknown one."""
        return _Client(client_id) if client_id in CLIENTS else None

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing."""


def make_request(method: str, members: Mapping[str, str]) -> OAuth2Request:
    """Return Authlib's form of a request with these members."""
    request = _FormRequest(method, _TLS_ENDS_HERE)
    request.payload = BasicOAuth2Payload(dict(members))
    return request


class _FormRequest(OAuth2Request):
    """A request whose members are already read."""

    @property
    def form(self) -> Any:
        return _members(self)

    @property
    def args(self) -> Any:
        return _members(self)


def _members(request: OAuth2Request) -> Mapping[str, str]:
    return cast("BasicOAuth2Payload", request.payload).data
