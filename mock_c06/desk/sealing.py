"""An issued account as a file: its credentials sealed to the applicant's public key, so that only it can read them.

Form: openapi/official-issued.schema.json. The desk keeps no copy in clear but the account itself, which is synthetic.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from mock_c06.clock import rfc3339
from mock_c06.desk.accounts import Account
from mock_c06.desk.jose import seal
from mock_c06.desk.procedures import SERVICE_CODES

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
class Answer:
    """Which application an account answers: the bundle's hash, and the desk's own number for it."""

    application: str
    reference: str
    issued_at: datetime
    sealing_key: Mapping[str, str] = field(repr=False)


def seal_account(account: Account, terms: Terms, answer: Answer) -> dict[str, Any]:
    """Return the file."""
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
