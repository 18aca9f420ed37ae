"""DPoP proofs (RFC 9449 §4.3): the caller proves possession of a key, for one method and address.

Reads no store: `store.py` decides whether the `jti` was used with this key before.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.accounts.public_keys import algorithm_of, import_public_key, parse_public_key
from gateway.errors.requests import DpopProofInvalid
from gateway.keys.jws import AnyKey, JwsInvalid, plain_id, read_header, verify_jws, whole_seconds

TYP = "dpop+jwt"
WINDOW_S = 60
MAX_ID = 128
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A verified proof: the key's thumbprint (RFC 7638) and the id to be used up."""

    thumbprint: str
    jti: str


def find_only_proof(proofs: Sequence[str]) -> str:
    """Return the request's one `DPoP` header. Raises `DpopProofInvalid` for none or several."""
    if len(proofs) != 1:
        raise DpopProofInvalid("one DPoP header is required" if proofs else "the DPoP header is missing")
    return proofs[0]


def verify_proof(raw: str, *, method: str, address: str, now: int, access_token: str | None = None) -> Proof:
    """Return a proof for this method, address and (at the API) access token.

    Raises:
        DpopProofInvalid: malformed, stale, for another request, or not signed by the key that it contains.
    """
    try:
        header = read_header(raw, typ=TYP, may_contain_key=True)
        key = _read_key(header)
        claims = verify_jws(raw, key=key, algorithm=header["alg"])
    except JwsInvalid:
        raise DpopProofInvalid("the proof is malformed, or not signed by the key in jwk") from None
    issued_at = whole_seconds(claims.get("iat"))
    if issued_at is None or abs(now - issued_at) > WINDOW_S:
        raise DpopProofInvalid(f"iat is more than {WINDOW_S} s from the gateway's clock, or no number")
    if claims.get("htm") != method:
        raise DpopProofInvalid("htm is not the method of this call")
    if _resource(claims.get("htu")) != _resource(address):
        raise DpopProofInvalid("htu is not the address of this call")
    if access_token is not None and claims.get("ath") != _hash(access_token):
        raise DpopProofInvalid("ath is not the hash of the access token")
    jti = plain_id(claims.get("jti"), longest=MAX_ID)
    if jti is None:
        raise DpopProofInvalid(f"jti is 1 to {MAX_ID} printable characters")
    return Proof(thumbprint=key.thumbprint(), jti=jti)


def _read_key(header: dict[str, Any]) -> AnyKey:
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
