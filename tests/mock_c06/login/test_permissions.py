"""What an account may do: each refusal has its own code, and a refused question is not looked at."""

from typing import Any

import httpx
import pytest

from tests.kit.clocks import StillClock
from tests.mock_c06.callers import SoapPortal
from tests.mock_c06.contract.test_soap_requests import refusal_code


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"MaDVC": "G18-YT04"}, "004"),
        ({"MaCanBo": "can.bo.99"}, "005"),
        ({"MaDonVi": "000.00.01.H29"}, "005"),
    ],
)
async def test_procedure_officer_and_agency_are_refused_by_code(
    portal: SoapPortal, wrong: dict[str, str], code: str
) -> None:
    assert refusal_code(await portal.verdict(**wrong)) == code


async def test_the_service_officer_may_ask_for_citizens(portal: SoapPortal) -> None:
    assert (await portal.verdict(MaCanBo="dvctt.dichvu")).status_code == 200


async def test_a_limited_account_has_one_operation_and_one_procedure(
    portal: SoapPortal, accounts: dict[str, dict[str, Any]]
) -> None:
    portal.account = accounts["limited"]
    assert (await portal.verdict()).status_code == 200
    assert refusal_code(await portal.record()) == "006"
    assert refusal_code(await portal.verdict(MaDVC="G15-TP112")) == "004"


async def test_a_request_code_is_good_only_once_per_account(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    first = await portal.verdict(MaYeuCau="same")
    again = await portal.record(MaYeuCau="same")
    portal.account = (await control.post("/accounts", json={"name": "another"})).json()
    other_account = await portal.verdict(MaYeuCau="same")
    assert first.status_code == other_account.status_code == 200
    assert refusal_code(again) == "007"


async def test_a_refused_request_does_not_use_up_its_code(portal: SoapPortal) -> None:
    refused = await portal.verdict(MaYeuCau="once", MaCanBo="can.bo.99")
    assert refusal_code(refused) == "005"
    assert (await portal.verdict(MaYeuCau="once")).status_code == 200


async def test_a_switch_answers_a_repeated_code_with_the_stored_result(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    stored = {"name": "stored", "switches": {"stored_answer": True}}
    portal.account = (await control.post("/accounts", json=stored)).json()
    first = await portal.verdict(MaYeuCau="same")
    again = await portal.verdict(MaYeuCau="same", HoVaTen="SOMEBODYELSE")
    assert first.text == again.text


@pytest.mark.parametrize("status", ["suspended", "revoked", "granted"])
async def test_an_account_that_is_not_active_is_forbidden(
    portal: SoapPortal, control: httpx.AsyncClient, status: str
) -> None:
    portal.account = (await control.post("/accounts", json={"name": "paused", "status": status})).json()
    assert (await portal.verdict()).status_code == 403


async def test_a_suspended_account_with_a_wrong_secret_is_only_unauthorised(
    portal: SoapPortal, accounts: dict[str, dict[str, Any]]
) -> None:
    portal.account = {**accounts["suspended"], "secret": "wrong"}
    assert (await portal.verdict()).status_code == 401


async def test_calls_over_the_rate_are_throttled_until_the_next_second(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    portal.account = (await control.post("/accounts", json={"name": "slow", "rate_per_second": 2})).json()
    answers = [await portal.verdict() for _ in range(3)]
    clock.advance(1)
    later = await portal.verdict()
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert later.status_code == 200
