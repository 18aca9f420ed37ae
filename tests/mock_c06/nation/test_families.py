"""Relations point both ways and ages are plausible: for a whole village, and anywhere in a nation."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mock_c06.nation.check_nation import check_nation
from mock_c06.nation.households import relation_of
from mock_c06.nation.nation import Nation
from mock_c06.nation.sampling import scatter
from mock_c06.nation.shapes import load_shapes
from mock_c06.population.model import LifeStatus, Person

CORE = (
    *("citizen_id", "id_card_number", "full_name", "gender", "birth_date", "birth_year"),
    *("ethnicity", "status"),
)
PLACES = st.integers(0, 99_999_999)


def test_a_whole_village_breaks_no_invariant(village: Nation) -> None:
    proof = check_nation(village, range(village.count))
    assert proof.complaints == []
    assert proof.looked_at["records"] == village.count
    assert min(proof.looked_at.values()) > 0


def test_records_all_over_a_nation_break_no_invariant(nation: Nation) -> None:
    proof = check_nation(nation, scatter(300, nation))
    assert proof.complaints == []


@settings(max_examples=200, deadline=None)
@given(place=PLACES)
def test_whoever_names_a_spouse_is_named_back_by_name_and_number(place: int, nation: Nation) -> None:
    person = nation.person_at(place)
    if person.spouse is not None:
        spouse = nation.find_by_key(person.spouse.citizen_id or "")
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
def test_recorded_parents_are_older_by_a_generation_and_of_their_gender(place: int, nation: Nation) -> None:
    person = nation.person_at(place)
    for kin, gender in ((person.father, "1"), (person.mother, "2")):
        parent = nation.find_by_key(kin.citizen_id) if kin is not None and kin.citizen_id else None
        if parent is not None:
            assert parent.gender == gender
            assert 18 <= person.birth_year - parent.birth_year <= 45


def test_some_records_lack_a_father_a_mother_or_both(nation: Nation) -> None:
    people = [nation.person_at(place) for place in scatter(1_500, nation)]
    known = Counter((person.father is not None, person.mother is not None) for person in people)
    assert len(known) == 4
    assert any(person.father is not None and person.father.citizen_id is None for person in people)


def test_a_village_holds_every_kind_of_life_that_tests_need() -> None:
    nation = Nation(count=20_000, seed="1")
    people = [nation.person_at(place) for place in range(0, nation.count, 3)]
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


def test_the_pyramid_is_that_of_a_living_country(nation: Nation) -> None:
    ages = [2026 - nation.cells.member_at(place).year for place in scatter(5_000, nation)]
    shares = [sum(low <= age < low + 20 for age in ages) / len(ages) for low in (0, 20, 40, 60, 80)]
    assert all(
        low < share < high
        for share, (low, high) in zip(
            shares, ((0.15, 0.35), (0.2, 0.4), (0.2, 0.4), (0.08, 0.2), (0.02, 0.1)), strict=True
        )
    )


def test_siblings_of_one_mother_are_two_years_apart_or_more() -> None:
    for shape in load_shapes():
        for slot in shape.slots:
            born = sorted(shape.slots[child].born for child in shape.children(slot.position))
            assert all(later - earlier >= 2 for earlier, later in pairwise(born))


def test_a_child_is_the_heads_child_and_the_heads_parent_the_reverse() -> None:
    shape = next(shape for shape in load_shapes() if shape.name == "four_generations")
    told = {position: relation_of(shape, position, 2) for position in (0, 1, 2, 3, 4, 5, 6, 9)}
    assert told == {
        0: "CH04", 1: "CH05", 2: "CH01", 3: "CH02", 4: "CH03", 5: "CH08", 6: "CH06", 9: "CH07",
    }  # fmt: skip
    assert relation_of(shape, 0, 4) == "CH09"
    assert relation_of(shape, 6, 0) == "CH06"
    assert relation_of(shape, 9, 4) == "CH99"


def test_a_yes_no_look_up_tells_the_same_of_a_person_as_the_whole_record(nation: Nation) -> None:
    for place in scatter(300, nation):
        whole = nation.person_at(place)
        core = nation.find_by_key(whole.citizen_id or "", core_only=True)
        assert core is not None
        assert [getattr(core, name) for name in CORE] == [getattr(whole, name) for name in CORE]
        assert core.father is None
        if whole.id_card_number is not None:
            assert nation.by_card(whole.id_card_number, core_only=True) == (core,)


def test_the_head_of_a_household_is_its_first_member(nation: Nation) -> None:
    for place in scatter(300, nation):
        key = nation.person_at(place).household
        if key is not None:
            head, first = nation.head(key), nation.household(key)[0]
            assert head is not None
            names = (*CORE, "relation_to_head")
            assert [getattr(head, name) for name in names] == [getattr(first, name) for name in names]
