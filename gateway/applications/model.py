"""An application for the official account: what is stated, what is wanted, what shows readiness, what is missing.

No person stands in it: officers are counted and told by pseudonym, the contact is a unit. Source: NĐ 47/2020 Đ35 (what
a request states), TT 46/2022 and NĐ 85/2016 Đ9 (security level), docs/decisions/0058.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.accounts.model import Organisation
from gateway.procedures.fields import Operation
from gateway.procedures.model import FormField, Procedure
from gateway.registry.members import ConnectionMembers

OFFICIAL_LEVEL = 3
"""The least security level of a system that is connected (TT 46/2022/TT-BCA, NĐ 85/2016 Đ9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The unit that answers for the connection (NĐ 47/2020 Đ7); never a person."""

    unit: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the store doesn't know and a person states. Empty text and 0 are not stated yet."""

    application_id: str = ""
    application_name: str = ""
    security_level: int = 0
    rate_per_second: int = 0
    rate_per_day: int = 0
    contact: Contact = Contact(unit="", email="", phone="")
    retention: str = ""
    deletion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRole:
    """A role's registry fields, in form order: those granted to some account."""

    name: str
    fields: tuple[FormField, ...]

    def plain(self) -> tuple[FormField, ...]:
        """Return the fields that are not sensitive."""
        return tuple(each for each in self.fields if not each.sensitive)

    def sensitive(self) -> tuple[FormField, ...]:
        """Return the sensitive ones, which are asked for by name (NĐ 13/2023 Đ2 k4)."""
        return tuple(each for each in self.fields if each.sensitive)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProcedure:
    """A procedure with the roles about which something is asked. `service_code` is MaDVC."""

    procedure: Procedure
    code: str | None
    service_code: str
    roles: tuple[WantedRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one organisation's accounts of the sandbox may do, as it is to be on official."""

    organisation: Organisation | None
    accounts: int
    procedures: tuple[WantedProcedure, ...]
    operations: Mapping[Operation, str]
    officers: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The preflight of the sandbox's connection, or why there was none."""

    checks: tuple[tuple[str, bool, str], ...] = ()
    passed: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """How the registry's test environment was seen to behave, against the parity ledger."""

    confirmed: tuple[str, ...] = ()
    refuted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What shows that the gateway is ready. `audit_broken` is why the chain doesn't hold, None where it does."""

    scenarios: Mapping[str, int]
    official_questions: int
    audit_rows: int
    audit_hash: str
    audit_broken: str | None
    trial: Trial
    readings: Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One piece that is not there, and what brings it."""

    what: str
    remedy: str

    @property
    def line(self) -> str:
        """Return both as the one line that a person reads."""
        return f"{self.what}: {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A bundle that was made to be sent: its hash names it. What it asks for is what its account is tried with.

    The rate it states bounds what accounts may ask; 0 in a row of before it was kept.
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
    """A made bundle, byte for byte as it is hashed, with its printable page. A draft is not to be sent."""

    text: str = field(repr=False)
    page: str = field(repr=False)
    sha256: str
    draft: bool
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedAccount:
    """An unsealed account: the members of a connection, and the application that it answers.

    `issuer_key` is the thumbprint of the desk's key whose signature was checked; None where none was.
    """

    members: ConnectionMembers = field(repr=False)
    application: str
    reference: str
    issuer_key: str | None = None
