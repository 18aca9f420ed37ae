"""Audit entries of every question, delivery, refusal and act, and the hashes that protect them.

A citizen and an officer are keyed pseudonyms; an entry has no name, number or date of a person. The leaf hash of an entry is
salted, so that the entries of a month can be dropped and the rows still verify. Rows older than schema 0017 also have a
hash chain, and the leaf of such a row is over its chain hash.
Source: NĐ 47/2020 Đ45 (what a provider logs), docs/decisions/0012, 0027 and 0078.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gateway.audit.state import State, write_canonical
from gateway.identifiers import Profile

GENESIS = "0" * 64
"""The previous hash of the first row of the chain."""

LOCAL = "local"
"""The actor of a command on the host without a sign-in."""


LOST = "entries_lost"
"""The outcome of the row that records entries of this gateway that were deleted before they had a row."""

CONTENT = "content"
"""The kind of pseudonym that the `content` of an entry is, computed from the SHA-256 of the body sent."""


class Kind(StrEnum):
    """The kind of an event."""

    INTENDED = "intended"
    ANSWERED = "answered"
    REUSED = "reused"
    DELIVERED = "delivered"
    REFUSED = "refused"
    ENDED = "ended"
    FILED = "filed"
    LOCAL = "local"
    OPERATOR = "operator"
    SHOWN = "shown"
    INSPECTED = "inspected"
    ERASED = "erased"


@dataclass(slots=True, kw_only=True)
class Promise:
    """The leaf hash (hexadecimal) of the entry that records a verification: its receipts promise this entry.

    It is known when the entry is appended, and None of a verification older than schema 0026.
    """

    leaf: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """The content of one row. `outcome` is a verdict, a problem code or a state; `act` joins the rows of one enquiry.

    `citizen` is the organisation's pairwise pseudonym of the person asked about, `citizen_key` the id of its key;
    `request_code` went to the registry with the question; `content` is the HMAC, under a pseudonym key, of the SHA-256 of
    the body sent. `actor` is an operator, or `local` on the host, `reason` what they gave; `erased` has the
    ranges of rows whose entries this row's record has erased. `state` is what the record
    changed in covered tables; the log sets it. `count` is the number of refusals that the row counts (`refusals.py`),
    `address_class` the class of the addresses of strangers. `promise` is not part of the body: an entry that records a new
    verification sets its leaf.
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
    content: str | None = None
    verification: str | None = None
    origin: str | None = None
    outcome: str | None = None
    fields: tuple[str, ...] = ()
    initiated_by: str | None = None
    officer: str | None = None
    authentication: str | None = None
    legal_basis: tuple[str, ...] = ()
    actor: str | None = None
    reason: str | None = None
    erased: tuple[str, ...] = ()
    state: State | None = None
    address_class: str | None = None
    count: int | None = None
    promise: Promise | None = field(default=None, repr=False, compare=False)

    def copy_with(self, **members: Any) -> "AuditEntry":
        """Return a copy with other values of some members.

        As `dataclasses.replace`, which takes 13 times as long for these members. Raises `TypeError` for an unknown name.
        """
        if not members.keys() <= self.__dict__.keys():
            raise TypeError(f"no members of an audit entry: {members.keys() - self.__dict__.keys()}")
        made = object.__new__(AuditEntry)
        made.__dict__.update(self.__dict__, **members)
        return made

    def canonical(self) -> str:
        """Return the body: the exact JSON text that is stored and hashed."""
        members = {name: value for name, value in self.__dict__.items() if value is not None and value != ()}
        members.pop("promise", None)
        members["at"] = self.at.isoformat()
        return write_canonical(members)


def month_of(at: datetime) -> str:
    """Return the month (UTC, `2026-11`) of an instant."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}"


def parse_entry(body: str) -> AuditEntry:
    """Return the entry of a stored body."""
    members = json.loads(body)
    lists = {name: tuple(value) for name, value in members.items() if isinstance(value, list)}
    profile = Profile(members["profile"]) if "profile" in members else None
    typed = {"at": datetime.fromisoformat(members["at"]), "kind": Kind(members["kind"]), "profile": profile}
    return AuditEntry(**members | lists | typed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The number and hash of a row of the chain, as a checkpoint before schema 0017 has them."""

    rows: int
    hash: str


def entry_digest(*, salt: str, body: str) -> str:
    """Return the salted SHA-256 of an entry; without the salt nobody can test a guess at the entry."""
    return hashlib.sha256(f"{salt}\n{body}".encode()).hexdigest()


def leaf_hash(*, salt: str, body: str) -> str:
    """Return the RFC 9162 leaf hash of an entry, in hexadecimal; salted like `entry_digest`."""
    return hashlib.sha256(b"\x00" + f"{salt}\n{body}".encode()).hexdigest()


def chained_leaf_hash(chained: str) -> str:
    """Return the leaf hash of a row of the chain: the hash of its chain hash."""
    return hashlib.sha256(b"\x00" + chained.encode()).hexdigest()


def row_hash(*, row: int, previous: str, content: str) -> str:
    """Return the SHA-256 that chains a row to the one before it."""
    return hashlib.sha256(f"{row}\n{previous}\n{content}".encode()).hexdigest()


def with_state(entry: AuditEntry, *states: State) -> AuditEntry:
    """Return an entry that names what its record changed in covered tables."""
    merged = {name: digests for state in states for name, digests in state.items()}
    return entry.copy_with(state=merged) if merged else entry
