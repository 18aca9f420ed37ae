"""Requests with a key, as portals send them, and what is stored of them."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import sqlalchemy as sa

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


def with_claim_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, unchecked."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


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
