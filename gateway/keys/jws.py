"""Compact JWS, strictly: one algorithm a key, one `typ` a use, claims are one JSON object (RFC 8725).

A key is found by exact `kid` on our own list. Whatever arrives, deep, long or not text, is `JwsInvalid`. Members of a
header that bring a key or point to one (`jwk`, `jku`, `x5u`, `x5c`) are refused, except where a DPoP proof must carry
its own public key.
"""

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ALGORITHMS = ("ES256", "EdDSA", "PS256")
MAX_LENGTH = 8192
_KEY_BRINGING = {"jwk", "jku", "x5u", "x5c", "crit", "b64"}

AnyKey = ECKey | OKPKey | RSAKey

_MALFORMED = (JoseError, ValueError, TypeError, AttributeError, RecursionError)


class JwsInvalid(Exception):
    """Malformed, of another type, of an algorithm or key that is not ours to accept, or not signed by it."""


class _Registry(JWSRegistry):
    """joserfc's rules with room for an RSA key in a header, and no warning about the name EdDSA (RFC 9864)."""

    max_header_length = 4096

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return the algorithm where it is among those allowed for this key."""
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


def sign_jws(claims: Mapping[str, Any], *, key: ECKey, kid: str, typ: str) -> str:
    """Return an ES256 compact JWS over the claims."""
    payload = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
    return jws.serialize_compact({"alg": "ES256", "typ": typ, "kid": kid}, payload, key, algorithms=["ES256"])


def sign_detached(payload: bytes, *, key: ECKey, kid: str, typ: str) -> str:
    """Return an ES256 JWS beside its payload, which it doesn't carry (RFC 7515 appendix F)."""
    header = {"alg": "ES256", "typ": typ, "kid": kid}
    return jws.detach_content(jws.serialize_compact(header, payload, key, algorithms=["ES256"]))


def verify_detached(raw: str, payload: bytes, *, key: ECKey, typ: str) -> None:
    """Raise `JwsInvalid` unless this is an ES256 JWS of that key over a payload that stands beside it."""
    header = read_header(raw, typ=typ)
    try:
        if header["alg"] != "ES256" or raw.split(".")[1]:
            raise JwsInvalid
        jws.deserialize_compact(raw, key, registry=_rules("ES256"), payload=payload)
    except _MALFORMED:
        raise JwsInvalid from None


def read_header(raw: str, *, typ: str | None, may_bring_key: bool = False) -> dict[str, Any]:
    """Return the protected header, its form checked but nothing verified. Raises `JwsInvalid`."""
    if len(raw) > MAX_LENGTH or raw.count(".") != 2:
        raise JwsInvalid
    try:
        header = dict(_extract(raw).headers())
    except _MALFORMED:
        raise JwsInvalid from None
    if header.get("alg") not in ALGORITHMS or (typ is not None and header.get("typ") != typ):
        raise JwsInvalid
    if (_KEY_BRINGING - ({"jwk"} if may_bring_key else set())) & set(header):
        raise JwsInvalid
    return header


def verify_jws(raw: str, *, key: AnyKey, algorithm: str) -> dict[str, Any]:
    """Return the claims that `key` signed with `algorithm`. Raises `JwsInvalid`."""
    try:
        signed = jws.deserialize_compact(raw, key, registry=_rules(algorithm))
        claims = json.loads(signed.payload)
    except _MALFORMED:
        raise JwsInvalid from None
    if not isinstance(claims, dict):
        raise JwsInvalid
    return claims


def peek_claims(raw: str) -> dict[str, Any]:
    """Return the claims without any verification, to find whose key to verify with. Raises `JwsInvalid`."""
    try:
        claims = json.loads(_extract(raw).payload)
    except _MALFORMED:
        raise JwsInvalid from None
    if not isinstance(claims, dict):
        raise JwsInvalid
    return claims


def plain_id(value: object, *, longest: int) -> str | None:
    """Return an identifier that any store can hold, else None: no NUL, control or half character."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.isprintable():
        return None
    return value


def whole_seconds(value: object) -> int | None:
    """Return a NumericDate that is a plain, plausible integer, else None: no text, fraction or 10^18."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**33:
        return None
    return value


def _extract(raw: str) -> jws.CompactSignature:
    return jws.extract_compact(raw.encode("ascii"), registry=_rules(*ALGORITHMS))


def _rules(*algorithms: str) -> JWSRegistry:
    # An unknown header member is ignored (RFC 7515 §4); those that would change the rules are refused above.
    return _Registry(algorithms=algorithms, strict_check_header=False)
