"""Organisations and their OAuth accounts. An account never changes its profile."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.accounts.grants import Grants
from gateway.identifiers import ClientId, OrganisationId, Profile

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


def parse_officer(text: str) -> str:
    """Read an officer's id. Raises `ValueError` with what is expected, without the id."""
    if not OFFICER.fullmatch(text):
        raise ValueError("1 to 20 of A-Z a-z 0-9 . _ @ -")
    return text
