"""A run's own world: the base population with this run's changes on top. The base is never written."""

from mock_c06.population.model import Person
from mock_c06.population.world_index import WorldIndex, person_key

HEAD_OF_HOUSEHOLD = "CH01"


class World:
    """Copy on write: what this run has put hides what the base has under the same number."""

    def __init__(self, base: WorldIndex) -> None:
        self._base = base
        self._own: dict[str, Person] = {}

    def put(self, person: Person) -> None:
        """Add the person, or take the place of the one with the same number."""
        self._own[person_key(person)] = person

    def find_by_key(self, key: str) -> Person | None:
        """Give the person of that key as this run sees them."""
        return self._own.get(key) or self._base.find_by_key(key)

    def find(self, *, citizen_id: str | None, id_card_number: str | None) -> tuple[Person, ...]:
        """Give everybody with that number: at most one by twelve digits, perhaps several by nine."""
        if citizen_id is not None:
            person = self.find_by_key(citizen_id)
            return (person,) if person is not None else ()
        if id_card_number is None:
            return ()
        base = (p for p in self._base.by_card(id_card_number) if person_key(p) not in self._own)
        own = (p for p in self._own.values() if p.id_card_number == id_card_number)
        return (*base, *own)

    def household(self, key: str) -> tuple[Person, ...]:
        """Give a household's members, its head first."""
        base = (p for p in self._base.household(key) if person_key(p) not in self._own)
        own = (p for p in self._own.values() if p.household == key)
        return tuple(sorted((*base, *own), key=lambda p: p.relation_to_head != HEAD_OF_HOUSEHOLD))

    def everybody(self) -> tuple[Person, ...]:
        """Give all people that this run sees."""
        return tuple({**{person_key(p): p for p in self._base.everybody()}, **self._own}.values())
