"""Public keys of accounts: a JWK or JWK Set for ES256, EdDSA or PS256 (RFC 7517, RFC 7518 §3).

Refuses private members, RSA keys below 2,048 or above 8,192 bits, and keys for another use or algorithm. The RSA exponent
is limited too: with an exponent of thousands of bits one verification costs as much as forty.
"""

import base64
from collections.abc import Sequence
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.identifiers import has_long_number, is_uuid
from gateway.keys.jws import plain_id

ALGORITHM_OF_TYPE = {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}
"""The one JWS algorithm with which a key of a type (`kty`) is accepted."""

_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_MAX_KID = 128
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_MAX_EXPONENT_BITS = 64
"""OpenSSL's own limit, which it applies only to large moduli."""
_EXPECTED = "a public JWK or JWK Set with EC P-256, Ed25519 or RSA keys of 2,048 bits or more"


def parse_public_keys(document: Any) -> Sequence[dict[str, Any]]:
    """Read a JWK or JWK Set.

    Raises:
        ValueError: what is expected; for private members a message of its own.
    """
    jwks = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(jwks, list) or not jwks:
        raise ValueError(_EXPECTED)
    parsed = [parse_public_key(jwk) for jwk in jwks]
    if len({import_public_key(jwk).thumbprint() for jwk in parsed}) != len(parsed):
        raise ValueError("the same key occurs twice")
    return parsed


def parse_public_key(jwk: Any) -> dict[str, Any]:
    """Read one JWK; the result has a `kid`, by default its thumbprint. Raises as `parse_public_keys`."""
    if not isinstance(jwk, dict):
        raise ValueError(_EXPECTED)  # noqa: TRY004 - one error for every malformed document
    if _PRIVATE & set(jwk):
        raise ValueError("the key has private members: give only the public key")
    kid = jwk.get("kid")
    if kid is not None and plain_id(kid, longest=_MAX_KID) is None:
        raise ValueError(f"kid: a string of 1 to {_MAX_KID} characters")
    if kid is not None and has_long_number(kid) and not is_uuid(kid):
        raise ValueError("kid: it could be a person's number; use a UUID, or the key's thumbprint")
    try:
        key = import_public_key(jwk)
    except (JoseError, ValueError):
        raise ValueError(_EXPECTED) from None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm_of(key)) != algorithm_of(key):
        raise ValueError("the key is for another use or algorithm: use sig, alg ES256, EdDSA or PS256")
    return {**key.as_dict(private=False), "kid": kid or key.thumbprint()}


def import_public_key(jwk: dict[str, Any]) -> ECKey | OKPKey | RSAKey:
    """Return the key for verification. Raises `ValueError` for a key of another kind."""
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            return ECKey.import_key(jwk)
        case "OKP", "Ed25519":
            return OKPKey.import_key(jwk)
        case "RSA", _ if (
            _MIN_RSA_BITS <= _bits(jwk, "n") <= _MAX_RSA_BITS and _bits(jwk, "e") <= _MAX_EXPONENT_BITS
        ):
            return RSAKey.import_key(jwk)
    raise ValueError(_EXPECTED)


def algorithm_of(key: ECKey | OKPKey | RSAKey) -> str:
    """Return the one JWS algorithm with which a key is accepted."""
    return ALGORITHM_OF_TYPE[key.key_type]


def _bits(jwk: dict[str, Any], member: str) -> int:
    """Return the bits of a member; checked before the import, since joserfc accepts a short key with a warning."""
    written = jwk.get(member)
    if not isinstance(written, str):
        return 0
    return int.from_bytes(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))).bit_length()
