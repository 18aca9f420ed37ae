"""The mock's settings: the only reader of the environment. An unknown or malformed one stops the start.

Refuses to be started as something real: `ENV=production` ends it.
"""

import os

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mock_c06.errors import StartRefused

PREFIX = "MOCK_C06_"
_KNOWN = {"MOCK_C06_CONTROL_TOKEN", "MOCK_C06_SECRET_SEED"}


class Settings(BaseSettings):
    """All there is to set by environment; the rest are options of commands."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    control_token: SecretStr | None = Field(default=None, min_length=1)
    secret_seed: str | None = Field(default=None, min_length=1)
    env: str = Field(default="", validation_alias="ENV")


def read_settings() -> Settings:
    """Read the environment and `.env`; raises `StartRefused` naming the setting and what is expected."""
    names = {name for name in (*os.environ, *dotenv_values(".env")) if name.upper().startswith(PREFIX)}  # noqa: TID251 - this is the one reader
    unknown = sorted(name for name in names if name.upper() not in _KNOWN)
    if unknown:
        raise StartRefused(f"unknown setting {unknown[0]}: expected one of {', '.join(sorted(_KNOWN))}")
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise StartRefused(f"setting {PREFIX}{str(first['loc'][0]).upper()}: {first['msg']}") from error
    if settings.env.lower() in {"production", "prod"}:
        raise StartRefused("ENV says production: this is a mock with synthetic people and won't start there")
    return settings
