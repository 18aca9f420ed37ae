"""Administrative units: both lists whole, and a code read only together with the list it belongs to."""

import pytest

from gateway.procedures.units import (
    WITH_DISTRICTS,
    WITHOUT_DISTRICTS,
    load_units,
)
from tests.gateway.procedures.addresses import NEW_WORDS, OLD_WORDS, read

RE_USED_WARDS = [
    ("00004", "001", "Phường Trúc Bạch", "Phường Ba Đình"),
    ("00008", "001", "Phường Liễu Giai", "Phường Ngọc Hà"),
    ("00025", "001", "Phường Ngọc Khánh", "Phường Giảng Võ"),
    ("00070", "002", "Phường Hàng Trống", "Phường Hoàn Kiếm"),
    ("00082", "002", "Phường Trần Hưng Đạo", "Phường Cửa Nam"),
]
RE_USED_PROVINCES = [
    ("24", "Tỉnh Bắc Giang", "Tỉnh Bắc Ninh"),
    ("15", "Tỉnh Yên Bái", "Tỉnh Lào Cai"),
    ("44", "Tỉnh Quảng Bình", "Tỉnh Quảng Trị"),
    ("52", "Tỉnh Bình Định", "Tỉnh Gia Lai"),
    ("80", "Tỉnh Long An", "Tỉnh Tây Ninh"),
    ("82", "Tỉnh Tiền Giang", "Tỉnh Đồng Tháp"),
    ("91", "Tỉnh Kiên Giang", "Tỉnh An Giang"),
]
DISTRICTS = {"001": "Quận Ba Đình", "002": "Quận Hoàn Kiếm"}


def count(code_list: str, digits: int) -> int:
    return sum(len(code) == digits for code in load_units(code_list).units)


def test_both_lists_hold_all_units_of_every_level() -> None:
    assert [count(WITH_DISTRICTS, digits) for digits in (2, 3, 5)] == [63, 696, 10_035]
    assert [count(WITHOUT_DISTRICTS, digits) for digits in (2, 3, 5)] == [34, 0, 3_321]


@pytest.mark.parametrize("code_list", [WITH_DISTRICTS, WITHOUT_DISTRICTS])
def test_every_unit_lies_in_a_unit_of_the_same_list(code_list: str) -> None:
    units = load_units(code_list).units
    assert all(unit.parent in units for code, unit in units.items() if len(code) > 2)
    assert all(unit.parent is None for code, unit in units.items() if len(code) == 2)


def test_ha_noi_has_30_districts_and_shrank_to_126_wards() -> None:
    old, new = load_units(WITH_DISTRICTS).units, load_units(WITHOUT_DISTRICTS).units
    districts = {code for code, unit in old.items() if unit.parent == "01"}
    assert len(districts) == 30
    assert sum(unit.parent in districts for unit in old.values()) == 526
    assert sum(unit.parent == "01" for unit in new.values()) == 126


@pytest.mark.parametrize(
    ("district", "name"),
    [
        ("318", "Huyện Bạch Long Vĩ"),
        ("471", "Huyện Cồn Cỏ"),
        ("498", "Huyện Hoàng Sa"),
        ("536", "Huyện Lý Sơn"),
        ("755", "Huyện Côn Đảo"),
    ],
)
def test_an_island_district_without_wards_is_read_without_a_ward(district: str, name: str) -> None:
    old = load_units(WITH_DISTRICTS).units
    province = old[district].parent
    assert province is not None
    assert not any(unit.parent == district for unit in old.values())
    words = f"{name}, {old[province].name}".upper()
    assert read(province, district, None, words) == WITH_DISTRICTS


def unit_name(code_list: str, code: str) -> str | None:
    """Return what a code means in that list."""
    unit = load_units(code_list).units.get(code)
    return None if unit is None else unit.name


