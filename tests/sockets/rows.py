"""What the store of a running gateway holds: the audit's rows, and where a profile stands."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import sqlalchemy as sa

from gateway.audit.store import audit_entries
from gateway.database import Transaction
from tests.gateway.disposable import opened
from tests.mock_c06.programs import Served
from tests.sockets.programs import Place, control_headers

PATIENCE_S = 60


def store_of(place: Place) -> str:
    """Return the address of a place's store."""
    return place.settings.get("GATEWAY_DATABASE_URL", f"sqlite:///{place.folder}/var/gateway.db")


def read_rows(url: str) -> list[dict[str, Any]]:
    """Return the bodies of the audit's rows, in order."""

    async def work() -> list[dict[str, Any]]:
        async with opened(url) as database, database.read() as transaction:
            return await _bodies(transaction)

    return asyncio.run(work())


async def _bodies(transaction: Transaction) -> list[dict[str, Any]]:
    found = await transaction.scalars(sa.select(audit_entries.c.body).order_by(audit_entries.c.row))
    return [json.loads(body) for body in found]


def read_journal(mock: Served) -> dict[str, Mapping[str, Any]]:
    """Return what the test environment was asked, by request code."""
    answer = httpx.get(
        f"{mock.control}/runs/default/journal",
        params={"environment": "test"},
        headers=control_headers(mock),
        timeout=60,
    )
    return {entry["ma_yeu_cau"]: entry for entry in answer.json()["entries"] if entry["ma_yeu_cau"]}


def plan_fault(mock: Served, kind: str, **members: Any) -> None:
    """Let the registry misbehave."""
    answer = httpx.post(
        f"{mock.control}/runs/default/faults", json={"kind": kind, **members}, headers=control_headers(mock)
    )
    assert answer.status_code < 300, answer.text


def clear_faults(mock: Served) -> None:
    """Let the registry behave."""
    httpx.delete(f"{mock.control}/runs/default/faults", headers=control_headers(mock))


def wait_for(holds: Callable[[], bool]) -> None:
    """Look until something holds."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def accounts_by_request(
    rows: Sequence[Mapping[str, Any]], journal: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Return as which account each request's questions were asked, by the request's id."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["kind"] == "intended" and row.get("request_id"):
            found.setdefault(row["request_id"], []).append(journal[row["request_code"]]["account"])
    return found
