"""Find people by number and by household. Several people may share a nine-digit number (provinces repeated them).

Holds what it was given and never changes; a run's own changes lie on top (runs/world.py).
"""

from collections import defaultdict
from collections.abc import Iterable

from mock_c06.population.model import Person


def person_key(person: Person) -> str:
    """Say what makes a person one and the same across changes: the twelve digits, else the nine."""
    return person.citizen_id or f"cmnd:{person.id_card_number}"


class WorldIndex:
    """People by twelve digits, by nine, and by household."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._people: dict[str, Person] = {}
        self._by_card: dict[str, list[Person]] = defaultdict(list)
        self._by_household: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            self._people[person_key(person)] = person
            if person.id_card_number:
                self._by_card[person.id_card_number].append(person)
            if person.household:
                self._by_household[person.household].append(person)

    def find_by_key(self, key: str) -> Person | None:
        """Give the person of that key (see `person_key`)."""
        return self._people.get(key)

    def by_card(self, id_card_number: str) -> tuple[Person, ...]:
        """Give everybody who has that nine-digit number."""
        return tuple(self._by_card.get(id_card_number, ()))

    def household(self, key: str) -> tuple[Person, ...]:
        """Give the members of a household."""
        return tuple(self._by_household.get(key, ()))

    def everybody(self) -> tuple[Person, ...]:
        """Give all people, in the order they came."""
        return tuple(self._people.values())
