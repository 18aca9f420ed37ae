"""An account as C06 issues it: for one environment, one agency, with its officers, procedures and fields.

Source: NĐ 47/2020 Đ35 and Đ40 (what a connection account names). Secrets are synthetic and shown on purpose.
"""

from dataclasses import dataclass, field
from enum import StrEnum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """The LGSP adapter's own credential, sent as the `lgspaccesstoken` header."""

    access_key: str
    secret_key: str
    app_name: str
    partner_code: str
    partner_code_cus: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Where C06's behaviour is guessed, the other guess is a switch of the account. False is the default guess.

    `seconds` Timestamp in seconds; `strict_order` all elements as documented; `require_agency` MaDonVi;
    `year_matches_date` a year agrees with a full date; `stored_answer` a repeated MaYeuCau gets its answer again;
    `exists_verdict` KetQuaXacThuc/TonTai; `split_name` Ho, ChuDem and Ten filled; `structured_relatives`;
    `json_envelope` passthrough under Envelope; `text_verdict` camel's "true" as a string.
    """

    seconds: bool = False
    strict_order: bool = False
    require_agency: bool = False
    year_matches_date: bool = False
    stored_answer: bool = False
    exists_verdict: bool = False
    split_name: bool = False
    structured_relatives: bool = False
    json_envelope: bool = False
    text_verdict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One connection account. `rate_per_second` None is no limit."""

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
    switches: Switches = field(default_factory=Switches)
