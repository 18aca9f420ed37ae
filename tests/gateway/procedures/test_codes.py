"""Code lists: the same digits mean other things in other lists, and one digit is as good as two."""

import pytest

from gateway.procedures.model import CODE_LISTS, canonical, label, labels_of


@pytest.mark.parametrize(
    ("code", "people"), [("04", "Hoa"), ("05", "Khơ-me"), ("06", "Mường"), ("08", "HMông")]
)
def test_threat_29_ethnic_codes_follow_the_order_of_qd_121(code: str, people: str) -> None:
    assert label("ethnic-qd121", code) == people


def test_threat_29_ethnicity_religion_and_nationality_answer_by_their_own_lists() -> None:
    meanings = [label(name, "04") for name in ("ethnic-qd121", "religion-portal", "blood", "iso3166-1")]
    assert meanings == ["Hoa", "Hồi giáo", "O", None]


@pytest.mark.parametrize(
    ("code_list", "count"),
    [
        ("gender", 4),
        ("marital", 4),
        ("blood", 5),
        ("religion-portal", 15),
        ("ethnic-qd121", 56),
        ("iso3166-1", 249),
        ("relation-mock", 11),
    ],
)
def test_every_code_list_is_whole_and_labels_every_code(code_list: str, count: int) -> None:
    labels = labels_of(code_list)
    assert len(labels) == count
    assert all(text.strip() for text in labels.values())


def test_the_promised_code_lists_are_the_ones_there_are() -> None:
    promised = "gender marital blood religion-portal ethnic-qd121 iso3166-1 relation-mock"
    assert list(CODE_LISTS) == promised.split()


@pytest.mark.parametrize(
    ("code_list", "written", "stored"),
    [
        ("ethnic-qd121", "1", "01"),
        ("ethnic-qd121", "001", "01"),
        ("religion-portal", "0", "00"),
        ("blood", "3", "03"),
        ("gender", "01", "1"),
        ("marital", "2", "2"),
    ],
)
def test_a_number_is_the_same_code_with_and_without_zeros(code_list: str, written: str, stored: str) -> None:
    assert canonical(code_list, written) == stored
    assert label(code_list, written) == labels_of(code_list)[stored]


@pytest.mark.parametrize("code", ["98", "", " 1", "-1", "1.0", "١", "Kinh", "9" * 5000])
def test_a_code_that_the_list_does_not_hold_means_nothing(code: str) -> None:
    assert label("ethnic-qd121", code) is None
    assert canonical("ethnic-qd121", code) == code


def test_the_religion_99_of_an_older_sample_has_no_meaning_here() -> None:
    assert label("religion-portal", "99") is None


def test_a_country_is_known_by_its_two_letters() -> None:
    assert label("iso3166-1", "VN") == "Việt Nam"
    assert label("iso3166-1", "XX") is None


def test_the_head_of_a_household_is_the_one_relation_code_ever_seen() -> None:
    assert label("relation-mock", "CH01") == "Chủ hộ"


def test_a_list_that_does_not_exist_is_a_programming_error() -> None:
    with pytest.raises(KeyError, match="ethnic-gso"):
        label("ethnic-gso", "04")
