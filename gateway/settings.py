"""Settings: `GATEWAY_*` variables and an optional `.env`, read once. No other file reads the environment.

An unknown or malformed setting stops the start; the error has its name and what is expected. A profile without a
connection answers `profile_unconfigured`. No connection setting of `official` has a default.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from io import StringIO
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, parse_qsl

from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from gateway.bounded_files import read_bounded, read_bounded_text, why_unread
from gateway.errors.operators import SettingInvalid
from gateway.errors.validation import in_plain_words
from gateway.identifiers import Profile, parse_witness_key
from gateway.registry.addresses import is_loopback, literal_of
from gateway.registry.connection import ConnectionMembers, HttpUrl, Strict, given_members, split_url
from gateway.registry.tls import read_authorities

PREFIX = "GATEWAY_"
DEFAULT_BASE = "http://127.0.0.1:8000"


def _refuse_folder(path: Path) -> Path:
    """Return a path that is no folder; an empty one, the current folder, is refused too. Raises `ValueError`."""
    if _finds(path.is_dir):
        raise ValueError("a file is expected, not a folder or nothing")
    return path


WrittenFile = Annotated[Path, AfterValidator(_refuse_folder)]


def _split_commas(value: object) -> object:
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


LIBPQ_PARAMETERS = frozenset(
    {
        "application_name", "passfile", "sslcert", "sslcrl", "sslkey", "sslmode", "sslpassword", "sslrootcert",
        "ssl_max_protocol_version", "ssl_min_protocol_version", "target_session_attrs",
    }
)  # fmt: skip
"""libpq's parameters that work in `GATEWAY_DATABASE_URL` (https://www.postgresql.org/docs/current/libpq-connect.html)."""

_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "ssl_min_protocol_version": _TLS,
    "ssl_max_protocol_version": _TLS,
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
}
_OWN_ROOTS = Path("~/.postgresql/root.crt")
_FILES = {"sslcert", "sslkey", "sslrootcert", "sslcrl"}


_DATABASE = "sqlite:///path or postgresql://user:password@host/name is expected"
_ENCODED = f"{_DATABASE}, with %40 %2F %23 %3F %25 for @ / # ? % of the password"


def _has_open_password(parts: SplitResult | None) -> bool:
    """Return whether the password has an `@` or `/` that splits the address at the wrong place."""
    if parts is None:
        return False
    is_split = "@" not in parts.netloc or "/" in parts.path[1:]
    return parts.netloc.count("@") > 1 or ("@" in parts.path and is_split)


def _database_url(value: str) -> str:
    parts = split_url(value)
    embedded = value.startswith("sqlite:///") and len(value) > len("sqlite:///") and ":memory:" not in value
    server = parts is not None and parts.scheme == "postgresql" and len(parts.path) > 1
    if value.startswith("postgresql://") and (not server or _has_open_password(parts)):
        raise ValueError(_ENCODED)
    if not embedded and not server:
        raise ValueError(_DATABASE)
    if parts is not None and server and parts.query:
        _check_parameters(parts.query)
    return value


def _check_parameters(query: str) -> None:
    given: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)  # strict as the driver
    except ValueError:
        expected = _ENCODED if "@" in query else "after the question mark name=value&name=value is expected"
        raise ValueError(expected) from None
    if "@" in query and not LIBPQ_PARAMETERS.issuperset(name for name, _ in pairs):
        raise ValueError(_ENCODED)  # the unknown name may be a part of the password
    for name, text in pairs:
        _check_parameter(name, text)
        if name in given:
            raise ValueError(f"the parameter {name!r} is there twice")
        given[name] = text
    verifies = given.get("sslmode", "").startswith("verify-")
    if verifies and "sslrootcert" not in given and not _has_roots():
        raise ValueError("the parameter 'sslmode' needs sslrootcert, the authority's certificate")


