"""Settings: `PORTAL_*` variables and an optional `.env`, read once. No other file reads the environment.

An unknown or malformed setting stops the start; the error has its name and what is expected. Sandbox and official are
two instances of one program: an official one has a private key and no client secret.
"""

import os
from collections.abc import Mapping
from io import StringIO
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from portal.errors import StartRefused
from portal.forwarded import Network
from witness.bounded_files import read_bounded_text, why_unread

PREFIX = "PORTAL_"


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ValueError("http://host[:port] or https://host[:port] is expected")
    return value.rstrip("/")


def _sqlite_url(value: str) -> str:
    if not value.startswith("sqlite:///") or len(value) <= len("sqlite:///") or ":memory:" in value:
        raise ValueError("sqlite:///path is expected: the dossiers are in a file of the portal's own")
    return value


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(each.strip()) for each in value.split(",") if each.strip())
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8, separated by commas, are expected") from None


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseModel):
    """All settings of the portal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway_url: HttpUrl = "http://127.0.0.1:8000"
    profile: Literal["sandbox", "official"] = "sandbox"
    client_id: str = Field(min_length=1)
    private_key_file: Path | None = None
    client_secret_file: Path | None = None
    public_url: HttpUrl | None = None
    login_issuer: HttpUrl = "http://127.0.0.1:8102"
    login_client_id: str = Field(default="dvctt-portal", min_length=1)
    database_url: Annotated[str, AfterValidator(_sqlite_url)] = "sqlite:///var/portal.db"
    store_key_file: Path = Path("var/portal.key")
    retention_days: int = Field(default=30, ge=1, le=3650)
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = ()
    login_rate: int = Field(
        default=30, ge=1, description="Sign-ins a minute: of a person; failed, of a network."
    )
    verification_rate: int = Field(default=20, ge=1, description="Verifications a minute of one person.")
    mock_control_url: HttpUrl | None = None
    mock_control_token: SecretStr | None = None
    suspended_client_id: str | None = Field(
        default=None, min_length=1, description="A suspended account with this portal's key, for /_test."
    )
    test_page_public: bool = Field(
        default=False, description="Serve /_test at an address that is not loopback."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.private_key_file is None) == (self.client_secret_file is None):
            raise ValueError("set PORTAL_PRIVATE_KEY_FILE or PORTAL_CLIENT_SECRET_FILE, one of the two")
        if self.profile == "official" and self.client_secret_file is not None:
            raise ValueError("official takes no client secret: set PORTAL_PRIVATE_KEY_FILE")
        if (self.mock_control_url is None) != (self.mock_control_token is None):
            raise ValueError("set PORTAL_MOCK_CONTROL_URL and PORTAL_MOCK_CONTROL_TOKEN, or neither")
        if self.profile == "official" and self.mock_control_url is not None:
            raise ValueError("PORTAL_MOCK_CONTROL_URL belongs to sandbox: /_test arms faults of a mock")
        if self.profile == "official" and self.suspended_client_id is not None:
            raise ValueError("PORTAL_SUSPENDED_CLIENT_ID belongs to sandbox: /_test asks with that account")
        return self

    @property
    def issuer(self) -> str:
        """Return the gateway's issuer of this profile."""
        return f"{self.gateway_url}/{self.profile}"

    def may_test(self, public_url: str) -> bool:
        """Return whether `/_test` may be served at an address: anyone who reaches it arms faults and spends budgets."""
        return self.test_page_public or _is_loopback(public_url)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(
    environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")
) -> Settings:
    """Read `PORTAL_*` from `.env` and the environment, which overrides it.

    Raises:
        StartRefused: a variable is unknown or malformed, named in the reason.
    """
    outer = _keep_ours(os.environ if environ is None else environ)  # noqa: TID251 - this is settings.py
    inner = _keep_ours(read_dotenv(dotenv)) if dotenv is not None else {}
    try:
        return Settings.model_validate(
            {name.removeprefix(PREFIX).lower(): value for name, value in (inner | outer).items()}
        )
    except ValidationError as error:
        raise StartRefused(_explain(error)) from None


def _keep_ours(variables: Mapping[str, str]) -> dict[str, str]:
    for name in variables:
        meant = name.upper()
        # In small letters it is another program's, unless it means a setting.
        if name != meant and meant.startswith(PREFIX) and (name.startswith(PREFIX) or _suggest(meant)):
            raise StartRefused(f"{name}: no such setting; settings are written in capitals")
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def read_dotenv(path: Path) -> dict[str, str]:
    """Return what a `.env` sets, without expansion. Raises `StartRefused` if it has a line that can't be read."""
    try:
        text = read_bounded_text(path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{path}: can't be read as UTF-8 text ({why_unread(error)})") from None
    found = list(parse_stream(StringIO(text)))
    broken = next((each.original.line for each in found if each.error), None)
    if broken is not None:
        raise StartRefused(
            f"{path} line {broken}: NAME=value is expected, and a quoted value ends with its quote"
        )
    return {each.key: each.value or "" for each in found if each.key is not None}


_WORDS = {
    "extra_forbidden": "no such setting",
    "missing": "it must be set",
    "string_too_short": "it must not be empty",
    "int_parsing": "a whole number is expected",
    "greater_than_equal": "{ge} or more is expected",
    "less_than_equal": "{le} or less is expected",
    "bool_parsing": "true or false is expected",
    "literal_error": "{expected} is expected",
}
"""What is expected where pydantic finds an error of this type: its own messages are for programmers."""


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        variable = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
        words, said = _WORDS.get(problem["type"]), problem["msg"].removeprefix("Value error, ")
        expected = said if words is None else words.format_map(problem.get("ctx", {}))
        expected += _suggest(variable) if problem["type"] == "extra_forbidden" else ""
        lines.append(f"{variable}: {expected}" if problem["loc"] else expected)
    return "; ".join(lines)


def _suggest(variable: str) -> str:
    """Return the name of the setting that a slip in an unknown one means, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - loaded where a start is refused alone

    known = sorted(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)
    found = get_close_matches(variable, known, n=1, cutoff=0.85)
    return f"; did you mean {found[0]}?" if found else ""
