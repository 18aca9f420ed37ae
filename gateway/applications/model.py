"""An application for the official account: the wanted rights, the evidence of readiness, what is missing, the bundle.

It has no person's name: officers are counted and listed by pseudonym, the contact is a unit. Source: NĐ 47/2020 Đ35 (what
a request states), docs/decisions/0058.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.accounts.model import Organisation
from gateway.procedures.fields import Operation
from gateway.procedures.model import FormField, Procedure
from gateway.registry.members import ConnectionMembers


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRole:
    """A role's registry fields that some account is granted, in form order."""

    name: str
    fields: tuple[FormField, ...]

    def plain(self) -> tuple[FormField, ...]:
        """Return the fields that are not sensitive."""
        return tuple(each for each in self.fields if not each.sensitive)

    def sensitive(self) -> tuple[FormField, ...]:
        """Return the sensitive fields, which the application lists separately (NĐ 13/2023 Đ2 k4)."""
        return tuple(each for each in self.fields if each.sensitive)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProcedure:
    """A procedure and its roles with wanted fields. `service_code` is MaDVC."""

    procedure: Procedure
    code: str | None
    service_code: str
    roles: tuple[WantedRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The rights of one organisation's sandbox accounts, which it applies for on official."""

    organisation: Organisation | None
    accounts: int
    procedures: tuple[WantedProcedure, ...]
    operations: Mapping[Operation, str]
    officers: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """The preflight of the sandbox's connection, or the reason why there was none.

    `checks`: name, whether it passed, and detail. `parity`: for each reading, whether the registry confirmed it.
    """

    checks: tuple[tuple[str, bool, str], ...] = ()
    passed: bool = False
    reason: str | None = None
    parity: Mapping[str, bool] = field(default_factory=dict)

    def readings(self, *, confirmed: bool) -> list[str]:
        """Return the confirmed or the refuted readings, sorted."""
        return sorted(name for name, seen in self.parity.items() if seen is confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Evidence that the gateway is ready. `audit_broken` is the first fault of the audit, None if it is intact."""

    scenarios: Mapping[str, int]
    official_questions: int
    audit_rows: int
    audit_hash: str
    audit_broken: str | None
    preflight: TestRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One missing item, and how to supply it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A complete bundle, identified by its hash. The preflight of its official account asks for its procedures.

    The stated rate limits what accounts may ask; 0 in rows that are older than the column.
    """

    sha256: str
    made_at: datetime
    made_by: str
    procedures: tuple[str, ...]
    operations: tuple[Operation, ...]
    rate_per_second: int = 0
    rate_per_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle, exactly the text that is hashed, with its printable page. A draft must not be sent."""

    text: str = field(repr=False)
    page: str = field(repr=False)
    sha256: str
    draft: bool
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedAccount:
    """An issued account, unsealed: the members of a connection, and the hash of its application.

    `issuer_key` is the thumbprint of the desk's key that verified the signature; None if it was not checked.
    """

    members: ConnectionMembers = field(repr=False)
    application: str
    reference: str
    issuer_key: str | None = None
