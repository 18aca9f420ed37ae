"""Requests and answers of OAuth for the OpenAPI document, and the metadata of a profile (RFC 8414, 9728).

The use cases and Authlib build the members; a test compares them with these models.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.accounts.model import SCOPES
from gateway.accounts.model import TYPE as GRANT_TYPE
from gateway.edge.responses import JWS, Answer, Jws
from gateway.identifiers import Profile
from gateway.keys.jws import ALGORITHMS
from gateway.oauth.proofs import ASSERTION_TYPE
from gateway.profiles.model import Place

CLIENT_CREDENTIALS = "client_credentials"


def _form(title: str, description: str, required: str, **members: dict[str, Any]) -> dict[str, Any]:
    """Return a form's schema. `web.py` reads forms parameter by parameter; nothing validates by the schema."""
    client: dict[str, dict[str, Any]] = {
        "client_id": {"description": "Optional. If sent, it must be the id of the authenticated client."},
        "client_assertion_type": {
            "const": ASSERTION_TYPE,
            "description": "Always this value; required beside `client_assertion`.",
        },
        "client_assertion": {
            "description": (
                "Instead of a Basic header (RFC 7523): `aud` is the issuer as one string, `exp` at most 120 s ahead, "
                "`jti` used once."
            ),
            "pattern": JWS,
        },
    }
    properties = {name: {"type": "string", **member} for name, member in (client | members).items()}
    return {
        "title": title,
        "type": "object",
        "description": description,
        "required": [required],
        "properties": properties,
    }


TOKEN_FORM = _form(
    "TokenForm",
    "`POST /{profile}/oauth2/token`.",
    "grant_type",
    grant_type={
        "const": CLIENT_CREDENTIALS,
        "description": "Always this value: the gateway has no other grant.",
    },
    scope={
        "description": "Scopes, each once, separated by one space. Default: all granted scopes except `prefill.sensitive`.",
        "examples": ["verify prefill"],
    },
    resource={"description": "RFC 8707: this profile's API, `{base}/{profile}/v1`."},
    authorization_details={
        "description": (
            "RFC 9396, JSON: entries of type citizen_enquiry within the account's grants, to narrow the token."
        ),
        "examples": [
            '[{"type":"citizen_enquiry","procedures":["khai-sinh"],"subject_roles":["*"],"fields":["full_name"]}]'
        ],
    },
)
OWN_TOKEN_FORM = _form(
    "OwnTokenForm",
    "`POST /{profile}/oauth2/introspect` and `/revoke`: the client's own access token.",
    "token",
    token={"minLength": 1},
    token_type_hint={"description": "Ignored: there are only access tokens."},
)

Scopes = Annotated[str, Field(description="Scopes, separated by spaces.", examples=["verify prefill"])]
TokenType = Literal["Bearer", "DPoP"]


class GrantAnswer(Answer):
    """One entry of `authorization_details` (RFC 9396)."""

    type: Literal["citizen_enquiry"]
    procedures: list[str]
    subject_roles: list[str]
    fields: list[str]


class TokenAnswer(Answer):
    """RFC 6749 §5.1. `authorization_details` if the request narrowed the token (RFC 9396 §7)."""

    access_token: Jws
    token_type: TokenType
    expires_in: int
    scope: Scopes
    authorization_details: list[GrantAnswer] = Field(default_factory=list)


class Confirmation(Answer):
    """The key that a token is bound to (RFC 9449 §6.1)."""

    jkt: str


class ActiveToken(Answer):
    """RFC 7662 §2.2, for the client's own token."""

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
    """Any other text: another client's token, an expired or revoked token, or not a token."""

    active: Literal[False]


class RevokedAnswer(Answer):
    """RFC 7009 §2.2: an empty object for any token."""


class ClientProofRefused(Answer):
    """RFC 6749 §5.2, 401."""

    error: Literal["invalid_client"]
    error_description: str | None = None


class GuessesRefused(Answer):
    """RFC 6585 §4 in the form of RFC 6749 §5.2, 429: too many wrong secrets, or too many requests of a client."""

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


def server_metadata(place: Place) -> dict[str, Any]:
    """Return the authorization server's metadata (RFC 8414); secrets are accepted on sandbox only."""
    methods = ["private_key_jwt"]
    if place.profile is Profile.SANDBOX:
        methods.append("client_secret_basic")
    endpoints: dict[str, Any] = {}
    for name, path in (("token", "token"), ("introspection", "introspect"), ("revocation", "revoke")):
        endpoints[f"{name}_endpoint"] = f"{place.issuer}/oauth2/{path}"
        endpoints[f"{name}_endpoint_auth_methods_supported"] = methods
        endpoints[f"{name}_endpoint_auth_signing_alg_values_supported"] = list(ALGORITHMS)
    return {
        "issuer": place.issuer,
        "jwks_uri": f"{place.issuer}/jwks.json",
        "grant_types_supported": [CLIENT_CREDENTIALS],
        "response_types_supported": [],
        "scopes_supported": list(SCOPES),
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "authorization_details_types_supported": [GRANT_TYPE],
        **endpoints,
    }


def resource_metadata(place: Place) -> dict[str, Any]:
    """Return the API's metadata (RFC 9728)."""
    return {
        "resource": place.audience,
        "authorization_servers": [place.issuer],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_bound_access_tokens_required": place.profile is Profile.OFFICIAL,
        "authorization_details_types_supported": [GRANT_TYPE],
    }
