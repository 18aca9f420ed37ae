"""How the document says who may call: security schemes, and which of them an operation takes.

A token of `client_credentials` is sent as Bearer, or as DPoP with a proof where it is bound to a key. The two
places issue their own tokens, so each has an OAuth2 scheme of its own; a place takes its own tokens only.
"""

from collections.abc import Sequence
from typing import Any

from gateway.places import Profile

CLIENT_SECRET = "client_secret_basic"  # noqa: S105 - the method's name (RFC 6749 §2.3.1)

OPERATOR = "operator"

SCOPES = {
    "verify": "Verifications, evaluations, receipts/check.",
    "prefill": "Prefills, discrepancies, and `prefill` inside a verification.",
    "prefill.sensitive": "With `prefill`: ethnicity and religion, where the grant names them.",
    "ledger": "The organisation's own enquiries on a citizen.",
    "audit.read": "Checkpoints and proofs of the audit.",
}
_DPOP_PROOF = {
    "name": "DPoP",
    "in": "header",
    "required": False,
    "description": (
        "A proof for this method and address (RFC 9449 §4): `iat` within 60 s, `jti` used once. Needed with a "
        "token that is bound to a key; at the token endpoint it binds the token."
    ),
    "schema": {"type": "string"},
}
_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": (
        "The caller's own id, 8 to 64 of A-Z a-z 0-9 . _ - in which no person's number can be (no run of nine digits, nor "
        "9 or 12 digits in groups alone): kept beside ours as `correlation_id`. Ignored where it breaks these rules, never refused."
    ),
    "schema": {"type": "string"},
}


def security_schemes() -> dict[str, Any]:
    """Return the document's `securitySchemes`."""
    places = {
        _oauth2(profile): {
            "type": "oauth2",
            "description": f"An access token of the place {profile}.",
            "flows": {"clientCredentials": {"tokenUrl": f"/{profile}/oauth2/token", "scopes": SCOPES}},
        }
        for profile in Profile
    }
    return places | {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (RFC 9068)"},
        "dpop": {
            "type": "http",
            "scheme": "DPoP",
            "description": "RFC 9449: a token bound to a key, with a proof in the header `DPoP`.",
        },
        CLIENT_SECRET: {"type": "http", "scheme": "basic", "description": "Sandbox only."},
        OPERATOR: {
            "type": "http",
            "scheme": "bearer",
            "description": "An operator's session, as POST /ops/v1/sessions gives it; good at /ops/v1 only.",
        },
    }


def security_of_api(scope: str | None) -> list[dict[str, list[str]]]:
    """Return the ways to call an operation that asks for a scope (None: any token)."""
    scopes = [scope] if scope is not None else []
    return [{_oauth2(profile): scopes} for profile in Profile] + [{"bearer": []}, {"dpop": []}]


def security_of_oauth() -> list[dict[str, list[str]]]:
    """Return the ways to call an OAuth endpoint: a secret in the header, or an assertion in the form."""
    return [{CLIENT_SECRET: []}, {}]


def security_of_operators() -> list[dict[str, list[str]]]:
    """Return the one way to call an operation of operators."""
    return [{OPERATOR: []}]


def headers_of_caller(*, proof: bool) -> Sequence[dict[str, Any]]:
    """Return the header parameters that a caller may send."""
    return [_REQUEST_ID, *([_DPOP_PROOF] if proof else [])]


def _oauth2(profile: Profile) -> str:
    return f"oauth2_{profile.value}"
