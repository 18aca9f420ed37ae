"""A connection: the URL, credentials and dialect with which one profile reaches the registry.

Its members are those of a revision (docs/go-official.md); a repr shows no secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gateway.identifiers import Profile
from gateway.procedures.fields import Operation

DEFAULT_INTEGRATION_CODES: Mapping[Operation, str] = MappingProxyType(
    {
        Operation.AUTHENTICATE: "003",
        Operation.LOOK_UP: "037",
        Operation.MARITAL_STATUS: "038",
        Operation.RELATIVES: "039",
        Operation.HOUSEHOLD: "040",
    }
)


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

    @property
    def owner(self) -> Owner:
        """Return the owner of the questions that this connection may send."""
        return Owner(self.profile, self.revision)
