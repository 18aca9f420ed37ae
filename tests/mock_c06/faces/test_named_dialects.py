"""Each form in which C06's answers were seen is a dialect by name: one account has it, its neighbour in the run has not."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from mock_c06.parity.ledger import load_ledger
from tests.mock_c06.callers import PlatformClient, SoapPortal
from tests.mock_c06.contract.test_lgsp_json import BODIES

VERDICT, RECORD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan"
# quirk, operation, what stands in the answer without it, what stands there with it; ^ is where the answer begins.
SOAP = [
    ("split_name", RECORD, "<Ho/><ChuDem/><Ten>NGUYỄN VĂN AN</Ten>", "<Ho>NGUYỄN</Ho><ChuDem>VĂN</ChuDem>"),
    ("structured_relatives", RECORD, "<Cha><HoVaTen>NGUYỄN", "<Cha><HoVaTen><Ho/><ChuDem/><Ten>NGUYỄN"),
    ("absent_elements", RECORD, "<NguoiDaiDien/>", "</VoChong><ChuHo>"),
    ("unpadded_codes", RECORD, "<NhomMau>00<", "<NhomMau>0<"),
    ("hyphen_dates", RECORD, "<NgayThangNam>19900131<", "<NgayThangNam>1990-01-31<"),
    ("bare_collection", RECORD, 'dancu/1.0" SoCongDan="1"', 'dancu/1.0"><CongDan>'),
    ("no_life_status", RECORD, "<TrangThai>1<", "<TrangThai/>"),
    ("exists_verdict", VERDICT, "<SoLuongCongDan>1<", "<KetQuaXacThuc xmlns"),
]
JSON = [
    ("passthrough", "people_as_list", RECORD, '"CongDan": {', '"CongDan": [{'),
    ("passthrough", "json_envelope", RECORD, '^{"Body":', '^{"Envelope": {"Body":'),
    (
        "passthrough",
        "exists_verdict",
        VERDICT,
        '"SoLuongCongDan": "1"',
        '"KetQuaXacThuc": {"TonTai": "true"}',
    ),
    ("passthrough", "split_name", RECORD, '"Ho": ""', '"Ho": "NGUYỄN"'),
    ("passthrough", "structured_relatives", RECORD, '"Cha": {"HoVaTen": "', '"Cha": {"HoVaTen": {'),
    ("passthrough", "absent_elements", RECORD, '"NguoiDaiDien": ""', '"Cha"'),
    ("camel", "people_as_list", RECORD, '{"data": {', '{"data": [{'),
    ("camel", "text_verdict", VERDICT, '{"data": true}', '{"data": "true"}'),
    ("pascal", "exists_verdict", VERDICT, "SoLuongCongDan>1<", "<TonTai>true<"),
    ("pascal", "split_name", RECORD, "<Ho/>", "<Ho>NGUYỄN</Ho>"),
]


@pytest.mark.parametrize(
    ("quirk", "operation", "without", "with_it"), SOAP, ids=lambda value: str(value)[:24]
)
async def test_a_soap_account_is_answered_in_the_dialect_that_it_was_given(
    portal: SoapPortal, control: httpx.AsyncClient, quirk: str, operation: str, without: str, with_it: str
) -> None:
    issued = await control.post("/runs/default/accounts", json={"name": "odd", "quirks": [quirk]})
    odd, plain = replace(portal, account=issued.json()), portal
    said, usual = (await odd.ask(operation)).text, (await plain.ask(operation)).text
    assert with_it in said
    assert (without in said, without in usual) == (False, True)


@pytest.mark.parametrize(
    ("variant", "quirk", "operation", "without", "with_it"), JSON, ids=lambda value: str(value)[:24]
)
async def test_a_platforms_account_is_answered_in_the_dialect_that_it_was_given(
    platform: Callable[[str], PlatformClient],
    control: httpx.AsyncClient,
    variant: str,
    quirk: str,
    operation: str,
    without: str,
    with_it: str,
) -> None:
    plain, name = platform(variant), f"odd-{variant}"
    body = {"name": name, "dialect": f"lgsp-{variant}", "quirks": [quirk]}
    odd = replace(plain, account=(await control.post("/runs/default/accounts", json=body)).json())
    said = []
    for client in (odd, plain):
        assert (await client.log_in()).status_code == 200
        said.append("^" + (await client.ask(operation, BODIES[variant])).text)
    assert with_it in said[0]
    assert (without in said[0], without in said[1]) == (False, True)


def test_every_dialect_that_is_named_here_has_its_place_in_the_ledger() -> None:
    switches = {behaviour.switch for behaviour in load_ledger()}
    assert {row[0] for row in SOAP} | {row[1] for row in JSON} <= switches
