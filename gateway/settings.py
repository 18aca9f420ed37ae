"""The only reader of the environment: `GATEWAY_*` variables and an optional `.env`, read once.

An unknown or malformed setting stops the start, naming it and what is expected. A profile without a
connection does not: it answers `profile_unconfigured`. Nothing of `official` has a default.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from gateway.errors.commands import SettingInvalid
from gateway.places import Profile
from gateway.registry.authorities import read_authorities
from gateway.registry.members import ConnectionMembers, HttpUrl, Strict, given_members, split_url

PREFIX = "GATEWAY_"
DEFAULT_BASE = "http://127.0.0.1:8000"


def _split_commas(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _database_url(value: str) -> str:
    parts = split_url(value)
    embedded = value.startswith("sqlite:///") and len(value) > len("sqlite:///") and ":memory:" not in value
    server = parts is not None and parts.scheme == "postgresql" and len(parts.path) > 1
    if not embedded and not server:
        raise ValueError("sqlite:///path or postgresql://user@host/name is expected")
    return value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]


def _network(value: str) -> str:
    ip_network(value)
    return value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_split_commas)]


def _proxy_network(value: str) -> str:
    if ip_network(value).prefixlen == 0:
        raise ValueError("the networks of your proxies are expected: 0.0.0.0/0 and ::/0 are everybody's")
    return value


ProxyNetworks = Annotated[
    tuple[Annotated[str, AfterValidator(_proxy_network)], ...], BeforeValidator(_split_commas)
]


def _authorities(path: str) -> str:
    return read_authorities(Path(path))


Authorities = Annotated[str | None, BeforeValidator(_authorities)]


class ProfileSettings(ConnectionMembers):
    """One profile's `GATEWAY_<PROFILE>_*`: its first connection, where it may connect, whom it trusts there, its policy."""

    hosts: CommaList = ()
    networks: Networks = ()
    authorities: Authorities = Field(default=None, alias="ca_file")
    reuse: Literal["account", "dossier"] | None = None
    reuse_seconds: int = Field(default=1800, ge=1)
    budget_account_hour: int | None = Field(default=None, ge=1)
    budget_subject_day: int | None = Field(default=None, ge=1)
    budget_confirmed_hour: int | None = Field(default=None, ge=1)
    budget_confirmed_day: int | None = Field(default=None, ge=1)
    rate_per_second: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.registry_url is None:
            if beside := [name for name in given_members(self) if name != "registry_url"]:
                raise ValueError(f"with {beside[0].upper()} set, REGISTRY_URL must be set too")
            return self
        if missing := self.missing():
            raise ValueError(f"with REGISTRY_URL set, {', '.join(missing).upper()} must be set too")
        return self


class Settings(Strict):
    """Everything the gateway is told from outside."""

    database_url: DatabaseUrl = Field(default="sqlite:///var/gateway.db", repr=False)  # may hold a password
    master_key: SecretStr | None = None
    master_key_file: Path | None = None  # where it was read from, if from a file: a rotation replaces that
    operator_token: SecretStr | None = None  # of commands: wins over the login kept under ./var/
    public_url: HttpUrl | None = None
    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    trusted_proxies: ProxyNetworks = ()  # from these `X-Forwarded-For` and `Forwarded` count
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    sandbox: ProfileSettings = ProfileSettings()
    official: ProfileSettings = ProfileSettings()

    def of(self, profile: Profile) -> ProfileSettings:
        """Return the settings of one profile."""
        return self.sandbox if profile is Profile.SANDBOX else self.official


def read_settings(
    environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")
) -> Settings:
    """Read `GATEWAY_*` from `.env` and then the environment, which wins.

    Raises:
        SettingInvalid: a variable is unknown or malformed, named in the reason.
    """
    outer = _keep_ours(os.environ if environ is None else environ)  # noqa: TID251 - this is settings.py
    inner = {} if dotenv is None or not dotenv.is_file() else _read_dotenv(dotenv)
    told = {_stem(variable) for variable in outer}
    found = {name: value for name, value in inner.items() if _stem(name) not in told} | outer
    try:
        return Settings.model_validate(_nest(found))
    except ValidationError as error:
        raise SettingInvalid(_explain(error)) from None


def _keep_ours(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def _read_dotenv(path: Path) -> dict[str, str]:
    """Read a `.env`; a secret's `$` is a dollar, nothing is expanded."""
    try:
        found = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{path}: can't be read as UTF-8 text ({type(error).__name__})") from None
    return _keep_ours({name: value or "" for name, value in found.items()})


def _stem(variable: str) -> str:
    """Return a variable's name without `_FILE`: both say the same setting, but for authorities, which are a file's."""
    return variable if variable.endswith("_CA_FILE") else variable.removesuffix("_FILE")


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
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{variable}: can't read the file it names ({type(error).__name__})") from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        variable = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
        expected = "no such setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        expected = expected.removeprefix("Value error, ")
        lines.append(f"{variable.rstrip('_')}: {expected}")
    return "; ".join(lines)
