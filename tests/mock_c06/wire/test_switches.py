"""Each switch flips one guess about C06, and nothing else; an account has its own, a run sets them over all."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from mock_c06.app import build_mock
from mock_c06.desk.switches import AS_BUILT, NAMES, flipped, parse_switches
from mock_c06.errors import SwitchUnknown
from mock_c06.settings import Settings
from tests.mock_c06.callers import HandClock, PlatformClient, SoapPortal
from tests.mock_c06.contract.test_lgsp_json import BODIES

VERDICT, RECORD, HOUSEHOLD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan", "CungCapThongTinHoGiaDinh"
Set = Callable[..., Awaitable[None]]


@pytest.fixture
def switch(control: httpx.AsyncClient) -> Set:
    """Set switches for the run."""

    async def set_for_the_run(*names: str) -> None:
        answer = await control.put("/runs/default/switches", json=dict.fromkeys(names, True))
        assert answer.status_code == 200, answer.text

    return set_for_the_run


@pytest.fixture
async def camel(platform: Callable[[str], PlatformClient]) -> PlatformClient:
    client = platform("camel")
    await client.log_in()
    return client


@pytest.fixture
async def passthrough(platform: Callable[[str], PlatformClient]) -> PlatformClient:
    client = platform("passthrough")
    await client.log_in()
    return client


async def test_dates_may_have_to_be_written_with_hyphens(portal: SoapPortal, switch: Set) -> None:
    await switch("hyphens_only")
    assert "<MaLoi>01<" in (await portal.verdict()).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict(NgayThangNam="1990-01-31")).text


async def test_a_name_may_have_to_come_folded_already(portal: SoapPortal, switch: Set) -> None:
    await switch("exact_names")
    assert "<SoLuongCongDan>0<" in (await portal.verdict(HoVaTen="Nguyễn Văn An")).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


async def test_nine_digits_may_find_nobody_who_has_twelve(
    portal: SoapPortal, camel: PlatformClient, switch: Set
) -> None:
    both = {"SoDinhDanh": None, "SoCMND": "012345678"}
    alone = both | {"SoCMND": "024000301", "HoVaTen": "VUTHICHIN", "NgayThangNam": "19570312"}
    assert "<SoLuongCongDan>1<" in (await portal.verdict(**both)).text
    await switch("nine_digits_alone")
    flat = BODIES["camel"] | {"soCMND": "012345678"}
    assert "<SoLuongCongDan>0<" in (await portal.verdict(**both)).text
    assert (await camel.ask(RECORD, flat, without=("soDinhDanh",))).json() == {"data": None}
    assert "<SoLuongCongDan>1<" in (await portal.verdict(**alone)).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


async def test_every_record_operation_may_share_one_integration_code(portal: SoapPortal, switch: Set) -> None:
    await switch("one_record_code")
    assert "<MaLoi>01<" in (await portal.ask(HOUSEHOLD)).text
    assert "CongdanCollection" in (await portal.ask(HOUSEHOLD, MaTichHop="037")).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


async def test_procedure_and_officer_may_be_nobodys_business(portal: SoapPortal, switch: Set) -> None:
    await switch("checks_no_licence")
    assert "<SoLuongCongDan>1<" in (await portal.verdict(MaDVC="VPCP", MaCanBo="can.bo.99")).text


async def test_a_deceased_persons_data_may_be_confirmed(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    person = {"citizen_id": "001090000123", "alive": False}
    await control.put("/runs/default/world", json={"people": [person]})
    before = (await portal.verdict()).text
    await control.put("/runs/default/switches", json={"confirms_dead": True})
    assert "<SoLuongCongDan>0<" in before
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


async def test_one_person_may_come_as_a_list_of_one(
    camel: PlatformClient, passthrough: PlatformClient, switch: Set
) -> None:
    await switch("people_as_list")
    flat = (await camel.ask(RECORD, BODIES["camel"])).json()["data"]
    nested = (await passthrough.ask(RECORD, BODIES["passthrough"])).json()["Body"]["CongdanCollection"]
    assert (len(flat), len(nested["CongDan"])) == (1, 1)


async def test_what_is_empty_may_be_left_out(portal: SoapPortal, switch: Set) -> None:
    before = (await portal.record()).text
    await switch("absent_elements")
    after = (await portal.record()).text
    assert "<NguoiDaiDien/>" in before
    assert "<HoVaTen><Ten>NGUYỄN VĂN AN</Ten></HoVaTen>" in after
    assert "/>" not in after.replace("<soapenv:Header/>", "")


async def test_codes_may_come_without_their_zeros(portal: SoapPortal, switch: Set) -> None:
    await switch("unpadded_codes")
    record = (await portal.record()).text
    assert "<DanToc>1</DanToc><TonGiao>0</TonGiao>" in record
    assert "<MaTinhThanh>01<" in record


async def test_dates_may_be_answered_with_hyphens(portal: SoapPortal, switch: Set) -> None:
    await switch("hyphen_dates")
    assert "<NgayThangNam>1990-01-31<" in (await portal.record()).text


async def test_a_collection_may_say_nothing_of_itself(
    portal: SoapPortal, passthrough: PlatformClient, camel: PlatformClient, switch: Set
) -> None:
    await switch("bare_collection")
    nested = (await passthrough.ask(RECORD, BODIES["passthrough"])).json()["Body"]["CongdanCollection"]
    flat = (await camel.ask(RECORD, BODIES["camel"])).json()["data"]
    assert (
        '<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0"><CongDan>' in (await portal.record()).text
    )
    assert list(nested) == ["CongDan"]
    assert not {"ThoiDiemDuLieu", "GhiChu"} & set(flat)


async def test_a_persons_state_may_be_left_unsaid(portal: SoapPortal, switch: Set) -> None:
    await switch("no_life_status")
    assert "<TrangThai/>" in (await portal.record()).text


async def test_household_members_may_stand_in_a_list_of_their_own(portal: SoapPortal, switch: Set) -> None:
    await switch("wrapped_members")
    assert "<DanhSachThanhVien><ThanhVien>" in (await portal.ask(HOUSEHOLD)).text


async def test_nobody_may_be_a_person_with_nothing_in_them(
    portal: SoapPortal, camel: PlatformClient, switch: Set
) -> None:
    await switch("empty_person")
    nobody = (await portal.record(HoVaTen="SOMEBODYELSE")).text
    flat = (await camel.ask(RECORD, BODIES["camel"] | {"hoVaTen": "SOMEBODYELSE"})).json()["data"]
    assert 'SoCongDan="0"' in nobody
    assert "<CongDan><SoDinhDanh/><SoCMND/><HoVaTen/>" in nobody
    assert set(flat.values()) == {""}


async def test_nobody_may_be_a_body_without_a_collection(
    portal: SoapPortal, passthrough: PlatformClient, switch: Set
) -> None:
    await switch("empty_body")
    nobody = await passthrough.ask(RECORD, BODIES["passthrough"] | {"HoVaTen": "SOMEBODYELSE"})
    assert "<soapenv:Body></soapenv:Body>" in (await portal.record(HoVaTen="SOMEBODYELSE")).text
    assert nobody.json() == {"Body": {}}


async def test_a_refusal_may_come_under_another_status(
    portal: SoapPortal, camel: PlatformClient, switch: Set
) -> None:
    await switch("other_refusal_status")
    soap = await portal.verdict(MaDVC="G18-YT04")
    json_refusal = await camel.ask(VERDICT, BODIES["camel"] | {"maDVC": "G18-YT04"})
    assert (soap.status_code, "<MaLoi>004<" in soap.text) == (200, True)
    assert (json_refusal.status_code, json_refusal.json()["error_code"]) == (400, "004")


async def test_an_inactive_account_may_look_like_a_wrong_login(
    portal: SoapPortal, camel: PlatformClient, control: httpx.AsyncClient, switch: Set
) -> None:
    await switch("inactive_as_401")
    for account in (portal.account, camel.account):
        await control.patch(f"/accounts/{account['name']}", json={"status": "suspended"})
    statuses = [
        (await portal.verdict()).status_code,
        (await camel.ask(VERDICT, BODIES["camel"])).status_code,
        (await camel.log_in()).status_code,
    ]
    assert statuses == [401] * 3


async def test_a_throttled_call_may_be_called_unavailable(
    portal: SoapPortal, control: httpx.AsyncClient, switch: Set
) -> None:
    await switch("throttled_as_503")
    await control.patch(f"/accounts/{portal.account['name']}", json={"rate_per_second": 1})
    answers = [await portal.verdict() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].headers["retry-after"] == "1"


async def test_a_runs_switches_are_its_own_and_can_be_cleared(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs", json={"name": "other"})
    await control.put("/runs/other/switches", json={"exists_verdict": True})
    said = [(await portal.verdict()).text]
    portal.base += "/r/other"
    said.append((await portal.verdict()).text)
    await control.delete("/runs/other/switches")
    said.append((await portal.verdict()).text)
    assert ["<TonTai>" in text for text in said] == [False, True, False]


async def test_a_run_may_set_a_switch_back_that_an_account_has(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    account = f"/accounts/{portal.account['name']}"
    quirks = (await control.patch(account, json={"quirks": ["exists_verdict"]})).json()["quirks"]
    await control.put("/runs/default/switches", json={"exists_verdict": False})
    assert quirks == ["exists_verdict"]
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


async def test_the_start_sets_switches_for_every_account(clock: HandClock) -> None:
    mock = build_mock(
        Settings.model_validate({"control_token": "t"}), clock=clock, switches=parse_switches(["split_name"])
    )
    headers = {"Authorization": "Bearer t"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(mock.control), base_url="http://control.test", headers=headers
    ) as control:
        made: list[dict[str, Any]] = [(await control.post("/accounts", json={"name": "later"})).json()]
        made += (await control.get("/accounts")).json()
    assert {tuple(account["quirks"]) for account in made} == {("split_name",)}


async def test_a_run_refuses_a_switch_that_is_none(control: httpx.AsyncClient) -> None:
    answer = await control.put("/runs/default/switches", json={"loud": True})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "switches.loud")
    assert (await control.get("/runs/default/switches")).json() == {}


def test_a_switch_is_written_as_a_name_with_or_without_its_value() -> None:
    assert flipped(parse_switches(["seconds", "split_name=true", "hyphen_dates=false"])) == (
        "seconds",
        "split_name",
    )
    assert parse_switches([]) == AS_BUILT
    assert set(flipped(parse_switches(NAMES))) == set(NAMES)


@pytest.mark.parametrize("written", ["loud", "seconds=yes", "=true", "seconds=true=true"])
def test_a_switch_that_cannot_be_read_is_refused_by_name(written: str) -> None:
    with pytest.raises(SwitchUnknown, match=r"no such switch|is true or false"):
        parse_switches([written])
