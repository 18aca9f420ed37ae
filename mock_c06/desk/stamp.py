"""The desk's own signature on what it issues: anybody may seal to an applicant's public key, only the desk signs so.

One ES256 key, derived from the mock's seed: the same in every process, and as synthetic as its other secrets. Its
public half is read at `GET /desk/key`, in place of the paper that a real desk would hand over.
"""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from mock_c06.desk.bundles import canonical
from mock_c06.desk.jose import public_jwk, sign_detached
from mock_c06.desk.ready_made import derive_secret

SIGNATURE_TYPE = "official-issued+jws"
_ORDER_BITS = 255
"""Below the order of P-256, so that any number of so many bits is a private key of it."""


class Stamp:
    """Signs issued files."""

    def __init__(self, seed: str) -> None:
        number = int(derive_secret(seed, "", "desk"), 16) % (1 << _ORDER_BITS)
        self._key = ec.derive_private_key(number, ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, str]:
        """Return the public key."""
        return public_jwk(self._key)

    def sign(self, issued: Mapping[str, Any]) -> dict[str, Any]:
        """Return an issued file with its signature: a detached JWS over all the rest, canonical."""
        signature = sign_detached(canonical(issued), self._key, typ=SIGNATURE_TYPE)
        return {**issued, "signature": signature}
