"""A connection: the URL, credentials and dialect with which one profile reaches the registry; and its members as a person
writes them in settings, in a revision's file or in a request (docs/go-official.md).

`hosts` and `networks` are not among the members: only the deployment's settings decide where a profile may connect. Refuses
unknown members, half credentials, control and bidi characters, and in text that a person wrote, what could be a person's
number. An error never repeats a value, and a repr shows no secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import from_json

from gateway.identifiers import Profile, parse_line
from gateway.procedures.model import Operation
from gateway.registry.model import Claim, fold_name

DEFAULT_INTEGRATION_CODES: Mapping[Operation, str] = MappingProxyType(
    {
        Operation.AUTHENTICATE: "003",
        Operation.LOOK_UP: "037",
        Operation.MARITAL_STATUS: "038",
        Operation.RELATIVES: "039",
        Operation.HOUSEHOLD: "040",
    }
)
"""The project's own list of MaTichHop, used for an operation for which a connection has no code."""

_STORED = "stored"
"""The context of the validation of stored members, which were checked when they were proposed."""

_MAX_TEXT = 200
"""Characters of a text in a revision: C06 accepts at most 35 (MaDonVi), a platform's names are longer."""

_FIRST_YEAR = 1875
_MAX_URL = 2048
_MAX_HOST = 254  # with its last dot
_CITIZEN_ID = Field(json_schema_extra={"pattern": "^(?!000)[0-9]{12}$"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Dialect(StrEnum):
    """The protocol: C06's SOAP, or one of three JSON wrappers of a provincial platform."""

    SOAP = "soap"
    LGSP_PASSTHROUGH = "lgsp-passthrough"
    LGSP_CAMEL = "lgsp-camel"
    LGSP_PASCAL = "lgsp-pascal"


class TimestampUnit(StrEnum):
    """The unit of the `Timestamp` header: clients of C06 use both."""

    MILLISECONDS = "ms"
    SECONDS = "s"


class DateForm(StrEnum):
    """How a birth date is written in a question: clients of C06 use both."""

    COMPACT = "yyyyMMdd"
    HYPHENS = "yyyy-MM-dd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """The LGSP adapter's own credential, sent as the `lgspaccesstoken` header."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    app_name: str
    partner_code: str
    partner_code_cus: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a question: a profile, and the revision that was active when the request began."""

    profile: Profile
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How one profile reaches the registry. `deadline_ms` limits a whole question, all attempts included.

    `revision` counts from 1 in a profile; 0 is a connection outside the store, such as one under preflight.
    `date_form` None means the dialect's usual form. `client_certificate` and `client_key` are PEM, for a registry that
    requires a client certificate. `hosts`, `networks` and `authorities` (PEM, the only ones trusted; None means the HTTP
    library's list) come from the deployment's settings.
    """

    profile: Profile
    revision: int = 0
    registry_url: str
    dialect: Dialect = Dialect.SOAP
    c06_user: str | None = None
    c06_secret: str | None = field(default=None, repr=False)
    ngsp_key: str | None = field(default=None, repr=False)
    ngsp_secret: str | None = field(default=None, repr=False)
    adapter: Adapter | None = None
    x_road_client: str | None = None
    client_certificate: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)
    agency: str
    officer: str
    timestamp_unit: TimestampUnit = TimestampUnit.MILLISECONDS
    date_form: DateForm | None = None
    service_codes: Mapping[str, str] = field(default_factory=dict)
    integration_codes: Mapping[Operation, str] = field(default_factory=lambda: DEFAULT_INTEGRATION_CODES)
    deadline_ms: int = 10_000
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    authorities: str | None = field(default=None, repr=False)

    def integration_code(self, operation: Operation) -> str:
        """Return the operation's MaTichHop: the connection's own, else the project's."""
        return self.integration_codes.get(operation, DEFAULT_INTEGRATION_CODES[operation])

    @property
    def owner(self) -> Owner:
        """Return the owner of the questions that this connection may send."""
        return Owner(self.profile, self.revision)


def _parse_json(value: object) -> object:
    """Return the value that a JSON text encodes; any other value unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return from_json(value)
    except ValueError:
        raise ValueError('a JSON object is expected, such as {"name": "value"}') from None


def split_url(value: str) -> SplitResult | None:
    """Split a URL; None for a malformed one, since the library's error may repeat a password.

    The length is limited first: splitting normalises the host (docs/decisions/0064).
    """
    if len(value) > _MAX_URL:
        return None
    try:
        parts = urlsplit(value)
        # The resolver's encoding refuses an empty or too long label.
        host = (parts.hostname or "").encode("idna")
        return parts if parts.port != 0 and len(host) <= _MAX_HOST and value.isprintable() else None
    except ValueError:
        return None


def _http_url(value: str) -> str:
    parts = split_url(value)
    if (
        parts is None
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username is not None
        or " " in value
    ):
        raise ValueError(
            "an http or https address without user, query and fragment is expected, such as https://name.example.vn:8443"
        )
    return value.rstrip("/")


def _written(value: str, info: ValidationInfo) -> str:
    """Check what a person wrote. A stored value passed the rules of its time and must stay readable."""
    return value if info.context == _STORED else parse_line(_short(value))


def _issued(value: str, info: ValidationInfo) -> str:
    """Check a name or code that the registry or a platform issued; it may have only digits."""
    if info.context != _STORED and not _short(value).isprintable():
        raise ValueError("one line of printable characters is expected")
    return value


def _short(value: str) -> str:
    if len(value) > _MAX_TEXT:
        raise ValueError(f"at most {_MAX_TEXT} characters are expected")
    return value


def _pem(value: str, info: ValidationInfo) -> str:
    if info.context != _STORED and not value.isascii():
        raise ValueError("PEM is ASCII text")
    return value


def _citizen_id(text: str) -> str:
    if not re.fullmatch("[0-9]{12}", text) or text.startswith("000"):
        raise ValueError("12 digits, as printed on the card, are expected; no number begins with 000")
    return text


def _full_name(text: str) -> str:
    if not text.isprintable() or not fold_name(text):
        raise ValueError("a name in printable letters that the registry accepts is expected")
    return text


def _day(value: object) -> object:
    """Accept a date only as YYYY-MM-DD; pydantic would read a number as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("a date written YYYY-MM-DD is expected")


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Written = Annotated[str, AfterValidator(_written)]
Issued = Annotated[str, AfterValidator(_issued)]
JsonMap = Annotated[dict[Issued, Issued], BeforeValidator(_parse_json)]


class Strict(BaseModel):
    """A frozen model that refuses unknown members and repeats no value in its errors; it is built at its first use."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class AdapterMembers(Strict):
    """Members of the LGSP adapter's header."""

    access_key: SecretStr
    secret_key: SecretStr
    app_name: Written
    partner_code: Issued
    partner_code_cus: Issued


class IdentityMembers(Strict):
    """A person that the registry issued for tests: one number, the name, and the day or the year of birth."""

    citizen_id: Annotated[str, AfterValidator(_citizen_id), _CITIZEN_ID] | None = Field(
        default=None, repr=False
    )
    id_card_number: Annotated[str, Field(pattern="^[0-9]{9}$")] | None = Field(default=None, repr=False)
    full_name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_full_name)] = Field(
        repr=False
    )
    birth_date: Annotated[date, BeforeValidator(_day)] | None = Field(default=None, repr=False)
    birth_year: Annotated[int, Field(ge=_FIRST_YEAR, le=2200)] | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.citizen_id is None) == (self.id_card_number is None):
            raise ValueError("one of citizen_id and id_card_number is expected")
        if (self.birth_date is None) == (self.birth_year is None):
            raise ValueError("one of birth_date and birth_year is expected")
        return self

    def claim(self) -> Claim:
        """Return the claim about this person."""
        return Claim(**dict(self))


