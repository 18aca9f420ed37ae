"""A probe's single questions: whatever bytes come back, the result says how it ended, without any value of a person."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryError,
    RegistryTimeout,
)
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import IMPOSSIBLE, PreflightNetwork, ProbeOutcome, ProbeResult
from gateway.procedures.catalogue import load_catalogue
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from gateway.registry.model import Question
from tests.kit.registry import (
    CLAIM,
    CLOCK,
    JSON_PERSON,
    NUMBER,
    PERSON,
    Double,
    answering,
    connection,
    people,
    verdict,
)

PROCEDURE = next(each for each in load_catalogue().procedures if each.slug == "khai-sinh")
WELL = people(PERSON)
VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*JSON_PERSON, "CongDan", "SoCongDan", "a b", ""]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@dataclass
class Silent:
    """A recorder who only counts."""

    announced: list[Question] = field(default_factory=list)
    concluded: list[RegistryError | None] = field(default_factory=list)

    async def reserve(self, questions: int) -> None:
        """Counts nothing."""

    async def announce(self, question: Question, body_sha256: str) -> None:
        self.announced.append(question)

    async def conclude(self, question: Question, failure: RegistryError | None) -> None:
        self.concluded.append(failure)


async def ask(
    transport: httpx.AsyncBaseTransport,
    *,
    dialect: Dialect = Dialect.SOAP,
    operation: Operation = Operation.LOOK_UP,
    claim: object = CLAIM,
    recorder: Silent | None = None,
    pauses: list[float] | None = None,
    deadline_ms: int = 2_000,
) -> ProbeResult:
    async def pause(seconds: float) -> None:
        (pauses if pauses is not None else []).append(seconds)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ("127.0.0.1",)

    probe = Probe(
        connection(dialect, deadline_ms=deadline_ms),
        preflight_network=PreflightNetwork(open_transport=lambda _: transport, resolve=resolve, pause=pause),
        clock=CLOCK,
        recorder=recorder or Silent(),
    )
    try:
        assert claim is CLAIM or claim is IMPOSSIBLE
        return await probe.ask(operation, CLAIM if claim is CLAIM else IMPOSSIBLE, PROCEDURE)
    finally:
        await probe.aclose()


def _mutated(well: bytes) -> st.SearchStrategy[bytes]:
    positions = st.integers(0, len(well))
    pieces = st.binary(max_size=8) | st.sampled_from(
        [b"<", b"&", b"]]>", b"<!--", b"\0", b"<?x?>", b"<CongDan/>"]
    )
    return st.builds(
        lambda at, length, piece: well[:at] + piece + well[at + length :],
        positions,
        st.integers(0, 40),
        pieces,
    )


@settings(max_examples=200)
@given(_mutated(WELL) | _mutated(people()) | st.binary(max_size=100))
async def test_threat_25_no_bytes_of_a_soap_answer_make_a_probe_raise_another_error(raw: bytes) -> None:
    asked = await ask(httpx.MockTransport(answering(raw)))

    assert (asked.failure is None) or isinstance(asked.failure, RegistryError)
    assert not any(word in repr(asked) for word in (NUMBER, "NGUYỄN", "19900131", "TRẦN"))


@settings(max_examples=200)
@given(
    VALUES,
    st.sampled_from([each for each in Dialect if each is not Dialect.SOAP]),
    st.sampled_from(Operation),
)
@example({"a b": [{"": 1}]}, Dialect.LGSP_CAMEL, Operation.LOOK_UP)
@example([], Dialect.LGSP_PASSTHROUGH, Operation.LOOK_UP)
async def test_threat_26_no_json_of_a_platform_makes_a_probe_raise_another_error(
    value: object, dialect: Dialect, operation: Operation
) -> None:
    wrapped = {
        "data": value,
        "Body": {"CongdanCollection": value},
        "error_code": "0",
        "message": json.dumps(value),
    }
    asked = await ask(
        httpx.MockTransport(answering(json.dumps(wrapped).encode())), dialect=dialect, operation=operation
    )

    assert (asked.failure is None) or isinstance(asked.failure, RegistryError)


async def test_an_answer_about_another_person_is_somebody_and_not_looked_at() -> None:
    asked = await ask(httpx.MockTransport(answering(WELL)), claim=IMPOSSIBLE)

    assert asked.outcome is ProbeOutcome.SOMEBODY
    assert isinstance(asked.failure, RegistryAnswerInvalid)
    assert (asked.schema_checked, asked.observations) == (False, ())


async def test_a_yes_to_the_impossible_claim_is_somebody_and_not_looked_at() -> None:
    asked = await ask(
        httpx.MockTransport(answering(verdict("1"))), operation=Operation.AUTHENTICATE, claim=IMPOSSIBLE
    )

    assert (asked.outcome, asked.failure) == (ProbeOutcome.SOMEBODY, None)
    assert (asked.schema_checked, asked.observations) == (False, ())


async def test_a_test_identitys_record_leaves_nothing_of_its_values_behind() -> None:
    recorder = Silent()

    asked = await ask(httpx.MockTransport(answering(WELL)), recorder=recorder)

    assert asked.outcome is ProbeOutcome.SOMEBODY
    assert "NGUYỄN" not in str(asked).upper()
    assert [question.claim for question in recorder.announced] == [CLAIM]


async def test_a_throttled_question_waits_as_asked_and_is_sent_once_more() -> None:
    answers = [httpx.Response(429, headers={"retry-after": "2"}), httpx.Response(200, content=people())]
    double = Double(lambda _: answers.pop(0))
    recorder, pauses = Silent(), list[float]()

    asked = await ask(httpx.MockTransport(double), claim=IMPOSSIBLE, recorder=recorder, pauses=pauses)

    assert asked.outcome is ProbeOutcome.NOBODY
    assert pauses == [2]
    assert len({question.request_code for question in recorder.announced}) == len(double.packets) == 2
    assert [failure is None for failure in recorder.concluded] == [False, True]


@pytest.mark.parametrize("told", ["2", "3600"])
async def test_a_registry_that_goes_on_throttling_is_not_asked_a_third_time(told: str) -> None:
    double = Double(lambda _: httpx.Response(429, headers={"retry-after": told}))
    pauses: list[float] = []

    asked = await ask(httpx.MockTransport(double), pauses=pauses)

    assert asked.status == 429
    assert (len(double.packets), len(pauses)) == ((2, 1) if told == "2" else (1, 0))


async def test_a_question_that_runs_out_of_time_is_announced_and_concluded() -> None:
    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

    recorder = Silent()
    asked = await ask(Hanging(), recorder=recorder, deadline_ms=100)

    assert isinstance(asked.failure, RegistryTimeout)
    assert asked.status is None
    assert len(recorder.announced) == 1
    assert isinstance(recorder.concluded[0], RegistryTimeout)


async def test_a_platform_without_a_token_is_asked_nothing_and_nothing_is_announced() -> None:
    double = Double(lambda _: httpx.Response(200, json={"data": False}), lambda _: httpx.Response(503))
    recorder = Silent()

    asked = await ask(httpx.MockTransport(double), dialect=Dialect.LGSP_CAMEL, recorder=recorder)

    assert (asked.sent, asked.status) == (False, 503)
    assert double.packets == []
    assert (recorder.announced, recorder.concluded) == ([], [])


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_threat_31_a_probe_whose_token_was_refused_sends_nothing_more(status: int) -> None:
    double = Double(lambda _: httpx.Response(200, json={"data": False}), lambda _: httpx.Response(status))
    probe = Probe(
        connection(Dialect.LGSP_CAMEL),
        preflight_network=PreflightNetwork(open_transport=lambda _: httpx.MockTransport(double)),
        clock=CLOCK,
        recorder=Silent(),
    )
    asked = [await probe.ask(operation, IMPOSSIBLE, PROCEDURE) for operation in Operation]
    await probe.aclose()

    assert all(isinstance(each.failure, RegistryCredentialsRejected) for each in asked)
    assert (len(double.token_packets), double.packets) == (1, [])


def test_a_connection_without_credentials_opens_no_probe() -> None:
    with pytest.raises(SettingInvalid, match="c06_user or ngsp_key"):
        Probe(
            connection(c06_user=None, c06_secret=None),
            preflight_network=PreflightNetwork(open_transport=lambda _: httpx.MockTransport(answering(b""))),
            clock=CLOCK,
            recorder=Silent(),
        )
