"""Each switch flips one guess about C06, and nothing else; an account has its own, a run sets them over all."""

import httpx

from tests.mock_c06.callers import SoapPortal
from tests.mock_c06.contract.targets import on_every_target
from tests.mock_c06.contract.test_lgsp_json import BODIES, Platform, logged_in

VERDICT, RECORD, HOUSEHOLD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan", "CungCapThongTinHoGiaDinh"


async def switch(control: httpx.AsyncClient, *names: str) -> None:
    """Set switches for the run."""
    answer = await control.put("/runs/default/switches", json=dict.fromkeys(names, True))
    assert answer.status_code == 200, answer.text


@on_every_target
async def test_dates_may_have_to_be_written_with_hyphens(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await switch(control, "hyphens_only")
    assert "<MaLoi>01<" in (await portal.verdict()).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict(NgayThangNam="1990-01-31")).text


@on_every_target
async def test_a_name_may_have_to_come_folded_already(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await switch(control, "exact_names")
    assert "<SoLuongCongDan>0<" in (await portal.verdict(HoVaTen="Nguyễn Văn An")).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


@on_every_target
async def test_nine_digits_may_find_nobody_who_has_twelve(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Platform
) -> None:
    camel = await logged_in(platform, "camel")
    both = {"SoDinhDanh": None, "SoCMND": "012345678"}
    alone = both | {"SoCMND": "024000301", "HoVaTen": "VUTHICHIN", "NgayThangNam": "19570312"}
    assert "<SoLuongCongDan>1<" in (await portal.verdict(**both)).text
    await switch(control, "nine_digits_alone")
    flat = BODIES["camel"] | {"soCMND": "012345678"}
    assert "<SoLuongCongDan>0<" in (await portal.verdict(**both)).text
    assert (await camel.ask(RECORD, flat, without=("soDinhDanh",))).json() == {"data": None}
    assert "<SoLuongCongDan>1<" in (await portal.verdict(**alone)).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


@on_every_target
async def test_every_record_operation_may_share_one_integration_code(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await switch(control, "one_record_code")
    assert "<MaLoi>01<" in (await portal.ask(HOUSEHOLD)).text
    assert "CongdanCollection" in (await portal.ask(HOUSEHOLD, MaTichHop="037")).text
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


@on_every_target
async def test_procedure_and_officer_may_be_nobodys_business(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await switch(control, "checks_no_licence")
    assert "<SoLuongCongDan>1<" in (await portal.verdict(MaDVC="VPCP", MaCanBo="can.bo.99")).text


@on_every_target
async def test_a_deceased_persons_data_may_be_confirmed(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    person = {"citizen_id": "001090000123", "alive": False}
    await control.put("/runs/default/world", json={"people": [person]})
    before = (await portal.verdict()).text
    await control.put("/runs/default/switches", json={"confirms_dead": True})
    assert "<SoLuongCongDan>0<" in before
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text


@on_every_target
async def test_one_person_may_come_as_a_list_of_one(control: httpx.AsyncClient, platform: Platform) -> None:
    camel = await logged_in(platform, "camel")
    passthrough = await logged_in(platform, "passthrough")
    await switch(control, "people_as_list")
    flat = (await camel.ask(RECORD, BODIES["camel"])).json()["data"]
    nested = (await passthrough.ask(RECORD, BODIES["passthrough"])).json()["Body"]["CongdanCollection"]
    assert (len(flat), len(nested["CongDan"])) == (1, 1)


@on_every_target
async def test_what_is_empty_may_be_left_out(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    before = (await portal.record()).text
    await switch(control, "absent_elements")
    after = (await portal.record()).text
    assert "<NguoiDaiDien/>" in before
    assert "<HoVaTen><Ten>NGUYỄN VĂN AN</Ten></HoVaTen>" in after
    assert "/>" not in after.replace("<soapenv:Header/>", "")


@on_every_target
async def test_codes_may_come_without_their_zeros(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await switch(control, "unpadded_codes")
    record = (await portal.record()).text
    assert "<DanToc>1</DanToc><TonGiao>0</TonGiao>" in record
    assert "<MaTinhThanh>01<" in record


@on_every_target
async def test_dates_may_be_answered_with_hyphens(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await switch(control, "hyphen_dates")
    assert "<NgayThangNam>1990-01-31<" in (await portal.record()).text


@on_every_target
async def test_a_collection_may_say_nothing_of_itself(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Platform
) -> None:
    camel = await logged_in(platform, "camel")
    passthrough = await logged_in(platform, "passthrough")
    await switch(control, "bare_collection")
    nested = (await passthrough.ask(RECORD, BODIES["passthrough"])).json()["Body"]["CongdanCollection"]
    flat = (await camel.ask(RECORD, BODIES["camel"])).json()["data"]
    assert (
        '<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0"><CongDan>' in (await portal.record()).text
    )
    assert list(nested) == ["CongDan"]
    assert not {"ThoiDiemDuLieu", "GhiChu"} & set(flat)


@on_every_target
async def test_a_persons_state_may_be_left_unsaid(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await switch(control, "no_life_status")
    assert "<TrangThai/>" in (await portal.record()).text


@on_every_target
async def test_the_relation_beside_the_head_may_name_the_head(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    wife = {"SoDinhDanh": "001192000124", "HoVaTen": "LETHIDUNG", "NgayThangNam": "19920308"}
    await switch(control, "relation_names_head")
    assert "<ChuHo><QuanHe>CH01<" in (await portal.record(**wife)).text


@on_every_target
async def test_household_members_may_stand_in_a_list_of_their_own(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await switch(control, "wrapped_members")
    assert "<DanhSachThanhVien><ThanhVien>" in (await portal.ask(HOUSEHOLD)).text


@on_every_target
async def test_nobody_may_be_a_person_with_nothing_in_them(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Platform
) -> None:
    camel = await logged_in(platform, "camel")
    await switch(control, "empty_person")
    nobody = (await portal.record(HoVaTen="SOMEBODYELSE")).text
    flat = (await camel.ask(RECORD, BODIES["camel"] | {"hoVaTen": "SOMEBODYELSE"})).json()["data"]
    assert 'SoCongDan="0"' in nobody
    assert "<CongDan><SoDinhDanh/><SoCMND/><HoVaTen/>" in nobody
    assert set(flat.values()) == {""}


@on_every_target
async def test_nobody_may_be_a_body_without_a_collection(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Platform
) -> None:
    passthrough = await logged_in(platform, "passthrough")
    await switch(control, "empty_body")
    nobody = await passthrough.ask(RECORD, BODIES["passthrough"] | {"HoVaTen": "SOMEBODYELSE"})
    assert "<soapenv:Body></soapenv:Body>" in (await portal.record(HoVaTen="SOMEBODYELSE")).text
    assert nobody.json() == {"Body": {}}


@on_every_target
async def test_a_refusal_may_come_under_another_status(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Platform
) -> None:
    camel = await logged_in(platform, "camel")
    await switch(control, "other_refusal_status")
    soap = await portal.verdict(MaDVC="G18-YT04")
    json_refusal = await camel.ask(VERDICT, BODIES["camel"] | {"maDVC": "G18-YT04"})
    assert (soap.status_code, "<MaLoi>004<" in soap.text) == (200, True)
    assert (json_refusal.status_code, json_refusal.json()["error_code"]) == (400, "004")


@on_every_target
async def test_an_inactive_account_may_look_like_a_wrong_login(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Platform
) -> None:
    camel = await logged_in(platform, "camel")
    await switch(control, "inactive_as_401")
    for account in (portal.account, camel.account):
        suspended = {name: account[name] for name in ("name", "dialect")} | {"status": "suspended"}
        await control.post("/runs/default/accounts", json=suspended)
    statuses = [
        (await portal.verdict()).status_code,
        (await camel.ask(VERDICT, BODIES["camel"])).status_code,
        (await camel.log_in()).status_code,
    ]
    assert statuses == [401] * 3


@on_every_target
async def test_a_run_may_set_a_switch_back_that_an_account_has(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    odd = {"name": portal.account["name"], "quirks": ["exists_verdict"]}
    quirks = (await control.post("/runs/default/accounts", json=odd)).json()["quirks"]
    await control.put("/runs/default/switches", json={"exists_verdict": False})
    assert quirks == ["exists_verdict"]
    assert "<SoLuongCongDan>1<" in (await portal.verdict()).text
