"""Threat 22: spellings of one name fold to the same text; a name with one changed letter does not."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.enquiries.claim import fold_claim, fold_name
from gateway.registry.model import Claim

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
    """A syllable in Vietnamese spelling: onset, vowels with one tone, coda."""
    onset, tone = draw(st.sampled_from(ONSETS)), draw(st.sampled_from(TONES))
    vowel, coda = draw(st.sampled_from(VOWELS)), draw(st.sampled_from(CODAS))
    return compose(onset + vowel + tone + coda)


@st.composite
def names(draw: st.DrawFn) -> str:
    return " ".join(draw(st.lists(syllables(), min_size=1, max_size=5)))


def spell_tones(onset: str, vowels: str, tone: str) -> tuple[str, str]:
    """Return both spellings of an open syllable: the tone on the first vowel, and on the second."""
    return compose(onset + vowels[0] + tone + vowels[1]), compose(onset + vowels + tone)


@given(
    name=names(),
    form=st.sampled_from(["NFC", "NFD"]),
    case=st.sampled_from([str.upper, str.lower, str.title]),
)
def test_threat_22_folding_ignores_form_and_case_of_a_name(name: str, form: str, case: object) -> None:
    spelt = unicodedata.normalize(form, case(name))  # type: ignore[arg-type, operator]  # one of three methods of str
    assert fold_name(spelt) == fold_name(name)


@given(name=names(), spaces=st.lists(st.sampled_from(SPACES), min_size=6, max_size=6))
def test_threat_22_folding_ignores_spaces_and_invisible_characters_of_a_name(
    name: str, spaces: list[str]
) -> None:
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
def test_threat_22_folding_ignores_the_position_of_an_open_syllables_tone(
    onset: str, vowels: str, tone: str, before: str, joint: str
) -> None:
    first, second = (f"{before}{joint}{spelt}" for spelt in spell_tones(onset, vowels, tone))
    assert fold_name(first) == fold_name(second)


LETTERS = sorted({compose(vowel + tone) for vowel in VOWELS for tone in TONES} | set("bcdđghklmnpqrstvx"))


@given(name=names(), where=st.integers(min_value=0), letter=st.sampled_from(LETTERS))
def test_threat_22_a_name_with_one_changed_letter_does_not_fold_to_the_same(
    name: str, where: int, letter: str
) -> None:
    place = where % len(name)
    changed = compose(name[:place] + letter + name[place + 1 :])
    if name[place] != " " and changed != name:
        assert fold_name(changed) != fold_name(name)


@given(name=names(), where=st.integers(min_value=0), letter=st.sampled_from(LETTERS))
def test_threat_22_a_name_with_one_letter_more_or_less_does_not_fold_to_the_same(
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
def test_known_spellings_of_one_name_fold_to_one_text(one: str, other: str) -> None:
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
def test_two_different_names_do_not_fold_to_one_text(one: str, other: str) -> None:
    assert fold_name(one) != fold_name(other)


def test_two_claims_that_differ_only_in_the_number_do_not_fold_to_one_text() -> None:
    name, year = "An", 1990
    cards = [
        Claim(id_card_number=card, full_name=name, birth_year=year) for card in ("001090000", "001090001")
    ]
    numbers = [Claim(citizen_id=f"00109000012{last}", full_name=name, birth_year=year) for last in (3, 4)]

    assert len({fold_claim(claim) for claim in (*cards, *numbers)}) == 4


def test_a_year_differs_from_a_date_and_a_card_from_a_citizens_number() -> None:
    dated = Claim(citizen_id="001090000123", full_name="An", birth_date=date(1990, 1, 1))
    year = Claim(citizen_id="001090000123", full_name="An", birth_year=1990)
    card = Claim(id_card_number="001090000", full_name="An", birth_year=1990)

    assert len({fold_claim(claim) for claim in (dated, year, card)}) == 3
