"""Coded values and addresses look to a portal as it was promised."""

import pytest

from gateway.procedures.model import address_value, code_value


def test_an_address_carries_the_list_its_codes_are_read_in() -> None:
    words = "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI"
    assert address_value("01", "001", "00004", words, "VN") == {
        "province_code": "01",
        "district_code": "001",
        "ward_code": "00004",
        "code_list": "units-2025-01",
        "detail": words,
        "country": "VN",
    }


@pytest.mark.parametrize("empty", [None, ""])
def test_absent_and_empty_parts_of_an_address_are_null(empty: str | None) -> None:
    value = address_value(empty, empty, empty, empty, empty)
    assert list(value) == ["province_code", "district_code", "ward_code", "code_list", "detail", "country"]
    assert set(value.values()) == {None}


def test_threat_29_an_address_whose_words_disagree_keeps_its_codes_without_list() -> None:
    value = address_value("01", None, "00004", "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI", "VN")
    assert (value["ward_code"], value["code_list"]) == ("00004", None)


def test_a_coded_value_says_what_it_means_and_in_which_list() -> None:
    assert code_value("4", "ethnic-qd121") == {"code": "04", "label": "Hoa", "code_list": "ethnic-qd121"}


def test_an_unknown_code_is_passed_on_without_a_label() -> None:
    assert code_value("77", "blood") == {"code": "77", "label": None, "code_list": "blood"}
