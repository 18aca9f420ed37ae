"""Threat 47: any answer of the registry leads to a recorded failure: never `internal`, never an
unanswered row of a question.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.enquiries.budget_store import leases, reservations
from gateway.errors import FieldError
from gateway.errors.requests import RegistryAnswerInvalid, RequestInvalid
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import IMPOSSIBLE, PreflightNetwork, ProbeOutcome
from gateway.procedures.catalogue import load_catalogue
from gateway.procedures.model import Operation
from gateway.registry.egress import open_transport
from mock_c06.app import MockRegistry
from tests.attacks.networks import (
    Exploding,
    Network,
    Whole,
    network,
    platform_scene,
    raising_scene,
    raw_registry,
    scene,
)
from tests.gateway.preflight.test_probe import Silent
from tests.kit.clocks import HandClock
from tests.kit.enquiries import CARD, LOOK_UP, RELATIVES, reasons, values, verified
from tests.kit.registry import CLOCK, connection
from tests.kit.scene import Portal, Scene, open_scene, settings_for

__all__ = ["network", "scene"]


async def left_open(scene: Scene) -> set[str]:
    """Return the request codes that were intended and never answered."""
    codes: dict[str, set[str]] = {"intended": set(), "answered": set()}
    for row in await scene.audit():
        codes.get(row["kind"], set()).add(row.get("request_code", ""))
    assert codes["intended"]
    return codes["intended"] - codes["answered"]


async def open_reservations(scene: Scene) -> tuple[int, int]:
    """Return how many reservations are open, and how many questions are in progress."""
    async with scene.gateway.deps.database.read() as connected:
        held = await connected.execute(sa.select(sa.func.count()).select_from(reservations))
        under_way = sa.select(sa.func.count()).where(leases.c.landed_at.is_(None))
        return held.scalar_one(), (await connected.execute(under_way)).scalar_one()


Answers = Callable[[httpx.Request, httpx.Response], httpx.Response]

DATES_OF_NO_CALENDAR = (
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "613086008864536 Jan 8 0.613086008864536",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 2024 00:00:00 +999999999999",
    "Mon, 32 Foo 2024 24:61:61 GMT",
    "1" * 5000,
    "5, 5",
    "-1",
    "٣",
)
TIMES_OF_NO_DATA = (
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59",
    "9999-12-31T23:59:59-14:00",
    "2022-04-27T24:00:00",
    "2016-12-31T23:59:60Z",
    "2022-04-27T08:00:00+99:99",
    "2022-04-27T08:00:00+24:00",
    "1",
)


@pytest.mark.parametrize("written", DATES_OF_NO_CALENDAR)
async def test_threat_47_a_retry_after_beyond_the_calendar_is_an_answered_outage(
    scene: Scene, portal: Portal, network: Network, written: str
) -> None:
    network.change = lambda _, __: httpx.Response(503, headers=[(b"retry-after", written.encode())])

    answer = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 300
    assert (await left_open(scene), await open_reservations(scene)) == (set(), (0, 0))


@pytest.mark.parametrize("written", TIMES_OF_NO_DATA)
async def test_threat_47_an_impossible_time_of_the_data_leaves_its_fields_to_declare(
    scene: Scene, portal: Portal, network: Network, written: str
) -> None:
    act = await verified(portal, CARD)

    def dated(_: httpx.Request, answer: httpx.Response) -> httpx.Response:
        stamped = re.sub(rb'ThoiDiemDuLieu="[^"]*"', f'ThoiDiemDuLieu="{written}"'.encode(), answer.content)
        assert stamped != answer.content
        return httpx.Response(answer.status_code, headers=answer.headers, content=stamped)

    network.change = dated
    answer = await act.fill("full_name", "father")

    assert (answer.status_code, values(answer)) == (200, {})
    assert {reasons(answer)[name] for name in ("full_name", "father")} == {"registry_answer_invalid"}
    assert await left_open(scene) == set()


RAW_HEADS = {
    "a reason of no UTF-8": b"HTTP/1.1 200 \xff\xfe\xc3\x28\r\nContent-Length: 2\r\n\r\n{}",
    "a reason in two lines": b"HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
    "no reason at all": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a status of zero": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a folded header": b"HTTP/1.1 200 OK\r\nContent-Type: text/xml;\r\n charset=\xff\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length of 10^40": b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 40 + b"\r\n\r\n{}",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "a charset of no codec": b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset*=x''%ff\r\nContent-Length: 2\r\n\r\n{}",
    "encodings in a row": b"HTTP/1.1 200 OK\r\nContent-Encoding: identity, gzip, \xff\r\nContent-Length: 2\r\n\r\n{}",
    "chunks of no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk of 10^16": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    "a retry of year 1": b"HTTP/1.1 503 x\r\nRetry-After: Mon, 01 Jan 0001 00:00:00 +2359\r\nContent-Length: 0\r\n\r\n",
    "a cookie without end": b"HTTP/1.1 200 OK\r\nSet-Cookie: "
    + b"a" * 20_000
    + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a name of no token": b"HTTP/1.1 200 OK\r\n\xff\x01: x\r\nContent-Length: 2\r\n\r\n{}",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nothing": b"",
    "an upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("head", RAW_HEADS.values(), ids=RAW_HEADS.keys())
async def test_threat_47_a_malformed_response_head_is_an_answered_failure(
    mock: MockRegistry, clock: HandClock, sqlite_url: str, head: bytes
) -> None:
    async with raw_registry(head) as port:
        place = {"registry_url": f"http://127.0.0.1:{port}", "deadline_ms": 5_000}
        known = settings_for(sqlite_url, mock, sandbox=place)
        async with open_scene(known, mock, clock, network=open_transport) as scene:
            answer = await (await scene.portal()).verify()

            assert answer.status_code in {502, 503, 504}
            assert answer.json()["code"] in {
                "registry_answer_invalid",
                "registry_unavailable",
                "registry_timeout",
            }
            assert (await left_open(scene), await open_reservations(scene)) == (set(), (0, 0))


_PIECES = (
    b"0001-01-01T00:00:00", b"9999-12-31T23:59:59-14:00", "٣٣".encode(), "１９９０".encode(), b"1" * 5000, b"&#0;", b"&#xd800;",
    b"20220230", b"00000000", b"\xff", b"</", b"-", b"+99:99", "\u202e".encode(), b"]]>", b"<!--", b"1e999", b"NaN",
)  # fmt: skip
_HEADERS = st.sampled_from(
    [
        (b"retry-after", b"Fri, 31 Dec 9999 23:59:59 -2359"),
        (b"retry-after", b"\xff"),
        (b"content-type", b"text/xml; charset=\xff"),
        (b"content-type", b"text/xml; charset*=utf-8''%ff"),
        (b"content-type", b';;"'),
        (b"content-encoding", b"identity, x"),
        (b"content-length", b"-1"),
        (b"date", b"Mon, 01 Jan 0001 00:00:00 +2359"),
        (b"location", b"http://[::1"),
        (b"set-cookie", b"\x00" * 10),
    ]
)
_CHANGES = st.fixed_dictionaries(
    {
        "status": st.sampled_from([200, 200, 200, 200, 400, 418, 429, 500, 503, 599, 100, 204, 304]),
        "headers": st.lists(_HEADERS, max_size=3),
        "body": st.none() | st.binary(max_size=200),
        "at": st.floats(0, 1),
        "cut": st.integers(0, 30),
        "piece": st.sampled_from(_PIECES),
    }
)


def _changed(change: dict[str, Any]) -> Answers:
    def answer(_: httpx.Request, sound: httpx.Response) -> httpx.Response:
        at = int(change["at"] * len(sound.content))
        mutated = sound.content[:at] + change["piece"] + sound.content[at + change["cut"] :]
        body = mutated if change["body"] is None else change["body"]
        return httpx.Response(change["status"], headers=change["headers"], stream=Whole(body))

    return answer


async def test_threat_47_no_bytes_or_headers_of_the_registry_cause_internal_or_an_unanswered_row(
    scene: Scene, portal: Portal, network: Network
) -> None:
    act = await verified(portal, CARD)
    loop = asyncio.get_running_loop()

    async def meet(change: dict[str, Any]) -> None:
        network.change = _changed(change)
        answers = [await portal.verify(fresh=True), await act.fill("full_name", "father")]
        network.change = None  # a correct answer closes the breaker and ends the login lockout
        await portal.log_in()
        act.members = (await verified(portal, CARD, fresh=True)).members
        assert all(answer.status_code not in {500, 422} for answer in answers), [a.text for a in answers]

    # Hypothesis has no coroutines, so a thread draws the examples.
    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_CHANGES)
    def draw(change: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(meet(change), loop).result()

    await asyncio.to_thread(draw)

    assert (await left_open(scene), await open_reservations(scene)) == (set(), (0, 0))


SURPRISES: tuple[Exception, ...] = (
    ValueError("001090000123"),
    KeyError("x"),
    OverflowError(),
    RecursionError(),
    MemoryError(),
    UnicodeEncodeError("ascii", "é", 0, 1, "x"),
    StopAsyncIteration(),
    AssertionError(),
    ExceptionGroup("several", [OSError()]),
    RequestInvalid((FieldError(field="procedure", code="request_invalid", detail="x"),)),
)


@pytest.mark.parametrize("error", SURPRISES, ids=lambda error: type(error).__name__)
async def test_threat_47_any_exception_of_a_question_answers_its_row_and_releases_its_reservation(
    database_url: str, mock: MockRegistry, clock: HandClock, error: Exception
) -> None:
    async with raising_scene(database_url, mock, clock) as (scene, registry):
        portal = await scene.portal()
        registry.error = error

        answer = await portal.verify()

        expected = (
            (422, "request_invalid")
            if isinstance(error, RequestInvalid)
            else (502, "registry_answer_invalid")
        )
        assert (answer.status_code, answer.json()["code"]) == expected
        assert "001090000123" not in answer.text
        assert (await left_open(scene), await open_reservations(scene)) == (set(), (0, 0))
        registry.error = None
        assert (await portal.verify()).json()["verdict"] == "confirmed"


@pytest.mark.parametrize("error", SURPRISES, ids=lambda error: type(error).__name__)
async def test_threat_47_any_exception_of_one_operation_leaves_the_other_operations_delivered(
    database_url: str, mock: MockRegistry, clock: HandClock, error: Exception
) -> None:
    async with raising_scene(database_url, mock, clock) as (scene, registry):
        act = await verified(await scene.portal(), CARD)
        registry.error = error

        answer = await act.fill("full_name", "father")

        assert (answer.status_code, list(values(answer))) == (200, ["father"])
        assert reasons(answer)["full_name"] in {"registry_answer_invalid", "registry_unavailable"}
        assert await left_open(scene) == set()
        outcomes = {
            row["operation"]: row["outcome"] for row in await scene.audit() if row["kind"] == "answered"
        }
        assert (outcomes[RELATIVES], outcomes[LOOK_UP] != "found") == ("found", True)


async def test_threat_47_an_unexpected_exception_in_verify_and_prefill_leaves_both_answered(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with raising_scene(database_url, mock, clock) as (scene, registry):
        portal = await scene.portal()
        registry.odd = True

        answer = await portal.verify(prefill={"fields": ["full_name"]})

        assert answer.status_code == 201, answer.text
        assert answer.json()["prefill"]["fields"]["full_name"] == {
            "state": "to_declare",
            "reason": "registry_answer_invalid",
        }
        assert await left_open(scene) == set()


async def test_threat_47_an_unexpected_exception_in_the_token_call_is_an_answered_failure(
    database_url: str, mock: MockRegistry, clock: HandClock, network: Network
) -> None:
    async with platform_scene(database_url, mock, clock, network) as scene:
        portal = await scene.portal()
        network.change = lambda _, __: httpx.Response(200, stream=Exploding())

        answer = await portal.verify()

        assert network.left == ["/token"]
        assert (answer.status_code, answer.json()["code"]) == (502, "registry_answer_invalid")
        assert (await left_open(scene), await open_reservations(scene)) == (set(), (0, 0))


@pytest.mark.parametrize("written", [*DATES_OF_NO_CALENDAR[:5], ""])
async def test_threat_47_a_preflight_concludes_whatever_date_the_registry_sends(written: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=[(b"date", written.encode())], content=b"<a/>")

    recorder = Silent()
    preflight_network = PreflightNetwork(open_transport=lambda _: httpx.MockTransport(answer))
    probe = Probe(connection(), preflight_network=preflight_network, clock=CLOCK, recorder=recorder)
    procedure = load_catalogue().procedures[0]

    asked = await probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)

    assert (asked.outcome, asked.sent) == (ProbeOutcome.FAILED, True)
    assert (len(recorder.announced), len(recorder.concluded)) == (1, 1)


async def test_threat_47_a_preflight_concludes_after_an_unexpected_exception() -> None:
    recorder = Silent()
    preflight_network = PreflightNetwork(open_transport=lambda _: httpx.MockTransport(_explode))
    probe = Probe(connection(), preflight_network=preflight_network, clock=CLOCK, recorder=recorder)

    asked = await probe.ask(Operation.LOOK_UP, IMPOSSIBLE, load_catalogue().procedures[0])

    assert asked.outcome is ProbeOutcome.FAILED
    assert [type(each) for each in recorder.concluded] == [RegistryAnswerInvalid]


def _explode(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Exploding())


async def test_threat_47_a_prefill_whose_caller_disconnected_still_leaves_its_rows_answered(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal, CARD)
    before = len(await scene.journal())
    await scene.fault("latency", delay_ms=500)
    waiting = asyncio.create_task(act.fill("full_name", "father"))
    async with asyncio.timeout(30):
        while len(await scene.journal()) < before + 2:  # noqa: ASYNC110 - the mock has no event
            await asyncio.sleep(0.01)

    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting

    async with asyncio.timeout(30):
        while await left_open(scene):  # noqa: ASYNC110 - the store has no event
            await asyncio.sleep(0.01)
    assert (await scene.audit())[-1]["kind"] == "delivered"


HOSTILE_LOGINS = (
    b"Basic \xff\xfe",
    b"Basic \xc3\xa9",
    b"Basic Og==",
    b"Basic =",
    b"Bearer \xff",
    b"\xff",
    b"Basic " + b"A" * 9000,
)


@pytest.mark.parametrize(
    "path", ["/XacThucThongTinCongDan", "/soap", "/token", "/lgsp/xacThucThongTinCongDan"]
)
async def test_threat_47_the_mock_answers_malformed_heads_with_its_own_errors(
    mock: MockRegistry, path: str
) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(mock.test), base_url="http://registry.test"
    ) as http:
        for login in HOSTILE_LOGINS:
            for content in (b"", b"\xff", b"{", b"<a/>", b"[" * 9000):
                headers = {b"authorization": login, b"timestamp": b"\xff", b"lgspaccesstoken": login}
                answer = await http.post(path, content=content, headers=headers)

                assert answer.status_code < 500, (login, content)
