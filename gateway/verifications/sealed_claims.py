"""A claim at rest: sealed under a data key of its own, so that deleting the key deletes it (docs/decisions/0005)."""

import json
from datetime import date

from gateway.errors.verifications import VerificationExpired
from gateway.keys.data_keys import seal_with_data_key, unseal_with_data_key
from gateway.keys.model import PlaceKeys
from gateway.registry.model import Claim
from gateway.verifications.model import Verification


def seal_claim(keys: PlaceKeys, verification_id: str, claim: Claim) -> tuple[bytes, bytes]:
    """Return the sealed claim and its wrapped data key."""
    members = {
        "citizen_id": claim.citizen_id,
        "id_card_number": claim.id_card_number,
        "full_name": claim.full_name,
        "birth_date": claim.birth_date.isoformat() if claim.birth_date else None,
        "birth_year": claim.birth_year,
    }
    owner = f"verification/{verification_id}"
    return seal_with_data_key(keys, json.dumps(members).encode(), owner=owner, part="claim")


def open_claim(keys: PlaceKeys, verification: Verification) -> Claim:
    """Return the claim of a live verification.

    Raises:
        VerificationExpired: its data key is gone.
    """
    if verification.sealed_claim is None or verification.wrapped_key is None:
        raise VerificationExpired
    owner = f"verification/{verification.id}"
    plain = unseal_with_data_key(
        keys, verification.sealed_claim, verification.wrapped_key, owner=owner, part="claim"
    )
    members = json.loads(plain)
    born = members.pop("birth_date")
    return Claim(**members, birth_date=date.fromisoformat(born) if born else None)
