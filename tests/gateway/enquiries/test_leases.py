"""Two requests with one key: one works under a lease with an end; a request that lost its lease stores
and answers nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
import pytest
import sqlalchemy as sa

from gateway.enquiries.idempotency import MakeAnswer, answer_once
from gateway.enquiries.idempotency_store import KeptAnswer, KeyedRequest, idempotent_requests
from gateway.errors.requests import IdempotencyInProgress, RegistryTimeout
from gateway.identifiers import ClientId, Profile
from tests.kit.enquiries import KEY, LEASE_S, REPLAYED, prefill, verify
from tests.kit.scene import Portal, Scene, another_worker, outcome


@dataclass
class Desk:
    """The use case without HTTP: tests define how each answer is made."""

    scene: Scene
    request: KeyedRequest

    async def ask(self, make: MakeAnswer) -> KeptAnswer:
        """Answer the request once."""
        deps, place = self.scene.gateway.deps, self.scene.gateway.places[Profile.SANDBOX]
        return await answer_once(deps, place, self.request, make=make, check_replay=self.check_replay)

    async def check_replay(self, kept: KeptAnswer) -> None:
        """Allow every stored answer."""

    async def working(self, make: MakeAnswer) -> "asyncio.Task[KeptAnswer]":
        """Start a request and wait until it works under its lease."""
        started = asyncio.Event()

        async def begin() -> KeptAnswer:
            started.set()
            return await make()

        task = asyncio.create_task(self.ask(begin))
        working = asyncio.create_task(started.wait())
        await asyncio.wait({task, working}, return_when=asyncio.FIRST_COMPLETED)
        assert started.is_set(), task.exception()
        return task


@pytest.fixture
async def desk(scene: Scene, portal: Portal) -> Desk:
    return Desk(
        scene,
        KeyedRequest(
            profile=Profile.SANDBOX,
            client_id=ClientId(portal.client_id),
            route="POST /x",
            path="/x",
            key=KEY,
            body="{}",
        ),
    )


@pytest.fixture
async def gate() -> AsyncIterator[asyncio.Event]:
    """The event that a slow answer waits for."""
    event = asyncio.Event()
    yield event
    event.set()


def saying(body: bytes, gate: asyncio.Event | None = None) -> MakeAnswer:
    async def make() -> KeptAnswer:
        if gate is not None:
            await gate.wait()
        return KeptAnswer(status=200, body=body)

    return make


async def fail() -> KeptAnswer:
    raise RegistryTimeout


async def test_other_requests_with_the_key_are_told_to_retry_during_the_work(
    desk: Desk, gate: asyncio.Event
) -> None:
    first = await desk.working(saying(b"first", gate))

    with pytest.raises(IdempotencyInProgress):
        await desk.ask(saying(b"second"))
    gate.set()
    assert (await first).body == b"first"
    again = await desk.ask(saying(b"third"))
    assert (again.body, again.replayed) == (b"first", True)


async def test_an_expired_lease_is_taken_over_and_its_late_answer_is_not_stored(
    desk: Desk, gate: asyncio.Event
) -> None:
    first = await desk.working(saying(b"first", gate))
    desk.scene.clock.advance(LEASE_S - 1)
    with pytest.raises(IdempotencyInProgress):
        await desk.ask(saying(b"too early"))

    desk.scene.clock.advance(2)
    assert (await desk.ask(saying(b"second"))).body == b"second"
    gate.set()
    with pytest.raises(IdempotencyInProgress):
        await first
    assert (await desk.ask(saying(b"third"))).body == b"second"


async def test_a_late_answer_does_not_end_the_lease_of_its_successor(desk: Desk, gate: asyncio.Event) -> None:
    first = await desk.working(saying(b"first", gate))
    desk.scene.clock.advance(LEASE_S + 1)
    later = asyncio.Event()
    second = await desk.working(saying(b"second", later))

    gate.set()
    with pytest.raises(IdempotencyInProgress):
        await first
    with pytest.raises(IdempotencyInProgress):
        await desk.ask(saying(b"third"))
    later.set()
    assert (await second).body == b"second"


async def test_an_expired_lease_without_a_successor_still_stores_a_late_answer(
    desk: Desk, gate: asyncio.Event
) -> None:
    first = await desk.working(saying(b"first", gate))
    desk.scene.clock.advance(LEASE_S + 1)
    gate.set()

    assert (await first).body == b"first"
    assert (await desk.ask(saying(b"second"))).replayed


async def test_only_one_of_many_requests_takes_over_an_expired_lease(desk: Desk, gate: asyncio.Event) -> None:
    first = await desk.working(saying(b"first", gate))
    desk.scene.clock.advance(LEASE_S + 1)
    made: list[int] = []

    async def make() -> KeptAnswer:
        made.append(1)
        await asyncio.sleep(0.2)
        return KeptAnswer(status=200, body=b"second")

    found = await asyncio.gather(*(desk.ask(make) for _ in range(20)), return_exceptions=True)
    assert len(made) == 1
    assert {type(each) for each in found} <= {KeptAnswer, IdempotencyInProgress}
    first.cancel()


async def test_a_failed_request_frees_its_key_at_once(desk: Desk) -> None:
    with pytest.raises(RegistryTimeout):
        await desk.ask(fail)

    assert (await desk.ask(saying(b"second"))).body == b"second"


async def test_a_request_that_is_cancelled_frees_its_key(desk: Desk, gate: asyncio.Event) -> None:
    first = await desk.working(saying(b"first", gate))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert (await desk.ask(saying(b"second"))).body == b"second"


async def test_a_row_that_contains_another_key_is_another_request(desk: Desk) -> None:
    await desk.ask(saying(b"first"))
    for changed in ({"path": "/y"}, {"route": "PUT /x"}, {"key": "k"}, {"profile": Profile.OFFICIAL}):
        other = Desk(desk.scene, replace(desk.request, **changed))
        assert (await other.ask(saying(b"second"))).body == b"second"


async def test_threat_37_the_next_request_does_the_work_of_a_request_whose_worker_was_killed(
    scene: Scene, portal: Portal
) -> None:
    """A killed worker runs no more code: only the row of its lease remains."""
    kept = await verify(portal)
    unfinished = {"status": None, "sealed": None, "verification": None, "answer_ends_at": None}
    async with scene.gateway.deps.database.write() as connection:
        await connection.execute(sa.update(idempotent_requests).values(unfinished))

    refused = await verify(portal)
    assert outcome(refused) == (409, "idempotency_in_progress")
    assert refused.headers["retry-after"] == "1"
    scene.clock.advance(LEASE_S + 1)
    answer = await verify(portal)
    assert (answer.status_code, answer.json()["id"]) == (200, kept.json()["id"])
    assert (await verify(portal)).content == answer.content


def counts(answers: list[httpx.Response]) -> Counter[str]:
    """Count the originals, the replays and the answers that say to retry."""
    found: Counter[str] = Counter()
    for answer in answers:
        if answer.status_code == 409:
            assert outcome(answer) == (409, "idempotency_in_progress")
            found["retry"] += 1
        else:
            assert answer.status_code in {200, 201}, answer.text
            found["replay" if REPLAYED in answer.headers else "original"] += 1
    return found


@pytest.mark.parametrize("what", ["verification", "prefill"])
async def test_threat_30_fifty_requests_at_once_with_one_key_are_done_once(
    scene: Scene, portal: Portal, what: str
) -> None:
    receipt = await portal.receipt()
    before = len(await scene.journal())
    await scene.fault("latency", delay_ms=200)
    calls = [
        prefill(portal, receipt, "full_name") if what == "prefill" else verify(portal, fresh=True)
        for _ in range(50)
    ]
    answers = await asyncio.gather(*calls)

    counted = counts(answers)
    assert (counted["original"], counted.total()) == (1, 50)
    assert len({answer.content for answer in answers if answer.status_code != 409}) == 1
    assert len(await scene.journal()) - before == 1


async def test_threat_30_two_workers_on_one_store_make_one_answer(scene: Scene, portal: Portal) -> None:
    await scene.fault("latency", delay_ms=200)
    async with another_worker(scene) as http:
        elsewhere = replace(portal, http=http)
        answers = await asyncio.gather(
            *(verify(worker, fresh=True) for _ in range(10) for worker in (portal, elsewhere))
        )
        assert counts(answers)["original"] == 1
        again = [await verify(worker, fresh=True) for worker in (portal, elsewhere)]

    assert {answer.content for answer in again} == {
        answer.content for answer in answers if answer.status_code == 201
    }
    assert len(await scene.journal()) == 1


async def test_after_a_disconnect_the_key_is_free_or_the_answer_is_stored(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    await scene.fault("latency", delay_ms=400)
    call = asyncio.create_task(prefill(portal, receipt, "full_name"))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert (await prefill(portal, receipt, "full_name")).status_code == 200
