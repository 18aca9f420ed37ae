"""The demo's only reader of the environment: what child processes inherit, and whether to draw panels."""

import os
from collections.abc import Mapping
from pathlib import Path

from portal.settings import read_dotenv

OURS = ("GATEWAY_", "MOCK_C06_", "PORTAL_")


def child_environment(**ours: str) -> Mapping[str, str]:
    """Return a child's environment: the caller's, without settings of this project's programs, plus `ours`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}  # noqa: TID251 - this is settings.py
    return inherited | {"PYTHONUNBUFFERED": "1"} | ours


def may_draw(*, is_terminal: bool) -> bool:
    """Return whether to print panels and colours: a terminal that is not dumb, and no NO_COLOR."""
    environment = os.environ  # noqa: TID251 - this is settings.py
    return is_terminal and "NO_COLOR" not in environment and environment.get("TERM", "dumb") != "dumb"


def caller_environment(prefix: str) -> Mapping[str, str]:
    """Return the caller's settings with this prefix, from the environment alone."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}  # noqa: TID251 - this is settings.py


def caller_settings(prefix: str) -> Mapping[str, str]:
    """Return the caller's settings with this prefix, from `.env` in this folder and from the environment.

    Raises:
        StartRefused: `.env` has a line that can't be read, and would be left out.
    """
    dotenv = Path(".env")
    kept = read_dotenv(dotenv) if dotenv.is_file() else {}
    ours = {name: value for name, value in kept.items() if name.startswith(prefix)}
    return {**ours, **caller_environment(prefix)}
