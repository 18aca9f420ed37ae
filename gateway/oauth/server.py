"""Authlib's authorization server for one request: it decides on grant, scope and error shapes.

Authlib can't await (docs/decisions/0010): the client is loaded and proven before, what it decides is
stored after. Source: RFC 6749 §4.4, §5.2.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from gateway.accounts.model import Account
from gateway.oauth.tokens import LIFETIME_S

GRANT_TYPE = "client_credentials"
NOT_BY_DEFAULT = frozenset({"prefill.sensitive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthAnswer:
    """Status and members of an answer of the token endpoint."""

    status: int
    members: dict[str, Any] = field(repr=False)


class ProvenClient(ClientMixin):
    """An account that has proven itself, as Authlib asks about clients."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_client_id(self) -> str:
        """Return the account's id."""
        return self.account.client_id

    def scope_to_issue(self, scope: str | None) -> str:
        """Return the scopes to issue. Raises Authlib's `invalid_scope` where one is not granted."""
        if not scope:
            return " ".join(sorted(self.account.scopes - NOT_BY_DEFAULT))
        asked = scope.split(" ")
        if not set(asked) <= self.account.scopes or len(asked) != len(set(asked)):
            raise InvalidScopeError(description="a scope twice, malformed or not granted to this account")
        return scope

    def check_grant_type(self, grant_type: str) -> bool:
        """Say yes to the only grant there is."""
        return grant_type == GRANT_TYPE

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """The account was proven before Authlib was asked."""
        del method, endpoint
        return True


class TokenServer(AuthorizationServer):
    """Authlib's server around one proven client; `sign` makes the token for a scope."""

    def __init__(self, client: ProvenClient, sign: Callable[[str], str], token_type: str) -> None:
        super().__init__()
        self._client = client
        self._sign = sign
        self._token_type = token_type
        self._answer = OAuthAnswer(status=500, members={})
        self.register_grant(ClientCredentialsGrant)

    def answer(self, form: Mapping[str, str]) -> OAuthAnswer:
        """Decide on a token request of the proven client."""
        self.create_token_response(form)
        return self._answer

    def create_oauth2_request(self, request: Mapping[str, str]) -> OAuth2Request:
        """Wrap the form. The address is only there for Authlib's check for TLS, which ends before us."""
        oauth2_request = OAuth2Request("POST", "https://tls-ends-before-us/oauth2/token")
        oauth2_request.payload = BasicOAuth2Payload(dict(request))
        return oauth2_request

    def authenticate_client(
        self, request: OAuth2Request, methods: Collection[str], endpoint: str = "token"
    ) -> ProvenClient:
        """Return the client that was proven before."""
        del request, methods, endpoint
        return self._client

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Keep nothing: an access token is signed, not stored."""
        del token, request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def handle_response(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, object], Mapping[str, str]]:
        """Keep status and members; headers are the route's."""
        self._answer = OAuthAnswer(status=status, members=dict(body))
        return status, body, headers

    def generate_token(
        self,
        grant_type: str,
        client: ClientMixin,
        user: object = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, str | int]:
        """Make the token's answer (RFC 6749 §5.1)."""
        del grant_type, client, user, expires_in, include_refresh_token
        issued = self._client.scope_to_issue(scope)
        return {
            "access_token": self._sign(issued),
            "token_type": self._token_type,
            "expires_in": LIFETIME_S,
            "scope": issued,
        }
