"""Each invariant that selfcheck claims to prove is seen when it is broken."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mock_c06.generated.cells import Member
from mock_c06.generated.check import check_generated
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.people.model import Address, Kin, LifeStatus, Person

Bend = Callable[[Person], Person]


class BentNation(GeneratedPopulation):
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
        (lambda p: replace(p, citizen_id="001090900000"), "does not find its record"),
        (lambda p: replace(p, citizen_id="001090000123"), "is outside the population's block"),
        (lambda p: replace(p, citizen_id="001090900000"), "is given twice"),
        (lambda p: replace(p, gender="2" if p.gender == "1" else "1"), "contradicts gender or birth year"),
        (lambda p: replace(p, birth_year=p.birth_year - 1), "has a birth year that is not its birth date's"),
        (lambda p: replace(p, full_name="Hoa\u0300"), "has no name in NFC"),
        (lambda p: replace(p, id_card_number="000000000"), "is not found by its nine digits alone"),
        (lambda p: replace(p, representative=None), "is a living minor without a representative"),
        (lambda p: replace(p, marital_status="2"), "is a minor and married"),
        (lambda p: replace(p, marital_status="1"), "has a spouse but is not recorded as married"),
        (lambda p: replace(p, father=bend_kin(p.father, "Ai")), "father is named otherwise than in the father's record"),
        (lambda p: replace(p, father=p.mother), "father has another gender in the father's record"),
        (lambda p: replace(p, mother=p.father), "who names another"),
        (lambda p: replace(p, spouse=bend_kin(p.spouse, "Ai")), "spouse is named otherwise than in the spouse's record"),
        (lambda p: replace(p, spouse=p.spouse if p.gender == "1" else None), "names a spouse who names somebody else"),
        (lambda p: replace(p, native_place=Address(province_code="01", ward_code="99999")),
         "has an address that is not in units-2025-07"),
        (lambda p: replace(p, relation_to_head="CH03"), "lives in a household that has 0 heads"),
        (lambda p: replace(p, relation_to_head=p.relation_to_head and "CH77"), "has the unknown relation CH77"),
        (lambda p: replace(p, permanent_residence=p.native_place), "lives in a household that has members registered elsewhere"),
        (lambda p: replace(p, household="dan-so-0-f"), "is not among the members of the household"),
    ],
)  # fmt: skip
def test_a_broken_invariant_is_found_and_named(bend: Bend, complaint: str) -> None:
    said = check_generated(BentNation(bend), range(60)).complaints
    assert any(complaint in one for one in said)


def test_a_cancelled_number_without_one_in_force_is_found(village: GeneratedPopulation) -> None:
    former = next(
        village.cells.member_at(place)
        for place in range(village.count)
        if village.person_at_index(place).status is LifeStatus.CANCELLED
    )

    class Forgetful(GeneratedPopulation):
        def number_in_force(self, member: Member) -> str:
            return "000000000000"

    forgetful = Forgetful(count=village.count, seed="7")
    said = check_generated(forgetful, [former.record_index]).complaints
    assert len(said) == 1
    assert said[0].endswith("is cancelled, and the same human has no living record")
