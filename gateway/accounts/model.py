"""Organisations and their OAuth accounts. An account belongs to one profile for its whole life."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.accounts.grants import Grants
from gateway.identifiers import ClientId, OrganisationId
from gateway.places import Profile

SCOPES = ("verify", "prefill", "prefill.sensitive", "ledger", "audit.read")
DEFAULT_SCOPES = ("verify", "prefill")


OFFICER = re.compile(r"[A-Za-z0-9._@-]{1,20}")
"""An officer's id, as C06 takes one."""


class AccountState(StrEnum):
    """Suspended may come back; revoked never does."""

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
    """A machine secret as kept: a keyed HMAC of 256 random bits, never the secret."""

    digest: str = field(repr=False)
    key_id: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public JWK of the account; a retired one signs nothing any more."""

    jwk: dict[str, Any]
    added_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may call. `grant_epoch` grows with suspend, resume, revoke and any grant change.

    `promoted_from` is the sandbox account that an official one was made from.
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
    """What an account may prove itself with."""

    secrets: tuple[SecretDigest, ...] = ()
    public_keys: tuple[PublicKey, ...] = ()


def parse_officer(text: str) -> str:
    """Read an officer's id. Raises `ValueError` saying what is expected, without repeating it."""
    if not OFFICER.fullmatch(text):
        raise ValueError("1 to 20 of A-Z a-z 0-9 . _ @ -")
    return text
