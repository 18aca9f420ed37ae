"""Threats 27, 28 and 29: whose record it is, and which values it may have."""

from datetime import date, datetime, timedelta, timezone

import pytest

from gateway.errors.requests import RegistryAnswerInvalid
from gateway.procedures.model import Operation
from gateway.registry.model import Claim, Found, LifeStatus, Record
from gateway.registry.reader import Branch, Tree
from gateway.registry.records import read_answer
from tests.kit.registry import CARD, CLAIM, NUMBER, PERSON, answering, people, question, registry_of

_BY_CARD = Claim(id_card_number=CARD, full_name="Nguyễn Văn An", birth_year=1990)


async def _record(old: str, new: str, claim: Claim | None = None) -> Record:
    assert old in PERSON
    asked = question(Operation.LOOK_UP) if claim is None else question(Operation.LOOK_UP, claim=claim)
    found = await registry_of(answering(people(PERSON.replace(old, new, 1)))).find_record(asked)
    assert isinstance(found, Found)
    return found.record


@pytest.mark.parametrize("number", ["001090000124", "", "<!-- -->"])
async def test_threat_27_a_record_with_another_number_is_never_delivered(number: str) -> None:
    with pytest.raises(RegistryAnswerInvalid):
        await _record(f"<SoDinhDanh>{NUMBER}", f"<SoDinhDanh>{number}")


@pytest.mark.parametrize("number", ["012345679", ""])
async def test_threat_27_a_record_with_another_card_is_never_delivered(number: str) -> None:
    with pytest.raises(RegistryAnswerInvalid, match="another person"):
        await _record(CARD, number, _BY_CARD)


async def test_threat_27_a_record_with_another_birth_date_is_never_delivered() -> None:
    with pytest.raises(RegistryAnswerInvalid, match="another birth date"):
        await _record("19900131", "19900201")


@pytest.mark.parametrize("name", ["TRẦN VĂN AN", "NGUYỄN VĂN ANH", "NGUYỄN AN", "阮文安", "ß" * 100])
async def test_threat_27_a_record_with_another_name_is_never_delivered(name: str) -> None:
    with pytest.raises(RegistryAnswerInvalid, match="another name"):
        await _record("<Ten>NGUYỄN VĂN AN", f"<Ten>{name}")


@pytest.mark.parametrize("name", ["TRẦN VĂN AN", "NGUYỄN VĂN AN", "", None])
def test_threat_27_the_reader_of_records_takes_the_claims_name_or_none(name: str | None) -> None:
    person: dict[str, Tree] = {"SoDinhDanh": NUMBER}
    if name is not None:
        person["HoVaTen"] = name
    body: Branch = {"CongdanCollection": {"CongDan": person}}
    if name == "TRẦN VĂN AN":
        with pytest.raises(RegistryAnswerInvalid, match="another name"):
            read_answer(body, CLAIM, date(2022, 4, 27))
    else:
        found = read_answer(body, CLAIM, date(2022, 4, 27))
        assert isinstance(found, Found)
        assert found.record.full_name == (name or None)


async def test_a_record_asked_by_card_may_lack_the_longer_number() -> None:
    record = await _record(f"<SoDinhDanh>{NUMBER}", "<SoDinhDanh>", _BY_CARD)
    assert (record.citizen_id, record.id_card_number) == (None, CARD)


async def test_threat_29_ethnicity_religion_and_nationality_are_never_swapped() -> None:
    record = await _record("<QuocTich>VN</QuocTich><QueQuan/>", "<QuocTich>LA</QuocTich>")
    assert (record.ethnicity, record.religion, record.nationality) == ("04", "06", "LA")


