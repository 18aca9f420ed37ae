"""Find people by number, by household and by parent; the codes of household relations.

Several people may share a nine-digit number (provinces issued some twice). The index never changes; a run's changes are
in runs/world.py. People who are not in the index are looked up in the generated population, if there is one. Only the
relation CH01 (the head) was seen on the wire; `invented` marks the others.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Protocol

from mock_c06.people.model import Kin, Person

HEAD_OF_HOUSEHOLD = "CH01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A code, its Vietnamese name, and whether this mock invented it."""

    code: str
    name: str
    invented: bool


@cache
def load_relations() -> Mapping[str, Relation]:
    """Return the relations by code; the first call reads the data file."""
    path = resources.files(__package__).joinpath("data/relations.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {code: Relation(code=code, **row) for code, row in data.items()}


def person_key(person: Person) -> str:
    """Return the key of a person, which changes do not alter: the twelve digits, or else the nine."""
    return person.citizen_id or f"cmnd:{person.id_card_number}"


def key_of_kin(kin: Kin | None) -> str | None:
    """Return the key of a relative (see `person_key`), None if the record gives no number."""
    if kin is None or not (kin.citizen_id or kin.id_card_number):
        return None
    return kin.citizen_id or f"cmnd:{kin.id_card_number}"


def parents_of(person: Person) -> set[str]:
    """Return the keys of the parents that a record names by number."""
    return {key for kin in (person.father, person.mother) if (key := key_of_kin(kin)) is not None}


class GeneratedPeople(Protocol):
    """People who are computed and not stored: `count` and `seed` give the same everywhere."""

    count: int
    seed: str

    def find_by_key(self, key: str, *, core_only: bool = False) -> Person | None:
        """Return the person with that key; `core_only`: only what a yes/no question needs."""
        ...

    def by_card(self, id_card_number: str, *, core_only: bool = False) -> tuple[Person, ...]:
        """Return everybody who has that nine-digit number."""
        ...

    def household(self, key: str) -> tuple[Person, ...]:
        """Return the members of a household."""
        ...

    def head(self, key: str) -> Person | None:
        """Return the head of a household, with numbers, name and relation only."""
        ...

    def children(self, key: str) -> tuple[Person, ...]:
        """Return everybody whose record names the person with that key as father or mother."""
        ...


class PeopleIndex:
    """People by twelve digits, by nine, and by household."""

    def __init__(self, people: Iterable[Person], *, generated: GeneratedPeople | None = None) -> None:
        self.generated = generated
        # The later of two with one key counts: the user's own people replace personas.
        self._people = {person_key(person): person for person in people}
        self._by_card: dict[str, list[Person]] = defaultdict(list)
        self._by_household: dict[str, list[Person]] = defaultdict(list)
        self._by_parent: dict[str, list[Person]] = defaultdict(list)
        for person in self._people.values():
            if person.id_card_number:
                self._by_card[person.id_card_number].append(person)
            if person.household:
                self._by_household[person.household].append(person)
            for number in parents_of(person):
                self._by_parent[number].append(person)

    def find_by_key(self, key: str, *, core_only: bool = False) -> Person | None:
        """Return the person with that key (see `person_key`); `core_only`: perhaps without relatives and addresses."""
        person = self._people.get(key)
        if person is None and self.generated is not None:
            return self.generated.find_by_key(key, core_only=core_only)
        return person

    def by_card(self, id_card_number: str, *, core_only: bool = False) -> tuple[Person, ...]:
        """Return everybody who has that nine-digit number; `core_only`: perhaps without relatives and addresses."""
        held = tuple(self._by_card.get(id_card_number, ()))
        if self.generated is None:
            return held
        return (*held, *self._not_replaced(self.generated.by_card(id_card_number, core_only=core_only)))

    def household(self, key: str) -> tuple[Person, ...]:
        """Return the members of a household."""
        held = tuple(self._by_household.get(key, ()))
        return held if self.generated is None else (*held, *self._not_replaced(self.generated.household(key)))

    def head(self, key: str) -> Person | None:
        """Return the head of a household, perhaps without relatives and addresses."""
        held = self._by_household.get(key, ())
        head = next((person for person in held if person.relation_to_head == HEAD_OF_HOUSEHOLD), None)
        if head is not None or self.generated is None:
            return head
        head = self.generated.head(key)
        return head if head is not None and person_key(head) not in self._people else None

    def children(self, key: str) -> tuple[Person, ...]:
        """Return everybody whose record names the person with that key as father or mother."""
        held = tuple(self._by_parent.get(key, ()))
        return held if self.generated is None else (*held, *self._not_replaced(self.generated.children(key)))

    def _not_replaced(self, generated: tuple[Person, ...]) -> Iterator[Person]:
        """Leave out the generated people in whose place somebody else was put: under no key is the old one found."""
        return (person for person in generated if person_key(person) not in self._people)

    def everybody(self) -> tuple[Person, ...]:
        """Return all people but the generated ones, in the order of their input."""
        return tuple(self._people.values())
