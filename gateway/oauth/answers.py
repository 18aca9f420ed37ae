"""What clients get at the OAuth endpoints and of the metadata, as the document shows it.

The members themselves come from the use cases and from Authlib; a test holds what leaves to these shapes.
"""

from typing import Annotated, Literal

from pydantic import Field

from gateway.accounts.answers import GrantAnswer
from gateway.edge.answers import Answer
from gateway.edge.forms import Jws

Scopes = Annotated[str, Field(description="Scopes, separated by spaces.", examples=["verify prefill"])]
TokenType = Literal["Bearer", "DPoP"]


class TokenAnswer(Answer):
    """RFC 6749 §5.1. `authorization_details` where the request narrowed the token (RFC 9396 §7)."""

    access_token: Jws
    token_type: TokenType
    expires_in: int
    scope: Scopes
    authorization_details: list[GrantAnswer] = Field(default_factory=list)


class Confirmation(Answer):
    """The key that a token is bound to (RFC 9449 §6.1)."""

    jkt: str


class ActiveToken(Answer):
    """RFC 7662 §2.2, one's own token."""

    active: Literal[True]
    client_id: str
    sub: str
    scope: Scopes
    token_type: TokenType
    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    cnf: Confirmation | None = None
    authorization_details: list[GrantAnswer] = Field(default_factory=list)


class InactiveToken(Answer):
    """Anything else: another client's, expired, revoked, no token at all."""

    active: Literal[False]


class RevokedAnswer(Answer):
    """RFC 7009 §2.2: nothing to say, whatever the token was."""


class ClientProofRefused(Answer):
    """RFC 6749 §5.2, 401."""

    error: Literal["invalid_client"]
    error_description: str | None = None


class GuessesRefused(Answer):
    """RFC 6585 §4 in the form of RFC 6749 §5.2, 429: too many wrong secrets, or a client that asks faster than its rate."""

    error: Literal["temporarily_unavailable"]
    error_description: str | None = None


class RequestRefused(Answer):
    """RFC 6749 §5.2, 400."""

    error: Literal["invalid_request"]
    error_description: str | None = None


class TokenRefused(Answer):
    """RFC 6749 §5.2, RFC 8707 §2, RFC 9396 §5, RFC 9449 §5, 400."""

    error: Literal[
        "invalid_request",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "invalid_authorization_details",
        "invalid_dpop_proof",
    ]
    error_description: str | None = None


class PublicKey(Answer):
    """A public key (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    alg: Literal["ES256"]
    use: Literal["sig"]


class PublicKeys(Answer):
    """RFC 7517 §5."""

    keys: list[PublicKey]


class ServerMetadata(Answer):
    """RFC 8414."""

    issuer: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    scopes_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    authorization_details_types_supported: list[str]
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]


class ResourceMetadata(Answer):
    """RFC 9728."""

    resource: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    dpop_bound_access_tokens_required: bool
    authorization_details_types_supported: list[str]
