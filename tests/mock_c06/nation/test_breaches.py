"""Each invariant that selfcheck claims to prove is seen when it is broken."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mock_c06.nation.cells import Member
from mock_c06.nation.check_nation import check_nation
from mock_c06.nation.nation import Nation
from mock_c06.population.model import Address, Kin, LifeStatus, Person

Bend = Callable[[Person], Person]


class BentNation(Nation):
    """A population whose every record is bent a little."""

    def __init__(self, bend: Bend) -> None:
        super().__init__(count=60, seed="7")
        self._bend = bend

    def person(self, member: Member) -> Person:
        """Bend the record."""
        return self._bend(super().person(member))


def bend_kin(kin: Kin | None, name: str) -> Kin | None:
    return replace(kin, full_name=name) if kin is not None and kin.citizen_id is not None else kin


@pytest.mark.parametrize(
    ("bend", "complaint"),
    [
        (lambda p: replace(p, citizen_id="001090900000"), "does not lead back to its record"),
        (lambda p: replace(p, citizen_id="001090000123"), "is outside the population's block"),
        (lambda p: replace(p, citizen_id="001090900000"), "is given twice"),
        (lambda p: replace(p, gender="2" if p.gender == "1" else "1"), "contradicts gender or birth year"),
        (lambda p: replace(p, birth_year=p.birth_year - 1), "has a birth date that can't be"),
        (lambda p: replace(p, full_name="Hoa\u0300"), "has no name in composed form"),
        (lambda p: replace(p, id_card_number="000000000"), "is not found by its nine digits alone"),
        (lambda p: replace(p, representative=None), "is a living minor without a representative"),
        (lambda p: replace(p, marital_status="2"), "is a minor and married"),
        (lambda p: replace(p, marital_status="1"), "is married without a spouse, or the reverse"),
        (lambda p: replace(p, father=bend_kin(p.father, "Ai")), "names a parent otherwise than the parent's record"),
        (lambda p: replace(p, father=p.mother), "has a parent of the wrong gender or less than 16 years older"),
        (lambda p: replace(p, mother=p.father), "who names another"),
        (lambda p: replace(p, spouse=bend_kin(p.spouse, "Ai")), "names a spouse otherwise than the spouse's record"),
        (lambda p: replace(p, spouse=p.spouse if p.gender == "1" else None), "names a spouse who doesn't name them back"),
        (lambda p: replace(p, native_place=Address(province_code="01", ward_code="99999")),
         "has an address that is not in units-2025-07"),
        (lambda p: replace(p, relation_to_head="CH03"), "lives in a household without exactly one head, who comes first"),
        (lambda p: replace(p, relation_to_head=p.relation_to_head and "CH77"), "has an unknown relation to the head"),
        (lambda p: replace(p, permanent_residence=p.native_place), "lives in a household that is registered in several"),
        (lambda p: replace(p, household="dan-so-0-f"), "is not among the members of the household"),
    ],
)  # fmt: skip
def test_a_broken_invariant_is_found_and_named(bend: Bend, complaint: str) -> None:
    said = check_nation(BentNation(bend), range(60)).complaints
    assert any(complaint in one for one in said)


def test_a_cancelled_number_without_one_in_force_is_found(village: Nation) -> None:
    former = next(
        village.cells.member_at(place)
        for place in range(village.count)
        if village.person_at(place).status is LifeStatus.CANCELLED
    )

    class Forgetful(Nation):
        def number_in_force(self, member: Member) -> str:
            return "000000000000"

    forgetful = Forgetful(count=village.count, seed="7")
    said = check_nation(forgetful, [former.place]).complaints
    assert len(said) == 1
    assert said[0].endswith("is cancelled, and no living record of the same human took its place")
