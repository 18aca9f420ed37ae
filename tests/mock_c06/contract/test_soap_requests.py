"""What a SOAP request must look like; everything else is refused with 01 and repeats no value."""

from collections.abc import Callable

import httpx
import pytest
from lxml import etree

from tests.mock_c06.callers import ENVELOPE, SoapPortal, envelope
from tests.mock_c06.contract.targets import on_every_target

OPERATION = "XacThucThongTinCongDan"
REQUEST = "http://dancuquocgia.bca"


def refusal_code(answer: httpx.Response) -> str | None:
    """Give the code of a refusal, None where it is no fault of the client's."""
    if answer.status_code != 500:
        return None
    fault = etree.fromstring(answer.content).find(f".//{{{ENVELOPE}}}Fault")
    assert fault is not None
    assert fault.findtext("faultcode") == "soapenv:Client"
    return fault.findtext("detail/MaLoi")


@on_every_target
async def test_a_documented_request_fits_the_schema_and_is_answered(
    portal: SoapPortal, is_valid: Callable[[str], bool]
) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    assert is_valid(body)
    assert (await portal.send(body)).status_code == 200


@on_every_target
async def test_a_number_straight_after_the_officer_fits_and_is_answered(
    portal: SoapPortal, is_valid: Callable[[str], bool]
) -> None:
    fields = portal.fields(OPERATION)
    head = {name: fields.pop(name) for name in ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "SoDinhDanh")}
    body = envelope(OPERATION, head | fields)
    assert is_valid(body)
    assert (await portal.send(body)).status_code == 200


@on_every_target
async def test_agency_login_and_phone_are_optional_and_allowed(
    portal: SoapPortal, is_valid: Callable[[str], bool]
) -> None:
    fields = portal.fields(OPERATION)
    number, name, birth = (fields.pop(each) for each in ("SoDinhDanh", "HoVaTen", "NgayThangNam"))
    rest = {"SoDinhDanh": number, "HoVaTen": name, "NgayThangNam": birth}
    full = envelope(OPERATION, fields | {"TaiKhoan": "portal", "SoDienThoai": "0"} | rest)
    bare = envelope(OPERATION, fields | {"MaYeuCau": "bare", "MaDonVi": None} | rest)
    assert [is_valid(full), is_valid(bare)] == [True, True]
    assert [(await portal.send(body)).status_code for body in (full, bare)] == [200, 200]


@pytest.mark.parametrize("media_type", ["text/xml", "application/xml", 'text/xml; charset="UTF-8"'])
@on_every_target
async def test_both_media_types_of_real_clients_are_taken(portal: SoapPortal, media_type: str) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    assert (await portal.send(body, **{"Content-Type": media_type})).status_code == 200


@on_every_target
async def test_stray_text_between_envelope_elements_is_ignored(portal: SoapPortal) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    body = body.replace("<soapenv:Header/>", '<soapenv:Header/>"&gt;').replace(
        "</soapenv:Body>", '"&gt;</soapenv:Body>"&gt;'
    )
    assert (await portal.send(body)).status_code == 200


@on_every_target
async def test_prefixes_and_a_declaration_do_not_matter(portal: SoapPortal) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION)).replace("soapenv", "s").replace("dan:", "qldc:")
    body = '<?xml version="1.0" encoding="utf-8"?>' + body.replace("xmlns:dan", "xmlns:qldc")
    assert (await portal.send("\ufeff" + body)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"MaYeuCau": None},
        {"MaYeuCau": ""},
        {"MaYeuCau": "x" * 41},
        {"MaDVC": None},
        {"MaDVC": "x" * 21},
        {"MaTichHop": None},
        {"MaTichHop": "0" * 21},
        {"MaTichHop": "٠٠٣"},
        {"MaTichHop": "037"},
        {"MaCanBo": None},
        {"MaCanBo": "x" * 21},
        {"MaDonVi": "x" * 36},
        {"SoDinhDanh": None},
        {"SoDinhDanh": "00109000012"},
        {"SoDinhDanh": "٠٠١٠٩٠٠٠٠١٢٣"},
        {"SoDinhDanh": None, "SoCMND": "12345678"},
        {"SoCMND": "012345678"},
        {"SoCMND": ""},
        {"HoVaTen": None},
        {"HoVaTen": " "},
        {"HoVaTen": "x" * 101},
        {"NgayThangNam": None},
        {"NgayThangNam": "31011990"},
        {"NgayThangNam": "1990-02-30"},
        {"NgayThangNam": "1990/01/31"},
        {"NgayThangNam": None, "Nam": "90"},
        {"NgayThangNam": None, "Nam": "19900131"},
        {"Nam": "1990"},
        {"GioiTinh": "Nam hay nữ"},
    ],
)
@on_every_target
async def test_a_field_that_breaks_a_rule_is_refused_with_01(
    portal: SoapPortal, wrong: dict[str, str | None]
) -> None:
    answer = await portal.verdict(**wrong)
    assert refusal_code(answer) == "01"
    assert not any(value and value.strip() and value in answer.text for value in wrong.values())


async def test_what_is_missing_before_the_officer_is_named_and_is_no_matter_of_order(
    portal: SoapPortal,
) -> None:
    answer = await portal.verdict(MaDVC=None, MaTichHop=None)
    assert "<faultstring>Thiếu MaDVC, MaTichHop</faultstring>" in answer.text


