"""The mock's settings: the only reader of the environment. An unknown or malformed one stops the start.

Refuses to be started as something real: `ENV=production` ends it, and so does each other usual way to say so.
"""

import os
from collections.abc import Mapping

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mock_c06.errors import StartRefused

PREFIX = "MOCK_C06_"
_KNOWN = {"MOCK_C06_CONTROL_TOKEN", "MOCK_C06_SECRET_SEED"}
# Where tools and frameworks say in which environment they run, and how they say that it is the real one.
WHERE_WE_ARE = (
    *("ENV", "ENVIRONMENT", "APP_ENV", "APPLICATION_ENV", "DEPLOY_ENV", "DEPLOYMENT_ENVIRONMENT", "STAGE"),
    *("NODE_ENV", "PYTHON_ENV", "DJANGO_ENV", "FLASK_ENV", "RAILS_ENV", "RACK_ENV"),
    *("SPRING_PROFILES_ACTIVE", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT"),
)
_PRODUCTION = {"production", "prod", "prd", "live", "official"}


class Settings(BaseSettings):
    """All there is to set by environment; the rest are options of commands."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    control_token: SecretStr | None = Field(default=None, min_length=1)
    secret_seed: str | None = Field(default=None, min_length=1)


def read_settings() -> Settings:
    """Read the environment and `.env`; raises `StartRefused` naming the setting and what is expected."""
    try:
        told = {**dotenv_values(".env"), **os.environ}  # noqa: TID251 - this is the one reader
    except UnicodeDecodeError as error:
        raise StartRefused(".env: text in UTF-8 is expected") from error
    unknown = sorted(name for name in told if name.upper().startswith(PREFIX) and name.upper() not in _KNOWN)
    if unknown:
        raise StartRefused(f"unknown setting {unknown[0]}: expected one of {', '.join(sorted(_KNOWN))}")
    _require_no_production(told)
    try:
        return Settings()
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise StartRefused(f"setting {PREFIX}{name.upper()}: expected at least one character") from error


def _require_no_production(told: Mapping[str, str | None]) -> None:
    for name, value in told.items():
        words = {word.strip().lower() for word in (value or "").split(",")}
        if name.upper() in WHERE_WE_ARE and words & _PRODUCTION:
            raise StartRefused(
                f"{name} says {value}: this is a mock with synthetic people and won't start there"
            )
