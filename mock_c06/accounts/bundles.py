"""The files between an applicant and the desk: an application's bundle, and the issued account.

A bundle's signature is verified by the key that it contains. The thumbprint on the stamped page shows that the key is the
agency's own; this module does not check it. An issued account is a file with credentials sealed to the applicant's public
key, signed by the desk, whose ES256 key is derived from the mock's seed, so that it is the same in every process; `GET
/desk/key` gives its public half, which a real desk would give on paper. Forms: openapi/official-application.schema.json and
official-issued.schema.json, which this project invented; C06's own are not public (parity ledger).

The JOSE functions are written from the RFCs with the primitives of `cryptography`, not with the library that the gateway uses,
so that the two programs agree only by the standard. No other algorithm than ES256 and ECDH-ES on P-256 is accepted. Source:
RFC 7515, 7516, 7518 §3.4 and §4.6, 7638.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from pydantic import Field

from mock_c06.accounts.issuing import ApplicationBody, Reason
from mock_c06.accounts.model import SERVICE_CODES, Account
from mock_c06.accounts.register import OFFICERS, derive_secret
from mock_c06.bodies import ControlBody, Day
from mock_c06.clock import VIETNAM, rfc3339
from mock_c06.errors import BundleInvalid

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


APPLICATION_TYPE = "official-application+jws"
FORMAT = "official-issued/1"
SEALED_TYPE, ISSUED_TYPE = "official-issued+jwe", "official-issued+jws"
_YEAR = timedelta(days=365)
_MALFORMED = (ValueError, TypeError, KeyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle with a valid signature.

    `sha256` is that of its file, `unready` what its evidence lacks; credentials are encrypted to `sealing_key`.
    """

    sha256: str
    stated: ApplicationBody
    unready: tuple[Reason, ...]
    thumbprint: str
    sealing_key: Mapping[str, str] = field(repr=False)


def verify_bundle(document: Mapping[str, Any], signature: str) -> str:
    """Verify the signature over the document; return the SHA-256 of the whole file.

    Raises `BundleInvalid` with the member that is wrong.
    """
    key = read_key(document, "signing")
    try:
        header = verify_detached(signature, canonical(document), key)
    except _MALFORMED:
        raise BundleInvalid("signature", "is not a signature of the signing key over this document") from None
    if header.get("typ") != APPLICATION_TYPE or header.get("kid") != key["kid"]:
        raise BundleInvalid("signature", f"typ {APPLICATION_TYPE} and the signing key's kid are expected")
    return hashlib.sha256(canonical({"document": document, "signature": signature})).hexdigest()


def read_key(document: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """Return one of the document's two public keys, a point of the curve. Raises `BundleInvalid`."""
    key: Mapping[str, str] = document["keys"][name]
    try:
        import_public_key(key)
    except _MALFORMED:
        raise BundleInvalid(f"document.keys.{name}", "a public EC P-256 key is expected") from None
    return key


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value: sorted names, no white space, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


class Terms(ControlBody):
    """What an officer adds to an application when it is issued. `registry_url` is where the official face listens."""

    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    registry_url: str = Field(default="http://127.0.0.1:8110", description="URL of the official face.")
    officers: list[str] = Field(
        default=list(OFFICERS), description="The officers' ids, which the agency hands over separately."
    )
    service_officer: str = Field(default=OFFICERS[-1], min_length=1, max_length=20)
    expires_on: Day | None = Field(default=None, description="A year from now by default.")
    contact: str = Field(default="Tổ hỗ trợ kết nối (giả lập)", max_length=200)


def seal_account(
    account: Account,
    terms: Terms,
    *,
    application: str,
    reference: str,
    issued_at: datetime,
    sealing_key: Mapping[str, str],
) -> dict[str, Any]:
    """Return the issued file, without signature; `application` is the bundle's hash, `reference` the desk's number."""
    around = {"environment": "official", "application": application, "reference": reference}
    content = around | {"connection": _connection(account, terms, issued_at)}
    return around | {
        "format": FORMAT,
        "agency": account.agency,
        "status": account.status.value,
        "issued_at": rfc3339(issued_at),
        "sealed": seal(json.dumps(content, ensure_ascii=False), sealing_key, typ=SEALED_TYPE),
    }


def _connection(account: Account, terms: Terms, issued_at: datetime) -> dict[str, Any]:
    members: dict[str, Any] = {
        "registry_url": terms.registry_url,
        "dialect": account.dialect.value,
        "c06_user": account.user,
        "c06_secret": account.secret,
        "ngsp_key": account.ngsp_key,
        "ngsp_secret": account.ngsp_secret,
        "adapter": asdict(account.adapter) if account.adapter else None,
        "agency": account.agency,
        "officer": terms.service_officer,
        "service_codes": {slug: SERVICE_CODES[slug] for slug in account.procedures},
        "integration_codes": {each.value: each.integration_code for each in account.operations},
        "expires_on": (terms.expires_on or issued_at.astimezone(VIETNAM).date() + _YEAR).isoformat(),
        "contact": terms.contact,
    }
    return {name: value for name, value in members.items() if value is not None}


_ORDER_BITS = 255
"""Fewer bits than the order of P-256 has, so that every number but 0 is a private key."""


class DeskSigner:
    """Signs issued files."""

    def __init__(self, seed: str) -> None:
        number = int(derive_secret(seed, "", "desk"), 16) % (1 << _ORDER_BITS)
        self._key = ec.derive_private_key(number, ec.SECP256R1())
        self.jwk = public_jwk(self._key)

    def sign(self, issued: Mapping[str, Any]) -> dict[str, Any]:
        """Return the issued file with its signature: a detached JWS over the canonical JSON of all other members."""
        signature = sign_detached(canonical(issued), self._key, typ=ISSUED_TYPE)
        return {**issued, "signature": signature}
