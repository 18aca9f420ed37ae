"""Authlib decides a token request of an authenticated client: the grant, the scope, the form of an error.

Authlib can't await (docs/decisions/0010): the client is authenticated before, and a signed token is not stored.
Source: RFC 6749 §4.4, §5.2.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from gateway.accounts.model import Account
from gateway.oauth.model import OAuthRefusal
from gateway.oauth.tokens import LIFETIME_S

NOT_BY_DEFAULT = frozenset({"prefill.sensitive"})


class AuthenticatedClient(ClientMixin):
    """An authenticated account, in the form of Authlib's clients."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def check_grant_type(self, grant_type: str) -> bool:
        """Allow only `client_credentials`."""
        return grant_type == AuthenticatedClientGrant.GRANT_TYPE

    def get_allowed_scope(self, scope: Collection[str] | str | None) -> str:
        """Return the scopes to issue. Raises Authlib's `invalid_scope` if one is not granted."""
        if not scope:
            return " ".join(sorted(self.account.scopes - NOT_BY_DEFAULT))
        asked = str(scope).split(" ")
        if not set(asked) <= self.account.scopes or len(asked) != len(set(asked)):
            raise InvalidScopeError(description="a scope twice, malformed or not granted to this account")
        return " ".join(asked)


class AuthenticatedClientGrant(ClientCredentialsGrant):
    """Authlib's `client_credentials` for the request's client, which is authenticated already."""

    def authenticate_token_endpoint_client(self) -> ClientMixin:
        """Return the authenticated client."""
        assert self.request.client is not None
        return self.request.client

    def save_token(self, token: dict[str, str | int]) -> None:
        """Store nothing: the token is signed."""


def decide_token(
    account: Account, form: Mapping[str, str], *, sign: Callable[[str], str], token_type: str
) -> dict[str, Any]:
    """Return the members of the answer (RFC 6749 §5.1); `sign` makes the token for a scope. Raises `OAuthRefusal`."""

    def generate(scope: str, **_: object) -> str:
        return sign(scope)

    server = AuthorizationServer()
    server.register_grant(AuthenticatedClientGrant)
    server.register_token_generator(
        "default", BearerTokenGenerator(generate, expires_generator=lambda *_: LIFETIME_S)
    )
    request = OAuth2Request("POST", "https://tls-ends-before-the-gateway/")  # Authlib refuses plain http
    request.payload = BasicOAuth2Payload(dict(form))
    request.client = AuthenticatedClient(account)
    try:
        grant = server.get_token_grant(request)
        assert isinstance(grant, AuthenticatedClientGrant)
        grant.validate_token_request()
        _, members, _ = grant.create_token_response()  # type: ignore[no-untyped-call]  # untyped in its stub
    except OAuth2Error as error:
        status, body, _ = error()
        raise OAuthRefusal(body["error"], body.get("error_description"), status=status) from None
    return {**members, "token_type": token_type}
