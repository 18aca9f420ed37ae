"""Check a generated population: a sample of its records, or all of a small one.

Adds to people/rules.py the rules that only a generated population has: each number finds its record and occurs once;
children, wards and numbers issued anew agree. A relative is always looked up by the number that the record names, as a
caller would do. Each complaint begins with the number.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from mock_c06.generated.cells import Member
from mock_c06.generated.numbering import BLOCK
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.units import list_of, load_wards, mark_on_second_vowel
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, LifeStatus, Person
from mock_c06.people.rules import (
    addresses_of,
    check_household,
    check_person,
    kin_of_record,
    number_contradicts,
)

_FIRST_RANDOM = "900000"


@dataclass(slots=True, kw_only=True)
class PopulationCheck:
    """How much was checked, by kind, and the complaints."""

    looked_at: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    largest_cell: int = 0


def check_generated(generated: GeneratedPopulation, indexes: Iterable[int]) -> PopulationCheck:
    """Check the population's count as a whole, and the records at these indexes."""
    check = PopulationCheck()
    sizes = Counter(generated.cells.sizes())
    check.largest_cell = max(sizes)
    if sum(size * times for size, times in sizes.items()) != generated.count:
        check.complaints.append(f"the cells do not have {generated.count} records")
    if check.largest_cell > BLOCK:
        check.complaints.append(f"a cell has {check.largest_cell} records and {BLOCK} numbers")
    numbers: Counter[str | None] = Counter()
    for index in indexes:
        member = generated.cells.member_at(index)
        person = generated.person(member)
        numbers[person.citizen_id] += 1
        found = (
            *_check_numbers(generated, member, person),
            *check_person(person, generated.find_by_key, all_known=True),
            *_check_children(generated, member, person, check.looked_at),
            *_check_addresses(person),
            *_check_household(generated, person),
            *_check_former(generated, member, person),
        )
        check.complaints += [f"{person.citizen_id}: {one}" for one in found]
        check.looked_at.update(_count(person))
    check.complaints += [f"{number}: is given twice" for number, times in numbers.items() if times > 1]
    return check


def _count(person: Person) -> Counter[str]:
    kin = kin_of_record(person)
    lists = Counter(list_of(address) for address in addresses_of(person).values())
    return Counter(
        {
            "records": 1,
            "nine-digit numbers": person.id_card_number is not None,
            "parents": sum(role in kin and kin[role].citizen_id is not None for role in ("father", "mother")),
            "spouses": "spouse" in kin,
            "households": person.household is not None,
            "numbers issued anew": person.status is LifeStatus.CANCELLED,
            **{f"addresses in {name}": count for name, count in lists.items()},
        }
    )


def _check_numbers(generated: GeneratedPopulation, member: Member, person: Person) -> Iterator[str]:
    number = person.citizen_id or ""
    if generated.numbering.find(number) != member:
        yield "does not find its record"
    if number_contradicts(person):
        yield "contradicts gender or birth year"
    if number[6:] < _FIRST_RANDOM:
        yield "is outside the population's block"
    if not person.full_name.strip() or not unicodedata.is_normalized("NFC", person.full_name):
        yield "has no name in NFC"
    card = person.id_card_number
    if card is not None and [other.citizen_id for other in generated.by_card(card)] != [number]:
        yield "is not found by its nine digits alone"


def _check_children(
    generated: GeneratedPopulation, member: Member, person: Person, looked_at: Counter[str]
) -> Iterator[str]:
    for position in member.clan.shape.children(member.position):
        child_member = generated.cells.relative(member, position)
        if child_member is None:
            continue
        looked_at["children"] += 1
        child = generated.person(child_member)
        kin = child.father if person.gender == "1" else child.mother
        if kin is not None and kin.citizen_id != person.citizen_id:
            yield f"has the child {child.citizen_id}, who names another"


def _check_addresses(person: Person) -> Iterator[str]:
    for address in addresses_of(person).values():
        known = load_wards().find_of(address)
        if known is None or address not in {known, replace(known, detail=mark_on_second_vowel(known.detail))}:
            yield f"has an address that is not in {list_of(address)}"


def _check_household(generated: GeneratedPopulation, person: Person) -> Iterator[str]:
    if person.household is None:
        return
    members = generated.household(person.household)
    if person not in members:
        yield "is not among the members of the household"
    if members and members[0].relation_to_head != HEAD_OF_HOUSEHOLD:
        yield "lives in a household whose head does not come first"
    yield from (f"lives in a household that {one}" for one in check_household(members))


def _check_former(generated: GeneratedPopulation, member: Member, person: Person) -> Iterator[str]:
    if person.status is not LifeStatus.CANCELLED:
        return
    now = generated.find_by_key(generated.number_in_force(member))
    if now is None or now.status is not LifeStatus.LIVING or now.full_name != person.full_name:
        yield "is cancelled, and the same human has no living record"
    elif (now.gender, now.birth_year) == (person.gender, person.birth_year):
        yield "is cancelled, but the new number has the same gender and year"