class ConnectionMembers(Strict):
    """How one profile reaches the registry, and with which account. `expires_on` is the last day of a credential.

    `test_identity` is the only person that a preflight may ask about; `test_identity_source`: who issued it, and when.
    """

    registry_url: HttpUrl | None = None
    dialect: Dialect = Dialect.SOAP
    c06_user: Issued | None = None
    c06_secret: SecretStr | None = None
    ngsp_key: SecretStr | None = None
    ngsp_secret: SecretStr | None = None
    adapter: Annotated[AdapterMembers | None, BeforeValidator(_parse_json)] = None
    x_road_client: Written | None = None
    client_certificate: Annotated[str, AfterValidator(_pem)] | None = Field(default=None, max_length=20_000)
    client_key: SecretStr | None = None
    agency: Written | None = None
    officer: Written | None = None
    timestamp_unit: TimestampUnit = TimestampUnit.MILLISECONDS
    date_form: DateForm | None = None
    service_codes: JsonMap = Field(default_factory=dict)
    integration_codes: Annotated[dict[Operation, Issued], BeforeValidator(_parse_json)] = Field(
        default_factory=dict
    )
    deadline_ms: int = Field(default=10_000, ge=100, le=120_000)
    expires_on: date | None = None
    contact: Written | None = Field(default=None, max_length=200)
    test_identity: Annotated[IdentityMembers | None, BeforeValidator(_parse_json)] = Field(
        default=None, repr=False
    )
    test_identity_source: (
        Annotated[
            str,
            StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
            AfterValidator(_written),
        ]
        | None
    ) = None

    def missing(self) -> list[str]:
        """Return the names of members that this dialect needs and that are absent or empty."""
        login = ("c06_user", "c06_secret") if self.dialect is Dialect.SOAP else ("ngsp_key", "ngsp_secret")
        needed = ("registry_url", "agency", "officer", *login)
        return sorted(name for name in needed if not getattr(self, name))

    def connection(self, profile: Profile) -> Connection | None:
        """Return the connection that these members describe; None if a necessary member is missing."""
        if self.registry_url is None or self.agency is None or self.officer is None:
            return None
        values = {name: _revealed(getattr(self, name)) for name in _OF_A_CONNECTION}
        if self.adapter is not None:
            values["adapter"] = Adapter(**{name: _revealed(value) for name, value in self.adapter})
        return Connection(profile=profile, **values)


_OF_A_CONNECTION = tuple(
    field.name for field in fields(Connection) if field.name in ConnectionMembers.model_fields
)


def parse_connection_members(document: Mapping[str, Any], *, stored: bool = False) -> ConnectionMembers:
    """Read a connection's members; `stored` ones were checked when they were proposed.

    Raises `ValueError` that names what is wrong, without a value.
    """
    return ConnectionMembers.model_validate(document, context=_STORED if stored else None)


def given_members(members: ConnectionMembers) -> list[str]:
    """Return the names of the connection's members that were set, without those at their defaults."""
    return sorted(members.model_fields_set & set(ConnectionMembers.model_fields))


def reveal(secret: SecretStr | None) -> str | None:
    """Return a secret's text, None where there is none."""
    return None if secret is None else secret.get_secret_value()


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
