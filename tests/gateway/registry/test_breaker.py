"""Threat 32: a registry that is out gets no questions but one at a time, which finds out whether it is back."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.errors.requests import (
    ClaimInvalid,
    ProfileMismatch,
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.identifiers import Profile
from gateway.registry.client import (
    COOLING_S,
    FAILURES,
    MAX_CONCURRENT,
    Breaker,
    RegistryClient,
    open_registry,
)
from gateway.registry.model import Claim, Question
from tests.kit.clocks import StillClock
from tests.kit.registry import NUMBER, Double, Held, answering, connection, fault, question, settled, verdict
from tests.kit.scene import Portal, Scene

OUT = httpx.Response(503)


def _opened(clock: StillClock, double: Double) -> RegistryClient:
    return open_registry(connection(), transport=httpx.MockTransport(double), clock=clock)


async def _fail(registry: RegistryClient, clock: StillClock, times: int = FAILURES) -> None:
    for _ in range(times):
        with pytest.raises(RegistryUnavailable):
            await registry.confirm(question(clock=clock))


async def test_an_outage_opens_the_breaker_and_nothing_is_sent_while_it_cools() -> None:
    clock, double = StillClock(), answering(OUT)
    registry = _opened(clock, double)
    await _fail(registry, clock)
    clock.seconds += COOLING_S - 1.5
    with pytest.raises(RegistryUnavailable) as refused:
        await registry.confirm(question(clock=clock))
    assert (refused.value.retry_after, len(double.packets)) == (2, FAILURES)
    clock.seconds += 1.5
    await _fail(registry, clock, 1)
    assert len(double.packets) == FAILURES + 1
    await _fail(registry, clock, 3)
    assert len(double.packets) == FAILURES + 1


async def test_a_probes_answer_closes_the_breaker_for_all() -> None:
    clock, double = StillClock(), answering(OUT)
    registry = _opened(clock, double)
    await _fail(registry, clock)
    clock.seconds += COOLING_S
    double.answer = answering(verdict()).answer
    assert await registry.confirm(question(clock=clock)) is True
    assert all(await asyncio.gather(*(registry.confirm(question(clock=clock)) for _ in range(20))))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, content=verdict()), None),
        (fault("004"), RegistryRefused),
        (httpx.Response(200, text="<html>"), RegistryAnswerInvalid),
    ],
)
async def test_a_registry_that_answers_at_all_is_up_whatever_the_answer(
    answer: httpx.Response, error: type[Exception] | None
) -> None:
    clock, double = StillClock(), answering(OUT)
    registry = _opened(clock, double)
    bad, good = double.answer, answering(answer).answer
    for reply in ([bad] * (FAILURES - 1) + [good]) * 3:
        double.answer = reply
        await asyncio.gather(registry.confirm(question(clock=clock)), return_exceptions=True)
    assert len(double.packets) == FAILURES * 3
    await _fail_with(registry, clock, error)


async def _fail_with(registry: RegistryClient, clock: StillClock, error: type[Exception] | None) -> None:
    if error is None:
        assert await registry.confirm(question(clock=clock)) is True
        return
    with pytest.raises(error):
        await registry.confirm(question(clock=clock))


@pytest.mark.parametrize(
    ("asked", "answer", "error"),
    [
        ({"profile": Profile.OFFICIAL}, OUT, ProfileMismatch),
        ({"claim": Claim(citizen_id=NUMBER, full_name="…", birth_year=1990)}, OUT, ClaimInvalid),
        ({"within": 0}, OUT, RegistryTimeout),
        ({}, httpx.Response(401), RegistryCredentialsRejected),
    ],
)
async def test_an_end_that_is_no_outage_neither_opens_the_breaker_nor_blocks_the_next_probe(
    asked: dict[str, object], answer: httpx.Response, error: type[GatewayError]
) -> None:
    clock, double = StillClock(), answering(answer)
    registry = _opened(clock, double)
    mute: Question = question(clock=clock, **asked)  # type: ignore[arg-type]  # a test's own bag of members
    for _ in range(FAILURES + 1):
        with pytest.raises(error):
            await registry.confirm(mute)
    clock.seconds += 60  # past the login lockout, too
    double.answer = answering(OUT).answer
    await _fail(registry, clock)
    clock.seconds += COOLING_S
    double.answer = answering(answer).answer
    with pytest.raises(error):
        await registry.confirm(question(clock=clock, **asked))  # type: ignore[arg-type]  # as above
    clock.seconds += 60
    double.answer = answering(verdict()).answer
    assert await registry.confirm(question(clock=clock)) is True


async def test_threat_32_200_questions_at_once_are_one_probe() -> None:
    clock, double = StillClock(), answering(OUT)
    held = Held(double)
    held.let_go.set()
    registry = open_registry(connection(), transport=held, clock=clock)
    await _fail(registry, clock)
    clock.seconds += COOLING_S
    held.let_go.clear()
    waves = [asyncio.create_task(registry.confirm(question(clock=clock))) for _ in range(200)]
    await settled()
    assert (held.taken, sum(task.done() for task in waves)) == (FAILURES + 1, 199)
    double.answer = answering(verdict()).answer
    held.let_go.set()
    results = await asyncio.gather(*waves, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["RegistryUnavailable"] * 199 + ["bool"]
    assert held.taken == FAILURES + 1


async def test_after_a_cancelled_probe_the_next_question_is_the_probe() -> None:
    clock, double = StillClock(), answering(OUT)
    held = Held(double)
    held.let_go.set()
    registry = open_registry(connection(), transport=held, clock=clock)
    await _fail(registry, clock)
    clock.seconds += COOLING_S
    held.let_go.clear()
    probe = asyncio.create_task(registry.confirm(question(clock=clock)))
    await settled()
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    double.answer = answering(verdict()).answer
    held.let_go.set()
    assert await registry.confirm(question(clock=clock)) is True


async def test_threat_32_a_hung_registry_delays_its_own_profile_by_a_deadline_and_the_other_not_at_all() -> (
    None
):
    clock = StillClock()
    held, well = Held(answering(verdict())), answering(verdict())
    sandbox = open_registry(connection(deadline_ms=100), transport=held, clock=clock)
    official = open_registry(
        connection(profile=Profile.OFFICIAL), transport=httpx.MockTransport(well), clock=clock
    )
    held.let_go.set()
    await sandbox.confirm(question(clock=clock))
    held.let_go.clear()

    async with asyncio.timeout(30):  # far past every deadline here
        hung = asyncio.gather(
            *(sandbox.confirm(question(clock=clock, within=0.1)) for _ in range(200)), return_exceptions=True
        )
        others = await asyncio.gather(
            *(official.confirm(question(clock=clock, profile=Profile.OFFICIAL)) for _ in range(200))
        )
        ended = {type(result) for result in await hung}
    assert RegistryTimeout in ended <= {RegistryTimeout, RegistryUnavailable}
    assert all(others)
    assert held.most == MAX_CONCURRENT
    # Places that came free before the breaker had seen failures enough were taken again.
    assert MAX_CONCURRENT < (taken := held.taken) <= MAX_CONCURRENT + FAILURES

    for attempt in (1, 2, 3):
        with pytest.raises(RegistryUnavailable):
            await sandbox.confirm(question(clock=clock, within=0.1))
        clock.seconds += COOLING_S
        probes = [asyncio.create_task(sandbox.confirm(question(clock=clock, within=0.1))) for _ in range(50)]
        await asyncio.gather(*probes, return_exceptions=True)
        assert held.taken == taken + attempt
    clock.seconds += COOLING_S
    held.let_go.set()
    assert await sandbox.confirm(question(clock=clock)) is True


async def test_threat_32_a_refusal_by_the_breaker_is_audited_and_nothing_is_sent(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("unavailable", times=FAILURES)
    for _ in range(FAILURES):
        assert (await portal.verify()).status_code == 503
    asked = len(await scene.journal())

    answer = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= COOLING_S
    assert len(await scene.journal()) == asked
    intended, answered = (await scene.audit())[-2:]
    assert (intended["kind"], answered["kind"]) == ("intended", "answered")
    assert (answered["outcome"], answered["act"]) == ("registry_unavailable", intended["act"])


@given(st.lists(st.tuples(st.sampled_from(["answered", "failed", "left"]), st.sampled_from([0.0, 1.0, 2.5, 5.0])), max_size=60))  # fmt: skip
def test_in_turn_a_question_is_refused_only_within_the_cooling_after_failures_in_a_row(
    steps: list[tuple[str, float]],
) -> None:
    clock = StillClock()
    breaker = Breaker(clock, Profile.SANDBOX)
    in_a_row, last = 0, 0.0
    for outcome, pause in steps:
        clock.seconds += pause
        refuses = in_a_row >= FAILURES and clock.seconds - last < COOLING_S
        try:
            period = breaker.admit()
        except RegistryUnavailable:
            assert refuses
            continue
        assert not refuses
        if outcome == "answered":
            breaker.answered(period)
            in_a_row = 0
        elif outcome == "failed":
            breaker.failed(period)
            in_a_row, last = in_a_row + 1, clock.seconds
        breaker.release(period)


@pytest.mark.parametrize("late", ["answered", "failed"])
def test_a_question_sent_before_the_breaker_opened_changes_nothing_now(late: str) -> None:
    clock = StillClock()
    breaker = Breaker(clock, Profile.SANDBOX)
    admissions = [breaker.admit() for _ in range(FAILURES * 3)]
    for period in admissions[:FAILURES]:
        breaker.failed(period)
    for period in admissions[FAILURES : FAILURES * 2]:
        getattr(breaker, late)(period)
    with pytest.raises(RegistryUnavailable):
        breaker.admit()
    clock.seconds += COOLING_S
    probe = breaker.admit()
    for period in admissions[FAILURES * 2 :]:
        getattr(breaker, late)(period)
        breaker.release(period)
    with pytest.raises(RegistryUnavailable):
        breaker.admit()
    breaker.answered(probe)
    for period in admissions:
        breaker.failed(period)
    assert breaker.admit() == breaker.admit()
