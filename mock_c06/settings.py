"""The mock's settings; only this module reads the environment. An unknown or malformed setting stops the start.

The mock does not start in production: `ENV=production` stops it, and so do the other usual variables.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mock_c06.errors import StartRefused

PREFIX = "MOCK_C06_"
_KNOWN = {"MOCK_C06_CONTROL_TOKEN", "MOCK_C06_SECRET_SEED"}
# Variables by which tools and frameworks name their environment.
ENVIRONMENT_NAMES = (
    *("ENV", "ENVIRONMENT", "APP_ENV", "APPLICATION_ENV", "DEPLOY_ENV", "DEPLOYMENT_ENVIRONMENT", "STAGE"),
    *("NODE_ENV", "PYTHON_ENV", "DJANGO_ENV", "FLASK_ENV", "RAILS_ENV", "RACK_ENV"),
    *("SPRING_PROFILES_ACTIVE", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT"),
)
_LARGEST = 64 * 1024
_PRODUCTION = {"production", "prod", "prd", "live", "official"}


class Settings(BaseSettings):
    """The settings of the environment; everything else is an option of a command."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    control_token: SecretStr | None = Field(default=None, min_length=1)
    secret_seed: str | None = Field(default=None, min_length=1)

    def seed_of_secrets(self, option: str) -> str:
        """Return the seed of secrets: the setting, or else the command's option."""
        return self.secret_seed or option


def read_settings() -> Settings:
    """Read the environment and `.env`; raises `StartRefused` naming the setting and what is expected."""
    try:
        environment = {**_read_dotenv(Path(".env")), **os.environ}  # noqa: TID251 - this is the one reader
    except UnicodeDecodeError as error:
        raise StartRefused(".env: UTF-8 text is expected") from error
    unknown = sorted(name for name in environment if name.upper().startswith(PREFIX) and name not in _KNOWN)
    if unknown:
        raise StartRefused(f"{unknown[0]}: no such setting; there are {' and '.join(sorted(_KNOWN))}")
    _require_no_production(environment)
    try:
        return Settings()
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise StartRefused(f"setting {PREFIX}{name.upper()}: expected at least one character") from error


def _read_dotenv(path: Path) -> dict[str, str | None]:
    """Return what a `.env` sets. A line that can't be read is refused, not skipped."""
    try:
        found_there = path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StartRefused(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(found_there.st_mode) or found_there.st_size > _LARGEST:
        raise StartRefused(f"{path}: a file of NAME=value lines is expected, of at most 64 KiB")
    with path.open(encoding="utf-8") as stream:
        found = list(parse_stream(stream))
    broken = next((each.original.line for each in found if each.error), None)
    if broken is not None:
        raise StartRefused(
            f"{path} line {broken}: NAME=value is expected, and a quoted value ends with its quote"
        )
    return {each.key: each.value for each in found if each.key is not None}


def _require_no_production(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        words = {word.strip().lower() for word in (value or "").split(",")}
        if name.upper() in ENVIRONMENT_NAMES and words & _PRODUCTION:
            raise StartRefused(f"{name} says {value}: a mock with synthetic people does not start there")
