"""Threats 22 and 53: portal, reuse and registry treat a name as the same name, whatever its letters.

The gateway's reuse treated ß and ẞ as one name and the wire as two, and a letter outside the Latin alphabet
was dropped from the question without an error, so that `ŁAn` was confirmed as An.
"""

import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.enquiries.claim import fold_name as fold_for_reuse
from gateway.enquiries.claim import parse_full_name
from gateway.registry.model import fold_name as fold_for_wire
from gateway.registry.model import is_same_name
from mock_c06.matching import fold_name as fold_at_registry
from tests.kit.scene import AN, Portal, Scene


def _matters(code: int) -> bool:
    """Say whether a character is tested: all that a name may contain, and a sample of those without case
    or decomposition.
    """
    letter = chr(code)
    category = unicodedata.category(letter)
    if category[0] not in "LNMSPZ" and category != "Cf":
        return False
    plain = letter.lower() == letter.upper() and unicodedata.normalize("NFKD", letter) == letter
    return code < 0x3000 or not plain or code % 101 == 0


@cache
def list_letters() -> list[str]:
    """Return the characters that are tested, of a syllable of Hangul the first alone."""
    return [chr(code) for code in range(sys.maxunicode + 1) if _matters(code) and not 0xAC00 < code < 0xD7A4]


FOREIGN = {
    "Polish": "Łukasz",
    "Danish": "Søren",
    "Icelandic thorn": "Þor",
    "Cyrillic that looks Latin": "Nguyễn Văn Аn",
    "Chinese beside Latin": "Nguyễn Văn An 安",
    "full-width": "Nguyễn Văn Ａn",
    "a raised figure": "Nguyễn Văn An²",
    "a ligature of letters": "Ǆung",
}


def accepted(name: str) -> bool:
    """Say whether the gateway accepts a name."""
    try:
        parse_full_name(name)
    except ValueError:
        return False
    return True


def test_threat_22_the_wire_form_of_every_letter_is_the_form_that_the_registry_matches() -> None:
    names = [f"A{letter}n" for letter in list_letters()]
    differing = [name for name in names if accepted(name) and fold_for_wire(name) != fold_at_registry(name)]
    assert differing == []


def test_threat_22_a_name_that_the_registry_folds_to_nothing_is_refused_for_every_letter() -> None:
    names = [f"A{letter}n" for letter in list_letters()]
    assert [name for name in names if fold_at_registry(name) == "" and accepted(name)] == []


def test_threat_22_names_that_reuse_treats_as_one_are_sent_as_one_for_every_letter() -> None:
    wire_of: dict[str, set[str]] = {}
    for letter in list_letters():
        for form in (
            letter,
            letter.lower(),
            letter.upper(),
            letter.title(),
            unicodedata.normalize("NFD", letter),
        ):
            if accepted(name := f"A{form}n"):
                wire_of.setdefault(fold_for_reuse(name), set()).add(fold_for_wire(name))
    assert {reused: wires for reused, wires in wire_of.items() if len(wires) > 1} == {}


@given(st.text(max_size=40))
def test_threat_22_both_programs_fold_any_accepted_name_in_the_same_way(name: str) -> None:
    if accepted(name):
        assert fold_for_wire(name) == fold_at_registry(name)


@pytest.mark.parametrize("written", ["Strauß", "STRAUẞ", "strauss", "STRAUSS"])
def test_threat_53_both_sides_treat_small_and_capital_sharp_s_as_one_letter(written: str) -> None:
    assert fold_for_wire(written) == fold_at_registry(written) == "STRAUSS"


@pytest.mark.parametrize("name", FOREIGN.values(), ids=FOREIGN.keys())
async def test_threat_22_a_name_with_a_letter_that_can_not_be_sent_is_refused_and_not_shortened(
    scene: Scene, portal: Portal, name: str
) -> None:
    answer = await portal.verify(claim=AN | {"full_name": name})

    assert (answer.status_code, answer.json()["code"]) == (422, "claim_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["claim.full_name"]
    assert await scene.journal() == []


def test_threat_22_an_answered_name_that_can_not_be_folded_matches_no_claim() -> None:
    assert not is_same_name("ŁAn", "An")
    assert not is_same_name("王", "安")


async def test_threat_53_both_forms_of_sharp_s_give_the_same_verification(
    scene: Scene, portal: Portal
) -> None:
    await scene.set_person(**AN | {"full_name": "Strauß An"})

    first = await portal.verify(claim=AN | {"full_name": "Strauß An"})
    again = await portal.verify(claim=AN | {"full_name": "STRAUẞ AN"})

    assert (first.status_code, first.json()["verdict"]) == (201, "confirmed")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert len(await scene.journal()) == 1


async def test_threat_53_a_claim_with_a_capital_sharp_s_also_finds_the_person(
    scene: Scene, portal: Portal
) -> None:
    await scene.set_person(**AN | {"full_name": "Strauß An"})

    answer = await portal.verify(claim=AN | {"full_name": "STRAUẞ AN"})

    assert (answer.status_code, answer.json()["verdict"]) == (201, "confirmed")
