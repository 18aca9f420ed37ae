"""Relations point both ways and ages are plausible: for a whole village, and anywhere in a nation."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mock_c06.generated.check import check_generated
from mock_c06.generated.clans import load_clan_shapes
from mock_c06.generated.households import relation_of
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import scattered_indexes
from mock_c06.people.model import LifeStatus, Person

CORE = (
    *("citizen_id", "id_card_number", "full_name", "gender", "birth_date", "birth_year"),
    *("ethnicity", "status"),
)
PLACES = st.integers(0, 99_999_999)


def test_a_whole_village_breaks_no_invariant(village: GeneratedPopulation) -> None:
    proof = check_generated(village, range(village.count))
    assert proof.complaints == []
    assert proof.looked_at["records"] == village.count
    assert min(proof.looked_at.values()) > 0


def test_records_all_over_a_population_break_no_invariant(generated: GeneratedPopulation) -> None:
    proof = check_generated(generated, scattered_indexes(300, generated))
    assert proof.complaints == []


@settings(max_examples=200, deadline=None)
@given(place=PLACES)
def test_whoever_names_a_spouse_is_named_back_by_name_and_number(
    place: int, generated: GeneratedPopulation
) -> None:
    person = generated.person_at_index(place)
    if person.spouse is not None:
        spouse = generated.find_by_key(person.spouse.citizen_id or "")
        assert spouse is not None
        assert spouse.spouse is not None
        assert (spouse.spouse.citizen_id, spouse.spouse.full_name, spouse.spouse.id_card_number) == (
            person.citizen_id,
            person.full_name,
            person.id_card_number,
        )
        assert {spouse.household, person.household} - {None} != {None}


@settings(max_examples=200, deadline=None)
@given(place=PLACES)
def test_recorded_parents_are_older_by_a_generation_and_of_their_gender(
    place: int, generated: GeneratedPopulation
) -> None:
    person = generated.person_at_index(place)
    for kin, gender in ((person.father, "1"), (person.mother, "2")):
        parent = generated.find_by_key(kin.citizen_id) if kin is not None and kin.citizen_id else None
        if parent is not None:
            assert parent.gender == gender
            assert 18 <= person.birth_year - parent.birth_year <= 45


def test_some_records_lack_a_father_a_mother_or_both(generated: GeneratedPopulation) -> None:
    people = [generated.person_at_index(place) for place in scattered_indexes(1_500, generated)]
    known = Counter((person.father is not None, person.mother is not None) for person in people)
    assert len(known) == 4
    assert any(person.father is not None and person.father.citizen_id is None for person in people)


def test_a_village_holds_every_kind_of_life_that_tests_need() -> None:
    generated = GeneratedPopulation(count=20_000, seed="1")
    people = [generated.person_at_index(place) for place in range(0, generated.count, 3)]
    assert {person.status for person in people} == set(LifeStatus)
    assert {person.marital_status for person in people} == {"0", "1", "2", "3"}
    assert any(person.birth_date is None and person.id_card_number for person in people)
    assert any(person.birth_year < 1940 and person.id_card_number is None for person in people)
    assert any(_lives_elsewhere(person) for person in people)
    assert any(_moved(person) for person in people)


def _lives_elsewhere(person: Person) -> bool:
    return person.current_residence != person.permanent_residence


def _moved(person: Person) -> bool:
    registered, born = person.permanent_residence, person.birth_registration_place
    return registered is not None and born is not None and born.province_code != registered.province_code


def test_siblings_of_one_mother_are_two_years_apart_or_twins() -> None:
    for shape in load_clan_shapes():
        for slot in shape.slots:
            children = [shape.slots[child] for child in shape.children(slot.position)]
            born = sorted(child.born for child in children if child.twin is None)
            assert all(later - earlier >= 2 for earlier, later in pairwise(born))
            assert [child.born for child in children if child.twin is not None] == [
                shape.slots[child.twin].born for child in children if child.twin is not None
            ]


def test_twins_have_one_birthday_one_birthplace_and_two_numbers(generated: GeneratedPopulation) -> None:
    pairs = 0
    for place in scattered_indexes(5_000, generated):
        member = generated.cells.member_at(place)
        elder = generated.cells.relative(member, member.slot.twin)
        if elder is None:
            continue
        pairs += 1
        one, other = generated.person(member), generated.person(elder)
        assert (one.birth_date, one.birth_registration_place) == (
            other.birth_date,
            other.birth_registration_place,
        )
        assert one.citizen_id != other.citizen_id
    assert pairs >= 3


def test_a_child_is_the_heads_child_and_the_heads_parent_the_reverse() -> None:
    shape = next(shape for shape in load_clan_shapes() if shape.name == "four_generations")
    told = {position: relation_of(shape, position, 2) for position in range(8)}
    assert told == {
        0: "CH04", 1: "CH05", 2: "CH01", 3: "CH02", 4: "CH03", 5: "CH08", 6: "CH06", 7: "CH06",
    }  # fmt: skip
    assert relation_of(shape, 0, 4) == "CH09"
    assert relation_of(shape, 6, 0) == "CH06"
    assert relation_of(shape, 7, 6) == "CH07"
    assert relation_of(shape, 9, 4) == "CH99"


def test_a_yes_no_look_up_tells_the_same_of_a_person_as_the_whole_record(
    generated: GeneratedPopulation,
) -> None:
    for place in scattered_indexes(300, generated):
        whole = generated.person_at_index(place)
        core = generated.find_by_key(whole.citizen_id or "", core_only=True)
        assert core is not None
        assert [getattr(core, name) for name in CORE] == [getattr(whole, name) for name in CORE]
        assert core.father is None
        if whole.id_card_number is not None:
            assert generated.by_card(whole.id_card_number, core_only=True) == (core,)


def test_the_head_of_a_household_is_its_first_member(generated: GeneratedPopulation) -> None:
    for place in scattered_indexes(300, generated):
        key = generated.person_at_index(place).household
        if key is not None:
            head, first = generated.head(key), generated.household(key)[0]
            assert head is not None
            names = (*CORE, "relation_to_head")
            assert [getattr(head, name) for name in names] == [getattr(first, name) for name in names]
