"""DPoP proofs (RFC 9449 §4.3): a signed note that the caller holds the key, for this method and address.

Decides on the proof in hand; that its `jti` was never used with this key is the store's to say.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.accounts.public_keys import algorithm_of, import_public_key, parse_public_key
from gateway.errors.callers import DpopProofInvalid
from gateway.keys.jws import AnyKey, JwsInvalid, plain_id, read_header, verify_jws, whole_seconds

TYP = "dpop+jwt"
WINDOW_S = 60
MAX_ID = 128
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that holds: the key's thumbprint (RFC 7638) and the id to be spent."""

    thumbprint: str
    jti: str


def verify_proof(raw: str, *, method: str, address: str, now: int, access_token: str | None = None) -> Proof:
    """Return what a proof for this method, address and (at the API) token shows.

    Raises:
        DpopProofInvalid: malformed, stale, for something else, or not signed by the key it carries.
    """
    try:
        header = read_header(raw, typ=TYP, may_bring_key=True)
        key = _own_key(header)
        claims = verify_jws(raw, key=key, algorithm=header["alg"])
    except JwsInvalid:
        raise DpopProofInvalid from None
    issued_at = whole_seconds(claims.get("iat"))
    if issued_at is None or abs(now - issued_at) > WINDOW_S:
        raise DpopProofInvalid
    if claims.get("htm") != method or _resource(claims.get("htu")) != _resource(address):
        raise DpopProofInvalid
    if access_token is not None and claims.get("ath") != _hash(access_token):
        raise DpopProofInvalid
    jti = plain_id(claims.get("jti"), longest=MAX_ID)
    if jti is None:
        raise DpopProofInvalid
    return Proof(thumbprint=key.thumbprint(), jti=jti)


def _own_key(header: dict[str, Any]) -> AnyKey:
    try:
        key = import_public_key(parse_public_key(header.get("jwk")))
    except ValueError:
        raise JwsInvalid from None
    if algorithm_of(key) != header["alg"]:
        raise JwsInvalid
    return key


def _resource(address: object) -> tuple[str, str, int, str] | None:
    """Return an address without query and fragment, as RFC 9449 §4.3 and RFC 3986 §6.2.3 compare it."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return parts.scheme, parts.hostname or "", port, parts.path


def _hash(access_token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).decode().rstrip("=")
