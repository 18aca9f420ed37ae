"""The JOSE functions of the desk, on P-256: sign and verify a detached ES256 JWS, encrypt a text by ECDH-ES.

Written from the RFCs with the primitives of `cryptography`, not with the library that the gateway uses, so that the
two programs agree only by the standard. No other algorithm is accepted. Source: RFC 7515, 7516, 7518 §3.4 and §4.6,
7638.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

_SIZE = 32
_NONCE, _TAG = 12, 16


def import_public_key(jwk: Mapping[str, str]) -> ec.EllipticCurvePublicKey:
    """Read a public JWK of P-256. Raises `ValueError`, also for a point that is not on the curve."""
    x, y = (int.from_bytes(_decode(jwk[name])) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the JWK's thumbprint (RFC 7638)."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return _encode(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def verify_detached(signature: str, payload: bytes, jwk: Mapping[str, str]) -> dict[str, Any]:
    """Return the header of an ES256 JWS over a payload that it doesn't carry. Raises `ValueError`."""
    head, middle, tail = signature.split(".")
    header, raw = json.loads(_decode(head)), _decode(tail)
    if middle or len(raw) != 2 * _SIZE or not isinstance(header, dict) or header.get("alg") != "ES256":
        raise ValueError("not a detached ES256 signature")
    if "crit" in header:
        raise ValueError("a critical extension is not supported")
    found = utils.encode_dss_signature(int.from_bytes(raw[:_SIZE]), int.from_bytes(raw[_SIZE:]))
    try:
        import_public_key(jwk).verify(found, f"{head}.{_encode(payload)}".encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise ValueError("the signature does not match") from None
    return header


def sign_detached(payload: bytes, key: ec.EllipticCurvePrivateKey, *, typ: str) -> str:
    """Return an ES256 JWS over a payload that it doesn't carry; its `kid` is the key's thumbprint."""
    header = {"alg": "ES256", "typ": typ, "kid": public_jwk(key)["kid"]}
    head = _encode(json.dumps(header, separators=(",", ":")).encode())
    made = key.sign(f"{head}.{_encode(payload)}".encode(), ec.ECDSA(SHA256()))
    r, s = utils.decode_dss_signature(made)
    return f"{head}..{_encode(r.to_bytes(_SIZE) + s.to_bytes(_SIZE))}"


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return a key's public half for signatures, named by its thumbprint."""
    point = key.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": _encode(point.x.to_bytes(_SIZE)),
        "y": _encode(point.y.to_bytes(_SIZE)),
    }
    return jwk | {"kid": thumbprint(jwk), "use": "sig", "alg": "ES256"}


def seal(text: str, jwk: Mapping[str, str], *, typ: str) -> str:
    """Return a compact JWE: ECDH-ES, used directly, with A256GCM."""
    ours = ec.generate_private_key(ec.SECP256R1())
    point = ours.public_key().public_numbers()
    header = {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "typ": typ,
        "kid": jwk["kid"],
        "epk": {
            "kty": "EC",
            "crv": "P-256",
            "x": _encode(point.x.to_bytes(_SIZE)),
            "y": _encode(point.y.to_bytes(_SIZE)),
        },
    }
    head = _encode(json.dumps(header, separators=(",", ":")).encode())
    key = derive_key(ours.exchange(ec.ECDH(), import_public_key(jwk)), "A256GCM")
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), head.encode())
    return ".".join((head, "", _encode(nonce), _encode(sealed[:-_TAG]), _encode(sealed[-_TAG:])))


def derive_key(shared: bytes, algorithm: str, *, size: int = 32, apu: bytes = b"", apv: bytes = b"") -> bytes:
    """Return the content key of ECDH-ES, `size` bytes (RFC 7518 §4.6.2)."""
    parts = (algorithm.encode(), apu, apv)
    info = b"".join(len(part).to_bytes(4) + part for part in parts) + (size * 8).to_bytes(4)
    return ConcatKDFHash(SHA256(), size, info).derive(shared)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
