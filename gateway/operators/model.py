"""Operators: people with one role each, known by a short name. Secrets never show in a repr.

A name is no person's number: a run of nine digits is refused. `local` is nobody's name, since in the audit it stands
for whoever has the host. See docs/decisions/0054.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.audit.model import LOCAL
from gateway.identifiers import OperatorName, refuse_long_number

IDLE = timedelta(minutes=30)
"""How long a session lives without a call."""

LONGEST = timedelta(hours=8)
"""How long a session lives at most."""

CODE_LIFE = timedelta(hours=24)
"""How long a one-time code may wait for its operator."""

NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")


class Role(StrEnum):
    """What an operator may do; each has one."""

    VIEWER = "viewer"
    PROPOSER = "proposer"
    APPROVER = "approver"
    DATA_PROTECTION = "data_protection"
    ADMIN = "admin"


class OperatorState(StrEnum):
    """Where an operator stands: waiting with a one-time code, at work, or ended."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One person. `created_by` admitted them, and saw their one-time code: an operator's name, or `local`.

    `admitted_in` is the change by which that was done; None where one person did it alone. `role_since` is when they
    enrolled, or were given their role; None before they enrolled.
    """

    name: OperatorName
    role: Role
    state: OperatorState
    created_at: datetime
    created_by: str
    admitted_in: str | None = None
    role_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An operator with what proves them, as the store has it. `last_step` is that of the last TOTP code used."""

    operator: Operator
    password_hash: str | None = field(default=None, repr=False)
    sealed_totp: bytes | None = field(default=None, repr=False)
    last_step: int | None = None
    code_digest: str | None = field(default=None, repr=False)
    code_ends_at: datetime | None = None

    def is_expected(self, now: datetime) -> bool:
        """Say whether the operator's one-time code still waits for them."""
        invited = self.operator.state is OperatorState.INVITED
        return invited and self.code_ends_at is not None and now < self.code_ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session and its operator, as the store has them."""

    operator: Operator
    used_at: datetime
    ends_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Say whether the session, and its operator, are good now."""
        return self.operator.state is OperatorState.ACTIVE and now < min(self.ends_at, self.used_at + IDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a login gives, once."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What somebody says to be let in; not yet believed."""

    name: str
    password: str = field(repr=False)
    totp: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Whence a call came: the other end's address (`local` for a command) and our id of the request."""

    address: str = LOCAL
    request_id: str | None = None
    correlation_id: str | None = None


def parse_name(text: str) -> OperatorName:
    """Read an operator's name. Raises `ValueError` saying what is expected."""
    if not NAME.fullmatch(text):
        raise ValueError("1 to 64 of a-z 0-9 . _ -, opening with a letter")
    refuse_long_number(text)
    if text == LOCAL:
        raise ValueError(f"a name other than {LOCAL}")
    return OperatorName(text)
