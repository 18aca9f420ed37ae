"""The generated population: finds a person by number, card or index, each computed and none stored.

A population is a few small tables; count and seed give the same people on any machine. Decision 0038.
"""

from typing import Any

from mock_c06.generated.cells import Cells, Member
from mock_c06.generated.draws import Draws, Purpose
from mock_c06.generated.households import Homes, Households
from mock_c06.generated.lives import Life, Lives, MaritalState, religion_of
from mock_c06.generated.names import Names
from mock_c06.generated.numbering import Numbering
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, Kin, LifeStatus, Person, parents_of

# The largest cell has 100,000 numbers; see tests/mock_c06/generated/test_numbering.py.
MAX_PEOPLE = 105_000_000
_SINGLE, _MARRIED, _ENDED, _UNKNOWN = "1", "2", "3", "0"
_CODES = {MaritalState.NONE: _SINGLE, MaritalState.LASTING: _MARRIED, MaritalState.ENDED: _ENDED}
_FATHER_UNRECORDED, _MOTHER_UNRECORDED, _PARENTS_UNKNOWN, _STATUS_UNKNOWN = 3, 1, 35, 3


class GeneratedPopulation:
    """A population of `count` records under a seed."""

    def __init__(self, *, count: int, seed: str) -> None:
        if not 0 < count <= MAX_PEOPLE:
            raise ValueError(f"a population has 1 to {MAX_PEOPLE} people")
        self.count = count
        self.seed = seed
        self.draws = Draws(seed)
        self.cells = Cells(count)
        self.lives = Lives(self.cells, self.draws)
        self.names = Names(self.cells, self.draws)
        self.numbering = Numbering(self.cells, self.draws)
        self.households = Households(self.cells, self.lives)
        self._homes = Homes(self.draws)

    def find_by_key(self, key: str, *, core_only: bool = False) -> Person | None:
        """Return the person with those twelve digits, or None; `core_only`: see `core`."""
        member = self.numbering.find(key)
        if member is None:
            return None
        member.clan.numbers[member.position] = key
        return self.core(member) if core_only else self.person(member)

    def by_card(self, id_card_number: str, *, core_only: bool = False) -> tuple[Person, ...]:
        """Return the person with those nine digits, if there is one; `core_only`: see `core`."""
        member = self.numbering.find_card(id_card_number)
        if member is None or not self.lives.life_of(member).has_card:
            return ()
        return (self.core(member) if core_only else self.person(member),)

    def household(self, key: str) -> tuple[Person, ...]:
        """Return a household's members, its head first."""
        return tuple(self.person(member) for member in self.households.members(key))

    def head(self, key: str) -> Person | None:
        """Return the head of a household; see `core`."""
        member = self.households.head(key)
        if member is None:
            return None
        return Person(**self._core(member, self.lives.life_of(member)), relation_to_head=HEAD_OF_HOUSEHOLD)

    def children(self, citizen_id: str) -> tuple[Person, ...]:
        """Return everybody whose record names that number as father or mother."""
        member = self.numbering.find(citizen_id)
        if member is None:
            return ()
        positions = member.clan.shape.children(member.position)
        members = (self.cells.relative(member, each) for each in positions)
        children = [self.person(child) for child in members if child is not None]
        return tuple(child for child in children if citizen_id in parents_of(child))

    def person_at_index(self, index: int) -> Person:
        """Return the person at a record index, from 0."""
        return self.person(self.cells.member_at(index))

    def core(self, member: Member) -> Person:
        """Compute what a yes/no question is about: numbers, name, gender, birth, ethnicity and status."""
        return Person(**self._core(member, self.lives.life_of(member)))

    def person(self, member: Member) -> Person:
        """Compute the whole record of a member."""
        life = self.lives.life_of(member)
        if life.status is LifeStatus.CANCELLED:
            return self.core(member)
        marriage, spouse = self.lives.marriage_of(member, life.status)
        father, mother, status = self._parents(member, marriage)
        living = life.status is LifeStatus.LIVING
        house = self.households.house_of(member)
        home = self._homes.home_of(member, house, life.birth_date)
        core = self._core(member, life)
        return Person(
            **core,
            marital_status=status,
            blood_type=life.blood_type,
            religion=religion_of(self.draws, member, core["ethnicity"]),
            birth_registration_place=home.birth_registration_place,
            native_place=home.native_place,
            permanent_residence=home.permanent_residence,
            current_residence=home.current_residence,
            father=father,
            mother=mother,
            spouse=self._kin(spouse) if spouse is not None else None,
            representative=self._representative(member, father) if living and life.is_minor else None,
            household=self.households.key_of(member, house) if living else None,
            relation_to_head=self.households.relation_to_head(member, house) if living else None,
            household_book=home.household_book if living else None,
        )

    def former_number(self, member: Member) -> str | None:
        """Return the number that this human had before a new one was issued, or None."""
        for slot in member.clan.shape.slots:
            if slot.former_of == member.position:
                former = self.cells.relative(member, slot.position)
                return self.numbering.citizen_id(former) if former is not None else None
        return None

    def number_in_force(self, member: Member) -> str:
        """Return the number in force of this human: another record's, if the member's is cancelled."""
        former_of = member.slot.former_of
        in_force = self.cells.relative(member, former_of) if former_of is not None else member
        return self.numbering.citizen_id(in_force or member)

    def _core(self, member: Member, life: Life) -> dict[str, Any]:
        """Return the members that every record has, also a cancelled one."""
        return {
            "citizen_id": self.numbering.citizen_id(member),
            "id_card_number": self.numbering.card(member) if life.has_card else None,
            "full_name": self.names.name_of(member),
            "gender": str(member.gender + 1),
            "birth_date": life.birth_date,
            "birth_year": member.year,
            "ethnicity": self.names.people_of(member),
            "status": life.status,
        }

    def _kin(self, member: Member) -> Kin:
        return Kin(
            full_name=self.names.name_of(member),
            citizen_id=self.numbering.citizen_id(member),
            id_card_number=self.numbering.card(member) if self.lives.has_card(member) else None,
        )

    def _parents(self, member: Member, marriage: MaritalState) -> tuple[Kin | None, Kin | None, str]:
        """Return father, mother and marital status as the record has them: some records lack them."""
        slot = member.slot
        left, father_gone = divmod(self.draws.draw(Purpose.RECORDED, member.clan, member.position), 100)
        left, mother_gone = divmod(left, 100)
        status = _CODES[marriage]
        if marriage is MaritalState.NONE:
            left, unknown = divmod(left, 100)
            status = _UNKNOWN if unknown < _STATUS_UNKNOWN else status
        if slot.root == member.position:
            if left % 100 < _PARENTS_UNKNOWN:
                return None, None, status
            his, hers = self.names.parents_of_root(member)
            return Kin(full_name=his), Kin(full_name=hers), status
        father = None if father_gone < _FATHER_UNRECORDED else self.cells.relative(member, slot.father)
        mother = None if mother_gone < _MOTHER_UNRECORDED else self.cells.relative(member, slot.mother)
        return (
            self._kin(father) if father is not None else None,
            self._kin(mother) if mother is not None else None,
            status,
        )

    def _representative(self, member: Member, father: Kin | None) -> Kin | None:
        """Return the representative of a minor: the first living one of father, mother, and the clan's other adults."""
        slot = member.slot
        slots = member.clan.shape.slots
        others = (other.position for other in slots if other.house == slot.house)
        for position in (slot.father, slot.mother, *others, *range(len(slots))):
            adult = self.cells.relative(member, position)
            if adult is None:
                continue
            life = self.lives.life_of(adult)
            if life.status is LifeStatus.LIVING and not life.is_minor:
                return father if father is not None and position == slot.father else self._kin(adult)
        return None
