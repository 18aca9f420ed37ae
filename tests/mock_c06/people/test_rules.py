"""The catalogue, the generated population and a birth event keep one rule on the age of parents."""

from dataclasses import replace

import pytest

from mock_c06.generated.clans import load_clan_shapes
from mock_c06.people.model import YEARS_TO_PARENT, Kin, Person
from mock_c06.people.personas import get_persona
from mock_c06.people.rules import check_person

AN = get_persona("nguyen-van-an").person


def child_born(years: int) -> Person:
    child = get_persona("nguyen-minh-em").person
    kin = Kin(full_name=AN.full_name, citizen_id=AN.citizen_id, id_card_number=AN.id_card_number)
    return replace(child, birth_date=None, birth_year=AN.birth_year + years, father=kin, mother=None)


@pytest.mark.parametrize("all_known", [False, True])
def test_a_parent_fifteen_years_older_is_accepted_and_a_younger_one_is_not(all_known: bool) -> None:
    def said(years: int) -> list[str]:
        return list(check_person(child_born(years), {AN.citizen_id: AN}.get, all_known=all_known))

    complaints = [one for one in said(14) if one not in said(15)]
    assert complaints == ["father is less than 15 years older"]


def test_no_shape_of_a_clan_has_a_parent_younger_than_the_rule_allows() -> None:
    ages = [
        slot.born - shape.slots[parent].born
        for shape in load_clan_shapes()
        for slot in shape.slots
        for parent in (slot.father, slot.mother)
        if parent is not None
    ]
    assert min(ages) == 19 > YEARS_TO_PARENT