@pytest.mark.parametrize(
    ("old", "new", "member", "expected"),
    [
        ("<DanToc>04", "<DanToc>4", "ethnicity", "04"),
        ("<DanToc>04", "<DanToc>00", "ethnicity", None),
        ("<TonGiao>06", "<TonGiao>00", "religion", "00"),
        ("<TonGiao>06", "<TonGiao>0", "religion", "00"),
        ("<TonGiao>06", "<TonGiao>", "religion", None),
        ("<NhomMau>00", "<NhomMau>3", "blood_type", "03"),
        ("<NhomMau>00", "<NhomMau>0", "blood_type", None),
        ("<GioiTinh>1", "<GioiTinh>02", "gender", "2"),
        ("<GioiTinh>1", "<GioiTinh>3", "gender", None),
        ("<GioiTinh>1", "<GioiTinh>0", "gender", None),
        ("<TinhTrangHonNhan>2", "<TinhTrangHonNhan>0", "marital_status", None),
        ("<TinhTrangHonNhan>2", "<TinhTrangHonNhan>9", "marital_status", None),
        ("<TinhTrangHonNhan>2", "<TinhTrangHonNhan>03", "marital_status", "3"),
        ("<TrangThai>1", "<TrangThai>2", "life_status", LifeStatus.DECEASED),
        ("<TrangThai>1", "<TrangThai>3", "life_status", LifeStatus.MISSING),
        ("<TrangThai>1", "<TrangThai>4", "life_status", LifeStatus.CANCELLED),
        ("<TrangThai>1", "<TrangThai>8", "life_status", LifeStatus.UNKNOWN),
        ("<TrangThai>1</TrangThai>", "", "life_status", LifeStatus.UNKNOWN),
        ("<Ten>NGUYỄN", "<Ten>NGUYE\u0302\u0303N", "full_name", "NGUYỄN VĂN AN"),
        ("<Ten>NGUYỄN VĂN", "<Ten>\n NGUYỄN \u00a0VĂN\u200b", "full_name", "NGUYỄN VĂN AN"),
        ("<HoVaTen><Ho/><ChuDem/><Ten>NGUYỄN VĂN AN</Ten></HoVaTen>", "<HoVaTen>NGUYỄN VĂN AN</HoVaTen>", "full_name", "NGUYỄN VĂN AN"),
        ("<Ho/><ChuDem/><Ten>NGUYỄN VĂN AN", "<Ho>NGUYỄN</Ho><ChuDem>VĂN</ChuDem><Ten>AN", "full_name", "NGUYỄN VĂN AN"),
        ("<Ten>NGUYỄN VĂN AN", "<Ten>=NGUYỄN|'VĂN'! &lt;AN&gt;", "full_name", "=NGUYỄN|'VĂN'! <AN>"),
        ("<Ten>NGUYỄN VĂN AN", "<Ten>Nguyen  Van  An", "full_name", "Nguyen Van An"),
        ("<Ten>NGUYỄN VĂN AN</Ten>", "<Ten/>", "full_name", None),
        ("<Ten>NGUYỄN VĂN AN", "<Ten>\u200b\u00a0", "full_name", None),
        ("<Nam>1990</Nam><NgayThangNam>19900131", "<Nam/><NgayThangNam>1990", "birth_year", 1990),
        ("<Cha><HoVaTen>NGUYỄN VĂN BÌNH</HoVaTen>", "<Cha><HoVaTen/>", "father", None),
        ("<Nam>1990</Nam><NgayThangNam>19900131", "<Nam/><NgayThangNam>1990-01-31", "birth_date", date(1990, 1, 31)),
        ("<NgayThangNam>19900131</NgayThangNam>", "<NgayThangNam/>", "birth_date", None),
        ("<NgayThangNam>19900131</NgayThangNam>", "<NgayThangNam/>", "birth_year", 1990),
    ],
)  # fmt: skip
async def test_each_value_of_a_record_is_converted_to_our_form(
    old: str, new: str, member: str, expected: object
) -> None:
    assert getattr(await _record(old, new), member) == expected


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("19900131", "19900231", "impossible birth date"),
        ("19900131", "31011990", "impossible birth date"),
        ("19900131", "1990-0131", "malformed birth date"),
        ("19900131", "١٩٩٠٠١٣١", "malformed birth date"),
        ("<Nam>1990", "<Nam>1991", "impossible birth date"),
        ("<Nam>1990", "<Nam>90", "malformed birth year"),
        ("<Nam>1990</Nam><NgayThangNam>19900131", "<Nam>2022</Nam><NgayThangNam>20220428", "impossible birth date"),
        ("<Nam>1990</Nam><NgayThangNam>19900131", "<Nam>1790</Nam><NgayThangNam>", "impossible birth date"),
        ("<GioiTinh>1", "<GioiTinh>nam", "malformed code"),
        ("<DanToc>04", "<DanToc>Hoa", "malformed code"),
        ("<TonGiao>06", "<TonGiao>006", "malformed code"),
        ("<QuocTich>VN</QuocTich><QueQuan", "<QuocTich>vn</QuocTich><QueQuan", "malformed code"),
        ("<MaTinhThanh>01", "<MaTinhThanh>1", "malformed code"),
        ("<MaQuanHuyen>001", "<MaQuanHuyen>0001", "malformed code"),
        ("<MaPhuongXa>00004", "<MaPhuongXa>4", "malformed code"),
        ("<QuanHe>CH01", "<QuanHe>chủ hộ", "malformed code"),
        ("<SoCMND>012345678", "<SoCMND>01234567", "malformed code"),
        ("<Ten>NGUYỄN VĂN AN", "<Ten>" + "A" * 101, "value too long"),
        ("<ChiTiet>PHƯỜNG", "<ChiTiet>" + "P" * 500, "value too long"),
        ("<Ten>NGUYỄN", "<Ten>\u202eNGUYỄN", "control character in a value"),
        ("<Ten>NGUYỄN", "<Ten>&#x85;NGUYỄN", "control character in a value"),
        ("<Ten>NGUYỄN VĂN", "<Ten>NGUYỄN&#x2067;VĂN", "control character in a value"),
    ],
)  # fmt: skip
async def test_threat_28_a_value_out_of_form_refuses_the_whole_record(
    old: str, new: str, reason: str
) -> None:
    with pytest.raises(RegistryAnswerInvalid) as refused:
        await _record(old, new)
    assert refused.value.reason == reason
    assert "1990" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2022-04-27T08:00:00", datetime(2022, 4, 27, 8, tzinfo=timezone(timedelta(hours=7)))),
        ("2022-04-27T01:00:00Z", datetime(2022, 4, 27, 8, tzinfo=timezone(timedelta(hours=7)))),
        ("", None),
    ],
)
async def test_the_time_of_the_data_is_an_instant_whatever_its_offset(
    written: str, expected: datetime | None
) -> None:
    content = people(PERSON).replace(b"2022-04-27T08:00:00+07:00", written.encode())
    found = await registry_of(answering(content)).find_record(question(Operation.LOOK_UP))
    assert isinstance(found, Found)
    assert found.record.as_of == expected


async def test_a_malformed_time_of_the_data_is_refused() -> None:
    content = people(PERSON).replace(b"2022-04-27T08:00:00+07:00", b"yesterday")
    with pytest.raises(RegistryAnswerInvalid, match="malformed time"):
        await registry_of(answering(content)).find_record(question(Operation.LOOK_UP))


async def test_a_household_larger_than_any_family_is_refused() -> None:
    member = "<ThanhVien><QuanHe>CH02</QuanHe><HoVaTen>LÊ THỊ HOA</HoVaTen></ThanhVien>"
    with pytest.raises(RegistryAnswerInvalid, match="too many household members"):
        await registry_of(answering(people(PERSON + member * 201))).find_record(question(Operation.HOUSEHOLD))


async def test_a_repr_of_a_record_or_a_claim_shows_no_value() -> None:
    record = await _record("<QueQuan/>", "<QueQuan/>")
    assert repr((record, _BY_CARD, record.father)) == "(Record(…), Claim(…), Relative(…))"