def _has_roots() -> bool:
    """Return whether the driver finds authorities without a parameter."""
    named = os.environ.get("PGSSLROOTCERT")  # noqa: TID251 - asyncpg reads it
    try:
        return _finds((Path(named) if named else _OWN_ROOTS.expanduser()).is_file)
    except RuntimeError:  # this user has no home folder
        return False


def _finds(look: Callable[[], bool]) -> bool:
    """Return what a look at a path finds; False also if the system refuses to look, as in a folder of somebody else."""
    try:
        return look()
    except OSError:
        return False


def _check_parameter(name: str, value: str) -> None:
    """Raise `ValueError` for a parameter that the driver would not take, and would name in no message of its own."""
    if name not in LIBPQ_PARAMETERS:
        supported = ", ".join(sorted(LIBPQ_PARAMETERS))
        raise ValueError(f"the parameter {name[:40]!r} is not supported; supported are {supported}")
    if name in _VALUES and value not in _VALUES[name]:
        raise ValueError(f"the parameter {name!r} is one of {', '.join(_VALUES[name])}")
    if name in _FILES and not _finds(Path(value).is_file):
        raise ValueError(f"the parameter {name!r} names no file that exists here")


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:  # it repeats the value
        raise ValueError("networks are expected, such as 10.1.0.0/16") from None
    return value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_split_commas)]


def _host(value: str) -> str:
    # An IPv6 address is written without brackets, as in a parsed URL.
    if literal_of(value) is None and not _HOST_NAME.fullmatch(value):
        raise ValueError("a list of host names or addresses is expected, without scheme, port and path")
    return value


_HOST_NAME = re.compile(r"[\w.-]{1,253}")
Hosts = Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], BeforeValidator(_split_commas)]


def _proxy_network(value: str) -> str:
    if ip_network(_network(value)).prefixlen == 0:
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


def _witness_key(value: str) -> str:
    parse_witness_key(value)
    return value


WitnessKey = Annotated[str, AfterValidator(_witness_key)]

Authorities = Annotated[str | None, BeforeValidator(lambda path: read_authorities(Path(path)))]
Limit = Annotated[int, Field(ge=1, le=1_000_000_000)]


class ProfileSettings(ConnectionMembers):
    """One profile's `GATEWAY_<PROFILE>_*`: its first connection, allowed hosts and networks, authorities, policy."""

    hosts: Hosts = ()
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


def _official_reuse(reuse: str | None) -> str | None:
    if reuse in {None, "dossier"}:
        return reuse
    change = "account needs an approved change with its legal basis; use dossier"
    raise ValueError(change if reuse == "account" else "dossier is expected")


class OfficialSettings(ProfileSettings):
    """`GATEWAY_OFFICIAL_*`. No setting alone lets a verification be reused in the whole account."""

    reuse: Annotated[Literal["account", "dossier"] | None, BeforeValidator(_official_reuse)] = None


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
    audit_head_file: WrittenFile | None = None  # the audit's head, by default beside the master key's file
    checkpoint_file: WrittenFile | None = None  # copies of the audit's checkpoints
    checkpoint_url: HttpUrl | None = None  # where they are sent, on another host
    witness_url: HttpUrl | None = None  # another party's witness of the log
    witness_key: WitnessKey | None = None  # its vkey, instead of the one that it shows
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: IpAddress = "127.0.0.1"
    sandbox: ProfileSettings = Field(default_factory=ProfileSettings)
    official: OfficialSettings = Field(default_factory=OfficialSettings)

    def of(self, profile: Profile) -> ProfileSettings:
        """Return the settings of one profile."""
        return self.sandbox if profile is Profile.SANDBOX else self.official


def read_settings(
    environ: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")
) -> Settings:
    """Read `GATEWAY_*` from `.env` and the environment, which overrides it. Raises `SettingInvalid` that names a variable."""
    outer = _keep_ours(os.environ if environ is None else environ)  # noqa: TID251 - this is settings.py
    inner = {} if dotenv is None else _read_dotenv(dotenv)
    overridden = {_stem(variable) for variable in outer}
    found = {name: value for name, value in inner.items() if _stem(name) not in overridden} | outer
    try:
        return Settings.model_validate(_nest(found))
    except ValidationError as error:
        raise SettingInvalid(_explain(error)) from None


