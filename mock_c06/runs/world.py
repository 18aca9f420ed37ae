"""A run's own world: the base population with this run's changes on top. The base is never written.

A change is valid from an instant on, by the run's clock: if the clock is set back, the run has the earlier record. Several
people may share a nine-digit number (provinces issued some twice). People who are not in the base's index are looked up in
the generated population, if there is one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mock_c06.generated.population import GeneratedPopulation
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, Claim, Person, parents_of, person_key

ALWAYS = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class PeopleIndex:
    """People by twelve digits, by nine, and by household."""

    def __init__(self, people: Iterable[Person], *, generated: GeneratedPopulation | None = None) -> None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A person's record that is valid from an instant on; None: nobody has this key from then on."""

    since: datetime
    person: Person | None


class World:
    """Copy on write: this run's people hide the base's with the same number."""

    def __init__(self, base: PeopleIndex, now: Callable[[], datetime] = lambda: _END_OF_TIME) -> None:
        self._base = base
        self._now = now
        self._own: dict[str, list[Version]] = {}

    @property
    def generated(self) -> GeneratedPopulation | None:
        """Return the generated population of this run, if there is one."""
        return self._base.generated

    def put(self, person: Person, since: datetime = ALWAYS) -> None:
        """Add the person, or replace the one with the same number, from that instant on (by default always)."""
        self._put(person_key(person), Version(since=since, person=person))

    def remove(self, key: str, since: datetime = ALWAYS) -> None:
        """Let nobody have this key from that instant on; the base's person with it is hidden."""
        self._put(key, Version(since=since, person=None))

    def _put(self, key: str, version: Version) -> None:
        before = [each for each in self._own.get(key, ()) if each.since < version.since]
        self._own[key] = [*before, version]

    def to_come(self) -> "World":
        """Return the same world after all its changes, future ones included. Both share their changes."""
        later = World(self._base)
        later._own = self._own
        return later

    def find_by_key(self, key: str, *, core_only: bool = False) -> Person | None:
        """Return the person with that key at the run's instant; `core_only`: only what a yes/no question needs."""
        own = self._own_now(key)
        return self._base.find_by_key(key, core_only=core_only) if own is None else own.person

    def last_change(self, key: str) -> datetime:
        """Return the instant of the person's last change, future ones included."""
        versions = self._own.get(key)
        return versions[-1].since if versions else ALWAYS

    def find(self, claim: Claim, *, core_only: bool = False) -> tuple[Person, ...]:
        """Return everybody with the claim's number: at most one by twelve digits, perhaps several by nine."""
        if claim.citizen_id is not None:
            person = self.find_by_key(claim.citizen_id, core_only=core_only)
            return (person,) if person is not None else ()
        if claim.id_card_number is None:
            return ()
        base = self._untouched(self._base.by_card(claim.id_card_number, core_only=core_only))
        own = (p for p in self._changed() if p.id_card_number == claim.id_card_number)
        return (*base, *own)

    def household(self, key: str) -> tuple[Person, ...]:
        """Return a household's members, its head first."""
        base = self._untouched(self._base.household(key))
        own = (p for p in self._changed() if p.household == key)
        return tuple(sorted((*base, *own), key=lambda p: p.relation_to_head != HEAD_OF_HOUSEHOLD))

    def head(self, key: str) -> Person | None:
        """Return a household's head, perhaps without relatives and addresses."""
        if not self._own:
            return self._base.head(key)
        return next((p for p in self.household(key) if p.relation_to_head == HEAD_OF_HOUSEHOLD), None)

    def children(self, key: str) -> tuple[Person, ...]:
        """Return everybody whose record names the person with that key as father or mother, in any household."""
        base = self._untouched(self._base.children(key))
        return (*base, *(p for p in self._changed() if key in parents_of(p)))

    def everybody(self) -> tuple[Person, ...]:
        """Return all people of this run but the generated ones."""
        people = {person_key(person): person for person in self._base.everybody()}
        for key in self._own:
            own = self._own_now(key)
            if own is not None and own.person is not None:
                people[key] = own.person
            elif own is not None:
                people.pop(key, None)
        return tuple(people.values())

    def versions(self) -> tuple[tuple[str, Version], ...]:
        """Return all versions that this run has put, each with its key, person by person, oldest first."""
        return tuple((key, version) for key, versions in self._own.items() for version in versions)

    def _own_now(self, key: str) -> Version | None:
        versions = self._own.get(key)
        if versions is None:
            return None
        now = self._now()
        return next((each for each in reversed(versions) if each.since <= now), None)

    def _untouched(self, people: Iterable[Person]) -> tuple[Person, ...]:
        return tuple(p for p in people if self._own_now(person_key(p)) is None)

    def _changed(self) -> tuple[Person, ...]:
        versions = (self._own_now(key) for key in self._own)
        return tuple(each.person for each in versions if each is not None and each.person is not None)
