"""What folding hides and what it must not hide, by table and by generated names."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_c06.matching import fold_name

VIETNAMESE = "aăâbcdđeêghiklmnoôơpqrstuưvxy" + "áàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
vietnamese_names = st.lists(st.text(VIETNAMESE, min_size=1, max_size=7), min_size=1, max_size=6).map(" ".join)

APOSTROPHES = (
    "'",
    "\u2019",
    "\u2018",
    "\u02bc",
    "\u02bb",
    "`",
    "\u00b4",
    "\u2032",
    "\uff07",
    "\u201b",
    "\ua78c",
)
HYPHENS = ("-", "\u2010", "\u2011", "\u2013", "\u00ad")
INVISIBLE = (" ", "\u00a0", "\u2009", "\t", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Nguyễn Văn An", "NGUYENVANAN"),
        ("NGUYỄN VĂN AN", "NGUYENVANAN"),
        ("nguyenvanan", "NGUYENVANAN"),
        ("Đỗ Đình Đạt", "DODINHDAT"),
        ("đỗ đình đạt", "DODINHDAT"),
        ("\u00d0ỗ \u00f0ình \u00d0ạt", "DODINHDAT"),
        ("\u0189ỗ \u0256ình", "DODINH"),
        ("H'Nhiên Niê", "HNHIENNIE"),
        ("Ksor H-Blăm", "KSORHBLAM"),
        ("Công Tằng Tôn Nữ Ưởng Ơ", "CONGTANGTONNUUONGO"),
        ("Straße", "STRASSE"),
        ("Nguyễn Văn A2", "NGUYENVANA2"),
        ("", ""),
        (" -' ", ""),
    ],
)
def test_a_written_name_has_exactly_this_folded_form(written: str, folded: str) -> None:
    assert fold_name(written) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hoà", "Hòa"),
        ("Hoè", "Hòe"),
        ("Thuý", "Thúy"),
        ("Khoẻ", "Khỏe"),
        ("Tuấn", "Tuân"),
        ("Anh Thư", "Anhthư"),
    ],
)
def test_tone_place_accent_and_spacing_are_not_seen(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lý Thị Mỹ", "Lí Thị Mĩ"),
        ("Kỳ", "Kì"),
        ("Nguyễn An Bình", "Nguyễn Bình"),
        ("Linh", "Ninh"),
        ("Nguyễn Văn An", "Nguyễn An Văn"),
    ],
)
def test_i_and_y_a_word_a_letter_and_order_are_seen(one: str, other: str) -> None:
    assert fold_name(one) != fold_name(other)


@pytest.mark.parametrize("sign", [*APOSTROPHES, *HYPHENS, *INVISIBLE])
def test_a_sign_that_is_no_letter_folds_away(sign: str) -> None:
    assert fold_name(f"{sign}H{sign}Linh{sign}") == "HLINH"


@pytest.mark.parametrize("foreign", ["Łukasz", "Аn", "Nguyễn Văn Ａn", "王", "An\u0661", "Nguyễn²"])
def test_a_letter_outside_the_latin_alphabet_folds_the_whole_name_to_nothing(foreign: str) -> None:
    assert fold_name(foreign) == ""


@given(st.text())
def test_any_text_folds_to_capitals_and_digits_alone(text: str) -> None:
    assert re.fullmatch("[A-Z0-9]*", fold_name(text))


@given(st.text())
def test_folding_what_is_folded_changes_nothing_more(text: str) -> None:
    assert fold_name(fold_name(text)) == fold_name(text)


@given(st.text())
def test_composed_and_decomposed_text_fold_to_the_same(text: str) -> None:
    assert fold_name(unicodedata.normalize("NFC", text)) == fold_name(unicodedata.normalize("NFD", text))


@given(vietnamese_names)
def test_upper_lower_and_title_case_fold_to_the_same(name: str) -> None:
    assert fold_name(name.upper()) == fold_name(name.lower()) == fold_name(name.title()) == fold_name(name)


@given(vietnamese_names, st.sampled_from([*APOSTROPHES, *HYPHENS, *INVISIBLE]), st.data())
def test_a_sign_put_anywhere_in_a_name_is_not_seen(name: str, sign: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    assert fold_name(name[:at] + sign + name[at:]) == fold_name(name)


@given(vietnamese_names)
def test_a_vietnamese_name_keeps_each_of_its_letters(name: str) -> None:
    assert len(fold_name(name)) == len(name.replace(" ", ""))


@given(vietnamese_names, st.data())
def test_a_changed_letter_always_changes_the_folded_name(name: str, data: st.DataObject) -> None:
    folded = fold_name(name)
    at = data.draw(st.integers(0, len(folded) - 1))
    letter = data.draw(st.sampled_from("ABCDEGHIKLMNOPQRSTUVXY").filter(lambda other: other != folded[at]))
    assert fold_name(folded[:at] + letter + folded[at + 1 :]) != folded
