"""The demo's only reader of the environment: what child processes inherit, and whether to draw panels."""

import os
from collections.abc import Mapping

from dotenv import dotenv_values

OURS = ("GATEWAY_", "MOCK_C06_", "PORTAL_")


def child_environment(**ours: str) -> Mapping[str, str]:
    """Return a child's environment: the caller's, without settings of this project's programs, plus `ours`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}  # noqa: TID251 - this is settings.py
    return inherited | {"PYTHONUNBUFFERED": "1"} | ours


def may_draw(*, is_terminal: bool) -> bool:
    """Return whether to print panels and colours: a terminal that is not dumb, and no NO_COLOR."""
    environment = os.environ  # noqa: TID251 - this is settings.py
    return is_terminal and "NO_COLOR" not in environment and environment.get("TERM", "dumb") != "dumb"


def caller_settings(*prefixes: str) -> Mapping[str, str]:
    """Return the caller's settings with these prefixes, from `.env` in this folder and from the environment."""
    given = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    given |= dict(os.environ)  # noqa: TID251 - this is settings.py
    return {name: value for name, value in given.items() if name.startswith(prefixes)}


def caller_setting(name: str) -> str | None:
    """Return a setting of the caller for the demo's gateway, such as `GATEWAY_DATABASE_URL`."""
    return os.environ.get(name)  # noqa: TID251 - this is settings.py