def _keep_ours(variables: Mapping[str, str]) -> dict[str, str]:
    for name in variables:
        meant = name.upper()
        # In small letters it is another program's, unless it means a setting: beside the one in capitals, chance would choose.
        if name != meant and meant.startswith(PREFIX) and (name.startswith(PREFIX) or _suggest(_stem(meant))):
            raise SettingInvalid(f"{name}: no such setting; settings are written in capitals")
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def _read_dotenv(path: Path) -> dict[str, str]:
    """Read a `.env` without expansion, since a secret may contain `$`. A line that can't be read is refused, not skipped."""
    try:
        text = read_bounded_text(path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{path}: can't be read as UTF-8 text ({why_unread(error)})") from None
    found = list(parse_stream(StringIO(text)))
    broken = next((each.original.line for each in found if each.error), None)
    if broken is not None:
        raise SettingInvalid(
            f"{path} line {broken}: NAME=value is expected, and a quoted value ends with its quote"
        )
    return _keep_ours({each.key: each.value or "" for each in found if each.key is not None})


def _split(variable: str) -> tuple[str, str]:
    """Return the profile that a variable is about, empty if none, and the name of its setting."""
    name = variable.removeprefix(PREFIX).lower()
    place, _, member = name.partition("_")
    return (place, member) if place in frozenset(Profile) else ("", name)


def _names(place: str) -> set[str]:
    """Return the names of a profile's settings, of the others for an empty name."""
    fields = (ProfileSettings if place else Settings).model_fields
    return {each.alias or name for name, each in fields.items()} - set(Profile)


def _stem(variable: str) -> str:
    """Return a variable's name without `_FILE` if it names the file of a setting; such as CA_FILE is itself a setting."""
    stem = variable.removesuffix("_FILE")
    place, name = _split(stem)
    return stem if name in _names(place) and not name.endswith("_file") else variable


def _nest(variables: Mapping[str, str]) -> dict[str, object]:
    nested: dict[str, object] = {}
    profiles: dict[str, dict[str, str]] = {profile.value: {} for profile in Profile}
    for variable, value in variables.items():
        stem = _stem(variable)
        if stem != variable and stem in variables:
            raise SettingInvalid(f"{stem} and {variable}: set one of the two")
        if variable == f"{PREFIX}MASTER_KEY_FILE":
            nested["master_key_file"] = value
        content = value if stem == variable else _read_secret_file(variable, value)
        place, name = _split(stem)
        (profiles[place] if place else nested)[name] = content
    return nested | dict(profiles)


def _read_secret_file(variable: str, path: str) -> str:
    try:
        content = read_bounded(Path(path)).decode().strip()
        mode = Path(path).stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        # The value may be the secret itself, by mistake: the reason names the folder and not the file.
        raise SettingInvalid(
            f"{variable}: can't read the file it names ({why_unread(error)}): make that file with the secret alone, "
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
            expected = "no such member" if inner else f"no such setting{_suggest(variable)}"
        else:
            expected = in_plain_words(kind, problem["msg"], problem.get("ctx", {}))
            expected += "" if kind in {"value_error", "missing"} else " is expected"
        lines.append(": ".join([variable, *inner, expected]))
    return "; ".join(lines)


def _suggest(variable: str) -> str:
    """Return the name of the setting that a slip in an unknown one means, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - loaded where a start is refused alone

    place, written = _split(variable)
    start = f"{PREFIX}{place.upper()}_" if place else PREFIX
    known = _names(place) | {f"{each}_{name}" for each in Profile for name in _names(each) if not place}
    found = get_close_matches(written, sorted(known), n=1, cutoff=0.8)
    return f"; did you mean {start}{found[0].upper()}?" if found else ""
