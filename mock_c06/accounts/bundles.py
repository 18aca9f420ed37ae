"""Read an application's bundle and verify its signature by the key that it contains.

The thumbprint on the stamped page shows that the key is the agency's own; this module does not check it. Form:
openapi/official-application.schema.json, which this project invented; C06's own is not public (parity ledger).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_c06.accounts.issuing import Application, Reason
from mock_c06.accounts.jose import import_public_key, verify_detached
from mock_c06.errors import BundleInvalid

SIGNATURE_TYPE = "official-application+jws"
_MALFORMED = (ValueError, TypeError, KeyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What a bundle says of the applicant's own tests."""

    draft: bool
    scenarios: Mapping[str, int]
    audit_verified: bool
    preflight_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle with a valid signature. `sha256` is that of its file; credentials are encrypted to `sealing_key`."""

    sha256: str
    stated: Application
    readiness: Readiness
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
    if header.get("typ") != SIGNATURE_TYPE or header.get("kid") != key["kid"]:
        raise BundleInvalid("signature", f"typ {SIGNATURE_TYPE} and the signing key's kid are expected")
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


def find_unreadiness(readiness: Readiness) -> Iterator[Reason]:
    """List what the bundle's own evidence lacks."""
    if readiness.draft:
        yield Reason(field="draft", reason="a draft is not an application")
    for scenario, count in readiness.scenarios.items():
        if not count:
            yield Reason(field=f"evidence.scenarios.{scenario}", reason="was not tested")
    if not readiness.audit_verified:
        yield Reason(field="evidence.audit", reason="the applicant's audit was not verified")
    if not readiness.preflight_passed:
        yield Reason(field="evidence.preflight", reason="the test environment's preflight did not pass")
