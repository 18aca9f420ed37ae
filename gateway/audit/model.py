"""Audit entries: what is recorded of every question, delivery and refusal, and how rows are chained.

A citizen and an officer stand here only as keyed pseudonyms; never a name, number or date.
Source: NĐ 47/2020 Đ45 (what a provider logs), docs/decisions/0012.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from gateway.places import Profile

GENESIS = "0" * 64
"""What the first row names as the one before it."""


class Kind(StrEnum):
    """What happened."""

    INTENDED = "intended"
    ANSWERED = "answered"
    REUSED = "reused"
    DELIVERED = "delivered"
    REFUSED = "refused"
    ENDED = "ended"
    FILED = "filed"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One row's content. `outcome` is a verdict, a problem code or a state; `act` joins the rows of one act.

    `citizen` is the organisation's pairwise pseudonym of the person asked about, `citizen_key` the id of the
    key behind it; `request_code` is the code that went to the registry with this packet.
    """

    at: datetime
    kind: Kind
    profile: Profile | None
    act: str
    request_id: str | None = None
    correlation_id: str | None = None
    client_id: str | None = None
    organisation: str | None = None
    procedure: str | None = None
    dossier: str | None = None
    subject_role: str | None = None
    citizen: str | None = None
    citizen_key: str | None = None
    operation: str | None = None
    request_code: str | None = None
    verification: str | None = None
    origin: str | None = None
    outcome: str | None = None
    fields: tuple[str, ...] = ()
    initiated_by: str | None = None
    officer: str | None = None
    authentication: str | None = None
    legal_basis: tuple[str, ...] = ()
    actor: str | None = None

    def canonical(self) -> str:
        """Return the row's body as the exact JSON text that is stored and hashed."""
        members = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        members["at"] = self.at.isoformat()
        return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """A stored row: `row` counts from 1 without gaps and is the only order there is."""

    row: int
    previous: str
    hash: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The last row's number and hash: kept elsewhere, it shows a tail cut off."""

    rows: int
    hash: str


def row_hash(*, row: int, previous: str, body: str) -> str:
    """Return the SHA-256 that chains a row to the one before it."""
    return hashlib.sha256(f"{row}\n{previous}\n{body}".encode()).hexdigest()
