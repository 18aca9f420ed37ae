"""Enquiries of a portal: a verified citizen whose forms are filled, and requests with an idempotency key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.enquiries.idempotency_store import idempotent_requests
from tests.kit.scene import AN, Portal, Scene, enquiry, prefill_request

CARD = "cap-doi-cccd"
"""The form with most fields of the registry: five operations but the household."""

CARD_FIELDS = (
    "full_name", "birth_date", "gender", "citizen_id", "current_residence", "permanent_residence", "nationality",
    "id_card_number", "marital_status", "blood_type", "birth_registration_place", "native_place", "father", "mother",
    "spouse", "representative",
)  # fmt: skip
LOOK_UP = "TraCuuThongTinCongDan"
RELATIVES = "XacMinhThongTinNhanThan"
MARITAL = "XacMinhTinhTrangHonNhan"
HOUSEHOLD = "CungCapThongTinHoGiaDinh"


@dataclass
class VerifiedEnquiry:
    """A verification with the procedure and role of its enquiry; `fill` asks for fields of its form."""

    portal: Portal
    members: dict[str, Any]

    async def fill(self, *fields: str, **members: Any) -> httpx.Response:
        """Ask for fields with the receipt."""
        repeated = {name: self.members[name] for name in ("procedure", "dossier", "subject_role")}
        body = prefill_request(self.members["receipt"], fields, **repeated) | members
        return await self.portal.call("POST", "/prefills", body)

    async def state(self) -> str:
        answer = await self.portal.call("GET", f"/verifications/{self.members['id']}")
        return str(answer.json()["state"])


async def verified(
    portal: Portal, procedure: str = "khai-sinh", role: str = "requester", **members: Any
) -> VerifiedEnquiry:
    """Verify a citizen (An) for an enquiry."""
    answer = await portal.verify(procedure=procedure, subject_role=role, **members)
    assert answer.json()["verdict"] == "confirmed", answer.text
    return VerifiedEnquiry(portal, answer.json())


async def asked_operations(scene: Scene) -> list[str]:
    """Return the record operations that the registry was asked."""
    return sorted(
        entry["operation"]
        for entry in await scene.journal()
        if entry["operation"] != "XacThucThongTinCongDan"
    )


def person(number: str, name: str, born: str) -> dict[str, str]:
    return AN | {"citizen_id": number, "full_name": name, "birth_date": born}


def reasons(answer: httpx.Response) -> dict[str, str]:
    """Return `to_declare` as field → reason."""
    return {each["field"]: each["reason"] for each in answer.json()["to_declare"]}


def values(answer: httpx.Response) -> dict[str, Any]:
    fields = answer.json()["fields"]
    return {name: field["value"] for name, field in fields.items() if field["state"] == "filled"}


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
    return await post(portal, "/verifications", enquiry(**members), key=key)


async def prefill(
    portal: Portal, receipt: str, *fields: str, key: str = KEY, **members: Any
) -> httpx.Response:
    body = prefill_request(receipt, fields or ["full_name"], **members)
    return await post(portal, "/prefills", body, key=key)


async def rows(scene: Scene) -> list[dict[str, Any]]:
    """Return the stored rows of requests with a key."""
    async with scene.gateway.deps.database.read() as connection:
        return [dict(row) for row in (await connection.execute(sa.select(idempotent_requests))).mappings()]


@asynccontextmanager
async def store_away(scene: Scene) -> AsyncIterator[None]:
    """Make the store unreachable for a while: move its file, or let its server refuse the database."""
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
