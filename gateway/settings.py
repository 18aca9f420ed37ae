"""Settings: `GATEWAY_*` variables and an optional `.env`, read once. No other file reads the environment.

An unknown or malformed setting stops the start; the error has its name and what is expected. A profile without a
connection answers `profile_unconfigured`. No connection setting of `official` has a default.
"""

import os
import stat
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from gateway.errors.operators import SettingInvalid
from gateway.errors.validation import in_plain_words
from gateway.identifiers import Profile
from gateway.registry.addresses import is_loopback
from gateway.registry.members import ConnectionMembers, HttpUrl, Strict, given_members, split_url
from gateway.registry.tls import read_authorities

PREFIX = "GATEWAY_"
DEFAULT_BASE = "http://127.0.0.1:8000"


def _split_commas(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


LIBPQ_PARAMETERS = frozenset(
    {
        "application_name", "passfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslpassword", "sslrootcert",
        "ssl_max_protocol_version", "ssl_min_protocol_version", "target_session_attrs",
    }
)  # fmt: skip
"""libpq's parameters that work in `GATEWAY_DATABASE_URL` (https://www.postgresql.org/docs/current/libpq-connect.html)."""


def _database_url(value: str) -> str:
    parts = split_url(value)
    embedded = value.startswith("sqlite:///") and len(value) > len("sqlite:///") and ":memory:" not in value
    server = parts is not None and parts.scheme == "postgresql" and len(parts.path) > 1
    if not embedded and not server:
        raise ValueError("sqlite:///path or postgresql://user@host/name is expected")
    if parts is not None and server:
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if name not in LIBPQ_PARAMETERS:
                supported = ", ".join(sorted(LIBPQ_PARAMETERS))
                raise ValueError(f"the parameter {name[:40]!r} is not supported; supported are {supported}")
    return value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]


def _network(value: str) -> str:
    ip_network(value)
    return value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_split_commas)]


def _proxy_network(value: str) -> str:
    if ip_network(value).prefixlen == 0:
        raise ValueError("the networks of your proxies are expected: 0.0.0.0/0 and ::/0 are all addresses")
    return value


ProxyNetworks = Annotated[
    tuple[Annotated[str, AfterValidator(_proxy_network)], ...], BeforeValidator(_split_commas)
]


def _ip_address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("an IP address of this host is expected, such as 127.0.0.1") from None


IpAddress = Annotated[str, AfterValidator(_ip_address)]


def _login_issuer(value: str) -> str:
    parts = split_url(value)
    local = parts is not None and parts.scheme == "http" and is_loopback(parts.hostname or "")
    if parts is None or not (parts.scheme == "https" or local) or not parts.hostname:
        raise ValueError("an https address is expected, or http on loopback")
    if parts.query or parts.fragment or parts.username or value.endswith("/"):
        raise ValueError("an address without user, query, fragment and final slash is expected")
    return value


LoginIssuer = Annotated[str, AfterValidator(_login_issuer)]

Authorities = Annotated[str | None, BeforeValidator(lambda path: read_authorities(Path(path)))]


Limit = Annotated[int, Field(ge=1, le=1_000_000_000)]


class ProfileSettings(ConnectionMembers):
    """One profile's `GATEWAY_<PROFILE>_*`: its first connection, allowed hosts and networks, authorities, policy."""

    hosts: CommaList = ()
    networks: Networks = ()
    authorities: Authorities = Field(default=None, alias="ca_file")
    reuse: Literal["account", "dossier"] | None = None
    reuse_seconds: Limit = 1800
    budget_account_hour: Limit | None = None
    budget_subject_day: Limit | None = None
    budget_confirmed_hour: Limit | None = None
    budget_confirmed_day: Limit | None = None
    rate_per_second: Limit | None = None
    citizen_issuer: LoginIssuer | None = None
    citizen_audience: CommaList = ()  # the login clients whose ID tokens count

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.citizen_issuer is None) != (not self.citizen_audience):
            raise ValueError("CITIZEN_ISSUER and CITIZEN_AUDIENCE must be set together")
        if self.registry_url is None:
            if beside := [name for name in given_members(self) if name != "registry_url"]:
                raise ValueError(f"with {beside[0].upper()} set, REGISTRY_URL must be set too")
            return self
        if missing := self.missing():
            raise ValueError(f"with REGISTRY_URL set, {', '.join(missing).upper()} must be set too")
        return self


