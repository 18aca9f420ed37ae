"""Threat 46: both sides refuse a text by its raw length if it is cheap to send and expensive to normalise.

The time to sort a run of combining marks grows with the square of its length; before the limit, one name of
32,000 marks delayed every caller of both profiles by a second.
"""

import sys
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest

from gateway.discrepancies.use_cases import MAX_NOTE, parse_note
from gateway.enquiries.claim import MAX_NAME, parse_full_name
from gateway.errors.requests import RegistryAnswerInvalid
from gateway.identifiers import MAX_CODE_POINTS
from gateway.operators.credentials import Cost, Passwords, parse_new_password
from gateway.procedures.units import Level, Meaning, contradicts
from gateway.registry.connection import split_url
from gateway.registry.model import is_same_name
from gateway.registry.records import text as answered_text
from mock_c06.matching import fold_name as mock_fold
from tests.attacks.growth import LINEAR, growth
from tests.kit.enquiries import verified
from tests.kit.scene import AN, Portal, Scene

HERE = Meaning(names={Level.WARD: "Phường Trúc Bạch"}, levels=frozenset(Level))
LONG_NAME = unicodedata.normalize("NFD", "Ệ" * (MAX_NAME - 3) + " An")


def heap(marks: int) -> str:
    """Return a letter with that many combining marks, which normalisation has to sort."""
    return "a" + "\u0300\u0316" * (marks // 2)


def tolerant(work: Callable[[str], object]) -> Callable[[str], object]:
    """Accept a refusal as the end of the work: the test measures the work only."""

    def run(text: str) -> object:
        try:
            return work(text)
        except (ValueError, RegistryAnswerInvalid):
            return None

    return run


READERS: dict[str, Callable[[str], object]] = {
    "a claim's name": parse_full_name,
    "a discrepancy's note": parse_note,
    "a new password": lambda text: parse_new_password(text, name="lan"),
    "a value of an answer": lambda text: answered_text(text, 100),
    "the name that an answer gives": lambda text: is_same_name(text, "Nguyễn Văn An"),
    "the wording of an address": lambda text: contradicts(text, HERE, HERE),
    "a name that the mock compares": mock_fold,
}


HEAPS: dict[str, Callable[[int], str]] = {
    "marks": heap,
    "letters that decompose to marks alone": lambda marks: "a" + "\u0f73" * (marks // 2),
}


@pytest.mark.parametrize("heaped", HEAPS)
@pytest.mark.parametrize("reader", READERS)
def test_threat_46_normalising_twice_the_marks_takes_at_most_two_and_a_half_times_the_work(
    reader: str, heaped: str
) -> None:
    assert growth(tolerant(READERS[reader]), HEAPS[heaped], 8_000) <= LINEAR


def test_threat_46_an_address_is_refused_by_its_length_before_its_host_is_normalised() -> None:
    assert growth(split_url, lambda marks: f"http://{heap(marks)}/x", 8_000) <= LINEAR


async def test_threat_46_a_password_of_combining_marks_is_wrong_and_costs_no_more_than_another() -> None:
    with ThreadPoolExecutor(1) as executor:
        passwords = Passwords(executor, cost=Cost(memory_kib=8, passes=1))
        right = await passwords.hash(parse_new_password("bốn chữ rất xa nhau", name="lan"))

        assert await passwords.verify("bốn chữ rất xa nhau", right)
        assert not await passwords.verify(heap(16_000), right)


def test_threat_46_no_character_decomposes_to_more_code_points_than_the_limit_assumes() -> None:
    longest = max(len(unicodedata.normalize("NFD", chr(code))) for code in range(sys.maxunicode + 1))
    assert longest == MAX_CODE_POINTS


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_threat_46_a_name_of_a_hundred_decomposable_letters_is_accepted_in_either_form(
    form: Literal["NFC", "NFD"],
) -> None:
    written = unicodedata.normalize(form, "ệỖǖ" * 33 + "A")
    assert parse_full_name(written) == written
    with pytest.raises(ValueError, match="at most 100 characters"):
        parse_full_name(written + "b")


def test_threat_46_a_note_of_five_hundred_letters_is_accepted_in_either_form() -> None:
    note = "ệ" * MAX_NOTE
    assert parse_note(unicodedata.normalize("NFD", note)) == note


def test_threat_46_a_run_of_marks_that_hides_a_letter_is_refused() -> None:
    assert parse_full_name("An" + "\u0300" * 30)
    with pytest.raises(ValueError, match="at most 30 marks"):
        parse_full_name("An" + "\u0300" * 31)


async def test_threat_46_a_name_of_marks_is_refused_before_the_registry_is_asked(
    scene: Scene, portal: Portal
) -> None:
    answer = await portal.verify(claim=AN | {"full_name": heap(30_000)})

    assert (answer.status_code, answer.json()["code"]) == (422, "claim_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["claim.full_name"]
    assert await scene.journal() == []


async def test_threat_46_a_decomposed_name_of_a_hundred_letters_reaches_the_registry(
    scene: Scene, portal: Portal
) -> None:
    answer = await portal.verify(claim=AN | {"full_name": LONG_NAME})

    assert (answer.status_code, answer.json()["verdict"]) == (201, "not_confirmed")
    assert len(await scene.journal()) == 1


async def test_threat_46_a_note_of_marks_is_refused_and_the_field_stays_locked(portal: Portal) -> None:
    act = await verified(portal)
    prefill = (await act.fill("full_name", "gender")).json()["id"]

    answer = await portal.call(
        "POST", "/discrepancies", {"prefill": prefill, "field": "gender", "note": heap(30_000)}
    )

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["note"]
    assert (await act.fill("gender")).json()["fields"]["gender"]["state"] == "filled"
