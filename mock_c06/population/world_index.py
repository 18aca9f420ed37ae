"""Find people by number and by household. Several people may share a nine-digit number (provinces repeated them).

Holds what it was given and never changes; a run's own changes lie on top (runs/world.py). Whom it does not hold it
asks of a generated population, where there is one.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

from mock_c06.population.model import Person
from mock_c06.population.relations import HEAD


def person_key(person: Person) -> str:
    """Say what makes a person one and the same across changes: the twelve digits, else the nine."""
    return person.citizen_id or f"cmnd:{person.id_card_number}"


def parents_of(person: Person) -> set[str]:
    """Give the numbers of the parents that a record names."""
    return {kin.citizen_id for kin in (person.father, person.mother) if kin is not None and kin.citizen_id}


class Beyond(Protocol):
    """People who are computed and not held: the same wherever `count` and `seed` are."""

    count: int
    seed: str

    def find_by_key(self, key: str, *, core_only: bool = False) -> Person | None:
        """Give the person of that key; `core_only`: no more than a yes/no question needs."""
        ...

    def by_card(self, id_card_number: str, *, core_only: bool = False) -> tuple[Person, ...]:
        """Give everybody who has that nine-digit number."""
        ...

    def household(self, key: str) -> tuple[Person, ...]:
        """Give the members of a household."""
        ...

    def head(self, key: str) -> Person | None:
        """Give the head of a household, no more of them than their numbers, name and place in it."""
        ...

    def children(self, citizen_id: str) -> tuple[Person, ...]:
        """Give everybody whose record names that number as father or mother."""
        ...


class WorldIndex:
    """People by twelve digits, by nine, and by household."""

    def __init__(self, people: Iterable[Person], *, beyond: Beyond | None = None) -> None:
        self.beyond = beyond
        # Of two with one key the later counts: a start's own people take the place of hand-made ones.
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
        """Give the person of that key (see `person_key`); under `core_only` perhaps without relatives and homes."""
        person = self._people.get(key)
        if person is None and self.beyond is not None:
            return self.beyond.find_by_key(key, core_only=core_only)
        return person

    def by_card(self, id_card_number: str, *, core_only: bool = False) -> tuple[Person, ...]:
        """Give everybody who has that nine-digit number; under `core_only` perhaps without relatives and homes."""
        held = tuple(self._by_card.get(id_card_number, ()))
        if self.beyond is None:
            return held
        return (*held, *self.beyond.by_card(id_card_number, core_only=core_only))

    def household(self, key: str) -> tuple[Person, ...]:
        """Give the members of a household."""
        held = tuple(self._by_household.get(key, ()))
        return held or (self.beyond.household(key) if self.beyond is not None else ())

    def head(self, key: str) -> Person | None:
        """Give the head of a household, perhaps without relatives and homes."""
        held = self._by_household.get(key)
        if held is None and self.beyond is not None:
            return self.beyond.head(key)
        return next((person for person in held or () if person.relation_to_head == HEAD), None)

    def children(self, citizen_id: str) -> tuple[Person, ...]:
        """Give everybody whose record names that number as father or mother."""
        held = tuple(self._by_parent.get(citizen_id, ()))
        return held if self.beyond is None else (*held, *self.beyond.children(citizen_id))

    def everybody(self) -> tuple[Person, ...]:
        """Give all people who are held, in the order they came: the generated ones are told to nobody in a list."""
        return tuple(self._people.values())
