"""Compact JWS after RFC 8725, and the public keys that verify them: one algorithm for each key, one `typ` for each use.

Every malformed input (deep, long, not text) raises `JwsInvalid`; the claims are one JSON object. Header members that contain
a key or point to one (`jwk`, `jku`, `x5u`, `x5c`) are refused, except that a DPoP proof must contain its public key.

A public key is a JWK for ES256, EdDSA or PS256 (RFC 7517, RFC 7518 §3). Refused are private members, RSA keys below 2,048 or
above 8,192 bits, and keys for another use or algorithm. The RSA exponent is limited too: with an exponent of thousands of
bits one verification costs as much as forty.
"""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from pydantic_core import to_json

from gateway.identifiers import has_long_number, is_uuid
from gateway.keys.model import write_base64url

ALGORITHMS = ("ES256", "EdDSA", "PS256")
ALGORITHM_OF_TYPE = {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}
"""The one JWS algorithm with which a key of a type (`kty`) is accepted."""

MAX_LENGTH = 8192
_REFUSED_MEMBERS = {"jwk", "jku", "x5u", "x5c", "crit", "b64"}

_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_MAX_KID = 128
_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_MAX_EXPONENT_BITS = 64
"""OpenSSL's own limit, which it applies only to large moduli."""
_EXPECTED = "a public JWK or JWK Set with EC P-256, Ed25519 or RSA keys of 2,048 bits or more is expected"

AnyKey = ECKey | OKPKey | RSAKey

_ECDSA = ECDSA(SHA256())
_MALFORMED = (JoseError, ValueError, TypeError, AttributeError, RecursionError)


class JwsInvalid(Exception):
    """Malformed, of another type, of an algorithm that isn't accepted, or not signed by the key."""


class _Registry(JWSRegistry):
    """joserfc's rules, except that a header may contain an RSA key, and the name EdDSA gives no warning (RFC 9864)."""

    max_header_length = 4096

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return the algorithm if it is allowed for this key."""
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


def sign_jws(claims: Mapping[str, Any], *, key: ECKey, kid: str, typ: str) -> str:
    """Return an ES256 compact JWS over the claims (RFC 7515 §7.1, RFC 7518 §3.4)."""
    private = key.private_key
    if private is None or not isinstance(private.curve, SECP256R1):
        raise ValueError("ES256 needs a private P-256 key")
    signed = f"{_header(kid, typ)}.{write_base64url(to_json(claims))}"
    r, s = decode_dss_signature(private.sign(signed.encode(), _ECDSA))
    return f"{signed}.{write_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@lru_cache(maxsize=64)
def _header(kid: str, typ: str) -> str:
    return write_base64url(to_json({"alg": "ES256", "typ": typ, "kid": kid}))


def sign_detached(payload: bytes, *, key: ECKey, kid: str, typ: str) -> str:
    """Return an ES256 JWS with detached content (RFC 7515 appendix F)."""
    header = {"alg": "ES256", "typ": typ, "kid": kid}
    return jws.detach_content(jws.serialize_compact(header, payload, key, algorithms=["ES256"]))


def verify_detached(raw: str, payload: bytes, *, key: ECKey, typ: str) -> None:
    """Raise `JwsInvalid` unless this is an ES256 JWS of that key over the detached payload."""
    header = read_header(raw, typ=typ)
    try:
        if header["alg"] != "ES256" or raw.split(".")[1]:
            raise JwsInvalid
        jws.deserialize_compact(raw, key, registry=_rules("ES256"), payload=payload)
    except _MALFORMED:
        raise JwsInvalid from None


def read_header(
    raw: str,
    *,
    typ: str | None,
    may_contain_key: bool = False,
    algorithms: Collection[str] = ALGORITHMS,
) -> dict[str, Any]:
    """Return the protected header; checks its form, not the signature. Raises `JwsInvalid`."""
    if len(raw) > MAX_LENGTH or raw.count(".") != 2:
        raise JwsInvalid
    try:
        header = dict(_extract(raw).headers())
    except _MALFORMED:
        raise JwsInvalid from None
    if header.get("alg") not in algorithms or (typ is not None and header.get("typ") != typ):
        raise JwsInvalid
    if (_REFUSED_MEMBERS - ({"jwk"} if may_contain_key else set())) & set(header):
        raise JwsInvalid
    return header


def verify_jws(raw: str, *, key: AnyKey, algorithm: str) -> dict[str, Any]:
    """Return the claims that `key` signed with `algorithm`. Raises `JwsInvalid`."""
    try:
        signed = jws.deserialize_compact(raw, key, registry=_rules(algorithm))
        return _parse_claims(signed.payload)
    except _MALFORMED:
        raise JwsInvalid from None


def peek_claims(raw: str) -> dict[str, Any]:
    """Return the claims without verification, to find out which key verifies them. Raises `JwsInvalid`."""
    try:
        return _parse_claims(_extract(raw).payload)
    except _MALFORMED:
        raise JwsInvalid from None


def _parse_claims(payload: bytes) -> dict[str, Any]:
    claims = json.loads(payload)
    if not isinstance(claims, dict):
        raise JwsInvalid
    return claims


def plain_id(value: object, *, longest: int) -> str | None:
    """Return an identifier without NUL, control characters and lone surrogates, which any database can store, else None."""
    is_plain = isinstance(value, str) and 1 <= len(value) <= longest and value.isprintable()
    return str(value) if is_plain else None


def whole_seconds(value: object) -> int | None:
    """Return a NumericDate that is an integer below 2^33, else None."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**33:
        return None
    return value


def _extract(raw: str) -> jws.CompactSignature:
    return jws.extract_compact(raw.encode("ascii"), registry=_rules(*ALGORITHMS))


@cache
def _rules(*algorithms: str) -> JWSRegistry:
    # An unknown header member is ignored (RFC 7515 §4); `read_header` refuses those that change the rules.
    return _Registry(algorithms=algorithms, strict_check_header=False)


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


def import_public_key(jwk: dict[str, Any]) -> AnyKey:
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


def algorithm_of(key: AnyKey) -> str:
    """Return the one JWS algorithm with which a key is accepted."""
    return ALGORITHM_OF_TYPE[key.key_type]


def _bits(jwk: dict[str, Any], member: str) -> int:
    """Return the bits of a member; checked before the import, since joserfc accepts a short key with a warning."""
    written = jwk.get(member)
    if not isinstance(written, str):
        return 0
    return int.from_bytes(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))).bit_length()
