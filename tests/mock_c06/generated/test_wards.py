"""Addresses are of real units, each in its own list."""

import pytest

from mock_c06.generated.units import NEW, OLD, load_provinces, load_wards
from tests.kit.source import ROOT


@pytest.mark.parametrize("code_list", [OLD, NEW])
def test_the_mocks_list_of_units_is_the_gateways_to_the_letter(code_list: str) -> None:
    ours = ROOT / "mock_c06" / "generated" / "data" / "units" / f"{code_list}.tsv"
    theirs = ROOT / "gateway" / "procedures" / "data" / "units" / f"{code_list}.tsv"
    assert ours.read_bytes() == theirs.read_bytes()


def test_every_province_has_wards_in_both_lists() -> None:
    wards = load_wards()
    for province in load_provinces():
        old, new = wards.of(OLD, province.code)[5], wards.of(NEW, province.code)[5]
        assert (old.province_code, old.district_code is None) == (province.code, False)
        assert new.district_code is None
        assert new.province_code in wards.provinces[NEW]
    assert sum(len(wards.of(OLD, province.code)) for province in load_provinces()) == 10_035


def test_a_ward_of_no_list_is_not_found() -> None:
    assert load_wards().find(NEW, "00001") is None
    assert load_wards().find(OLD, "001") is None


def test_partners_of_provinces_are_each_others() -> None:
    provinces = load_provinces()
    assert [provinces[province.partner].partner for province in provinces] == list(range(63))
