"""Which guesses of the parity ledger an endpoint confirmed or refuted: each switch of the mock that shows is seen."""

from typing import Any

import httpx
import pytest

from gateway.preflight.parity import EXPECTED
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect, TimestampUnit
from mock_c06.parity.ledger import load_ledger
from tests.kit.preflight import AN_CLAIM, LOOPBACK, Preflights, line, tried_and_failed
from tests.kit.registry import Double, connection, people, verdict

LEDGER = {behaviour.id: behaviour for behaviour in load_ledger()}
SWITCHES = {behaviour.switch: name for name in EXPECTED if (behaviour := LEDGER[name]).switch is not None}
CONFIGURED: dict[str, dict[str, Any]] = {
    "seconds": {"timestamp_unit": TimestampUnit.SECONDS},
    "one_record_code": {
        "integration_codes": dict.fromkeys(Operation, "037") | {Operation.AUTHENTICATE: "003"}
    },
}
SHOWN_BY = {
    "text_verdict": Dialect.LGSP_CAMEL,
    "json_envelope": Dialect.LGSP_PASSTHROUGH,
    "people_as_list": Dialect.LGSP_CAMEL,
}
UNSEEN = {
    # Told only by a question that the gateway doesn't put, or can't read the answer to.
    "hyphens_only",
    "empty_body",
    "checks_no_licence",
    "other_refusal_status",
}


def test_every_expected_guess_is_an_entry_of_the_parity_ledger() -> None:
    assert set(EXPECTED) <= set(LEDGER)


@pytest.mark.parametrize("switch", sorted(set(SWITCHES) - UNSEEN))
async def test_each_guess_that_an_answer_contradicts_is_refuted_alone(desk: Preflights, switch: str) -> None:
    desk.flip(switch)
    candidate = desk.candidate(SHOWN_BY.get(switch, Dialect.SOAP), **CONFIGURED.get(switch, {}))

    found = await desk.look(candidate, test_identity=AN_CLAIM)

    told = [check for check in found.checks if check.name.startswith("parity:")]
    refuted = [check.name for check in told if check.detail.startswith("refuted: ")]
    assert refuted == [f"parity:{SWITCHES[switch]}"]
    assert all(check.passed for check in told)


@pytest.mark.parametrize("switch", sorted(set(SWITCHES) - UNSEEN - {"wrapped_members"}))
async def test_a_refuted_guess_that_the_gateway_can_read_fails_no_line(desk: Preflights, switch: str) -> None:
    desk.flip(switch)
    candidate = desk.candidate(SHOWN_BY.get(switch, Dialect.SOAP), **CONFIGURED.get(switch, {}))

    assert (await desk.look(candidate, test_identity=AN_CLAIM)).passed


async def test_a_household_that_can_not_be_read_leaves_the_schema(desk: Preflights) -> None:
    desk.flip("wrapped_members")

    found = await desk.look(desk.candidate(), test_identity=AN_CLAIM)

    assert tried_and_failed(found) == ["contract"]
    assert line(found, "contract").detail.startswith("operation_040: ")


async def test_nobody_without_a_collection_fails_the_operations_that_answer_so(desk: Preflights) -> None:
    desk.flip("empty_body")

    found = await desk.look(desk.candidate())

    assert "operation_037" in tried_and_failed(found)
    assert line(found, "operation_003").passed


async def test_a_date_form_that_is_refused_is_named_as_what_to_look_at(desk: Preflights) -> None:
    desk.flip("hyphens_only")

    found = await desk.look(desk.candidate())

    assert "refused with 01" in line(found, "operation_003").detail
    assert "date_form" in line(found, "operation_003").remedy


async def test_a_refusal_shows_the_form_and_the_codes_of_refusals(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(account="limited"))

    assert line(found, "parity:refusal-form").detail.startswith("confirmed: ")
    assert line(found, "parity:operation-code").detail.startswith("confirmed: ")


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_mock_as_built_refutes_nothing_in_any_dialect(desk: Preflights, dialect: Dialect) -> None:
    found = await desk.look(desk.candidate(dialect), test_identity=AN_CLAIM)

    assert [check.name for check in found.checks if check.detail.startswith("refuted: ")] == []
    assert len([check for check in found.checks if check.name.startswith("parity:")]) >= 12


@pytest.mark.parametrize(
    "nobody",
    [b"\xef\xbb\xbf" + people(), b"\n <?xml version='1.0' encoding='utf-8'?>" + people() + b"\n"],
    ids=["byte order mark", "blanks around"],
)
async def test_an_answer_that_the_reader_accepts_is_held_against_the_schema_too(
    desk: Preflights, nobody: bytes
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        is_verdict = request.url.path.endswith(Operation.AUTHENTICATE.value)
        return httpx.Response(200, content=verdict("0") if is_verdict else nobody)

    preflight_network = desk.preflight_network(httpx.MockTransport(Double(answer)))
    found = await desk.look(connection(networks=LOOPBACK), preflight_network=preflight_network)

    assert found.passed
    assert line(found, "contract").detail.startswith("5 answer(s) fit")


@pytest.mark.parametrize("data", [None, "", [], {}])
async def test_every_way_of_a_camel_platform_to_say_nobody_fits_the_schema(
    desk: Preflights, data: object
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": False if "xacThuc" in request.url.path else data})

    preflight_network = desk.preflight_network(httpx.MockTransport(Double(answer)))
    found = await desk.look(
        connection(Dialect.LGSP_CAMEL, networks=LOOPBACK), preflight_network=preflight_network
    )

    assert found.passed
