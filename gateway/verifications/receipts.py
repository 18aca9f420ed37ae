"""Receipts: a signed note that a verification stands, good for its own account, procedure, dossier and role.

JWS ES256, `typ: receipt+jwt`, no name, number or date. Checked in order: signature, account and profile, then
procedure, dossier and role; whether the verification still lives is the store's to say.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.errors import FieldError
from gateway.errors.verifications import ReceiptInvalid
from gateway.identifiers import VerificationId
from gateway.keys.jws import JwsInvalid, read_header, sign_jws, verify_jws
from gateway.profiles.model import Place
from gateway.verifications.model import Verification

TYP = "receipt+jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a genuine receipt of this account says."""

    verification: VerificationId
    procedure: str
    dossier: str
    subject_role: str


def issue_receipt(place: Place, verification: Verification, *, now: datetime) -> str:
    """Sign a receipt for a confirmed verification of this place."""
    if verification.expires_at is None or verification.profile is not place.profile:
        raise ReceiptInvalid
    claims: dict[str, Any] = {
        "iss": place.issuer,
        "aud": verification.client_id,
        "jti": verification.id,
        "iat": int(now.timestamp()),
        "exp": int(verification.expires_at.timestamp()),
        "procedure": verification.procedure,
        "dossier": verification.dossier,
        "subject_role": verification.subject_role,
        "sub": verification.subject,
        "derived_from": verification.derived_from,
    }
    kid, key = place.receipts.signer(now)
    return sign_jws(claims, key=key, kid=kid, typ=TYP)


def verify_receipt(place: Place, raw: str, *, client_id: str, now: datetime) -> Receipt:
    """Return what a receipt of this place for this account says, expired or not. Raises `ReceiptInvalid`."""
    try:
        header = read_header(raw, typ=TYP)
        key = place.receipts.find(header.get("kid"), now=now)
        if key is None or header["alg"] != "ES256":
            raise _refused()
        claims = verify_jws(raw, key=key, algorithm="ES256")
    except JwsInvalid:
        raise _refused() from None
    if claims.get("iss") != place.issuer or claims.get("aud") != client_id:
        raise _refused()
    return Receipt(
        verification=VerificationId(claims["jti"]),
        procedure=claims["procedure"],
        dossier=claims["dossier"],
        subject_role=claims["subject_role"],
    )


def check_act(receipt: Receipt, *, procedure: str, dossier: str, subject_role: str) -> None:
    """Raise `ReceiptInvalid`, naming each member that is not the receipt's."""
    repeated = {"procedure": procedure, "dossier": dossier, "subject_role": subject_role}
    errors = tuple(
        FieldError(field=name, code="receipt_invalid", detail="not what the receipt was issued for")
        for name, value in repeated.items()
        if getattr(receipt, name) != value
    )
    if errors:
        raise ReceiptInvalid(errors=errors)


def _refused() -> ReceiptInvalid:
    detail = "not a receipt of this account at this profile"
    return ReceiptInvalid(errors=(FieldError(field="receipt", code="receipt_invalid", detail=detail),))
