"""The bytes of a SOAP question, and the values of its answer."""

import base64
import hashlib
from datetime import UTC, date, datetime

import pytest
from lxml import etree

from gateway.errors.requests import ClaimInvalid, RequestInvalid
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect, TimestampUnit
from gateway.registry.model import Address, Claim, Found, LifeStatus, NobodyFound, Relative
from tests.kit.registry import CARD, CLOCK, NUMBER, PERSON, answering, people, question, registry_of, verdict

_DAN = "{http://dancuquocgia.bca}"


def _members(content: bytes) -> list[tuple[str, str]]:
    body = etree.fromstring(content)[1]
    return [(str(node.tag).removeprefix(_DAN), node.text or "") for node in body[0].iter() if len(node) == 0]


async def test_a_verdict_is_asked_with_every_member_in_the_schemas_order() -> None:
    double = answering(verdict())
    assert await registry_of(double).confirm(question()) is True
    (packet,) = double.packets
    assert str(packet.url) == "http://registry.test/XacThucThongTinCongDan"
    assert packet.headers["soapaction"] == '""'
    assert _members(packet.content) == [
        ("MaYeuCau", "HN-01J9Z0K4Q8"),
        ("MaDVC", "G15-TP110"),
        ("MaTichHop", "003"),
        ("MaCanBo", "can.bo.01"),
        ("MaDonVi", "000.00.01.H26"),
        ("SoDinhDanh", NUMBER),
        ("HoVaTen", "NGUYENVANAN"),
        ("NgayThangNam", "19900131"),
    ]


async def test_a_year_only_person_with_an_old_card_is_asked_by_year_and_card() -> None:
    double = answering(verdict("0"))
    claim = Claim(id_card_number=CARD, full_name="Đặng Thị Ước", birth_year=1950)
    assert await registry_of(double).confirm(question(claim=claim)) is False
    assert _members(double.packets[0].content)[-3:] == [
        ("SoCMND", CARD),
        ("HoVaTen", "DANGTHIUOC"),
        ("Nam", "1950"),
    ]


async def test_the_connections_own_codes_replace_the_questions() -> None:
    double = answering(verdict())
    registry = registry_of(
        double, service_codes={"khai-sinh": "G99-XX001"}, integration_codes={Operation.AUTHENTICATE: "033"}
    )
    await registry.confirm(question())
    assert ("MaDVC", "G99-XX001") in _members(double.packets[0].content)
    assert ("MaTichHop", "033") in _members(double.packets[0].content)


async def test_the_login_is_a_hash_over_url_user_time_and_secret() -> None:
    double = answering(verdict())
    await registry_of(double, x_road_client="VN/GOV/H26/DVCTT").confirm(question())
    headers = double.packets[0].headers
    stamp = str(int(CLOCK.now().timestamp() * 1000))
    hashed = hashlib.sha256(
        f"http://registry.test/XacThucThongTinCongDanhanoi{stamp}synthetic-secret".encode()
    ).hexdigest()
    assert headers["timestamp"] == stamp
    assert headers["authorization"] == f"Basic {base64.b64encode(f'hanoi:{hashed}'.encode()).decode()}"
    assert headers["x-road-client"] == "VN/GOV/H26/DVCTT"


async def test_a_connection_may_count_its_timestamps_in_seconds() -> None:
    double = answering(verdict())
    await registry_of(double, timestamp_unit=TimestampUnit.SECONDS).confirm(question())
    assert double.packets[0].headers["timestamp"] == str(int(CLOCK.now().timestamp()))


