"""Names are Vietnamese with their marks, or a minority's own, and come down the right line."""

import re
import unicodedata
from collections import Counter

from mock_c06.generated.names import WeightedWords, load_peoples
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import scattered_indexes
from mock_c06.matching import fold_name
from mock_c06.people.model import Kin, Person

TONES = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}


def people(generated: GeneratedPopulation, count: int = 3_000) -> list[Person]:
    return [generated.person_at_index(place) for place in scattered_indexes(count, generated)]


def test_names_carry_all_five_tone_marks_in_composed_form(generated: GeneratedPopulation) -> None:
    names = [person.full_name for person in people(generated)]
    marks = {mark for name in names for mark in unicodedata.normalize("NFD", name)}
    assert marks >= TONES
    assert [name for name in names if unicodedata.normalize("NFC", name) != name] == []


def test_every_name_folds_to_something_that_a_claim_can_match(generated: GeneratedPopulation) -> None:
    assert [person.full_name for person in people(generated) if not fold_name(person.full_name)] == []


def test_minorities_are_named_in_their_own_forms(generated: GeneratedPopulation) -> None:
    named = {
        person.ethnicity: person.full_name for person in people(generated, 8_000) if person.gender == "2"
    }
    assert len(named) >= 30
    assert re.fullmatch(r"H'\S+ .+", named["12"])
    assert re.fullmatch(r"Ka \S+", named["16"])
    assert re.fullmatch(r"\S+( \S+)? H'\S+", named["10"])


def test_most_are_kinh_and_minorities_live_where_they_do(generated: GeneratedPopulation) -> None:
    told = Counter(person.ethnicity for person in people(generated))
    assert 0.75 < told["01"] / told.total() < 0.9
    highland = [
        generated.names.people_of(generated.cells.member_at(place))
        for place in scattered_indexes(60_000, generated)
        if generated.cells.member_at(place).province == 1
    ]
    assert Counter(highland)["08"] > Counter(highland)["01"]


def test_a_child_bears_the_fathers_surname_or_the_mothers_by_people(generated: GeneratedPopulation) -> None:
    assert load_peoples()["12"].forms.from_mother
    born = [person for person in people(generated, 8_000) if person.father and person.mother]
    kinh = [
        (person.full_name.split()[0], _name(person.father).split()[0])
        for person in born
        if person.ethnicity == "01"
    ]
    ede = [
        (person.full_name.split()[-1], _name(person.mother).split()[-1])
        for person in born
        if person.ethnicity == "12" and _name(person.mother).startswith("H'")
    ]
    assert len(kinh) > 1_000
    assert len(ede) >= 10
    assert [pair for pair in kinh + ede if pair[0] != pair[1]] == []


def _name(relative: Kin | None) -> str:
    assert relative is not None
    return relative.full_name


def test_surnames_differ_between_north_and_south(generated: GeneratedPopulation) -> None:
    told = [(person.citizen_id or "", person.full_name.split()[0]) for person in people(generated, 6_000)]
    north = Counter(name for number, name in told if number[1:3] < "38")
    south = Counter(name for number, name in told if number[1:3] >= "70")
    assert north["Vũ"] > south["Vũ"]
    assert south["Huỳnh"] > north["Huỳnh"]


def test_a_word_of_weight_nought_is_never_drawn() -> None:
    words = WeightedWords("Lò*2 Thị*0 Rơ_Châm")
    assert [words.draw(number)[1] for number in range(3)] == ["Lò", "Lò", "Rơ Châm"]


def test_a_drawn_word_that_is_not_wanted_twice_gives_way_to_the_next() -> None:
    words = WeightedWords("Lò*2 Thị*0 Rơ_Châm")
    assert [words.draw(number, other_than="Lò")[1] for number in range(3)] == ["Rơ Châm"] * 3
    assert words.draw(2, other_than="Rơ Châm") == (0, "Lò")
