"""Prove a generated population's invariants on a sample, or on everybody where they are few.

A relative is always looked up anew by the number that the record names, as a caller would: the arithmetic is not
believed, it is asked. Stops at nothing; each complaint opens with the number.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mock_c06.nation.cells import Member
from mock_c06.nation.nation import Nation
from mock_c06.nation.numbering import BLOCK
from mock_c06.nation.wards import NEW, OLD, load_wards
from mock_c06.population.check_numbers import birth_year_of, gender_of
from mock_c06.population.model import Address, LifeStatus, Person
from mock_c06.population.relations import HEAD, load_relations
from mock_c06.population.selfcheck import CATALOGUE_DAY

_YEARS_TO_PARENT = 16
_FIRST_RANDOM = "900000"
_MARRIED = "2"


@dataclass(slots=True, kw_only=True)
class Proof:
    """What was looked at, by kind, and what was found wrong."""

    looked_at: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    largest_cell: int = 0


def check_nation(nation: Nation, places: Iterable[int]) -> Proof:
    """Check the population's count as a whole, and the records at these places."""
    proof = Proof()
    sizes = Counter(nation.cells.sizes())
    proof.largest_cell = max(sizes)
    if sum(size * times for size, times in sizes.items()) != nation.count:
        proof.complaints.append(f"the cells don't hold {nation.count} records in all")
    if proof.largest_cell > BLOCK:
        proof.complaints.append(f"a cell has {proof.largest_cell} records and {BLOCK} numbers")
    numbers: Counter[str | None] = Counter()
    for place in places:
        member = nation.cells.member_at(place)
        person = nation.person(member)
        numbers[person.citizen_id] += 1
        said = _check_record(nation, member, person, proof.looked_at)
        proof.complaints += [f"{person.citizen_id}: {one}" for one in said]
    proof.complaints += [f"{number}: is given twice" for number, times in numbers.items() if times > 1]
    return proof


def _check_record(nation: Nation, member: Member, person: Person, seen: Counter[str]) -> Iterator[str]:
    seen["records"] += 1
    yield from _check_numbers(nation, member, person, seen)
    yield from _check_life(person)
    yield from _check_parents(nation, person, seen)
    yield from _check_children(nation, member, person, seen)
    yield from _check_spouse(nation, person, seen)
    yield from _check_addresses(person, seen)
    yield from _check_household(nation, person, seen)
    yield from _check_former(nation, member, person, seen)


def _check_numbers(nation: Nation, member: Member, person: Person, seen: Counter[str]) -> Iterator[str]:
    number = person.citizen_id or ""
    if nation.numbering.find(number) != member:
        yield "does not lead back to its record"
    if (birth_year_of(number), gender_of(number)) != (person.birth_year, person.gender):
        yield "contradicts gender or birth year"
    if number[6:] < _FIRST_RANDOM:
        yield "is outside the population's block"
    if person.id_card_number is not None:
        seen["nine-digit numbers"] += 1
        if [other.citizen_id for other in nation.by_card(person.id_card_number)] != [number]:
            yield "is not found by its nine digits alone"


def _check_life(person: Person) -> Iterator[str]:
    born = person.birth_date
    if born is not None and (born.year != person.birth_year or born > CATALOGUE_DAY):
        yield "has a birth date that can't be"
    if not person.full_name.strip() or not unicodedata.is_normalized("NFC", person.full_name):
        yield "has no name in composed form"
    if _is_minor(person):
        if person.spouse is not None or person.marital_status == _MARRIED:
            yield "is a minor and married"
        if person.status is LifeStatus.LIVING and person.representative is None:
            yield "is a living minor without a representative"


def _check_parents(nation: Nation, person: Person, seen: Counter[str]) -> Iterator[str]:
    for kin, gender in ((person.father, "1"), (person.mother, "2")):
        if kin is None or kin.citizen_id is None:
            continue
        seen["parents"] += 1
        parent = nation.find_by_key(kin.citizen_id)
        if parent is None or (parent.full_name, parent.id_card_number) != (kin.full_name, kin.id_card_number):
            yield "names a parent otherwise than the parent's record"
        elif parent.gender != gender or person.birth_year - parent.birth_year < _YEARS_TO_PARENT:
            yield f"has a parent of the wrong gender or less than {_YEARS_TO_PARENT} years older"


def _check_children(nation: Nation, member: Member, person: Person, seen: Counter[str]) -> Iterator[str]:
    for position in member.shape.children(member.position):
        place = nation.cells.relative(member, position)
        if place is None:
            continue
        seen["children"] += 1
        child = nation.person(place)
        kin = child.father if person.gender == "1" else child.mother
        if kin is not None and kin.citizen_id != person.citizen_id:
            yield f"has the child {child.citizen_id}, who names another"


def _check_spouse(nation: Nation, person: Person, seen: Counter[str]) -> Iterator[str]:
    if (person.spouse is not None) != (person.marital_status == _MARRIED):
        yield "is married without a spouse, or the reverse"
    if person.spouse is None:
        return
    seen["spouses"] += 1
    spouse = nation.find_by_key(person.spouse.citizen_id or "")
    if spouse is None or spouse.spouse is None or spouse.spouse.citizen_id != person.citizen_id:
        yield "names a spouse who doesn't name them back"
    elif spouse.full_name != person.spouse.full_name or spouse.gender == person.gender:
        yield "names a spouse otherwise than the spouse's record"


def _check_addresses(person: Person, seen: Counter[str]) -> Iterator[str]:
    wards = load_wards()
    for address in _addresses(person):
        code_list = OLD if address.district_code else NEW
        seen[f"addresses in {code_list}"] += 1
        if wards.find(code_list, address.ward_code or "") != address:
            yield f"has an address that is not in {code_list}"


def _addresses(person: Person) -> list[Address]:
    places = (
        person.birth_registration_place,
        person.native_place,
        person.permanent_residence,
        person.current_residence,
    )
    return [address for address in places if address is not None]


def _check_household(nation: Nation, person: Person, seen: Counter[str]) -> Iterator[str]:
    if person.household is None:
        return
    seen["households"] += 1
    members = nation.household(person.household)
    if person not in members:
        yield "is not among the members of the household"
    if [member.relation_to_head == HEAD for member in members] != [True, *[False] * (len(members) - 1)]:
        yield "lives in a household without exactly one head, who comes first"
    if len({member.permanent_residence for member in members}) != 1:
        yield "lives in a household that is registered in several places"
    if person.relation_to_head not in load_relations():
        yield "has an unknown relation to the head"


def _check_former(nation: Nation, member: Member, person: Person, seen: Counter[str]) -> Iterator[str]:
    if person.status is not LifeStatus.CANCELLED:
        return
    seen["numbers issued anew"] += 1
    now = nation.find_by_key(nation.number_in_force(member))
    if now is None or now.status is not LifeStatus.LIVING or now.full_name != person.full_name:
        yield "is cancelled, and no living record of the same human took its place"
    elif (now.gender, now.birth_year) == (person.gender, person.birth_year):
        yield "is cancelled without a reason: gender and year are the same in the new number"


def _is_minor(person: Person) -> bool:
    born = person.birth_date
    return born is not None and (born.year + 18, born.month, born.day) > (
        CATALOGUE_DAY.year,
        CATALOGUE_DAY.month,
        CATALOGUE_DAY.day,
    )