async def test_a_record_is_read_with_its_codes_as_text() -> None:
    found = await registry_of(answering(people(PERSON))).find_record(question(Operation.LOOK_UP))
    assert isinstance(found, Found)
    record = found.record
    assert record.as_of == datetime(2022, 4, 27, 1, 0, tzinfo=UTC)
    assert (record.citizen_id, record.id_card_number, record.full_name) == (NUMBER, CARD, "NGUYỄN VĂN AN")
    assert (record.birth_date, record.birth_year) == (date(1990, 1, 31), 1990)
    assert (record.gender, record.marital_status, record.blood_type) == ("1", "2", None)
    assert record.birth_registration_place == Address(
        province_code="01",
        district_code="001",
        ward_code="00004",
        detail="PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI",
        country="VN",
    )
    assert record.permanent_residence is not None
    assert record.permanent_residence.district_code is None
    assert record.native_place is None
    assert record.father == Relative(full_name="NGUYỄN VĂN BÌNH")
    assert record.mother == Relative(full_name="TRẦN THỊ BÍCH")
    assert (record.spouse, record.representative) == (None, None)
    assert record.household_head == Relative(full_name="NGUYỄN VĂN AN", relation="CH01")
    assert record.life_status is LifeStatus.LIVING


async def test_an_empty_collection_means_that_nobody_was_found() -> None:
    found = await registry_of(answering(people())).find_record(question(Operation.LOOK_UP))
    assert found == NobodyFound()


async def test_a_household_is_read_with_every_member_and_relation() -> None:
    member = "<ThanhVien><QuanHe>CH0{}</QuanHe><SoDinhDanh/><HoVaTen>{}</HoVaTen></ThanhVien>"
    person = PERSON + member.format(2, "LÊ THỊ HOA") + member.format(3, "NGUYỄN MINH KHANG")
    found = await registry_of(answering(people(person))).find_record(question(Operation.HOUSEHOLD))
    assert isinstance(found, Found)
    assert found.record.household_members == (
        Relative(full_name="LÊ THỊ HOA", relation="CH02"),
        Relative(full_name="NGUYỄN MINH KHANG", relation="CH03"),
    )


@pytest.mark.parametrize("name", ["", "   ", "王小明", "Lan " * 60])
async def test_threat_28_a_name_that_folds_to_nothing_or_too_much_is_not_sent(name: str) -> None:
    double = answering(verdict())
    claim = Claim(citizen_id=NUMBER, full_name=name, birth_year=1990)
    with pytest.raises(ClaimInvalid, match=r"claim\.full_name"):
        await registry_of(double).confirm(question(claim=claim))
    assert double.packets == []


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Nguyễn Văn An</dan:HoVaTen><dan:SoDinhDanh>1", "NGUYENVANANDANHOVATENDANSODINHDANH1"),
        ("An&#x0;<!DOCTYPE x>]]>", "ANX0DOCTYPEX"),
        ("=cmd|' /C calc'!A0", "CMDCCALCA0"),
        ("An\r\nX-Injected: 1", "ANXINJECTED1"),
        ("'; DROP TABLE people; --", "DROPTABLEPEOPLE"),
        ("{{ 7*7 }}", "77"),
        ("nguye\u0302\u0303n  VA\u0306N\u00a0an", "NGUYENVANAN"),
        ("H'Hen Niê", "HHENNIE"),
        ("đỗ Ðức Đạt", "DODUCDAT"),
        ("\u202eAn\u200b", "AN"),
    ],
)
async def test_threat_28_no_name_can_break_the_message(name: str, folded: str) -> None:
    double = answering(verdict())
    claim = Claim(citizen_id=NUMBER, full_name=name, birth_year=1990)
    await registry_of(double).confirm(question(claim=claim))
    assert ("HoVaTen", folded) in _members(double.packets[0].content)


async def test_threat_28_an_officers_id_with_markup_stays_text_in_the_message() -> None:
    double = answering(verdict())
    await registry_of(double).confirm(question(officer="a<b>&amp;]]>"))
    assert ("MaCanBo", "a<b>&amp;]]>") in _members(double.packets[0].content)


@pytest.mark.parametrize("officer", ["can\nbo", "x" * 21, "a\x00b"])
@pytest.mark.parametrize("dialect", list(Dialect))
async def test_threat_28_an_officers_id_out_of_form_is_never_sent(officer: str, dialect: Dialect) -> None:
    double = answering(verdict())
    with pytest.raises(RequestInvalid, match=r"initiated_by\.id"):
        await registry_of(double, dialect).confirm(question(officer=officer))
    assert double.packets == double.token_packets == []
