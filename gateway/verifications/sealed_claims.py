"""A claim at rest: sealed under a random data key, the data key wrapped by the place's (docs/decisions/0005).

Deleting the wrapped key deletes the claim. Both are bound to their verification: neither can be moved.
"""

import json
from datetime import date

from gateway.errors import VerificationExpired
from gateway.keys.model import PlaceKeys, Purpose
from gateway.keys.sealing import SealBroken, new_key, seal, unseal
from gateway.registry.model import Claim
from gateway.verifications.model import Verification


def seal_claim(keys: PlaceKeys, verification_id: str, claim: Claim) -> tuple[bytes, bytes]:
    """Return the sealed claim and its wrapped data key."""
    data_key = new_key()
    members = {
        "citizen_id": claim.citizen_id,
        "id_card_number": claim.id_card_number,
        "full_name": claim.full_name,
        "birth_date": claim.birth_date.isoformat() if claim.birth_date else None,
        "birth_year": claim.birth_year,
    }
    sealed = seal(data_key, json.dumps(members).encode(), place=f"verification/{verification_id}/claim")
    wrapping = keys.current(Purpose.DATA)
    return sealed, seal(wrapping.material, data_key, place=f"verification/{verification_id}/key")


def open_claim(keys: PlaceKeys, verification: Verification) -> Claim:
    """Return the claim of a live verification.

    Raises:
        VerificationExpired: its data key is gone.
    """
    if verification.sealed_claim is None or verification.wrapped_key is None:
        raise VerificationExpired
    data_key = _unwrap(keys, verification.id, verification.wrapped_key)
    plain = unseal(data_key, verification.sealed_claim, place=f"verification/{verification.id}/claim")
    members = json.loads(plain)
    born = members.pop("birth_date")
    return Claim(**members, birth_date=date.fromisoformat(born) if born else None)


def _unwrap(keys: PlaceKeys, verification_id: str, wrapped: bytes) -> bytes:
    """Try every wrapping key, newest first: a rotation leaves older verifications readable."""
    for key in keys.all(Purpose.DATA):
        try:
            return unseal(key.material, wrapped, place=f"verification/{verification_id}/key")
        except SealBroken:
            continue
    raise SealBroken
