"""The scene of `tests/gateway`, on both databases."""

from tests.gateway.conftest import (
    clock,
    database_url,
    mock,
    portal,
    scene,
    sqlite_template,
)

__all__ = ["clock", "database_url", "mock", "portal", "scene", "sqlite_template"]
