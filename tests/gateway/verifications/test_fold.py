"""Threat 22: spellings of one name fold to one; one changed letter never does."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.registry.model import Claim
from gateway.verifications.fold import fold_claim, fold_name

TONES = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
VOWELS = ["a", "ă", "â", "e", "ê", "i", "o", "ô", "ơ", "u", "ư", "y"]
OPEN = ["oa", "oe", "uy"]
ONSETS = ["", "b", "c", "ch", "d", "đ", "g", "gh", "h", "k", "kh", "l", "m", "n", "ng", "nh", "ph", "qu", "t", "th", "tr"]  # fmt: skip
CODAS = ["", "c", "ch", "i", "m", "n", "ng", "nh", "p", "t", "u"]
SPACES = [" ", "  ", "\u00a0", "\t", " \u200b", "\ufeff ", "\u2060 "]


def compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@st.composite
def syllables(draw: st.DrawFn) -> str:
    """A syllable as Vietnamese writes them: onset, vowels with one tone, coda."""
    onset, tone = draw(st.sampled_from(ONSETS)), draw(st.sampled_from(TONES))
    vowel, coda = draw(st.sampled_from(VOWELS)), draw(st.sampled_from(CODAS))
    return compose(onset + vowel + tone + coda)


@st.composite
def names(draw: st.DrawFn) -> str:
    return " ".join(draw(st.lists(syllables(), min_size=1, max_size=5)))


def spell_tones(onset: str, vowels: str, tone: str) -> tuple[str, str]:
    """Both spellings of an open syllable: the tone on the first vowel, and on the second."""
    return compose(onset + vowels[0] + tone + vowels[1]), compose(onset + vowels + tone)


@given(
    name=names(),
    form=st.sampled_from(["NFC", "NFD"]),
    case=st.sampled_from([str.upper, str.lower, str.title]),
)
def test_threat_22_form_and_case_of_a_name_fold_away(name: str, form: str, case: object) -> None:
    spelt = unicodedata.normalize(form, case(name))  # type: ignore[arg-type, operator]  # one of three methods of str
    assert fold_name(spelt) == fold_name(name)


@given(name=names(), spaces=st.lists(st.sampled_from(SPACES), min_size=6, max_size=6))
def test_threat_22_spaces_and_invisible_characters_of_a_name_fold_away(name: str, spaces: list[str]) -> None:
    words = name.split()
    spelt = spaces[0] + "".join(word + space for word, space in zip(words, spaces[1:], strict=False))
    assert fold_name(spelt) == fold_name(name)


@given(
    onset=st.sampled_from([onset for onset in ONSETS if onset != "qu"]),
    vowels=st.sampled_from(OPEN),
    tone=st.sampled_from(TONES),
    before=names(),
    joint=st.sampled_from([" ", "-"]),
)
def test_threat_22_the_place_of_an_open_syllables_tone_folds_away(
    onset: str, vowels: str, tone: str, before: str, joint: str
) -> None:
    first, second = (f"{before}{joint}{spelt}" for spelt in spell_tones(onset, vowels, tone))
    assert fold_name(first) == fold_name(second)


LETTERS = sorted({compose(vowel + tone) for vowel in VOWELS for tone in TONES} | set("bcdđghklmnpqrstvx"))


@given(name=names(), where=st.integers(min_value=0), letter=st.sampled_from(LETTERS))
def test_threat_22_one_changed_letter_never_folds_to_the_same(name: str, where: int, letter: str) -> None:
    place = where % len(name)
    changed = compose(name[:place] + letter + name[place + 1 :])
    if name[place] != " " and changed != name:
        assert fold_name(changed) != fold_name(name)


@given(name=names(), where=st.integers(min_value=0), letter=st.sampled_from(LETTERS))
def test_threat_22_one_letter_more_or_less_never_folds_to_the_same(
    name: str, where: int, letter: str
) -> None:
    place = where % len(name)
    assert fold_name(name[:place] + letter + name[place:]) != fold_name(name)
    if name[place] != " ":
        assert fold_name(name[:place] + name[place + 1 :]) != fold_name(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Phạm Thị Hoà", "Phạm Thị Hòa"),
        ("Đoàn Minh Thuý", "Đoàn Minh Thúy"),
        ("Trần Khoẻ", "Trần Khỏe"),
        ("Ðỗ Đình Ðạt", "Đỗ Đình Đạt"),
        ("H'Nhiên Niê", "H’Nhiên Niê"),
        ("Ksor H-Blăm", "Ksor H‑Blăm"),
        ("Thuý-Hoà An", "Thúy-Hòa An"),
    ],
)
def test_known_twin_spellings_fold_to_one(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lý Thị Mỹ", "Lí Thị Mĩ"),
        ("Ngô Văn Tuấn", "Ngô Văn Tuân"),
        ("Lê Anh Thư", "Lê Anhthư"),
        ("Nguyễn Quý", "Nguyễn Qúy"),
        ("Trần Hoàn", "Trần Hòan"),
        ("Nguyễn An Bình", "Nguyễn Bình"),
        ("Do Dinh Dat", "Đỗ Đình Đạt"),
    ],
)
def test_names_that_are_two_stay_two(one: str, other: str) -> None:
    assert fold_name(one) != fold_name(other)


def test_a_year_is_no_date_and_a_card_no_citizens_number() -> None:
    dated = Claim(citizen_id="001090000123", full_name="An", birth_date=date(1990, 1, 1))
    year = Claim(citizen_id="001090000123", full_name="An", birth_year=1990)
    card = Claim(id_card_number="001090000", full_name="An", birth_year=1990)

    assert len({fold_claim(claim) for claim in (dated, year, card)}) == 3
