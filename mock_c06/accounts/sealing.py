"""Write an issued account as a file: credentials sealed to the applicant's public key, signed by the desk.

Form: openapi/official-issued.schema.json. The desk's ES256 key is derived from the mock's seed, so it is the same in
every process. `GET /desk/key` gives its public half, which a real desk would give on paper.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from mock_c06.accounts.bundles import canonical
from mock_c06.accounts.jose import public_jwk, seal, sign_detached
from mock_c06.accounts.model import SERVICE_CODES, Account
from mock_c06.accounts.ready_made import derive_secret
from mock_c06.clock import rfc3339

FORMAT = "official-issued/1"
SEALED_TYPE = "official-issued+jwe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an officer adds to an application when it is issued. `registry_url` is where the official face listens."""

    registry_url: str
    officers: tuple[str, ...]
    service_officer: str
    expires_on: date
    contact: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReference:
    """The application of an account: the bundle's hash, and the desk's own number for it."""

    application: str
    reference: str
    issued_at: datetime
    sealing_key: Mapping[str, str] = field(repr=False)


def seal_account(account: Account, terms: Terms, answer: ApplicationReference) -> dict[str, Any]:
    """Return the issued file, without signature."""
    around = {
        "environment": "official",
        "application": answer.application,
        "reference": answer.reference,
    }
    content = around | {"connection": _connection(account, terms)}
    return around | {
        "format": FORMAT,
        "agency": account.agency,
        "status": account.status.value,
        "issued_at": rfc3339(answer.issued_at),
        "sealed": seal(json.dumps(content, ensure_ascii=False), answer.sealing_key, typ=SEALED_TYPE),
    }


def _connection(account: Account, terms: Terms) -> dict[str, Any]:
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
        "expires_on": terms.expires_on.isoformat(),
        "contact": terms.contact,
    }
    return {name: value for name, value in members.items() if value is not None}


SIGNATURE_TYPE = "official-issued+jws"
_ORDER_BITS = 255
"""Fewer bits than the order of P-256 has, so that every number but 0 is a private key."""


class DeskSigner:
    """Signs issued files."""

    def __init__(self, seed: str) -> None:
        number = int(derive_secret(seed, "", "desk"), 16) % (1 << _ORDER_BITS)
        self._key = ec.derive_private_key(number, ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, str]:
        """Return the public key."""
        return public_jwk(self._key)

    def sign(self, issued: Mapping[str, Any]) -> dict[str, Any]:
        """Return the issued file with its signature: a detached JWS over the canonical JSON of all other members."""
        signature = sign_detached(canonical(issued), self._key, typ=SIGNATURE_TYPE)
        return {**issued, "signature": signature}
