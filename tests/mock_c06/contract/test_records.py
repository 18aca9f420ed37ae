"""The four operations that answer with a record, whole or in part."""

from collections.abc import Callable

import httpx
import pytest
from lxml import etree

from tests.mock_c06.callers import CODES, SoapPortal, claim_of, texts
from tests.mock_c06.contract.targets import on_every_target

D = "{http://www.mic.gov.vn/dancu/1.0}"


def citizen(answer: httpx.Response) -> etree._Element:
    found = etree.fromstring(answer.content).find(f".//{D}CongDan")
    assert found is not None
    return found


def children(element: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in element]


@on_every_target
async def test_a_record_has_the_whole_name_in_ten_upper_case(portal: SoapPortal) -> None:
    name = citizen(await portal.record()).find(f"{D}HoVaTen")
    assert name is not None
    assert [(etree.QName(part).localname, part.text) for part in name] == [
        ("Ho", None),
        ("ChuDem", None),
        ("Ten", "NGUYỄN VĂN AN"),
    ]


@on_every_target
async def test_a_record_stamps_its_moment_and_says_test_data(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T01:00:00Z"})
    collection = etree.fromstring((await portal.record()).content).find(f".//{D}CongdanCollection")
    assert collection is not None
    assert dict(collection.attrib) == {
        "SoCongDan": "1",
        "ThoiDiemDuLieu": "2026-11-24T08:00:00+07:00",
        "GhiChu": "DU LIEU THU NGHIEM",
    }


@on_every_target
async def test_a_record_carries_codes_address_and_relatives(portal: SoapPortal) -> None:
    person = citizen(await portal.record())
    assert person.findtext(f"{D}SoCMND") == "012345678"
    assert person.findtext(f"{D}NgayThangNamSinh/{D}Nam") == "1990"
    assert person.findtext(f"{D}NgayThangNamSinh/{D}NgayThangNam") == "19900131"
    assert person.findtext(f"{D}ThuongTru/{D}MaPhuongXa") == "00004"
    assert person.findtext(f"{D}Cha/{D}HoVaTen") == "NGUYỄN VĂN BÌNH"
    assert person.findtext(f"{D}ChuHo/{D}QuanHe") == "CH01"
    assert person.findtext(f"{D}TrangThai") == "1"


@on_every_target
async def test_a_person_known_by_year_has_an_empty_date(portal: SoapPortal) -> None:
    claim = {"SoDinhDanh": "002058000709", "HoVaTen": "GIANGATHU", "NgayThangNam": None, "Nam": "1958"}
    birth = citizen(await portal.record(**claim)).find(f"{D}NgayThangNamSinh")
    assert birth is not None
    assert [part.text for part in birth] == ["1958", None]


@on_every_target
async def test_a_deceased_person_is_answered_with_their_status(portal: SoapPortal) -> None:
    claim = {"SoDinhDanh": "001050000404", "HoVaTen": "PHIVANKHUAT", "NgayThangNam": "19500220"}
    assert citizen(await portal.record(**claim)).findtext(f"{D}TrangThai") == "2"


@on_every_target
async def test_nobody_found_is_an_empty_collection(portal: SoapPortal) -> None:
    answer = await portal.record(HoVaTen="NGUYENVANANH")
    collection = etree.fromstring(answer.content).find(f".//{D}CongdanCollection")
    assert answer.status_code == 200
    assert collection is not None
    assert collection.get("SoCongDan") == "0"
    assert len(collection) == 0


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("XacMinhTinhTrangHonNhan", ["TinhTrangHonNhan", "VoChong"]),
        ("XacMinhThongTinNhanThan", ["Cha", "Me", "VoChong", "NguoiDaiDien"]),
    ],
)
@on_every_target
async def test_other_operations_carry_only_their_part(
    portal: SoapPortal, operation: str, expected: list[str]
) -> None:
    assert children(citizen(await portal.ask(operation))) == ["SoDinhDanh", "SoCMND", "HoVaTen", *expected]


@on_every_target
async def test_a_household_is_its_head_and_all_members(portal: SoapPortal) -> None:
    person = citizen(await portal.ask("CungCapThongTinHoGiaDinh"))
    members = person.findall(f"{D}ThanhVien")
    assert person.findtext(f"{D}ChuHo/{D}HoVaTen") == "NGUYỄN VĂN AN"
    assert [children(member) for member in members] == [["QuanHe", "SoDinhDanh", "HoVaTen"]] * len(members)
    assert "LÊ THỊ DUNG" in [member.findtext(f"{D}HoVaTen") for member in members]


