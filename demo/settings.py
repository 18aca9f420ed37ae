"""The demo's only reader of the environment: what its children may inherit, and whether to draw."""

import os
from collections.abc import Mapping

OURS = ("GATEWAY_", "MOCK_C06_", "PORTAL_")


def child_environment(**ours: str) -> Mapping[str, str]:
    """Return the environment of a child: the caller's, without settings of our programs, plus `ours`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}  # noqa: TID251 - this is settings.py
    return inherited | {"PYTHONUNBUFFERED": "1"} | ours


def may_draw(*, is_terminal: bool) -> bool:
    """Say whether panels and colours are welcome: a terminal, no NO_COLOR, no dumb one."""
    environment = os.environ  # noqa: TID251 - this is settings.py
    return is_terminal and "NO_COLOR" not in environment and environment.get("TERM", "dumb") != "dumb"


def caller_setting(name: str) -> str | None:
    """Return a setting that the caller may give the demo's gateway, such as `GATEWAY_DATABASE_URL`."""
    return os.environ.get(name)  # noqa: TID251 - this is settings.py
