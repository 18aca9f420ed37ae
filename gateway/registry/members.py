"""The members of a connection as people write them: in settings, in a revision's file or form (docs/operators.md).

Parses and checks them; where a profile may connect (`hosts`, `networks`) is not among them: only the deployment's
settings say that. Refuses unknown members, half credentials, and text with control or bidi characters or, where a
person wrote it, with what could be a person's number; a wrong value is never repeated.
"""

import re
from collections.abc import Mapping
from datetime import date
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

from gateway.errors.requests import ClaimInvalid
from gateway.identifiers import parse_line
from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.registry.connection import (
    Adapter,
    Connection,
    DateForm,
    Dialect,
    TimestampUnit,
)
from gateway.registry.model import Claim
from gateway.registry.wire import fold_name

_FIRST_YEAR = 1875
_LONGEST_URL = 2048
_LONGEST_HOST = 254  # with its last dot
_CITIZEN_ID = Field(json_schema_extra={"pattern": "^(?!000)[0-9]{12}$"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_json(value: object) -> object:
    """Return what a text of JSON holds; anything else as it is."""
    return from_json(value) if isinstance(value, str) else value


def split_url(value: str) -> SplitResult | None:
    """Split an address, or None where it isn't one; the library's own reason may repeat a password.

    Bounded first: splitting normalises the host (docs/decisions/0064).
    """
    if len(value) > _LONGEST_URL:
        return None
    try:
        parts = urlsplit(value)
        host = (parts.hostname or "").encode(
            "idna"
        )  # as the resolver will: an empty or too long label is no name
        return parts if parts.port != 0 and len(host) <= _LONGEST_HOST and value.isprintable() else None
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
    ):
        raise ValueError("an http or https address without user, query and fragment is expected")
    return value.rstrip("/")


def _written(value: str, info: ValidationInfo) -> str:
    """Take what a person wrote; a stored row was judged by the rules of its own day, and must still open."""
    return value if info.context == _STORED else parse_line(_short(value))


def _issued(value: str, info: ValidationInfo) -> str:
    """Take a name or code that the registry or a platform issued: it may be all digits."""
    if info.context != _STORED and not _short(value).isprintable():
        raise ValueError("one line of printable characters is expected")
    return value


def _short(value: str) -> str:
    if len(value) > _LONGEST:
        raise ValueError(f"at most {_LONGEST} characters are expected")
    return value


def _pem(value: str, info: ValidationInfo) -> str:
    if info.context != _STORED and not value.isascii():
        raise ValueError("PEM is ASCII text")
    return value


_STORED = "stored"
_LONGEST = 200
"""Characters of a text in a revision: C06 takes 35 at most (domain: MaDonVi), a platform's names are longer."""


def _citizen_id(text: str) -> str:
    if not re.fullmatch("[0-9]{12}", text) or text.startswith("000"):
        raise ValueError(
            "12 digits, as printed on the card, are expected; none is issued that begins with 000"
        )
    return text


def _full_name(text: str) -> str:
    try:
        if text.isprintable() and fold_name(text):
            return text
    except ClaimInvalid:
        pass
    raise ValueError("a name in printable letters, that the registry can be asked about, is expected")


def _day(value: object) -> object:
    """Take a day in its one form; a number would be read as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("a date written YYYY-MM-DD is expected")


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Written = Annotated[str, AfterValidator(_written)]
Issued = Annotated[str, AfterValidator(_issued)]
JsonMap = Annotated[dict[Issued, Issued], BeforeValidator(parse_json)]


class Strict(BaseModel):
    """Frozen, refuses unknown members, repeats no value in its errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AdapterMembers(Strict):
    """Members of the LGSP adapter's header."""

    access_key: SecretStr
    secret_key: SecretStr
    app_name: Written
    partner_code: Issued
    partner_code_cus: Issued

    def adapter(self) -> Adapter:
        """Return the credential."""
        return Adapter(
            access_key=self.access_key.get_secret_value(),
            secret_key=self.secret_key.get_secret_value(),
            app_name=self.app_name,
            partner_code=self.partner_code,
            partner_code_cus=self.partner_code_cus,
        )


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
        """Return what is asked about this person."""
        return Claim(
            citizen_id=self.citizen_id,
            id_card_number=self.id_card_number,
            full_name=self.full_name,
            birth_date=self.birth_date,
            birth_year=self.birth_year,
        )


class ConnectionMembers(Strict):
    """How one profile reaches the registry, and as whom. `expires_on` is the day after which a credential is dead.

    `test_identity` is the one person whom a preflight may ask about; `test_identity_source` says who issued it, and when.
    """

    registry_url: HttpUrl | None = None
    dialect: Dialect = Dialect.SOAP
    c06_user: Issued | None = None
    c06_secret: SecretStr | None = None
    ngsp_key: SecretStr | None = None
    ngsp_secret: SecretStr | None = None
    adapter: Annotated[AdapterMembers | None, BeforeValidator(parse_json)] = None
    x_road_client: Written | None = None
    client_certificate: Annotated[str, AfterValidator(_pem)] | None = Field(default=None, max_length=20_000)
    client_key: SecretStr | None = None
    agency: Written | None = None
    officer: Written | None = None
    timestamp_unit: TimestampUnit = TimestampUnit.MILLISECONDS
    date_form: DateForm | None = None
    service_codes: JsonMap = Field(default_factory=dict)
    integration_codes: Annotated[dict[Operation, Issued], BeforeValidator(parse_json)] = Field(
        default_factory=dict
    )
    deadline_ms: int = Field(default=10_000, ge=100, le=120_000)
    expires_on: date | None = None
    contact: Written | None = Field(default=None, max_length=200)
    test_identity: Annotated[IdentityMembers | None, BeforeValidator(parse_json)] = Field(
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
        """Return the members that this dialect can't do without and that are not there, or empty."""
        needed: dict[str, object] = {
            "registry_url": self.registry_url,
            "agency": self.agency,
            "officer": self.officer,
        }
        if self.dialect is Dialect.SOAP:
            needed |= {"c06_user": self.c06_user, "c06_secret": self.c06_secret}
        else:
            needed |= {"ngsp_key": self.ngsp_key, "ngsp_secret": self.ngsp_secret}
        return sorted(name for name, value in needed.items() if not value)

    def connection(self, profile: Profile) -> Connection | None:
        """Return the connection that these members describe, or None where none is."""
        if self.registry_url is None or self.agency is None or self.officer is None:
            return None
        return Connection(
            profile=profile,
            registry_url=self.registry_url,
            dialect=self.dialect,
            c06_user=self.c06_user,
            c06_secret=reveal(self.c06_secret),
            ngsp_key=reveal(self.ngsp_key),
            ngsp_secret=reveal(self.ngsp_secret),
            adapter=self.adapter.adapter() if self.adapter is not None else None,
            x_road_client=self.x_road_client,
            client_certificate=self.client_certificate,
            client_key=reveal(self.client_key),
            agency=self.agency,
            officer=self.officer,
            timestamp_unit=self.timestamp_unit,
            date_form=self.date_form,
            service_codes=self.service_codes,
            integration_codes=self.integration_codes,
            deadline_ms=self.deadline_ms,
        )


def parse_connection_members(document: Mapping[str, Any], *, stored: bool = False) -> ConnectionMembers:
    """Read a connection's members; `stored` ones were judged when they were proposed.

    Raises `ValueError` that names what is wrong, and no value.
    """
    return ConnectionMembers.model_validate(document, context=_STORED if stored else None)


def given_members(told: ConnectionMembers) -> list[str]:
    """Return the names of the connection's members that were told, not those left at their defaults."""
    return sorted(told.model_fields_set & set(ConnectionMembers.model_fields))


def reveal(secret: SecretStr | None) -> str | None:
    """Return a secret's text, None where there is none."""
    return None if secret is None else secret.get_secret_value()
