"""A run's own world: the base population with this run's changes on top. The base is never written.

A change holds from an instant on, by the run's clock: set back to before it, the run sees the person as they were.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mock_c06.population.model import Person
from mock_c06.population.world_index import Beyond, WorldIndex, parents_of, person_key

HEAD_OF_HOUSEHOLD = "CH01"
ALWAYS = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A person as they are from an instant on."""

    since: datetime
    person: Person


class World:
    """Copy on write: what this run has put hides what the base has under the same number."""

    def __init__(self, base: WorldIndex, now: Callable[[], datetime] = lambda: _END_OF_TIME) -> None:
        self._base = base
        self._now = now
        self._own: dict[str, list[Version]] = {}

    @property
    def beyond(self) -> Beyond | None:
        """Give the generated population that this run's people are looked up in, where there is one."""
        return self._base.beyond

    def put(self, person: Person, since: datetime = ALWAYS) -> None:
        """Add the person, or take the place of the one with the same number, from then on (else from ever)."""
        versions = self._own.setdefault(person_key(person), [])
        versions[:] = [*(version for version in versions if version.since < since)]
        versions.append(Version(since=since, person=person))

    def to_come(self) -> "World":
        """Give the same world as it will be once all that is known of has happened. Changes go into both."""
        later = World(self._base)
        later._own = self._own
        return later

    def find_by_key(self, key: str, *, core_only: bool = False) -> Person | None:
        """Give the person of that key as this run sees them now; `core_only`: no more than a yes/no question needs."""
        return self._own_now(key) or self._base.find_by_key(key, core_only=core_only)

    def last_change(self, key: str) -> datetime:
        """Say since when the person is as they will stay."""
        versions = self._own.get(key)
        return versions[-1].since if versions else ALWAYS

    def find(
        self, *, citizen_id: str | None, id_card_number: str | None, core_only: bool = False
    ) -> tuple[Person, ...]:
        """Give everybody with that number: at most one by twelve digits, perhaps several by nine."""
        if citizen_id is not None:
            person = self.find_by_key(citizen_id, core_only=core_only)
            return (person,) if person is not None else ()
        if id_card_number is None:
            return ()
        base = self._untouched(self._base.by_card(id_card_number, core_only=core_only))
        own = (p for p in self._changed() if p.id_card_number == id_card_number)
        return (*base, *own)

    def household(self, key: str) -> tuple[Person, ...]:
        """Give a household's members, its head first."""
        base = self._untouched(self._base.household(key))
        own = (p for p in self._changed() if p.household == key)
        return tuple(sorted((*base, *own), key=lambda p: p.relation_to_head != HEAD_OF_HOUSEHOLD))

    def head(self, key: str) -> Person | None:
        """Give a household's head, perhaps without relatives and homes."""
        if not self._own:
            return self._base.head(key)
        return next((p for p in self.household(key) if p.relation_to_head == HEAD_OF_HOUSEHOLD), None)

    def children(self, citizen_id: str) -> tuple[Person, ...]:
        """Give everybody whose record names that number as father or mother, wherever they live."""
        base = self._untouched(self._base.children(citizen_id))
        return (*base, *(p for p in self._changed() if citizen_id in parents_of(p)))

    def everybody(self) -> tuple[Person, ...]:
        """Give all people that this run sees."""
        changed = {person_key(p): p for p in self._changed()}
        return tuple({**{person_key(p): p for p in self._base.everybody()}, **changed}.values())

    def versions(self) -> tuple[Version, ...]:
        """Give all that this run has put, person by person, oldest first."""
        return tuple(version for versions in self._own.values() for version in versions)

    def _own_now(self, key: str) -> Person | None:
        versions = self._own.get(key)
        if versions is None:
            return None
        now = self._now()
        return next((each.person for each in reversed(versions) if each.since <= now), None)

    def _untouched(self, people: Iterable[Person]) -> tuple[Person, ...]:
        return tuple(p for p in people if self._own_now(person_key(p)) is None)

    def _changed(self) -> tuple[Person, ...]:
        people = (self._own_now(key) for key in self._own)
        return tuple(person for person in people if person is not None)
