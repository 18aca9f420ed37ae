"""Numbers and records are one to one: exhaustively where that is possible, else wherever chance looks."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_c06.generated.cells import Cells
from mock_c06.generated.draws import Draws
from mock_c06.generated.numbering import BLOCK, Numbering
from mock_c06.generated.population import MAX_PEOPLE, GeneratedPopulation
from mock_c06.people.personas import load_personas


def test_everybody_of_a_village_has_a_number_that_leads_back(village: GeneratedPopulation) -> None:
    members = [village.cells.member_at(place) for place in range(village.count)]
    numbers = [village.numbering.citizen_id(member) for member in members]
    assert len(set(numbers)) == village.count
    assert [village.numbering.find(number) for number in numbers] == members


def test_everybody_of_a_village_has_nine_digits_that_lead_back(village: GeneratedPopulation) -> None:
    members = [village.cells.member_at(place) for place in range(village.count)]
    cards = [village.numbering.card(member) for member in members]
    assert len(set(cards)) == village.count
    assert [village.numbering.find_card(card) for card in cards] == members


def test_a_villages_numbers_are_all_the_numbers_there_are(village: GeneratedPopulation) -> None:
    members = [village.cells.member_at(place) for place in range(village.count)]
    cell = Counter((member.province, member.year, member.gender) for member in members).most_common(1)[0][0]
    number = next(
        village.numbering.citizen_id(member)
        for member in members
        if (member.province, member.year, member.gender) == cell
    )
    found = [village.numbering.find(f"{number[:6]}{random:06d}") for random in range(900_000, 1_000_000)]
    living_there = {member for member in members if (member.province, member.year, member.gender) == cell}
    assert {member for member in found if member is not None} == living_there
    assert sum(member is not None for member in found) == len(living_there)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 99_999_999))
def test_any_record_of_a_population_is_found_by_both_its_numbers(
    place: int, generated: GeneratedPopulation
) -> None:
    member = generated.cells.member_at(place)
    assert generated.numbering.find(generated.numbering.citizen_id(member)) == member
    assert generated.numbering.find_card(generated.numbering.card(member)) == member


@settings(max_examples=300, deadline=None)
@given(random=st.integers(900_000, 999_999), year=st.integers(1926, 1999), gender=st.sampled_from("01"))
def test_whoever_is_found_by_a_number_has_that_number(
    random: int, year: int, gender: str, generated: GeneratedPopulation
) -> None:
    number = f"079{gender}{year % 100:02d}{random}"
    member = generated.numbering.find(number)
    assert member is None or generated.numbering.citizen_id(member) == number


@pytest.mark.parametrize("count", [1, 9, 10, 11, 999, 1_237, 100_000, MAX_PEOPLE])
def test_the_cells_hold_exactly_as_many_as_were_asked_for(count: int) -> None:
    sizes = list(Cells(count).sizes())
    assert sum(sizes) == count
    assert max(sizes) <= BLOCK


@pytest.mark.parametrize(
    "number",
    ["000000000000", "001090000123", "003190950000", "999999999999", "00109095000", "0010909500000",
     "00109095000x", "001９90950000", "", "cmnd:531095581"],
)  # fmt: skip
def test_nobody_generated_has_a_number_outside_the_block_or_the_form(
    number: str, generated: GeneratedPopulation
) -> None:
    assert generated.find_by_key(number) is None


@pytest.mark.parametrize(
    "card", ["000000000", "499999999", "53109558", "5310955810", "53109558x", "５31095581"]
)
def test_nobody_generated_has_nine_digits_outside_the_block_or_the_form(
    card: str, generated: GeneratedPopulation
) -> None:
    assert generated.by_card(card) == ()


def test_no_hand_made_person_has_a_number_of_the_generated_ones(generated: GeneratedPopulation) -> None:
    people = [persona.person for persona in load_personas()]
    assert [person.citizen_id for person in people if generated.find_by_key(person.citizen_id or "")] == []
    assert [
        person.slug for person in load_personas() if (person.person.id_card_number or "0")[0] in "56789"
    ] == []


def test_another_seed_gives_other_numbers_to_the_same_places() -> None:
    cells = Cells(10_000)
    numbers = [
        [Numbering(cells, Draws(seed)).citizen_id(cells.member_at(place)) for place in range(200)]
        for seed in ("7", "8")
    ]
    assert not set(numbers[0]) & set(numbers[1])


@pytest.mark.parametrize("count", [0, -1, MAX_PEOPLE + 1])
def test_a_population_too_small_or_too_large_for_the_numbers_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to"):
        GeneratedPopulation(count=count, seed="1")
