"""Organisations, their OAuth accounts, and the accounts' grants. An account never changes its profile.

Grants are RFC 9396 `authorization_details` of one type, `citizen_enquiry`. An entry allows its fields for its procedures and
roles; entries are never combined. `"*"` in `fields` never includes a sensitive field (NĐ 13/2023 Đ2 k4), which must be named.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.identifiers import ClientId, OrganisationId, Profile
from gateway.procedures.model import SENSITIVE_FIELDS

TYPE = "citizen_enquiry"
ANY = "*"
_NAME = re.compile(r"[a-z0-9_-]{1,64}|\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One entry: procedures, roles in them, and fields."""

    procedures: frozenset[str]
    subject_roles: frozenset[str]
    fields: frozenset[str]

    def covers_procedure(self, procedure: str) -> bool:
        """Return whether the entry names this procedure, or all."""
        return bool(self.procedures & {procedure, ANY})

    def covers_role(self, role: str) -> bool:
        """Return whether the entry names this role, or all."""
        return bool(self.subject_roles & {role, ANY})

    def covers_field(self, field: str) -> bool:
        """Return whether the entry allows this field; `birth_date` implies `birth_year`."""
        if field in self.fields or (field == "birth_year" and "birth_date" in self.fields):
            return True
        return ANY in self.fields and field not in SENSITIVE_FIELDS

    def to_detail(self) -> dict[str, Any]:
        """Return the RFC 9396 object."""
        return {
            "type": TYPE,
            "procedures": sorted(self.procedures),
            "subject_roles": sorted(self.subject_roles),
            "fields": sorted(self.fields),
        }


@dataclass(frozen=True, slots=True)
class Grants:
    """All entries of an account or of a narrowed token."""

    entries: tuple[Grant, ...]

    def allows_field(self, procedure: str, role: str, field: str) -> bool:
        """Return whether one entry allows this field for this procedure and role."""
        return any(entry.covers_field(field) for entry in self.for_role(procedure, role))

    def for_role(self, procedure: str, role: str) -> list[Grant]:
        """Return the entries for this procedure and role."""
        return [
            entry for entry in self.entries if entry.covers_procedure(procedure) and entry.covers_role(role)
        ]

    def covers(self, wanted: Grant) -> bool:
        """Return whether a single entry allows everything that `wanted` has."""
        return any(
            all(entry.covers_procedure(name) for name in wanted.procedures)
            and all(entry.covers_role(name) for name in wanted.subject_roles)
            and all(entry.covers_field(name) for name in wanted.fields)
            for entry in self.entries
        )

    def to_details(self) -> list[dict[str, Any]]:
        """Return `authorization_details`."""
        return [entry.to_detail() for entry in self.entries]


def parse_grants(details: Iterable[Any]) -> Grants:
    """Read `authorization_details`. Raises `ValueError` with what is expected of an entry."""
    return Grants(tuple(map(_parse_entry, details)))


def _parse_entry(detail: Any) -> Grant:
    if not isinstance(detail, dict) or detail.get("type") != TYPE:
        raise ValueError(f"an object of type {TYPE}")
    if unknown := set(detail) - {"type", "procedures", "subject_roles", "fields"}:
        raise ValueError(
            f"only the members procedures, subject_roles and fields ({len(unknown)} others found)"
        )
    names: dict[str, frozenset[str]] = {}
    for member in ("procedures", "subject_roles", "fields"):
        value = detail.get(member, [] if member == "fields" else None)
        for name in value if isinstance(value, list) else [None]:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ValueError(f"{member}: a list of names")
        names[member] = frozenset(value or ())
    return Grant(**names)


def make_grant(procedures: Sequence[str], roles: Sequence[str], fields: Sequence[str]) -> Grants:
    """Return grants of one entry."""
    return Grants(
        (Grant(procedures=frozenset(procedures), subject_roles=frozenset(roles), fields=frozenset(fields)),)
    )


SCOPES = ("verify", "prefill", "prefill.sensitive", "ledger", "audit.read", "reports.read")
DEFAULT_SCOPES = ("verify", "prefill")
OFFICER = re.compile(r"[A-Za-z0-9._@-]{1,20}")
"""The form of an officer's id that C06 accepts."""


class AccountState(StrEnum):
    """A suspended account can be resumed, a revoked one never."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An agency by its e-id (QĐ 20/2020/QĐ-TTg), such as `000.00.01.H26`."""

    id: OrganisationId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretDigest:
    """A machine secret as stored: a keyed HMAC of 256 random bits, never the secret."""

    digest: str = field(repr=False)
    key_id: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey:
    """A public JWK of the account; signatures of a retired key are refused."""

    jwk: dict[str, Any]
    added_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An OAuth client. `grant_epoch` increases with each change of state or grants, which ends live tokens.

    `promoted_from` is the sandbox account from which an official one was promoted.
    """

    client_id: ClientId
    profile: Profile
    organisation: OrganisationId
    name: str
    state: AccountState
    scopes: frozenset[str]
    grants: Grants
    grant_epoch: int
    bearer_allowed: bool
    created_at: datetime
    promoted_from: ClientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The credentials of an account, with ended and retired ones."""

    secrets: tuple[SecretDigest, ...] = ()
    public_keys: tuple[AccountKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account with a valid token: its rights are the token's, never more than the account's.

    `citizen_id` is of the citizen whose ID token came with the call, if there is one: they signed in a short time ago.
    """

    account: Account
    scopes: frozenset[str]
    grants: Grants
    request_id: str
    correlation_id: str | None = None
    token_id: str = ""
    citizen_id: str | None = field(default=None, repr=False)


def parse_officer(text: str) -> str:
    """Read an officer's id. Raises `ValueError` with what is expected, without the id."""
    if not OFFICER.fullmatch(text):
        raise ValueError("1 to 20 of A-Z a-z 0-9 . _ @ -")
    return text
