"""Threats 25 to 27 end to end: each fault of the registry has its problem and its row, and leaves no verification."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.enquiries.budget_store import reservations
from gateway.enquiries.store import verifications
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene, open_scene, settings_for

FAULTS = {
    "garbled": (502, "registry_answer_invalid"),
    "truncated": (502, "registry_answer_invalid"),
    "wrong_encoding": (502, "registry_answer_invalid"),
    "wrong_namespace": (502, "registry_answer_invalid"),
    "oversized": (502, "registry_answer_invalid"),
    "two_people": (502, "registry_answer_invalid"),
    "trickle": (504, "registry_timeout"),
    "hang": (504, "registry_timeout"),
    "html_error": (503, "registry_unavailable"),
    "unavailable": (503, "registry_unavailable"),
    "maintenance": (503, "registry_unavailable"),
    "throttle": (503, "registry_unavailable"),
    "reset": (503, "registry_unavailable"),
    "soap_fault": (503, "registry_unavailable"),
    "unauthorised_once": (502, "registry_credentials_rejected"),
}


NEVER = {"hang", "trickle"}


@pytest.fixture
async def scene(
    request: pytest.FixtureRequest, database_url: str, mock: MockRegistry, clock: HandClock
) -> AsyncIterator[Scene]:
    """A scene with a short deadline only where the registry never answers, so that a busy machine changes no result."""
    kind = request.node.callspec.params.get("kind", "hang")
    deadline_ms = 1_500 if kind in NEVER else 10_000
    settings = settings_for(database_url, mock, sandbox={"deadline_ms": deadline_ms})
    async with open_scene(settings, mock, clock) as opened:
        yield opened


async def count(scene: Scene, table: sa.Table) -> int:
    async with scene.gateway.deps.database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


async def asked(scene: Scene) -> None:
    """Wait until the registry has received a question."""
    async with asyncio.timeout(10):
        while not await scene.journal():  # noqa: ASYNC110 - the mock has no event
            await asyncio.sleep(0.01)


async def answered(scene: Scene) -> None:
    """Wait until an answer is recorded."""
    async with asyncio.timeout(10):
        while "answered" not in {row["kind"] for row in await scene.audit()}:  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("kind", "expected"), FAULTS.items(), ids=FAULTS.keys())
async def test_threats_25_to_27_a_fault_of_the_registry_is_named_recorded_and_leaves_no_verification(
    scene: Scene, portal: Portal, kind: str, expected: tuple[int, str]
) -> None:
    await scene.fault(kind, times=1)

    answer = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == expected
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) == (expected[0] in {503, 504})
    intended, answered = [row for row in await scene.audit() if row["kind"] in {"intended", "answered"}]
    assert (intended["kind"], answered["outcome"]) == ("intended", expected[1])
    assert (intended["act"], intended["request_code"]) == (answered["act"], answered["request_code"])
    assert (await count(scene, verifications), await count(scene, reservations)) == (0, 0)
    assert (await portal.verify()).json()["verdict"] == "confirmed"


async def test_threat_32_a_question_to_a_hanging_registry_ends_at_the_deadline(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("hang")

    answer = await portal.verify()

    assert answer.status_code == 504


async def test_the_intended_row_is_committed_while_the_registry_delays_its_answer(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("hang")
    waiting = asyncio.create_task(portal.verify())
    await asked(scene)

    rows = [row["kind"] for row in await scene.audit() if row["kind"] != "local"]
    assert (rows, waiting.done()) == (["intended"], False)
    assert (await waiting).status_code == 504
    assert [row["kind"] for row in await scene.audit() if row["kind"] != "local"] == ["intended", "answered"]


async def test_the_answer_is_recorded_after_the_portal_disconnected(scene: Scene, portal: Portal) -> None:
    await scene.fault("latency", delay_ms=200, times=1)
    waiting = asyncio.create_task(portal.verify())
    await asked(scene)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await answered(scene)
    assert (await portal.verify()).json()["origin"] == "reuse"
    assert len(await scene.journal()) == 1


async def test_an_empty_answer_to_a_yes_or_no_question_means_no(scene: Scene, portal: Portal) -> None:
    await scene.fault("empty", times=1)

    assert (await portal.verify()).json()["verdict"] == "not_confirmed"


async def test_a_refusal_of_the_registry_contains_its_own_code(scene: Scene) -> None:
    portal = await scene.portal(officers=["can.bo.09"])

    answer = await portal.verify(initiated_by={"kind": "officer", "id": "can.bo.09"})

    assert (answer.status_code, answer.json()["code"]) == (502, "registry_refused")
    assert answer.json()["registry_code"] == "005"
    assert (await scene.audit())[-1]["outcome"] == "registry_refused"


XML_ANSWERS = {
    "billion laughs": b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "deep": b"<a>" * 300 + b"</a>" * 300,
    "utf-16": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    "nul": b"<a>\x00</a>",
    "nothing": b"",
    "json": b'{"data": true}',
    "another operation": b"<CongdanCollection xmlns='http://www.mic.gov.vn/dancu/1.0'/>",
}


@pytest.mark.parametrize("body", XML_ANSWERS.values(), ids=XML_ANSWERS.keys())
async def test_threat_25_an_answer_that_no_registry_would_give_is_refused(
    database_url: str, mock: MockRegistry, clock: HandClock, body: bytes
) -> None:
    def connect(connection: Connection) -> RegistryClient:
        headers = {"Content-Type": "text/xml"}
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers))
        return open_registry(connection, transport=transport, clock=clock)

    settings = settings_for(database_url, mock)
    async with open_scene(settings, mock, clock, connect=connect) as scene:
        answer = await (await scene.portal()).verify()
        left = await count(scene, verifications)

    members: dict[str, Any] = answer.json()
    assert (answer.status_code, members["code"], left) == (502, "registry_answer_invalid", 0)