@pytest.mark.parametrize(("ward", "district", "old", "new"), RE_USED_WARDS)
def test_threat_29_a_re_used_ward_code_is_read_with_its_list_version(
    ward: str, district: str, old: str, new: str
) -> None:
    assert unit_name(WITH_DISTRICTS, ward) == old
    assert unit_name(WITHOUT_DISTRICTS, ward) == new
    old_words = f"{old}, {DISTRICTS[district]}, Thành phố Hà Nội".upper()
    new_words = f"{new}, Thành phố Hà Nội".upper()
    assert read("01", district, ward, old_words) == WITH_DISTRICTS
    assert read("01", None, ward, new_words) == WITHOUT_DISTRICTS
    assert read("01", None, ward, old_words) is None
    assert read("01", district, ward, new_words) is None


@pytest.mark.parametrize(("ward", "district", "old", "new"), RE_USED_WARDS)
def test_threat_29_bare_words_of_a_re_used_ward_decide_as_full_ones_do(
    ward: str, district: str, old: str, new: str
) -> None:
    old_words = f"{old}, {DISTRICTS[district]}, Hà Nội".replace("Phường ", "").replace("Quận ", "")
    assert read("01", district, ward, old_words) == WITH_DISTRICTS
    assert read("01", None, ward, old_words) is None
    assert read("01", None, ward, old.removeprefix("Phường ")) is None


@pytest.mark.parametrize(("province", "old", "new"), RE_USED_PROVINCES)
def test_threat_29_a_re_used_province_code_is_read_with_its_list_version(
    province: str, old: str, new: str
) -> None:
    assert unit_name(WITH_DISTRICTS, province) == old
    assert unit_name(WITHOUT_DISTRICTS, province) == new
    assert read(province, None, None, new.upper()) == WITHOUT_DISTRICTS
    assert read(province, None, None, old.upper()) is None
    assert read(province, None, None, old.removeprefix("Tỉnh ")) is None
    assert read(province, None, None, f"SỐ 1, {old}") is None


@pytest.mark.parametrize("ward", ["00016", "00031", "00073"])
def test_an_old_ward_code_without_its_district_has_no_list(ward: str) -> None:
    assert unit_name(WITHOUT_DISTRICTS, ward) is None
    assert read("01", None, ward) is None


def test_codes_alone_decide_where_no_words_were_given() -> None:
    for words in (None, ""):
        assert read("01", "001", "00004", words) == WITH_DISTRICTS
        assert read("01", None, "00004", words) == WITHOUT_DISTRICTS
    assert read("01", None, "00004", country=None) == WITHOUT_DISTRICTS


@pytest.mark.parametrize(
    ("province", "district", "ward"),
    [
        ("01", "002", "00004"),
        ("02", "001", "00004"),
        ("01", "001", "99999"),
        ("99", None, None),
        ("02", None, None),
        ("24", None, "00004"),
        ("01", "001", "phường"),
        (None, None, None),
        ("", "", ""),
    ],
)
def test_codes_that_are_unknown_or_do_not_belong_together_have_no_list(
    province: str | None, district: str | None, ward: str | None
) -> None:
    assert read(province, district, ward) is None


def test_an_address_abroad_has_no_vietnamese_list() -> None:
    assert read("01", "001", "00004", None, "LA") is None


def test_codes_that_lost_their_zeros_are_still_read() -> None:
    assert read("1", "1", "4", OLD_WORDS) == WITH_DISTRICTS
    assert read("1", None, "4", NEW_WORDS) == WITHOUT_DISTRICTS


def test_a_part_of_the_codes_is_enough_when_the_rest_is_absent() -> None:
    assert read(None, "001", "00004", OLD_WORDS) == WITH_DISTRICTS
    assert read(None, None, "00004", NEW_WORDS) == WITHOUT_DISTRICTS
    assert read("01", "001", None, "QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI") == WITH_DISTRICTS


def test_a_list_of_units_that_does_not_exist_is_a_programming_error() -> None:
    with pytest.raises(KeyError, match="units-2022-04"):
        load_units("units-2022-04")
