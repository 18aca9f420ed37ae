"""A connection: where one profile reaches the registry, as whom, in which dialect.

Its members are those of a revision (docs/operators.md); secrets never show in a repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gateway.places import Profile
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
    """How the registry is spoken to: C06's SOAP, or one of three JSON wrappers of a provincial platform."""

    SOAP = "soap"
    LGSP_PASSTHROUGH = "lgsp-passthrough"
    LGSP_CAMEL = "lgsp-camel"
    LGSP_PASCAL = "lgsp-pascal"


class TimestampUnit(StrEnum):
    """The unit of the `Timestamp` header: clients of C06 are seen with both."""

    MILLISECONDS = "ms"
    SECONDS = "s"


class DateForm(StrEnum):
    """How a birth date is written in a question: clients of C06 are seen with both."""

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
    """Whose a packet is: a profile, and the revision of its connection that was active when the request began."""

    profile: Profile
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One profile's way to the registry. `deadline_ms` bounds a whole request, all attempts included.

    `revision` counts from 1 in a profile; 0 is a connection that stands outside the store, such as a trial's.
    `date_form` None is the dialect's usual one. `client_certificate` and `client_key` are PEM, for a registry that asks
    for a certificate of ours.

    `hosts`, `networks` and `authorities` (PEM, alone trusted; None is the HTTP library's list) are the deployment's word.
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
        """Return whose packets may leave by this connection."""
        return Owner(self.profile, self.revision)