def _reordered(body: str) -> str:
    return body.replace("<dan:MaDVC>G15-TP110</dan:MaDVC>", "").replace(
        "<dan:MaYeuCau>", "<dan:MaDVC>G15-TP110</dan:MaDVC><dan:MaYeuCau>"
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: "",
        lambda body: "not xml",
        lambda body: body[:-1],
        _reordered,
        lambda body: body.replace(REQUEST, "http://gtel.vn/qldc"),
        lambda body: body.replace(ENVELOPE, "http://www.w3.org/2003/05/soap-envelope"),
        lambda body: body.replace(OPERATION, "XacMinhThongTinChuHo"),
        lambda body: body.replace("dan:HoVaTen", "dan:hoVaTen"),
        lambda body: body.replace("<soapenv:Body>", "<soapenv:Body><x/>"),
        lambda body: body.replace("<soapenv:Header/>", "<soapenv:Header/><soapenv:Header/>"),
        lambda body: body.replace("<dan:HoVaTen>NGUYEN", "<dan:HoVaTen>NG<!-- -->UYEN"),
        lambda body: body.replace("<dan:HoVaTen>", "stray<dan:HoVaTen>"),
        lambda body: body.replace("</dan:HoVaTen>", "</dan:HoVaTen><dan:HoVaTen>B</dan:HoVaTen>"),
        lambda body: body.replace("NGUYENVANAN", "<dan:Ten>NGUYENVANAN</dan:Ten>"),
        lambda body: '<!DOCTYPE x [<!ENTITY a "b">]>' + body.replace("NGUYENVANAN", "&a;"),
        lambda body: "<!DOCTYPE x>" + body,
        lambda body: '<?xml version="1.0" encoding="iso-8859-1"?>' + body,
        lambda body: '<?xml version="1.0" encoding="utf-7"?>' + body,
        lambda body: body.replace(
            "<soapenv:Header/>", f"<soapenv:Header>{'<a>' * 300}{'</a>' * 300}</soapenv:Header>"
        ),
        lambda body: body.replace("<soapenv:Header/>", f"<soapenv:Header/>{' ' * 65536}"),
    ],
)
@on_every_target
async def test_threat_25_a_damaged_envelope_is_refused_with_01(
    portal: SoapPortal, damage: Callable[[str], str]
) -> None:
    body = damage(envelope(OPERATION, portal.fields(OPERATION)))
    assert refusal_code(await portal.send(body)) == "01"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@on_every_target
async def test_another_encoding_than_utf_8_is_refused(portal: SoapPortal, encoding: str) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION)).encode(encoding)
    assert refusal_code(await portal.send(body)) == "01"


@pytest.mark.parametrize("media_type", ["application/json", "text/xml; charset=utf-16", "text/plain"])
@on_every_target
async def test_another_media_type_is_refused_with_01(portal: SoapPortal, media_type: str) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    assert refusal_code(await portal.send(body, **{"Content-Type": media_type})) == "01"


@on_every_target
async def test_the_body_names_the_operation_at_the_soap_path(portal: SoapPortal) -> None:
    look_up = "TraCuuThongTinCongDan"
    verdict = await portal.send(envelope(OPERATION, portal.fields(OPERATION)), "/soap")
    record = await portal.send(envelope(look_up, portal.fields(look_up)), "/soap")
    unknown = await portal.send(envelope("GetRequests", portal.fields(look_up)), "/soap")
    assert f"{OPERATION}Response" in verdict.text
    assert "CongdanCollection" in record.text
    assert refusal_code(unknown) == "01"


@on_every_target
async def test_another_operation_in_the_body_than_the_path_is_refused(portal: SoapPortal) -> None:
    body = envelope("TraCuuThongTinCongDan", portal.fields("TraCuuThongTinCongDan"))
    assert refusal_code(await portal.send(body, f"/{OPERATION}")) == "01"


@on_every_target
async def test_switches_ask_for_agency_and_full_order(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    strict = {"name": "strict", "switches": {"require_agency": True, "strict_order": True}}
    portal.account = (await control.post("/accounts", json=strict)).json()
    fields = portal.fields(OPERATION)
    last = envelope(
        OPERATION, {name: fields[name] for name in fields if name != "MaDonVi"} | {"MaDonVi": "x"}
    )
    assert (await portal.verdict()).status_code == 200
    assert refusal_code(await portal.verdict(MaDonVi=None)) == "01"
    assert refusal_code(await portal.send(last)) == "01"


@on_every_target
async def test_a_path_or_method_that_is_not_there_says_so(portal: SoapPortal) -> None:
    missing = await portal.send("", "/XacMinhThongTinChuHo")
    wrong_method = await portal.http.get(f"{portal.base}/XacThucThongTinCongDan")
    assert missing.status_code == 404
    assert wrong_method.status_code == 405
    assert wrong_method.headers["allow"] == "POST"


@on_every_target
async def test_the_wsdl_is_served_under_the_callers_host_and_run(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs", json={"name": "own"})
    answer = await portal.http.get(f"{portal.base}/r/own/soap?WSDL")
    address = etree.fromstring(answer.content).find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.get("location") == f"{portal.base}/r/own/soap"
