"""A recorded run is replayed bit by bit: same request bytes, same answer bytes, same order, same journal."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mock_c06.app import MockRegistry
from mock_c06.commands.replay import build_replay
from mock_c06.control.recording_json import FORMAT, parse_recording, recording_json, recording_text
from mock_c06.errors import RecordingTooLong, StartRefused
from mock_c06.runs.run import MAX_CALLS
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import AN, PlatformClient, SoapPortal
from tests.mock_c06.conftest import CONTROL_TOKEN

Answered = tuple[int, list[tuple[bytes, bytes]], bytes]
CAMEL = {"soDinhDanh": AN["SoDinhDanh"], "hoVaTen": AN["HoVaTen"], "ngayThangNam": "19900131"}
LATER = StillClock(datetime(2031, 5, 5, tzinfo=UTC))


def bits(answer: httpx.Response) -> Answered:
    return answer.status_code, answer.headers.raw, answer.content


class Wire:
    """Sends what was sent once more, byte for byte, to another door."""

    def __init__(self) -> None:
        self.sent: list[tuple[httpx.Request, Answered]] = []

    async def remember(self, answer: httpx.Response) -> None:
        await answer.aread()
        self.sent.append((answer.request, bits(answer)))

    async def again(self, door: httpx.AsyncClient) -> list[Answered]:
        answers = []
        for request, _ in self.sent:
            copy = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.content
            )
            answers.append(bits(await door.send(copy)))
        return answers


@pytest.fixture
async def wire(test_door: httpx.AsyncClient) -> Wire:
    wire = Wire()
    test_door.event_hooks = {"response": [wire.remember]}
    return wire


@pytest.fixture
async def lived(
    control: httpx.AsyncClient,
    portal: SoapPortal,
    platform: Callable[[str], PlatformClient],
    wire: Wire,
    mock: MockRegistry,
) -> bytes:
    """A run with a plan, an event, faults, a token and questions: as the file that records it."""
    await control.post("/runs", json={"name": "lived"})
    plan = {
        "name": "p",
        "faults": [{"kind": "garbled", "nth": 3}, {"kind": "trickle", "nth": 4, "delay_ms": 0}],
    }
    await control.put("/runs/lived/plan", json=plan)
    portal.base = "http://registry.test/r/lived"
    client = platform("camel")
    client.base = portal.base
    fields = portal.fields("TraCuuThongTinCongDan", MaYeuCau="same")
    await portal.record(**fields)
    await control.post("/runs/lived/events", json={"kind": "death", "citizen_id": AN["SoDinhDanh"]})
    portal.clock.advance(1)
    await portal.record(**fields)
    await portal.verdict()
    await portal.record()
    await client.log_in()
    await client.ask("XacThucThongTinCongDan", CAMEL)
    await portal.send("not xml")
    return recording_text((await control.get("/runs/lived/recording")).json()).encode()


@pytest.fixture
def replayed(lived: bytes) -> MockRegistry:
    settings = Settings.model_validate({"control_token": CONTROL_TOKEN})
    return build_replay(settings, parse_recording(lived), clock=LATER)


@pytest.fixture
async def door(replayed: MockRegistry) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(replayed.test)) as client:
        yield client


@pytest.fixture
async def ask_control(replayed: MockRegistry) -> Callable[[str], Awaitable[Any]]:
    async def ask(path: str) -> Any:
        headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
        transport = httpx.ASGITransport(replayed.control)
        async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as client:
            return (await client.get(path)).json()

    return ask


async def test_the_same_request_bytes_get_the_same_answer_bytes_years_later(
    wire: Wire, door: httpx.AsyncClient
) -> None:
    answers = await wire.again(door)
    assert answers == [answered for _, answered in wire.sent]
    assert len({status for status, _, _ in answers}) > 1


async def test_the_journal_of_a_replay_is_the_recorded_one(
    wire: Wire,
    door: httpx.AsyncClient,
    control: httpx.AsyncClient,
    ask_control: Callable[[str], Awaitable[Any]],
) -> None:
    await wire.again(door)
    recorded = (await control.get("/runs/lived/journal")).json()
    assert await ask_control("/runs/lived/journal") == recorded
    assert len(recorded["entries"]) == len(wire.sent)


async def test_a_second_identical_request_gets_the_second_recorded_answer(
    wire: Wire, door: httpx.AsyncClient
) -> None:
    first, second = (answered for _, answered in wire.sent[:2])
    answers = [await door.send(request) for request, _ in (wire.sent[1], wire.sent[0])]
    assert [bits(answer) for answer in answers] == [first, second]
    assert first != second


async def test_what_was_not_recorded_gets_a_clear_error_and_an_entry(
    wire: Wire, door: httpx.AsyncClient, ask_control: Callable[[str], Awaitable[Any]]
) -> None:
    url = "http://registry.test/r/lived/XacThucThongTinCongDan"
    unknown = await door.post(url, content=b"never sent")
    await wire.again(door)
    too_often = await door.send(wire.sent[0][0])
    entries = (await ask_control("/runs/lived/journal"))["entries"]
    assert [unknown.status_code, too_often.status_code] == [501, 501]
    assert unknown.json()["error"] == "not_recorded"
    assert [(entries[n]["operation"], entries[n]["code"]) for n in (0, -1)] == [
        ("XacThucThongTinCongDan", "not_recorded"),
        ("TraCuuThongTinCongDan", "not_recorded"),
    ]


async def test_another_run_and_another_environment_are_not_replayed(
    wire: Wire, replayed: MockRegistry, door: httpx.AsyncClient
) -> None:
    request, _ = wire.sent[0]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(replayed.official)) as official:
        elsewhere = await official.send(request)
    other = await door.post("http://registry.test/TraCuuThongTinCongDan", content=request.content)
    assert [elsewhere.status_code, other.status_code] == [501, 501]


async def test_world_events_plan_and_clock_are_there_again(
    control: httpx.AsyncClient, ask_control: Callable[[str], Awaitable[Any]], lived: bytes
) -> None:
    recorded = json.loads(lived)
    assert await ask_control("/runs/lived/world") == (await control.get("/runs/lived/world")).json()
    assert await ask_control("/runs/lived/events") == (await control.get("/runs/lived/events")).json()
    plan = await ask_control("/runs/lived/plan")
    assert [fault["kind"] for fault in plan["faults"]] == ["garbled", "trickle"]
    assert datetime.fromisoformat(recorded["clock"]["now"]) == datetime(2026, 11, 24, 1, 0, 1, tzinfo=UTC)


async def test_a_run_is_recorded_into_the_same_bytes_each_time(
    lived: bytes, mock: MockRegistry, wire: Wire
) -> None:
    assert recording_text(recording_json(mock.runs.get("lived"))).encode() == lived


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text[:-20], "not a recording"),
        (lambda text: b"[]", "not a recording"),
        (
            lambda text: text.replace(b"DECEASED", b"LIVING").replace(b'"garbled"', b'"empty"'),
            "digest differs",
        ),
        (lambda text: text.replace(FORMAT.encode(), b"mock-c06-recording/1"), "another form"),
    ],
)
async def test_a_recording_that_was_changed_is_refused(
    lived: bytes, change: Callable[[bytes], bytes], reason: str
) -> None:
    with pytest.raises(StartRefused, match=reason):
        parse_recording(change(lived))


async def test_a_run_that_was_too_long_is_not_recorded_in_part(
    mock: MockRegistry, control: httpx.AsyncClient, portal: SoapPortal
) -> None:
    await portal.verdict()
    recording = mock.runs.get("default").recording
    recording.calls *= MAX_CALLS
    await portal.verdict()
    with pytest.raises(RecordingTooLong):
        recording_json(mock.runs.get("default"))
    answer = await control.get("/runs/default/recording")
    assert (answer.status_code, recording.calls) == (409, [])
