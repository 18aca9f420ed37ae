"""What a place says of itself to OAuth clients: one document for its server, one for its API (RFC 8414, 9728)."""

from typing import Any

from gateway.accounts.grants import TYPE as GRANT_TYPE
from gateway.accounts.model import SCOPES
from gateway.keys.jws import ALGORITHMS
from gateway.places import Profile
from gateway.profiles.model import Place


def server_metadata(place: Place) -> dict[str, Any]:
    """Return what the authorization server says of itself (RFC 8414); secrets are for sandbox alone."""
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
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": list(SCOPES),
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "authorization_details_types_supported": [GRANT_TYPE],
        **endpoints,
    }


def resource_metadata(place: Place) -> dict[str, Any]:
    """Return what the API says of itself (RFC 9728)."""
    return {
        "resource": place.audience,
        "authorization_servers": [place.issuer],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_bound_access_tokens_required": place.profile is Profile.OFFICIAL,
        "authorization_details_types_supported": [GRANT_TYPE],
    }
