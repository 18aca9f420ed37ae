"""Identical claims in flight at two workers on one store: one question, one verdict, a row of evidence for each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from gateway.app import open_gateway
from gateway.places import Profile
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.model import Registry
from gateway.sweeping import sweep
from gateway.verifications.flights_store import flights
from gateway.web import build_app
from tests.gateway.scene import AN, BASE, Portal, Scene

WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


@asynccontextmanager
async def another_worker(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Open a second gateway on the same store and registry; yields a caller's way to it."""

    def connect(connection: Connection) -> Registry:
        face = scene.mock.test if connection.profile is Profile.SANDBOX else scene.mock.official
        return open_registry(connection, transport=httpx.ASGITransport(face), clock=scene.clock)

    async with (
        open_gateway(scene.settings, clock=scene.clock, open_registry=connect) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE) as http,
    ):
        yield http


@pytest.fixture
async def callers(scene: Scene, portal: Portal) -> AsyncIterator[Sequence[Portal]]:
    """The same account's caller at two workers."""
    async with another_worker(scene) as http:
        yield (portal, replace(portal, http=http))


async def rows(scene: Scene) -> Counter[str]:
    found = [row for row in await scene.audit() if row["kind"] != "local"]
    return Counter(f"{row['kind']} {row.get('outcome', '')}".strip() for row in found)


async def test_threat_33_identical_claims_at_two_workers_are_asked_once(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("latency", delay_ms=1000, times=1)
    answers = await asyncio.gather(*(callers[number % 2].verify() for number in range(20)))

    assert len(await scene.journal()) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert await rows(scene) == {"intended": 1, "answered confirmed": 1, "reused confirmed": 19}


async def test_threat_33_different_dossiers_at_two_workers_derive_from_one_root(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("latency", delay_ms=1000, times=1)
    answers = await asyncio.gather(
        *(callers[number % 2].verify(dossier=f"HN-{number}") for number in range(20))
    )

    members = [answer.json() for answer in answers]
    assert len(await scene.journal()) == 1
    assert Counter(each["derived_from"] is None for each in members) == {True: 1, False: 19}
    assert len({each["id"] for each in members}) == 20


async def test_a_no_is_shared_across_workers_and_counts_once_in_the_budgets(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("latency", delay_ms=1000, times=1)
    answers = await asyncio.gather(*(callers[number % 2].verify(claim=WRONG) for number in range(10)))

    assert len(await scene.journal()) == 1
    assert {(answer.status_code, answer.json()["verdict"]) for answer in answers} == {(201, "not_confirmed")}
    assert await rows(scene) == {"intended": 1, "answered not_confirmed": 10}
    assert (await callers[0].call("GET", "/me")).json()["budgets"]["account_hour"]["used"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("reset", 503, "registry_unavailable"),
        ("garbled", 502, "registry_answer_invalid"),
    ],
)
async def test_a_failure_is_shared_across_workers_and_recorded_for_each(
    scene: Scene, callers: Sequence[Portal], fault: str, status: int, code: str
) -> None:
    await scene.fault(fault, delay_ms=1000)
    answers = await asyncio.gather(*(callers[number % 2].verify() for number in range(6)))

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(status, code)}
    assert len(await scene.journal()) == 1
    assert await rows(scene) == {"intended": 1, f"answered {code}": 6}


async def test_a_refusal_is_shared_with_the_registrys_own_code(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("soap_fault", delay_ms=1000)
    answers = await asyncio.gather(*(callers[number % 2].verify() for number in range(4)))

    assert len(await scene.journal()) == 1
    assert len({(answer.json()["code"], answer.json().get("registry_code")) for answer in answers}) == 1


async def test_a_no_that_landed_before_is_asked_anew(scene: Scene, callers: Sequence[Portal]) -> None:
    one, other = callers
    await one.verify(claim=WRONG)
    await other.verify(claim=WRONG)
    assert len(await scene.journal()) == 2


async def test_a_fresh_question_is_asked_though_another_worker_has_an_answer(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    one, other = callers
    await one.verify()
    answer = await other.verify(fresh=True)
    assert (answer.status_code, len(await scene.journal())) == (201, 2)


async def test_the_question_of_a_worker_that_died_is_asked_by_the_next_one(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    """The lease stays as the dead worker left it: nobody landed it."""
    one, other = callers
    await one.verify(claim=WRONG)
    lease_ends_at = scene.clock.now() + timedelta(milliseconds=400)
    async with scene.gateway.parts.database.write() as connection:
        left = {"landed_at": None, "act": "act_dead", "verification": None, "lease_ends_at": lease_ends_at}
        await connection.execute(sa.update(flights).values(**left))
    answer = await other.verify(claim=WRONG)

    assert (answer.status_code, answer.json()["verdict"]) == (201, "not_confirmed")
    assert scene.clock.now() > lease_ends_at
    assert len(await scene.journal()) == 2


async def test_landed_questions_are_forgotten_by_the_sweeper(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    database = scene.gateway.parts.database

    async def count() -> int:
        async with database.read() as connection:
            query = sa.select(sa.func.count()).select_from(flights)
            return int((await connection.execute(query)).scalar_one())

    await sweep(scene.gateway.parts)
    assert await count() == 1
    scene.clock.advance(90)
    await sweep(scene.gateway.parts)
    assert await count() == 0
