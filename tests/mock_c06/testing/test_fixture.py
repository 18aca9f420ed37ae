"""The fixture `c06` as this project's own tests use it: each promise of it, and each refusal."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from mock_c06.testing.scene import C06
from mock_c06.testing.targets import ControlRefused
from tests.mock_c06.callers import envelope

VERDICT = "XacThucThongTinCongDan"
HEAD = {
    "MaDVC": "G15-TP110",
    "MaTichHop": "003",
    "MaCanBo": "can.bo.01",
    "MaDonVi": "000.00.01.H26",
}


def asked(
    c06: C06, slug: str, *, code: str = "a", environment: str = "test"
) -> tuple[str, str, dict[str, str]]:
    """Give address, body and headers of a right question about a person."""
    url = f"{c06.url(environment)}/{VERDICT}"
    account = c06.account("dvctt-hanoi" if environment == "test" else "dvctt-hanoi-official")
    body = envelope(VERDICT, {"MaYeuCau": code, **HEAD, **c06.person(slug).wire})
    return url, body, {"Content-Type": "text/xml", **account.login(url)}


def ask(
    c06: C06, slug: str = "nguyen-van-an", *, code: str = "a", environment: str = "test"
) -> httpx.Response:
    url, body, headers = asked(c06, slug, code=code, environment=environment)
    with httpx.Client(transport=c06.transport()) as client:
        return client.post(url, content=body, headers=headers, timeout=0.5)


async def test_synchronous_and_asynchronous_code_ask_the_same_run(c06: C06) -> None:
    ask(c06)
    url, body, headers = asked(c06, "nguyen-van-an", code="b")
    async with httpx.AsyncClient(transport=c06.transport()) as client:
        answer = await client.post(url, content=body, headers=headers)
    assert "<SoLuongCongDan>1<" in answer.text
    assert [entry["n"] for entry in c06.journal.assert_asked(VERDICT, times=2)] == [1, 2]


def test_the_official_environment_is_reached_by_its_own_address(c06: C06) -> None:
    assert ask(c06, environment="official").status_code == 200
    c06.journal.assert_asked(environment="official", account="dvctt-hanoi-official", times=1)
    c06.journal.never(environment="test")


def test_a_run_that_ended_is_known_to_nobody(c06: C06) -> None:
    names = [run["name"] for run in c06._control.call("GET", "/runs")["runs"]]
    assert names == ["default", c06.run]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"kind": "hang", "delay_ms": 2000}, httpx.ReadTimeout),
        ({"kind": "latency", "delay_ms": 2000}, httpx.ReadTimeout),
        ({"kind": "reset"}, httpx.ReadError),
        ({"kind": "reset", "at": "mid"}, httpx.ReadError),
    ],
)
def test_a_client_meets_a_fault_in_process_as_over_a_socket(
    c06: C06, members: dict[str, object], error: type[Exception]
) -> None:
    c06.fault(**members)  # type: ignore[arg-type]  # the members differ by kind
    with pytest.raises(error):
        ask(c06)


def test_an_issued_account_is_known_to_this_run_alone_and_hides_its_namesake(c06: C06) -> None:
    issued = c06.issue("dvctt-hanoi", operations=["TraCuuThongTinCongDan"])
    assert c06.account("dvctt-hanoi")["operations"] == issued["operations"] == ["TraCuuThongTinCongDan"]
    assert "<MaLoi>006<" in ask(c06).text
    everywhere = c06._control.call("GET", "/accounts/dvctt-hanoi")
    assert len(everywhere["operations"]) == 5


def test_switches_are_set_for_this_run_and_exactly_as_named(c06: C06) -> None:
    c06.switch(exists_verdict=True, split_name=True)
    assert "<TonTai>true<" in ask(c06, code="a").text
    c06.switch(split_name=True)
    assert "<SoLuongCongDan>1<" in ask(c06, code="b").text
    with pytest.raises(ControlRefused, match="no such switch"):
        c06.switch(loud=True)


def test_the_clock_jumps_and_ticks_with_each_call(c06: C06) -> None:
    c06.clock.jump("2030-01-01T00:00:00Z")
    c06.clock.tick(timedelta(hours=1))
    ask(c06)
    assert datetime(2030, 1, 1, 1, tzinfo=UTC) <= c06.clock.now() < datetime(2030, 1, 1, 2, tzinfo=UTC)


def test_a_dropped_fault_hits_no_call_any_more(c06: C06) -> None:
    fault = c06.fault("unavailable")
    assert ask(c06).status_code == 503
    assert fault.state()["hits"] == 1
    fault.drop()
    assert ask(c06).status_code == 200


def test_a_window_of_a_fault_is_written_as_times_of_the_run(c06: C06) -> None:
    start = c06.clock.freeze("2026-11-24T08:00:00Z")
    c06.fault("unavailable", from_=start, until=start + timedelta(minutes=1))
    assert ask(c06).status_code == 503
    assert c06.clock.advance(timedelta(minutes=1)) == datetime(2026, 11, 24, 8, 1, tzinfo=UTC)
    assert ask(c06).status_code == 200
    c06.clock.release()
    assert c06.clock.now() > datetime(2026, 11, 24, tzinfo=UTC)


def test_a_cleared_journal_knows_only_what_comes_then(c06: C06) -> None:
    ask(c06, code="a")
    c06.journal.clear()
    ask(c06, code="b")
    c06.journal.assert_asked(ma_yeu_cau="b", times=1)
    c06.journal.never(ma_yeu_cau="a")


def test_an_order_that_was_not_kept_is_told_with_its_place(c06: C06) -> None:
    ask(c06, "nguyen-van-an", code="a")
    ask(c06, "le-thi-dung", code="b")
    an, dung = c06.person("nguyen-van-an"), c06.person("le-thi-dung")
    c06.journal.in_order([{"person": an}, {"person": dung}])
    with pytest.raises(
        AssertionError, match=r"call 2 of the order never came after n 2: a call about 001090\*{3}123"
    ):
        c06.journal.in_order([{"person": dung}, {"person": an}])


def test_a_person_asked_about_by_the_old_card_was_asked_about(c06: C06) -> None:
    an = c06.person("nguyen-van-an")
    url, body, headers = asked(c06, "nguyen-van-an")
    by_card = body.replace(
        f"SoDinhDanh>{an.citizen_id}</dan:SoDinhDanh", f"SoCMND>{an.id_card_number}</dan:SoCMND"
    )
    with httpx.Client(transport=c06.transport()) as client:
        client.post(url, content=by_card, headers=headers)
    c06.journal.assert_asked(person=an, times=1)
    with pytest.raises(AssertionError, match="expected a call about 001090"):
        c06.journal.never(person=an)


def test_a_failed_claim_never_tells_a_whole_number(c06: C06) -> None:
    an = c06.person("nguyen-van-an")
    ask(c06)
    with pytest.raises(AssertionError) as failed:
        c06.journal.never(person=an)
    assert an.citizen_id is not None
    assert an.citizen_id not in str(failed.value)
    assert "001090***123" in str(failed.value)


def test_a_claim_about_a_silent_run_says_so(c06: C06) -> None:
    with pytest.raises(AssertionError, match="nothing was asked in this run"):
        c06.journal.assert_asked(VERDICT)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda c06: c06.journal.never("XacThuc"), "no operation XacThuc: there are XacThucThongTinCongDan"),
        (lambda c06: c06.person("nguyen-van-ann"), r"lists all; is one of these meant: nguyen-van-an, .*\?$"),
        (lambda c06: c06.person("zzzz"), "no person zzzz: mock-c06 personas lists all$"),
        (lambda c06: c06.fault("explode"), "kind: one of 'latency'"),
        (lambda c06: c06.event("death", "001090000999"), "no such person in this run"),
        (lambda c06: c06.account("nobody"), "no such account"),
    ],
)
def test_what_the_control_face_refuses_is_told_by_its_member(c06: C06, wrong: object, told: str) -> None:
    assert callable(wrong)
    with pytest.raises(ControlRefused, match=told):
        wrong(c06)


def test_a_host_that_is_not_the_mocks_is_out_of_reach(c06: C06) -> None:
    with (
        httpx.Client(transport=c06.transport()) as client,
        pytest.raises(httpx.ConnectError, match=r"example\.test"),
    ):
        client.get("http://example.test/")


def test_a_secret_stands_in_no_representation_of_the_fixture(c06: C06) -> None:
    account = c06.account()
    assert account["secret"] not in repr(account)
    assert c06._target.control.headers["Authorization"] not in repr(c06)
    assert asyncio.iscoroutinefunction(c06.transport().handle_async_request)
