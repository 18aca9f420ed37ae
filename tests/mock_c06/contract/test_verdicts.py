"""`XacThucThongTinCongDan`: yes or no, and no hint why not."""

from collections.abc import Callable

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal, claim_of
from tests.mock_c06.contract.targets import on_every_target

YES = "<SoLuongCongDan>1</SoLuongCongDan>"
NO = "<SoLuongCongDan>0</SoLuongCongDan>"


@on_every_target
async def test_a_right_claim_is_confirmed_by_the_number_one(portal: SoapPortal) -> None:
    answer = await portal.verdict()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert f'<XacThucThongTinCongDanResponse xmlns="http://www.mic.gov.vn/dancu/1.0">{YES}' in answer.text


@pytest.mark.parametrize("written", ["19900131", "1990-01-31"])
@on_every_target
async def test_both_ways_to_write_a_date_are_taken(portal: SoapPortal, written: str) -> None:
    assert YES in (await portal.verdict(NgayThangNam=written)).text


@on_every_target
async def test_a_person_known_by_year_is_confirmed_by_year(portal: SoapPortal) -> None:
    claim = {"SoDinhDanh": "002058000709", "HoVaTen": "GIANGATHU"}
    assert YES in (await portal.verdict(**claim, NgayThangNam=None, Nam="1958")).text
    assert YES in (await portal.verdict(**claim, NgayThangNam="1958")).text
    assert NO in (await portal.verdict(**claim, NgayThangNam="19580101")).text


@on_every_target
async def test_a_year_does_not_confirm_a_person_with_a_full_date(portal: SoapPortal) -> None:
    assert NO in (await portal.verdict(NgayThangNam=None, Nam="1990")).text


@on_every_target
async def test_a_person_without_twelve_digits_is_confirmed_by_nine(portal: SoapPortal) -> None:
    claim = {"SoDinhDanh": None, "SoCMND": "024000301", "HoVaTen": "VUTHICHIN", "NgayThangNam": "19570312"}
    assert YES in (await portal.verdict(**claim)).text


@on_every_target
async def test_each_holder_of_a_shared_nine_digit_number_is_found(portal: SoapPortal) -> None:
    shared = {"SoDinhDanh": None, "SoCMND": "145000303"}
    one = await portal.verdict(**shared, HoVaTen="TRINHVANTRUNG", NgayThangNam="19760616")
    other = await portal.verdict(**shared, HoVaTen="MAITHILAP", NgayThangNam="19740121")
    assert YES in one.text
    assert YES in other.text


def _shape(answer: httpx.Response) -> tuple[int, str, list[str]]:
    return answer.status_code, answer.text, sorted(answer.headers)


@on_every_target
async def test_threat_18_every_reason_for_no_answers_alike(portal: SoapPortal) -> None:
    reasons = [
        {"SoDinhDanh": "000000000000"},
        {"HoVaTen": "NGUYENVANANH"},
        {"NgayThangNam": "19900201"},
        {"SoDinhDanh": "001050000404", "HoVaTen": "PHIVANKHUAT", "NgayThangNam": "19500220"},
        {"SoDinhDanh": "001099000310", "HoVaTen": "KHONGVANHUY", "NgayThangNam": "19990929"},
    ]
    answers = [_shape(await portal.verdict(**reason)) for reason in reasons]
    assert NO in answers[0][1]
    assert answers == [answers[0]] * len(reasons)


@on_every_target
async def test_every_persona_is_confirmed_as_the_catalogue_expects(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    wrong = []
    for persona in (await control.get("/personas")).json():
        answer = await portal.verdict(**claim_of(persona))
        if (YES if persona["expect"]["confirmed"] else NO) not in answer.text:
            wrong.append(persona["slug"])
    assert wrong == []


@on_every_target
async def test_a_switch_answers_by_true_and_false_instead(
    portal: SoapPortal, control: httpx.AsyncClient, is_valid: Callable[[bytes], bool]
) -> None:
    switched = {"name": "exists", "switches": {"exists_verdict": True, "year_matches_date": True}}
    portal.account = (await control.post("/accounts", json=switched)).json()
    yes = await portal.verdict(NgayThangNam=None, Nam="1990")
    no = await portal.verdict(HoVaTen="SOMEBODYELSE")
    assert "<TonTai>true</TonTai>" in yes.text
    assert "<TonTai>false</TonTai>" in no.text
    assert [is_valid(yes.content), is_valid(no.content)] == [True, True]
