"""Operators: people with one role each, known by a short name, and their credentials and sessions.

Refuses a name that could contain a person's number, and the name `local`, which the audit uses for commands without a
sign-in. No secret shows in a repr. See docs/decisions/0054.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.audit.model import LOCAL, AuditEntry, Kind, act_entry
from gateway.clock import AHEAD, rfc3339
from gateway.identifiers import OperatorName, Profile, refuse_long_number

if TYPE_CHECKING:
    from gateway.profiles.model import Dependencies

MAX_IDLE = timedelta(minutes=30)
"""A session ends after this time without a call."""

MAX_SESSION = timedelta(hours=8)
"""A session ends after this time, even if it is used."""

CODE_LIFETIME = timedelta(hours=24)
"""How long a one-time code is valid."""

NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}")


class Role(StrEnum):
    """What an operator may do; each has one role."""

    VIEWER = "viewer"
    PROPOSER = "proposer"
    APPROVER = "approver"
    DATA_PROTECTION = "data_protection"
    ADMIN = "admin"


class OperatorState(StrEnum):
    """Invited (has a one-time code), active (has enrolled) or disabled."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One person.

    `created_by` admitted this person and saw the one-time code: an operator's name, or `local`. `admitted_in` is the
    change by which two people admitted this person; None if one person did it. `role_since` is None before the enrolment.
    """

    name: OperatorName
    role: Role
    state: OperatorState
    created_at: datetime
    created_by: str
    admitted_in: str | None = None
    role_since: datetime | None = None


def lasts(ends_at: datetime, length: timedelta, *, now: datetime) -> bool:
    """Return whether what lasts for `length` has not ended; False if it began far ahead, by a clock that was set back since."""
    return now < ends_at <= now + length + AHEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRecord:
    """An operator with their stored credentials. `last_step` is the time step of the last TOTP code used."""

    operator: Operator
    password_hash: str | None = field(default=None, repr=False)
    sealed_totp: bytes | None = field(default=None, repr=False)
    last_step: int | None = None
    code_digest: str | None = field(default=None, repr=False)
    code_ends_at: datetime | None = None

    def may_enrol(self, now: datetime) -> bool:
        """Return whether the operator's one-time code is still valid."""
        invited = self.operator.state is OperatorState.INVITED
        return invited and self.code_ends_at is not None and lasts(self.code_ends_at, CODE_LIFETIME, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A stored session and its operator."""

    digest: str
    operator: Operator
    used_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The result of a login; the token is shown once."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The input of a login, not verified."""

    name: str
    password: str = field(repr=False)
    totp: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSource:
    """Where a call came from: the client's address (`local` for a command) and the ids of the request."""

    address: str = LOCAL
    request_id: str | None = None
    correlation_id: str | None = None


HOST = RequestSource()
"""The source of a command on the host."""


def parse_name(text: str) -> OperatorName:
    """Read an operator's name. Raises `ValueError` with what is expected."""
    if not NAME.fullmatch(text):
        raise ValueError("1 to 64 of a-z 0-9 . _ -, starting with a letter")
    refuse_long_number(text)
    if text == LOCAL:
        raise ValueError(f"a name other than {LOCAL}")
    return OperatorName(text)


def describe(operator: Operator) -> dict[str, str | None]:
    """Return the members of an operator that the API and the commands show."""
    return {
        "name": operator.name,
        "role": operator.role.value,
        "state": operator.state.value,
        "created_at": rfc3339(operator.created_at),
        "created_by": operator.created_by,
        "admitted_in": operator.admitted_in,
        "role_since": rfc3339(operator.role_since) if operator.role_since else None,
    }


def operator_entry(
    deps: "Dependencies",
    outcome: str,
    *,
    actor: str | None,
    kind: Kind | None = None,
    profile: Profile | None = None,
    source: RequestSource = HOST,
) -> AuditEntry:
    """Return the audit row of an act of an operator or of `local`, as `act_entry`, with the ids of the request."""
    entry = act_entry(outcome, at=deps.clock.now(), actor=actor, profile=profile, kind=kind)
    return entry.copy_with(request_id=source.request_id, correlation_id=source.correlation_id)
