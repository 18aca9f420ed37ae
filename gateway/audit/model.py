"""Audit entries: what is recorded of every question, delivery and refusal, and how rows are chained.

A citizen and an officer stand here only as keyed pseudonyms; never a name, number or date. The chain runs over a
salted digest of each entry, so that a month's entries can be dropped one day and the rows still verify.
Source: NĐ 47/2020 Đ45 (what a provider logs), docs/decisions/0012 and 0027.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum

from gateway.audit.state import State
from gateway.places import Profile

GENESIS = "0" * 64
"""What the first row names as the one before it."""

LOCAL = "local"
"""The actor of what was done on the host, by nobody who signed in."""


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
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One row's content. `outcome` is a verdict, a problem code or a state; `act` joins the rows of one act.

    `citizen` is the organisation's pairwise pseudonym of the person asked about, `citizen_key` the id of the
    key behind it; `request_code` is the code that went to the registry with this packet. `actor` is the operator who
    did it, or `local` for whoever has the host. `state` is what the act changed in covered tables; the log sets it.
    `count` is how many refusals of one kind the row stands for, where they are counted (`refusals.py`), and
    `address_class` from what sort of address those of strangers came.
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
    state: State | None = None
    address_class: str | None = None
    count: int | None = None

    def canonical(self) -> str:
        """Return the row's body as the exact JSON text that is stored and hashed."""
        members = {name: value for name in _MEMBERS if (value := getattr(self, name)) not in (None, ())}
        members["at"] = self.at.isoformat()
        return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @property
    def month(self) -> str:
        """Return the month (UTC, `2026-11`) with which the entry would be dropped."""
        return month_of(self.at)


_MEMBERS = tuple(each.name for each in fields(AuditEntry))


def month_of(at: datetime) -> str:
    """Return the month (UTC, `2026-11`) that a row written at an instant belongs to."""
    return at.astimezone(UTC).strftime("%Y-%m")


def parse_entry(body: str) -> AuditEntry:
    """Read what `canonical` wrote."""
    members = json.loads(body)
    lists = {name: tuple(value) for name, value in members.items() if isinstance(value, list)}
    profile = Profile(members["profile"]) if "profile" in members else None
    typed = {"at": datetime.fromisoformat(members["at"]), "kind": Kind(members["kind"]), "profile": profile}
    return AuditEntry(**members | lists | typed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """A stored row: `row` counts from 1 without gaps and is the only order there is.

    `content` is what the hash is over: the entry's digest, or in rows older than schema 0005 the entry itself.
    """

    row: int
    previous: str
    hash: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The last row's number and hash: kept elsewhere, it shows a tail cut off."""

    rows: int
    hash: str


def entry_digest(*, salt: str, body: str) -> str:
    """Return the SHA-256 that stands for an entry; without its salt it gives no guess at the entry away."""
    return hashlib.sha256(f"{salt}\n{body}".encode()).hexdigest()


def row_hash(*, row: int, previous: str, content: str) -> str:
    """Return the SHA-256 that chains a row to the one before it."""
    return hashlib.sha256(f"{row}\n{previous}\n{content}".encode()).hexdigest()
