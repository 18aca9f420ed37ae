"""Access tokens: RFC 9068 JWTs, ES256, 300 seconds, for one profile; and what a token request may get.

A check covers signature, type, issuer, audience and times; `bearer_web.py` checks the account's state and `grant_epoch`.
Authlib decides a token request of an authenticated client: the grant, the scope, the form of an error. It can't await
(docs/decisions/0010): the client is authenticated before, and a signed token is not stored. Source: RFC 6749 §4.4, §5.2.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidScopeError, UnsupportedGrantTypeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from gateway.accounts.model import SCOPES, Account, Grants, parse_grants
from gateway.errors.requests import TokenExpired, TokenInvalid
from gateway.identifiers import new_identifier
from gateway.keys.jws import JwsInvalid, read_header, sign_jws, verify_jws, whole_seconds
from gateway.profiles.model import Place

TYP = "at+jwt"
LIFETIME_S = 300
SKEW_S = 30
_MAX_DETAILS = 4096
_NOT_BY_DEFAULT = frozenset({"prefill.sensitive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthRequest:
    """A request to an OAuth endpoint: distinct form members, `Authorization` and `DPoP` headers.

    `address` is the caller's, even behind a trusted proxy (`edge/forwarded.py`).
    """

    path: str
    address: str
    form: Mapping[str, str] = field(repr=False)
    authorization: list[str] = field(repr=False)
    proofs: list[str] = field(repr=False)


class OAuthRefusal(Exception):
    """An RFC 6749 §5.2 error; `retry_after` in seconds if the client must wait."""

    def __init__(
        self,
        error: str,
        description: str | None = None,
        *,
        status: int = 400,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """The claims of a verified access token."""

    client_id: str
    scopes: frozenset[str]
    grant_epoch: int
    jti: str
    issued_at: int
    expires_at: int
    thumbprint: str | None
    grants: Grants | None


def issue_token(
    place: Place,
    account: Account,
    *,
    scope: str,
    now: datetime,
    thumbprint: str | None,
    narrowed: Grants | None,
) -> str:
    """Sign an access token for the account; `thumbprint` binds it to a DPoP key (RFC 9449 §6)."""
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": place.issuer,
        "aud": place.audience,
        "sub": account.client_id,
        "client_id": account.client_id,
        "scope": scope,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_S,
        "jti": new_identifier("tok"),
        "grant_epoch": account.grant_epoch,
    }
    if thumbprint is not None:
        claims["cnf"] = {"jkt": thumbprint}
    if narrowed is not None:
        claims["authorization_details"] = narrowed.to_details()
    kid, key = place.tokens.signer(now)
    return sign_jws(claims, key=key, kid=kid, typ=TYP)


def verify_token(place: Place, raw: str, *, now: datetime) -> TokenClaims:
    """Return the claims of an access token of this profile. A signature is checked once, the times at each call.

    Raises:
        TokenExpired: the token is valid except that it has expired.
        TokenInvalid: anything else.
    """
    claims: TokenClaims | None = place.tokens.find_kept(raw, now=now)
    if claims is None:
        kid, claims = _open(place, raw, now=now)
        place.tokens.keep(raw, kid, claims)
    seconds = int(now.timestamp())
    if claims.issued_at > seconds + SKEW_S or claims.expires_at - claims.issued_at > LIFETIME_S:
        raise TokenInvalid
    if claims.expires_at <= seconds:
        place.tokens.forget(raw)
        raise TokenExpired
    return claims


def _open(place: Place, raw: str, *, now: datetime) -> tuple[str, TokenClaims]:
    """Return the key's id and the claims of a token that is signed for this profile, whatever its times.

    Raises:
        TokenInvalid
    """
    try:
        header = read_header(raw, typ=TYP)
        key = place.tokens.find(header.get("kid"), now=now)
        if key is None or header["alg"] != "ES256":
            raise TokenInvalid
        members = verify_jws(raw, key=key, algorithm="ES256")
    except JwsInvalid:
        raise TokenInvalid from None
    issued_at, expires_at = whole_seconds(members.get("iat")), whole_seconds(members.get("exp"))
    if issued_at is None or expires_at is None:
        raise TokenInvalid
    return header["kid"], _read_claims(place, members, issued_at, expires_at)


def _read_claims(place: Place, members: Mapping[str, Any], issued_at: int, expires_at: int) -> TokenClaims:
    if members.get("iss") != place.issuer or members.get("aud") != place.audience:
        raise TokenInvalid
    try:
        details = members.get("authorization_details")
        return TokenClaims(
            client_id=members["client_id"],
            scopes=frozenset(members["scope"].split()),
            grant_epoch=members["grant_epoch"],
            jti=members["jti"],
            issued_at=issued_at,
            expires_at=expires_at,
            thumbprint=members["cnf"]["jkt"] if "cnf" in members else None,
            grants=None if details is None else parse_grants(details),
        )
    except (KeyError, AttributeError, TypeError, ValueError):
        raise TokenInvalid from None


def parse_authorization_details(text: str, account: Account) -> Grants:
    """Read a token request's `authorization_details` (RFC 9396 §6), which may only narrow.

    Raises:
        ValueError: malformed, or wider than the account's grants. It says what is wrong and repeats no value.
    """
    if len(text) > _MAX_DETAILS:  # they become a claim of the token, and headers have a size limit
        raise ValueError(f"they have more than {_MAX_DETAILS} characters")
    try:
        details = json.loads(text)
    except (ValueError, RecursionError):  # the decoder's text may quote a value
        raise ValueError("they are not well-formed JSON") from None
    if not isinstance(details, list) or not details:
        raise ValueError("they are not a list with an object")
    try:
        wanted = parse_grants(details)
    except ValueError as error:
        raise ValueError(f"an entry is wrong: expected {error}") from None
    for position, entry in enumerate(wanted.entries):
        if not account.grants.covers(entry):
            raise ValueError(f"entry {position} (counting from 0) is wider than the account's grants")
    return wanted


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
            return " ".join(sorted(self.account.scopes - _NOT_BY_DEFAULT))
        asked = str(scope).split(" ")
        if not set(asked) <= self.account.scopes or len(asked) != len(set(asked)):
            raise InvalidScopeError(description=_describe_scopes(asked, self.account.scopes))
        return " ".join(asked)


def _describe_scopes(asked: Collection[str], granted: Collection[str]) -> str:
    """Return what is wrong with the scopes of a request; a text that is no scope is not repeated."""
    refused = [scope for scope in SCOPES if scope in asked and scope not in granted]
    if refused:
        return f"not granted to this account: {' '.join(refused)}"
    if not set(asked) <= set(SCOPES):
        return f"send scopes of this list, separated by one space: {' '.join(SCOPES)}"
    return "send each scope once"


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
    server = AuthorizationServer()
    server.register_grant(AuthenticatedClientGrant)
    server.register_token_generator(
        "default",
        BearerTokenGenerator(lambda scope, **_: sign(scope), expires_generator=lambda *_: LIFETIME_S),
    )
    request = OAuth2Request("POST", "https://tls-ends-before-the-gateway/")  # Authlib refuses plain http
    request.payload = BasicOAuth2Payload(dict(form))
    request.client = AuthenticatedClient(account)
    try:
        grant = server.get_token_grant(request)
        assert isinstance(grant, AuthenticatedClientGrant)
        grant.validate_token_request()
        _, members, _ = grant.create_token_response()  # type: ignore[no-untyped-call]  # untyped in its stub
    except UnsupportedGrantTypeError:
        grant_type = AuthenticatedClientGrant.GRANT_TYPE
        raise OAuthRefusal("unsupported_grant_type", f"grant_type must be {grant_type}") from None
    except OAuth2Error as error:
        status, body, _ = error()
        raise OAuthRefusal(body["error"], body.get("error_description"), status=status) from None
    return {**members, "token_type": token_type}
