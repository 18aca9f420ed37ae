"""An account as C06 issues it: for one environment, one agency, with its officers, procedures and fields.

Source: NĐ 47/2020 Đ35 and Đ40 (what a connection account names). Secrets are synthetic and shown on purpose.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from mock_c06.desk.switches import AS_BUILT, Switches
from mock_c06.operations import Operation


class Environment(StrEnum):
    """Which of the registry's two environments: an account of one never works in the other."""

    TEST = "test"
    OFFICIAL = "official"


class Status(StrEnum):
    """Granted by the desk, then active; suspended for a while, or revoked for good."""

    GRANTED = "granted"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Dialect(StrEnum):
    """How the account's owner speaks: C06's SOAP, or one of three JSON wrappers of a provincial platform."""

    SOAP = "soap"
    LGSP_PASSTHROUGH = "lgsp-passthrough"
    LGSP_CAMEL = "lgsp-camel"
    LGSP_PASCAL = "lgsp-pascal"


FIELDS = (
    "full_name",
    "birth_date",
    "birth_year",
    "gender",
    "citizen_id",
    "id_card_number",
    "ethnicity",
    "religion",
    "nationality",
    "blood_type",
    "birth_registration_place",
    "native_place",
    "permanent_residence",
    "current_residence",
    "marital_status",
    "father",
    "mother",
    "spouse",
    "representative",
    "household_head",
    "household_members",
)
SENSITIVE_FIELDS = ("ethnicity", "religion")
"""NĐ 13/2023 Đ2 k4: off unless they are granted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """The LGSP adapter's own credential, sent as the `lgspaccesstoken` header."""

    access_key: str
    secret_key: str
    app_name: str
    partner_code: str
    partner_code_cus: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One connection account. `rate_per_second` None is no limit; `lock_after` None never locks.

    `change_feed`: it may ask who changed, without naming anybody. `activates_at_login`: its first login makes a granted
    account active; without it the desk does.
    """

    name: str
    environment: Environment
    status: Status = Status.ACTIVE
    user: str
    secret: str
    ngsp_key: str | None = None
    ngsp_secret: str | None = None
    adapter: Adapter | None = None
    dialect: Dialect = Dialect.SOAP
    agency: str
    officers: tuple[str, ...]
    procedures: tuple[str, ...]
    operations: tuple[Operation, ...]
    fields: tuple[str, ...]
    rate_per_second: int | None = None
    lock_after: int | None = 5
    change_feed: bool = False
    activates_at_login: bool = False
    switches: Switches = AS_BUILT

    def with_switches(self, switches: Switches) -> "Account":
        """Give the account with these switches."""
        return replace(self, switches=switches)
