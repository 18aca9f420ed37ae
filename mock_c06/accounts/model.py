"""An account as C06 issues it: for one environment and one agency, with officers, procedures and fields.

Source: NĐ 47/2020 Đ35 and Đ40 (what a connection account names). Secrets are synthetic and shown on purpose. The 25
essential services each have a `MaDVC`; only that of khai-sinh was seen, the rest are guesses.

Where C06's behaviour is guessed, or was seen in several forms, a switch selects the other form. The parity ledger
(mock_c06/parity/ledger.toml) says what each one means, where it was seen and which test shows it. False is the mock's usual
form. A switch is set for an account, for a run (over its accounts), or for all accounts at the start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mock_c06.errors import StartRefused, SwitchUnknown
from mock_c06.operations import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """All switches; `flip` returns changed ones."""

    # How a call is judged.
    seconds: bool = False
    strict_order: bool = False
    require_agency: bool = False
    hyphens_only: bool = False
    exact_names: bool = False
    one_record_code: bool = False
    checks_no_licence: bool = False
    year_matches_date: bool = False
    nine_digits_alone: bool = False
    confirms_dead: bool = False
    stored_answer: bool = False
    # How an answer is written.
    exists_verdict: bool = False
    text_verdict: bool = False
    json_envelope: bool = False
    people_as_list: bool = False
    split_name: bool = False
    structured_relatives: bool = False
    absent_elements: bool = False
    unpadded_codes: bool = False
    hyphen_dates: bool = False
    bare_collection: bool = False
    no_life_status: bool = False
    wrapped_members: bool = False
    relation_names_head: bool = False
    empty_person: bool = False
    empty_body: bool = False
    # How a call is refused.
    other_refusal_status: bool = False
    inactive_as_401: bool = False
    throttled_as_503: bool = False


NAMES = tuple(Switches.__dataclass_fields__)
AS_BUILT = Switches()


def flip(switches: Switches, changes: Mapping[str, bool]) -> Switches:
    """Return the switches with some of them set; raises `SwitchUnknown` for the first unknown name."""
    for name in changes:
        if name not in Switches.__dataclass_fields__:
            raise SwitchUnknown(name)
    return replace(switches, **changes) if changes else switches


def flipped(switches: Switches) -> tuple[str, ...]:
    """Return the names of those that are on."""
    return tuple(name for name in NAMES if getattr(switches, name))


def parse_switches(written: Iterable[str]) -> Switches:
    """Read a command line's `NAME`, `NAME=true` or `NAME=false`; raises `StartRefused`."""
    try:
        return flip(AS_BUILT, dict(map(_parse_switch, written)))
    except SwitchUnknown as unknown:
        raise StartRefused(f"{unknown}: see mock-c06 parity") from unknown


def _parse_switch(written: str) -> tuple[str, bool]:
    name, _, value = written.partition("=")
    if value not in {"", "true", "false"}:
        raise SwitchUnknown(name, "write true or false")
    return name, value != "false"


SERVICE_CODES = {
    "xac-nhan-cmnd": "G01-CA01",
    "cap-doi-cccd": "G01-CA02",
    "dang-ky-thuong-tru": "G01-CA03",
    "dang-ky-tam-tru": "G01-CA04",
    "khai-bao-tam-vang": "G01-CA05",
    "thong-bao-luu-tru": "G01-CA06",
    "dang-ky-xe-may": "G01-CA07",
    "nop-phat-giao-thong": "G01-CA08",
    "khai-sinh": "G15-TP110",
    "khai-tu": "G15-TP111",
    "ket-hon": "G15-TP112",
    "ho-chieu": "G01-CA09",
    "con-dau-moi": "G01-CA10",
    "con-dau-thu-nho": "G01-CA11",
    "lien-thong-khai-sinh": "G15-TP113",
    "lien-thong-khai-tu": "G15-TP114",
    "giam-tru-bhyt": "G24-BH01",
    "dang-ky-thue": "G12-TC01",
    "bien-dong-dat-dai": "G13-TN01",
    "doi-giay-phep-lai-xe": "G09-GT01",
    "thi-tot-nghiep": "G22-GD01",
    "ly-lich-tu-phap": "G15-TP115",
    "tro-cap-that-nghiep": "G14-LD01",
    "cap-dien-moi": "G04-CT01",
    "doi-chu-hop-dong-dien": "G04-CT02",
}
PROCEDURES = {code: slug for slug, code in SERVICE_CODES.items()}


class Environment(StrEnum):
    """Which of the registry's two environments: an account of one never works in the other."""

    TEST = "test"
    OFFICIAL = "official"


class Status(StrEnum):
    """An account is granted by the desk, then active; it can be suspended for a while or revoked for ever."""

    GRANTED = "granted"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Dialect(StrEnum):
    """The form of the account's requests: C06's SOAP, or one of three JSON forms of a provincial platform."""

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
"""NĐ 13/2023 Đ2 k4: an account has these only if they are granted by name."""


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

    `change_feed`: it may ask which records changed, without a number. `activates_at_login`: its first login makes a
    granted account active; without it the desk does.
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
