"""A preflight against the mock: which lines a sound connection has, and which line names what is wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.clock import today
from gateway.errors.requests import Overloaded
from gateway.identifiers import Profile
from gateway.preflight.candidate import as_other_profile
from gateway.preflight.report import BEFORE_LOGIN, LOGIN, QUESTIONS
from gateway.procedures.catalogue import load_catalogue
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from mock_c06.faults.fault import EveryBody, FaultBody
from tests.kit.mock_registry import CLOCK
from tests.kit.preflight import (
    AN_CLAIM,
    LOOPBACK,
    OFFICIAL,
    Preflights,
    failed,
    line,
    not_tried,
    tried_and_failed,
)
from tests.kit.registry import NUMBER, PERSON, Double, connection, people, verdict

BY_DIALECT = pytest.mark.parametrize("dialect", list(Dialect))
EVERY_LINE = [*BEFORE_LOGIN, *LOGIN, *QUESTIONS]


@BY_DIALECT
async def test_a_sound_connection_passes_every_line_in_its_order(desk: Preflights, dialect: Dialect) -> None:
    found = await desk.look(desk.candidate(dialect), test_identity=AN_CLAIM)

    assert failed(found) == []
    assert found.passed
    names = [check.name for check in found.checks]
    assert names[: len(EVERY_LINE)] == EVERY_LINE
    assert {name.partition(":")[0] for name in names[len(EVERY_LINE) :]} == {"parity"}
    assert all(check.title_vi for check in found.checks)


async def test_the_official_environment_is_asked_about_nobody_but_the_impossible_number(
    desk: Preflights,
) -> None:
    found = await desk.look(desk.candidate(account=OFFICIAL, profile=Profile.OFFICIAL))

    assert found.passed
    assert [entry.operation for entry in desk.journal] == [operation.value for operation in Operation]
    assert {entry.environment for entry in desk.journal} == {"official"}
    assert {entry.asked.citizen_id for entry in desk.journal if entry.asked} == {"000000000000"}
    assert line(found, "impossible_number").detail == "no person was found, in 5 answer(s)"
    assert "no existing person" in line(found, "test_identity").detail


async def test_every_question_is_announced_before_it_is_sent_and_concluded_after(desk: Preflights) -> None:
    await desk.look(desk.candidate(), test_identity=AN_CLAIM)

    assert desk.notes.left_before == list(range(10))
    assert [entry.ma_yeu_cau for entry in desk.journal] == [
        each.request_code for each in desk.notes.announced
    ]
    assert desk.notes.concluded == [(packet, None) for packet in desk.notes.announced]


async def test_a_question_that_can_not_be_announced_is_never_sent(desk: Preflights) -> None:
    desk.notes.full = True

    with pytest.raises(Overloaded):
        await desk.look(desk.candidate())

    assert desk.sent == []


@pytest.mark.parametrize(
    ("dialect", "wrong", "told"),
    [
        (Dialect.SOAP, {"c06_secret": "wrong"}, "login"),
        (Dialect.SOAP, {"c06_user": "nobody"}, "login"),
        (Dialect.LGSP_CAMEL, {"ngsp_secret": "wrong"}, "token"),
        (Dialect.LGSP_PASCAL, {"adapter": None}, "token"),
    ],
)
async def test_after_one_wrong_password_nothing_more_is_sent(
    desk: Preflights, dialect: Dialect, wrong: dict[str, Any], told: str
) -> None:
    found = await desk.look(desk.candidate(dialect, **wrong), test_identity=AN_CLAIM)

    assert not found.passed
    assert told in tried_and_failed(found)
    assert [entry.outcome for entry in desk.journal] == ["unauthorised"]
    assert len(desk.sent) == 1
    assert set(not_tried(found)) >= {"operation_003", "operation_040", "impossible_number", "test_identity"}


async def test_a_token_that_is_refused_with_the_question_is_not_fetched_again(desk: Preflights) -> None:
    desk.mock.runs.get("default").faults.plan(FaultBody(kind="unauthorised_once"))

    found = await desk.look(desk.candidate(Dialect.LGSP_CAMEL))

    assert [packet.url.path for packet in desk.sent] == ["/token", "/lgsp/xacThucThongTinCongDan"]
    assert line(found, "token").passed
    assert "login" in tried_and_failed(found)


async def test_a_suspended_account_is_distinguished_from_a_wrong_password(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(account="suspended"))

    assert tried_and_failed(found) == ["login"]
    assert line(found, "login").detail == "refused (HTTP 403)"
    assert "suspended" in line(found, "login").remedy
    assert len(desk.sent) == 1


async def test_an_account_for_one_operation_fails_each_that_it_lacks(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(account="limited"))

    lacking = ["operation_037", "operation_038", "operation_039", "operation_040"]
    assert tried_and_failed(found) == [*lacking, "fields_granted"]
    assert all("006" in line(found, name).detail for name in lacking)
    assert "permanent_residence" in line(found, "fields_granted").detail
    assert "khai-sinh" in line(found, "fields_granted").detail
    assert line(found, "impossible_number").passed


async def test_every_procedure_that_was_named_is_asked_for_its_licence(desk: Preflights) -> None:
    chosen = ("khai-sinh", "ket-hon", "khai-tu")

    found = await desk.look(desk.candidate(account="limited"), procedures=chosen)

    assert line(found, "procedure").detail == "refused with 004: ket-hon, khai-tu"


async def test_a_procedure_whose_question_is_not_answered_is_not_called_licensed(desk: Preflights) -> None:
    faults = desk.mock.runs.get("default").faults
    faults.plan(
        FaultBody(kind="maintenance", operation=Operation.AUTHENTICATE, nth=EveryBody(every=1, first=2))
    )

    found = await desk.look(desk.candidate(), procedures=("khai-sinh", "ket-hon"))

    assert tried_and_failed(found) == ["procedure"]
    assert line(found, "procedure").detail.startswith("ket-hon: the registry can't be reached or is down")


async def test_an_account_for_what_is_wanted_alone_passes_and_names_what_is_left_out(
    desk: Preflights,
) -> None:
    found = await desk.look(desk.candidate(account="limited"), operations=())

    assert found.passed
    assert line(found, "operation_037").detail.startswith("left out")
    assert "citizen has to declare" in line(found, "fields_granted").remedy
    assert [entry.operation for entry in desk.journal] == [Operation.AUTHENTICATE.value]


async def test_an_account_without_the_verdict_fails_it_and_is_still_licensed_for_the_rest(
    desk: Preflights,
) -> None:
    run = desk.mock.runs.get("default")
    account = desk.mock.register.find("dvctt-hanoi")
    assert account is not None
    run.accounts["dvctt-hanoi"] = replace(account, operations=account.operations[1:])

    found = await desk.look(desk.candidate())

    assert tried_and_failed(found) == ["operation_003", "fields_granted"]
    assert line(found, "procedure").passed


async def test_a_wrong_service_code_fails_the_procedure_alone(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(service_codes={"khai-sinh": "G99-XX999"}))

    assert line(found, "procedure").detail == "refused with 004: khai-sinh"
    assert line(found, "login").passed
    assert "004" in line(found, "operation_003").detail
    assert "officer" in not_tried(found)


async def test_an_officer_whom_c06_does_not_know_fails_the_officer(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(officer="can.bo.99"))

    assert line(found, "officer").detail == "the service officer was refused with 005"
    assert "can.bo.99" not in str(found)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("maintenance", "down (HTTP 503)"),
        ("html_error", "down (HTTP 502)"),
        ("wrong_namespace", "can't be read: wrong namespace (HTTP 200)"),
        ("truncated", "can't be read"),
        ("wrong_encoding", "can't be read"),
        ("oversized", "can't be read: answer too large"),
    ],
)
async def test_a_registry_that_misbehaves_is_reported_and_asked_nothing_more(
    desk: Preflights, kind: str, told: str
) -> None:
    desk.mock.runs.get("default").faults.plan(FaultBody(kind=kind))

    found = await desk.look(desk.candidate())

    assert tried_and_failed(found) == ["login"]
    assert told in line(found, "login").detail
    assert len(desk.sent) == 1


async def test_a_registry_that_throttles_is_asked_again_once_after_a_pause(desk: Preflights) -> None:
    desk.mock.runs.get("default").faults.plan(FaultBody(kind="throttle"))

    found = await desk.look(desk.candidate())

    assert tried_and_failed(found) == ["login"]
    assert "down (HTTP 429)" in line(found, "login").detail
    assert "rate" in line(found, "login").remedy
    assert (len(desk.sent), len(desk.pauses)) == (2, 1)


async def test_a_question_that_is_throttled_once_costs_a_pause_and_fails_no_line(desk: Preflights) -> None:
    desk.mock.runs.get("default").faults.plan(
        FaultBody(kind="throttle", operation=Operation.LOOK_UP, times=1)
    )

    assert (await desk.look(desk.candidate())).passed
    assert (len(desk.sent), len(desk.pauses)) == (6, 1)


async def test_a_registry_that_falls_silent_ends_the_asking(desk: Preflights) -> None:
    desk.mock.runs.get("default").faults.plan(FaultBody(kind="hang", operation=Operation.RELATIVES))

    found = await desk.look(desk.candidate(deadline_ms=200))

    assert line(found, "operation_038").passed
    assert "deadline" in line(found, "operation_039").detail
    assert "operation_040" in not_tried(found)


async def test_somebody_found_by_the_impossible_number_fails_and_leaves_no_trace(desk: Preflights) -> None:
    await _let_live(desk, citizen_id="000000000000", full_name="Kiểm Tra Kết Nối", birth_date="1900-01-01")

    found = await desk.look(desk.candidate(), test_identity=AN_CLAIM)

    assert "impossible_number" in tried_and_failed(found)
    assert len(desk.sent) == 1
    assert "KIỂM TRA" not in str(found).upper()
    assert {"contract", "test_identity", "operation_037"} <= set(not_tried(found))


async def test_another_persons_record_for_the_impossible_number_fails_it_too(desk: Preflights) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        content = verdict("0") if request.url.path.endswith(Operation.AUTHENTICATE.value) else people(PERSON)
        return httpx.Response(200, content=content)

    double = Double(answer)
    preflight_network = desk.preflight_network(httpx.MockTransport(double))

    found = await desk.look(connection(networks=LOOPBACK), preflight_network=preflight_network)

    assert "impossible_number" in tried_and_failed(found)
    assert len(double.packets) == 2
    assert not any(word in str(found) for word in (NUMBER, "NGUYỄN", "19900131"))


async def test_an_answer_that_leaves_the_schema_is_reported_by_its_element_alone(desk: Preflights) -> None:
    nobody = people(extra="<Khac>Nguyễn Văn An</Khac>", count="0")

    def answer(request: httpx.Request) -> httpx.Response:
        content = verdict("0") if request.url.path.endswith(Operation.AUTHENTICATE.value) else nobody
        return httpx.Response(200, content=content)

    found = await desk.look(
        connection(networks=LOOPBACK),
        preflight_network=desk.preflight_network(httpx.MockTransport(Double(answer))),
    )

    assert tried_and_failed(found) == ["contract"]
    assert "operation_037: an element that the schema does not know" in line(found, "contract").detail
    assert "Nguyễn" not in str(found)
    assert "Khac" not in str(found)


async def test_a_test_identity_that_the_registry_does_not_know_fails(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(), test_identity=replace(AN_CLAIM, full_name="Nguyễn Văn Anh"))

    assert tried_and_failed(found) == ["test_identity"]
    assert line(found, "test_identity").detail.startswith("the registry did not confirm it")
    assert desk.notes.reserved == [5]


@pytest.mark.parametrize(("left", "passed"), [(-1, False), (0, True), (29, True), (365, True)])
async def test_the_day_of_expiry_fails_when_past_and_warns_when_near(
    desk: Preflights, left: int, passed: bool
) -> None:
    found = await desk.look(desk.candidate(), expires_on=today(CLOCK) + timedelta(days=left))

    assert line(found, "expiry").passed is passed
    assert bool(line(found, "expiry").remedy) is (left < 30)


@pytest.mark.parametrize(
    ("members", "told", "expected"),
    [
        ({"service_codes": {"khai-sinhh": "G15-TP110"}}, "service_codes", "khai-sinhh"),
        ({"service_codes": {"001090000123": "G15-TP110"}}, "service_codes", "(not a slug)"),
        ({"service_codes": {"khai-sinh": " "}}, "service_codes", "khai-sinh"),
        ({"service_codes": {"ket-hon": "x" * 21}}, "message", "service_codes"),
        ({"integration_codes": {Operation.LOOK_UP: "37a"}}, "integration_codes", "TraCuu"),
        ({"officer": "x" * 21}, "message", "officer"),
        ({"agency": "x" * 36}, "message", "agency"),
    ],
)
async def test_a_member_that_can_not_be_right_is_reported_without_its_value(
    desk: Preflights, members: dict[str, Any], told: str, expected: str
) -> None:
    found = await desk.look(desk.candidate(**members))

    assert told in tried_and_failed(found)
    assert expected in line(found, told).detail
    assert not any(value in str(found) for value in ("xxx", "001090000123"))


@pytest.mark.parametrize(
    ("off", "passed", "advised"), [(0, True, False), (-90, True, True), (400, False, True)]
)
async def test_the_clock_of_the_registry_is_compared_with_ours(
    desk: Preflights, off: float, passed: bool, advised: bool
) -> None:
    desk.seconds_off = off

    found = await desk.look(desk.candidate())

    assert line(found, "clock_skew").passed is passed
    assert bool(line(found, "clock_skew").remedy) is advised


async def test_a_login_that_is_refused_under_a_wrong_clock_says_to_set_the_clock(desk: Preflights) -> None:
    desk.seconds_off = -1000

    found = await desk.look(desk.candidate(c06_secret="wrong"))

    assert "clock" in line(found, "login").remedy


async def test_a_rehearsal_asks_one_question_and_says_whether_the_login_works(desk: Preflights) -> None:
    found = await desk.look(desk.candidate(), login_only=True)

    assert found.passed
    assert [check.name for check in found.checks] == [*BEFORE_LOGIN, *LOGIN]
    assert len(desk.sent) == 1


@BY_DIALECT
async def test_threat_15_a_preflight_reports_no_secret_and_nobodys_name(
    desk: Preflights, dialect: Dialect
) -> None:
    candidate = desk.candidate(dialect)
    told = str(await desk.look(candidate, other=as_other_profile(candidate), test_identity=AN_CLAIM))
    told += str(await desk.look(candidate, test_identity=AN_CLAIM))
    adapter = candidate.adapter

    for secret in (
        *(candidate.c06_user, candidate.c06_secret, candidate.ngsp_key, candidate.ngsp_secret),
        *((adapter.access_key, adapter.secret_key) if adapter else ()),
        *("001090000123", "NGUYỄN VĂN AN", "Nguyễn Văn An", candidate.officer),
    ):
        assert secret is None or secret not in told


async def test_a_procedure_that_the_catalogue_lacks_is_a_mistake_of_the_caller(desk: Preflights) -> None:
    assert "khai-gian" not in {procedure.slug for procedure in load_catalogue().procedures}
    with pytest.raises(KeyError):
        await desk.look(desk.candidate(), procedures=("khai-gian",))
    assert desk.sent == []


async def _let_live(desk: Preflights, **person: str) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(desk.mock.control),
        base_url="http://control.test",
        headers={"Authorization": f"Bearer {desk.mock.control_token}"},
    ) as control:
        put = await control.put("/runs/default/world", json={"people": [person | {"gender": "male"}]})
        assert put.status_code == 200, put.text
