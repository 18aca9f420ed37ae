"""`traceparent`: its trace-id is on the log lines; nothing malformed breaks, nothing of it travels on."""

import random
import re
from collections.abc import Sequence

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.edge.logs import REQUEST_IDS
from gateway.edge.middleware import find_trace_id
from gateway.identifiers import Profile
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.edge import calling
from tests.kit.scene import enquiry, open_scene, settings_for

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    "header",
    [
        GOOD,
        f"00-{TRACE}-{PARENT}-00",
        f" {GOOD}\t",
        f"cc-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01-what",
    ],
)
def test_a_well_formed_header_gives_its_trace_id(header: str) -> None:
    assert find_trace_id([header]) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        GOOD.upper(),
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00-{TRACE[:-1]}٣-{PARENT}-01",
        f"{GOOD}\n",
        f"{GOOD}, {GOOD}",
        "0" * 100_000,
    ],
)
def test_a_malformed_header_is_ignored_like_a_missing_one(header: str) -> None:
    assert find_trace_id([header]) is None


@pytest.mark.parametrize("headers", [[], [GOOD, GOOD]])
def test_none_or_two_headers_are_no_trace(headers: Sequence[str]) -> None:
    assert find_trace_id(headers) is None


def test_threat_40_digits_that_may_be_a_persons_number_are_not_kept_of_a_trace_id() -> None:
    hidden = f"00-4bf92f001090000123a6a3ce929d0e0f-{PARENT}-01"

    assert find_trace_id([hidden]) == "4bf92fxxxxxxxxxxxxa6a3ce929d0e0f"
    assert find_trace_id([f"00-{'001090000123'.zfill(32)}-{PARENT}-01"]) is None


def test_random_trace_ids_stay_findable_although_many_hold_long_runs() -> None:
    drawn = random.Random(7)
    shown = [find_trace_id([f"00-{drawn.getrandbits(128):032x}-{PARENT}-01"]) for _ in range(2000)]

    assert None not in shown
    assert len(set(shown)) == 2000
    assert not any(re.search("[0-9]{9}", str(trace)) for trace in shown)
    assert 150 < sum("x" in str(trace) for trace in shown) < 450


async def test_the_trace_id_is_bound_to_the_log_lines_of_its_request_only() -> None:
    bound: list[object] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        bound.append(REQUEST_IDS.get().get("trace_id"))
        await answer_ok(send)

    async with calling(application) as http:
        for headers in ({"traceparent": GOOD}, {}, {"traceparent": "nonsense"}):
            answer = await http.get("/", headers=headers)
            assert answer.status_code == 200
            assert not {"traceparent", "traceresponse", "tracestate"} & set(answer.headers)

    assert bound == [TRACE, None, None]


async def answer_ok(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class Overheard:
    """The mock's face, with a witness of the headers that reach it."""

    def __init__(self, face: ASGIApp) -> None:
        self.face = face
        self.names: set[str] = set()
        self.values: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the headers and pass the question on."""
        self.names |= {name.decode() for name, _ in scope["headers"]}
        self.values += [value.decode() for _, value in scope["headers"]]
        await self.face(scope, receive, send)


async def test_nothing_of_a_callers_trace_is_sent_to_the_registry(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    overheard = Overheard(mock.test)

    def connect(connection: Connection) -> RegistryClient:
        face = overheard if connection.profile is Profile.SANDBOX else mock.official
        return open_registry(connection, transport=httpx.ASGITransport(face), clock=clock)

    async with open_scene(settings_for(database_url, mock), mock, clock, connect=connect) as scene:
        portal = await scene.portal()
        answer = await portal.call("POST", "/verifications", enquiry(), traceparent=GOOD, tracestate="a=b")

    assert answer.status_code == 201
    assert overheard.names
    assert not any(name.startswith("trace") for name in overheard.names)
    assert not any(TRACE in value for value in overheard.values)
