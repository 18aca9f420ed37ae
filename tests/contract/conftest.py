"""The same scene as the gateway's rooms play in."""

from tests.gateway.conftest import (
    clock,
    database_url,
    mock,
    portal,
    scene,
    sqlite_template,
)

__all__ = ["clock", "database_url", "mock", "portal", "scene", "sqlite_template"]
