"""The words of an address and its codes: where they disagree no list is named, however the words are written."""

from collections.abc import Mapping

import pytest

from gateway.procedures.units import WITH_DISTRICTS, WITHOUT_DISTRICTS, Unit, load_units
from tests.gateway.procedures.addresses import NEW_WORDS, OLD_WORDS, read


@pytest.mark.parametrize(
    "words",
    [
        OLD_WORDS,
        OLD_WORDS.lower(),
        "phuong truc bach, quan ba dinh, thanh pho ha noi",
        "Số 5 phố Quán Thánh, P. Trúc Bạch, Q. Ba Đình, TP. Hà Nội",
        "P.Trúc Bạch,Q.Ba Đình,TP Hà Nội",
        "12 NGÕ 3 PHƯỜNG TRÚC BẠCH QUẬN BA ĐÌNH THÀNH PHỐ HÀ NỘI",
        "TỔ 5 PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, HÀ NỘI, VIỆT NAM",
        "PHƯỜNG TRÚC BẠCH; QUẬN BA ĐÌNH",
        "Trúc Bạch, Ba Đình, Hà Nội",
        "SỐ 12 NGÕ 3",
        "  ,, ",
    ],
)
def test_words_that_fit_the_older_list_leave_its_codes_readable(words: str) -> None:
    assert read("01", "001", "00004", words) == WITH_DISTRICTS


@pytest.mark.parametrize(
    "words",
    [
        NEW_WORDS,
        "PHƯỜNG KIM MÃ, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI",
        "PHƯỜNG TRÚC BẠCH, QUẬN HOÀN KIẾM, THÀNH PHỐ HÀ NỘI",
        "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, TỈNH HÀ NAM",
        "Kim Mã, Ba Đình, Hà Nội",
        "Quận Ba Đình, Thành phố Hà Nội",
        "Thành phố Hà Nội",
        "XÃ TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI",
    ],
)
def test_words_that_contradict_the_codes_leave_them_without_list(words: str) -> None:
    assert read("01", "001", "00004", words) is None


@pytest.mark.parametrize(
    ("words", "readable"),
    [
        (NEW_WORDS, True),
        ("SỐ 3 TRÚC BẠCH, PHƯỜNG BA ĐÌNH, HÀ NỘI", True),
        ("QUÁN THÁNH, PHƯỜNG BA ĐÌNH, HÀ NỘI", True),
        ("PHƯỜNG BA ĐÌNH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI", False),
        ("PHƯỜNG BA ĐÌNH, HUYỆN BA VÌ, HÀ NỘI", False),
        ("TRÚC BẠCH, BA ĐÌNH, HÀ NỘI", False),
        ("PHƯỜNG BA ĐÌNH, TỈNH THANH HÓA", False),
    ],
)
def test_words_with_a_district_never_fit_the_list_without(words: str, *, readable: bool) -> None:
    assert read("01", None, "00004", words) == (WITHOUT_DISTRICTS if readable else None)


def test_districts_and_wards_named_by_number_are_read_with_and_without_zeros() -> None:
    assert read("79", "774", "27307", "PHƯỜNG 02, QUẬN 5, THÀNH PHỐ HỒ CHÍ MINH") == WITH_DISTRICTS
    assert read("79", "774", "27307", "P2, Q5, TP. Hồ Chí Minh") == WITH_DISTRICTS


def test_the_full_words_of_an_older_ward_are_read_only_with_its_district() -> None:
    old = load_units(WITH_DISTRICTS).units
    for ward, district, province, words in wards_with_words(old)[::25]:
        assert read(province, district, ward, words) == WITH_DISTRICTS, words
        assert read(province, None, ward, words) is None, words


def test_the_full_words_of_a_newer_ward_are_read_without_a_district() -> None:
    new = load_units(WITHOUT_DISTRICTS).units
    for code, unit in list(new.items())[::10]:
        if len(code) == 5 and unit.parent is not None:
            words = f"{unit.name}, {new[unit.parent].name}".upper()
            assert read(unit.parent, None, code, words) == WITHOUT_DISTRICTS, words


def wards_with_words(units: Mapping[str, Unit]) -> list[tuple[str, str, str, str]]:
    found = []
    for code, unit in units.items():
        if len(code) == 5 and unit.parent is not None:
            district = units[unit.parent]
            assert district.parent is not None
            words = f"{unit.name}, {district.name}, {units[district.parent].name}".upper()
            found.append((code, unit.parent, district.parent, words))
    return found
