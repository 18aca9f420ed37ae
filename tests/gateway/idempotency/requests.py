"""Requests with a key, as portals send them, and what is stored of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.app import open_gateway
from gateway.idempotency.store import idempotent_requests
from gateway.places import Profile
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.model import Registry
from gateway.web import build_app
from tests.gateway.scene import BASE, Portal, Scene, enquiry, prefill_request

KEY = "hn-2022-000123.kx2p9a7Qe1TzVb4w"
REPLAYED = "idempotent-replayed"
LEASE_S = 45
"""Twice the deadline of a question in these tests, and five seconds."""


async def post(
    portal: Portal, path: str, body: Any = None, *, key: str = KEY, **headers: str
) -> httpx.Response:
    """Call with a key."""
    return await portal.call("POST", path, body, **({"Idempotency-Key": key} | headers))


async def verify(portal: Portal, *, key: str = KEY, **members: Any) -> httpx.Response:
    """Verify An with a key."""
    return await post(portal, "/verifications", enquiry(**members), key=key)


async def prefill(
    portal: Portal, receipt: str, *fields: str, key: str = KEY, **members: Any
) -> httpx.Response:
    """Fill a form with a key."""
    body = prefill_request(receipt, fields or ["full_name"], **members)
    return await post(portal, "/prefills", body, key=key)


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return a problem's status and code."""
    return answer.status_code, answer.json()["code"]


async def rows(scene: Scene) -> list[dict[str, Any]]:
    """Return what is stored of requests with a key."""
    async with scene.gateway.parts.database.read() as connection:
        return [dict(row) for row in (await connection.execute(sa.select(idempotent_requests))).mappings()]


@asynccontextmanager
async def another_worker(scene: Scene, portal: Portal) -> AsyncIterator[Portal]:
    """Open a second gateway on the same store, and give the same portal in front of it."""

    def connect(connection: Connection) -> Registry:
        face = scene.mock.test if connection.profile is Profile.SANDBOX else scene.mock.official
        return open_registry(connection, transport=httpx.ASGITransport(face), clock=scene.clock)

    async with (
        open_gateway(scene.settings, clock=scene.clock, open_registry=connect) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE) as http,
    ):
        yield replace(portal, http=http)


@asynccontextmanager
async def store_away(scene: Scene) -> AsyncIterator[None]:
    """Take the store away for a while: its file moved, or its server refusing the database."""
    url = scene.settings.database_url
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        await asyncio.to_thread(path.rename, path.with_suffix(".away"))
        yield
        await asyncio.to_thread(path.with_suffix(".away").rename, path)
        return
    server, _, name = url.replace("postgresql://", "postgresql+asyncpg://", 1).rpartition("/")
    engine = create_async_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        await connection.execute(sa.text(ended), {"name": name})
        yield
        await connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    await engine.dispose()