@on_every_target
async def test_every_answer_about_every_persona_fits_the_schema(
    portal: SoapPortal, control: httpx.AsyncClient, is_valid: Callable[[bytes], bool]
) -> None:
    wrong = []
    for persona in (await control.get("/personas")).json():
        for operation in CODES:
            answer = await portal.ask(operation, **claim_of(persona))
            if answer.status_code != 200 or not is_valid(answer.content):
                wrong.append((persona["slug"], operation))
    assert wrong == []


@on_every_target
async def test_only_granted_fields_are_answered_the_rest_is_empty(
    portal: SoapPortal, control: httpx.AsyncClient, is_valid: Callable[[bytes], bool]
) -> None:
    granted = {"name": "narrow", "fields": ["full_name", "birth_year", "gender"]}
    portal.account = (await control.post("/accounts", json=granted)).json()
    answer = await portal.record()
    assert texts(citizen(answer)) == {
        "/SoDinhDanh": "001090000123",
        "/HoVaTen/Ten": "NGUYỄN VĂN AN",
        "/GioiTinh": "1",
        "/NgayThangNamSinh/Nam": "1990",
        "/TrangThai": "1",
    }
    assert is_valid(answer.content)


@on_every_target
async def test_a_name_that_carries_markup_is_written_as_text(
    portal: SoapPortal, control: httpx.AsyncClient, is_valid: Callable[[bytes], bool]
) -> None:
    person = {"citizen_id": "001090000998", "full_name": "A</Ten><Ten>&", "birth_date": "1990-01-01"}
    await control.put("/runs/default/world", json={"people": [person]})
    claim = {"SoDinhDanh": "001090000998", "HoVaTen": "A</Ten><Ten>&", "NgayThangNam": "19900101"}
    answer = await portal.record(**claim)
    assert citizen(answer).findtext(f"{D}HoVaTen/{D}Ten") == "A</TEN><TEN>&"
    assert is_valid(answer.content)


@on_every_target
async def test_switches_split_names_and_structure_relatives(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    switched = {"name": "other-guess", "switches": {"split_name": True, "structured_relatives": True}}
    portal.account = (await control.post("/accounts", json=switched)).json()
    answer = await portal.record()
    person = citizen(answer)
    assert person.findtext(f"{D}HoVaTen/{D}Ho") == "NGUYỄN"
    assert person.findtext(f"{D}HoVaTen/{D}ChuDem") == "VĂN"
    assert person.findtext(f"{D}Cha/{D}HoVaTen/{D}Ho") == "NGUYỄN"
    assert person.findtext(f"{D}Cha/{D}HoVaTen/{D}Ten") == "BÌNH"


@on_every_target
async def test_threat_28_a_name_with_controls_leaves_the_answer_well_formed(
    portal: SoapPortal, control: httpx.AsyncClient, is_valid: Callable[[bytes], bool]
) -> None:
    person = {
        "citizen_id": "001090000997",
        "full_name": "Lê\x01 \x1b[31mThị\r\nThử\u202e",
        "birth_date": "1990-01-01",
    }
    await control.put("/runs/default/world", json={"people": [person]})
    answer = await portal.record(SoDinhDanh="001090000997", HoVaTen="LE31MTHITHU", NgayThangNam="19900101")
    assert citizen(answer).findtext(f"{D}HoVaTen/{D}Ten") == "LÊ [31MTHỊ\r\nTHỬ\u202e"
    assert is_valid(answer.content)


@on_every_target
async def test_a_members_relation_to_the_head_is_the_members_own(portal: SoapPortal) -> None:
    wife = {"SoDinhDanh": "001192000124", "HoVaTen": "LETHIDUNG", "NgayThangNam": "19920308"}
    for operation in ("TraCuuThongTinCongDan", "CungCapThongTinHoGiaDinh"):
        person = citizen(await portal.ask(operation, **wife))
        assert person.findtext(f"{D}ChuHo/{D}QuanHe") == "CH02"
        assert person.findtext(f"{D}ChuHo/{D}SoDinhDanh") == "001090000123"