class Settings(Strict):
    """All settings of the gateway."""

    database_url: DatabaseUrl = Field(default="sqlite:///var/gateway.db", repr=False)  # may hold a password
    database_connections: int = Field(default=20, ge=4, le=500)  # of one worker, to PostgreSQL
    serve_profile: Profile | None = None  # the only profile that a server answers for; None: both
    master_key: SecretStr | None = None
    master_key_file: Path | None = None  # the file of `master_key`; a rotation replaces it
    operator_token: SecretStr | None = None  # for commands; overrides the login stored in ./var/
    public_url: HttpUrl | None = None
    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    trusted_proxies: ProxyNetworks = ()  # `X-Forwarded-For` and `Forwarded` count only from these
    audit_retention_months: int | None = Field(
        default=None, ge=1, le=1200
    )  # then `gateway audit erase` may erase
    checkpoint_file: Path | None = None  # copies of the audit's checkpoints
    checkpoint_url: HttpUrl | None = None  # where they are sent, on another host
    witness_url: HttpUrl | None = None  # another party's witness of the log
    witness_key: str | None = None  # its vkey, instead of the one that it shows
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: IpAddress = "127.0.0.1"
    sandbox: ProfileSettings = Field(default_factory=ProfileSettings)
    official: ProfileSettings = Field(default_factory=ProfileSettings)

    def of(self, profile: Profile) -> ProfileSettings:
        """Return the settings of one profile."""
        return self.sandbox if profile is Profile.SANDBOX else self.official


def read_settings(
    environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")
) -> Settings:
    """Read `GATEWAY_*` from `.env` and the environment, which overrides it.

    Raises:
        SettingInvalid: a variable is unknown or malformed, named in the reason.
    """
    outer = _keep_ours(os.environ if environ is None else environ)  # noqa: TID251 - this is settings.py
    inner = {} if dotenv is None or not dotenv.is_file() else _read_dotenv(dotenv)
    overridden = {_stem(variable) for variable in outer}
    found = {name: value for name, value in inner.items() if _stem(name) not in overridden} | outer
    try:
        return Settings.model_validate(_nest(found))
    except ValidationError as error:
        raise SettingInvalid(_explain(error)) from None


def _keep_ours(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def _read_dotenv(path: Path) -> dict[str, str]:
    """Read a `.env` without expansion, since a secret may contain `$`. A line that can't be read is refused, not skipped."""
    try:
        with path.open(encoding="utf-8") as stream:
            found = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{path}: can't be read as UTF-8 text ({type(error).__name__})") from None
    broken = next((each.original.line for each in found if each.error), None)
    if broken is not None:
        raise SettingInvalid(
            f"{path} line {broken}: NAME=value is expected, and a quoted value ends with its quote"
        )
    return _keep_ours({each.key: each.value or "" for each in found if each.key is not None})


def _stem(variable: str) -> str:
    """Return a variable's name without `_FILE`, since both are one setting, except where the setting is always a file."""
    return variable if variable.endswith(("_CA_FILE", "_CHECKPOINT_FILE")) else variable.removesuffix("_FILE")


def _nest(variables: Mapping[str, str]) -> dict[str, object]:
    nested: dict[str, object] = {}
    profiles: dict[str, dict[str, str]] = {profile.value: {} for profile in Profile}
    for variable, value in variables.items():
        stem = _stem(variable)
        if stem != variable and stem in variables:
            raise SettingInvalid(f"{stem} and {variable}: set one of the two")
        name = stem.removeprefix(PREFIX).lower()
        if variable == f"{PREFIX}MASTER_KEY_FILE":
            nested["master_key_file"] = value
        content = value if stem == variable else _read_secret_file(variable, value)
        place, _, member = name.partition("_")
        if place in profiles:
            profiles[place][member] = content
        else:
            nested[name] = content
    return nested | dict(profiles)


def _read_secret_file(variable: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
        mode = Path(path).stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        # The value may be the secret itself, by mistake: the reason names the folder and not the file.
        raise SettingInvalid(
            f"{variable}: can't read the file it names ({type(error).__name__}): make that file with the secret alone, "
            f"readable by this user; a relative name is looked up in {Path.cwd()}"
        ) from None
    if variable == f"{PREFIX}MASTER_KEY_FILE" and mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingInvalid(
            f"{variable}: other users can write the file it names, and so replace the key: chmod go-w that file, and "
            "compare it with your copy of the key"
        )
    return content


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        # A part of a list has a number, which is no part of the setting's name.
        named = [part for part in problem["loc"] if isinstance(part, str)]
        deep = 2 if named and named[0] in frozenset(Profile) else 1
        variable = (PREFIX + "_".join(named[:deep]).upper()).rstrip("_")
        kind, inner = problem["type"], named[deep:]
        if kind == "extra_forbidden":
            expected = "no such member" if inner else "no such setting"
        else:
            expected = in_plain_words(kind, problem["msg"], problem.get("ctx", {}))
            expected += "" if kind in {"value_error", "missing"} else " is expected"
        lines.append(": ".join([variable, *inner, expected]))
    return "; ".join(lines)
