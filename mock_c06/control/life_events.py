"""The life events: each class has the members that a test writes, and one function that changes the people.

All people concerned change at one instant, or the event is refused. An event names a person by twelve digits or by nine.
A new event is one class here and its name in `EventBody`. An event is refused if it marries the dead, divorces the
unmarried, makes a child a parent or issues a used number. Law: Luật Hôn nhân và gia đình 2014 Đ8 (ages, one spouse, no
close kin).
"""

from abc import abstractmethod
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mock_c06.bodies import BoundedText, ControlBody, Day, Flag, Instant
from mock_c06.clock import VIETNAM, rfc3339
from mock_c06.control.people_json import AddressBody, gender_code
from mock_c06.errors import EventRefused
from mock_c06.people.model import (
    HEAD_OF_HOUSEHOLD,
    YEARS_TO_PARENT,
    Address,
    LifeStatus,
    Person,
    parents_of,
    person_key,
)
from mock_c06.runs.life_events import (
    age_on,
    get_living,
    issue_number,
    kin_of,
    pass_on_head,
    province_of,
    rename_in_records,
    spouse_of,
)
from mock_c06.runs.run import AppliedEvent, Run, is_in_years
from mock_c06.runs.world import World

_SINGLE, _MARRIED, _PARTED = "1", "2", "3"
_AGE_TO_MARRY = {"1": 20, "2": 18}
_CHILD, _GRANDCHILD, _OTHER = "CH03", "CH06", "CH99"
# The child's relation to the head, by that of the reporting parent: head, spouse, child, child-in-law.
_RELATION = {HEAD_OF_HOUSEHOLD: _CHILD, "CH02": _CHILD, "CH03": _GRANDCHILD, "CH08": _GRANDCHILD}

_Number = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
_Card = Annotated[str, Field(pattern=r"^[0-9]{9}$")]
_EitherNumber = Annotated[str, Field(pattern=r"^([0-9]{9}|[0-9]{12})$")]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Gender = Annotated[Literal["1", "2"], BeforeValidator(gender_code)]


class _EventBody(ControlBody):
    kind: str
    id_card_number: _Card | None = None
    citizen_id: _Number | None = Field(default=None, validate_default=True)
    at: Instant | None = None

    @field_validator("citizen_id")
    @classmethod
    def _require_one_number(cls, number: str | None, info: ValidationInfo) -> str | None:
        """Refuse two numbers and none; a malformed `id_card_number` has a refusal of its own."""
        if "id_card_number" in info.data and (number is None) is (info.data["id_card_number"] is None):
            # As pydantic names a missing member, so that the refusal names one that nobody wrote.
            raise PydanticCustomError(
                "missing",
                "{required}",
                {"required": "exactly one of citizen_id and id_card_number is required"},
            )
        return number

    def apply(self, run: Run) -> tuple[AppliedEvent, tuple[Person, ...]]:
        """Change the people from `at` on (else the run's now); raises `EventRefused`, `PersonUnknown`."""
        at = self.at or run.clock.now()
        if not is_in_years(at):
            raise EventRefused("at", "is outside a run's years")
        world = run.world.to_come()
        people, replaced = self.change(world, at), self.replaced(world)
        if age_on(people[0], at.astimezone(VIETNAM).date()) < 0:
            raise EventRefused("at", "is before the birth of the person")
        keys = (*(person_key(person) for person in people), *replaced)
        if any(world.last_change(key) > at for key in keys):
            raise EventRefused("at", "is before an earlier event of these people")
        unlisted = self.unlisted(world, people)
        for person in people:
            run.world.put(person, at)
        for key in replaced:
            run.world.remove(key, at)
        listed = tuple(key for key in keys if key not in unlisted)
        applied = AppliedEvent(n=len(run.events) + 1, kind=self.kind, at=at, keys=listed)
        run.events.append(applied)
        return applied, people

    @abstractmethod
    def change(self, world: World, at: datetime) -> tuple[Person, ...]:
        """Return the people as the event leaves them, the one it is about first; raises `EventRefused`."""

    def replaced(self, _world: World) -> tuple[str, ...]:
        """Return the keys under which nobody is found any more: none, unless the event says otherwise."""
        return ()

    def unlisted(self, _world: World, _people: tuple[Person, ...]) -> set[str]:
        """Return the keys of changed people whom the feed of changes doesn't bring: none, unless the event says so."""
        return set()

    def _person(self, world: World, *, or_missing: bool = False) -> Person:
        """Return whom the event is about."""
        return get_living(
            world, self.citizen_id or self.id_card_number or "", self._named, or_missing=or_missing
        )

    @property
    def _named(self) -> str:
        return "citizen_id" if self.citizen_id is not None else "id_card_number"


class DeathBody(_EventBody):
    """The person dies and leaves the household; the spouse is widowed, and a head is followed by another."""

    kind: Literal["death"]

    def change(self, world: World, at: datetime) -> tuple[Person, ...]:
        """Return the person as deceased, the widowed spouse, and the household under its new head."""
        person = self._person(world, or_missing=True)
        spouse = spouse_of(world, person)
        members = pass_on_head(world, person, at.astimezone(VIETNAM).date())
        changed = {person_key(member): member for member in members}
        if spouse is not None:
            spouse = changed.get(person_key(spouse), spouse)
            changed[person_key(spouse)] = replace(spouse, marital_status=_PARTED, spouse=None)
        dead = replace(person, status=LifeStatus.DECEASED, household=None, relation_to_head=None)
        return (dead, *changed.values())

    def unlisted(self, world: World, people: tuple[Person, ...]) -> set[str]:
        """Return the keys of those of whom only the relation to a new head changed."""
        former = {person_key(each): world.find_by_key(person_key(each)) for each in people[1:]}
        return {
            key
            for (key, before), after in zip(former.items(), people[1:], strict=True)
            if before is not None and replace(before, relation_to_head=after.relation_to_head) == after
        }


class MarriageBody(_EventBody):
    """The two marry: both records change."""

    kind: Literal["marriage"]
    spouse_id: _EitherNumber

    def change(self, world: World, at: datetime) -> tuple[Person, ...]:
        """Return the two as married; raises `EventRefused`."""
        pair = self._person(world), get_living(world, self.spouse_id, "spouse_id")
        if person_key(pair[0]) == person_key(pair[1]):
            raise EventRefused("spouse_id", "is the same person")
        for person, field in zip(pair, (self._named, "spouse_id"), strict=True):
            if person.marital_status == _MARRIED or person.spouse is not None:
                raise EventRefused(field, "is married")
            if age_on(person, at.astimezone(VIETNAM).date()) < _AGE_TO_MARRY.get(person.gender, 20):
                raise EventRefused(field, "is too young to marry")
        if {person.gender for person in pair} != set(_AGE_TO_MARRY):
            raise EventRefused("spouse_id", "only a man and a woman can marry, by the law of the registry")
        if _are_close_kin(*pair):
            raise EventRefused("spouse_id", "is a parent, a child, a brother or a sister")
        one, other = pair
        return (
            replace(one, marital_status=_MARRIED, spouse=kin_of(other)),
            replace(other, marital_status=_MARRIED, spouse=kin_of(one)),
        )


class DivorceBody(_EventBody):
    """The marriage of the person ends: both records change."""

    kind: Literal["divorce"]

    def change(self, world: World, _at: datetime) -> tuple[Person, ...]:
        """Return the two as divorced; raises `EventRefused`."""
        person = self._person(world)
        if person.spouse is None and person.marital_status != _MARRIED:
            raise EventRefused(self._named, "is not married")
        spouse = spouse_of(world, person)
        pair = (person, spouse) if spouse is not None else (person,)
        return tuple(replace(each, marital_status=_PARTED, spouse=None) for each in pair)


class MoveBody(_EventBody):
    """The person, or the whole household, lives elsewhere; a person who moves alone leaves the household or joins another."""

    kind: Literal["move"]
    to: AddressBody
    residence: Literal["permanent", "current", "both"] = "both"
    whole_household: Flag = False
    household: BoundedText | None = None
    relation_to_head: BoundedText | None = None

    def change(self, world: World, _at: datetime) -> tuple[Person, ...]:
        """Return those who move; raises `EventRefused`."""
        person = self._person(world)
        joins = self.household is not None or self.relation_to_head is not None
        if joins and (self.whole_household or self.residence == "current"):
            raise EventRefused(
                "household", "only a person who moves alone and for good joins another household"
            )
        members = world.household(person.household) if person.household else (person,)
        if self.whole_household:
            return tuple(self._moved(each) for each in members if each.status is LifeStatus.LIVING)
        if self.residence == "current":
            return (self._moved(person),)
        if person.relation_to_head == HEAD_OF_HOUSEHOLD and len(members) > 1:
            raise EventRefused(self._named, "is the head of a household with others: move whole_household")
        if (self.household is None) is not (self.relation_to_head is None):
            raise EventRefused("household", "household and relation_to_head must both be given")
        if self.household is not None and not world.household(self.household):
            raise EventRefused("household", "there is no such household")
        household, relation = self.household, self.relation_to_head
        return (
            replace(self._moved(person), household=household, relation_to_head=relation, household_book=None),
        )

    def _moved(self, person: Person) -> Person:
        address = Address(**self.to.model_dump())
        changes: dict[str, Any] = {}
        if self.residence != "current":
            changes["permanent_residence"] = address
        if self.residence != "permanent":
            changes["current_residence"] = address
        return replace(person, **changes)


class NameCorrectionBody(_EventBody):
    """The person has another name from now on, in the records of close relatives too."""

    kind: Literal["name_correction"]
    full_name: _Name

    def change(self, world: World, _at: datetime) -> tuple[Person, ...]:
        """Return the person and the relatives whose records name them; raises `EventRefused`."""
        person = self._person(world)
        if person.full_name == self.full_name:
            raise EventRefused("full_name", "is already the name")
        corrected = replace(person, full_name=self.full_name)
        return (corrected, *rename_in_records(world, person, kin_of(corrected)))


class RenumberedBody(_EventBody):
    """The number is cancelled and a new one issued, perhaps with a corrected gender or birth date.

    Without `new_citizen_id` the mock chooses the number.
    """

    kind: Literal["renumbered"]
    new_citizen_id: _Number | None = None
    gender: _Gender | None = None
    birth_date: Day | None = None

    def change(self, world: World, at: datetime) -> tuple[Person, ...]:
        """Return the cancelled record, the new one, and the relatives whose records name the person."""
        person = self._person(world)
        if person.citizen_id is None:
            raise EventRefused(self._named, "has no twelve digits to renumber: use cmnd_to_cccd")
        gender = self.gender or person.gender
        birth_date = self.birth_date or person.birth_date
        birth_year = birth_date.year if birth_date is not None else person.birth_year
        if self.birth_date is not None and self.birth_date > at.astimezone(VIETNAM).date():
            raise EventRefused("birth_date", "is after the event")
        province = person.citizen_id[1:3]
        number = issue_number(
            world, self.new_citizen_id, province=province, gender=gender, birth_year=birth_year
        )
        cancelled = replace(person, status=LifeStatus.CANCELLED, household=None, relation_to_head=None)
        renewed = replace(
            person, citizen_id=number, gender=gender, birth_date=birth_date, birth_year=birth_year
        )
        return (cancelled, renewed, *rename_in_records(world, person, kin_of(renewed)))


class CmndToCccdBody(_EventBody):
    """A person with nine digits alone gets twelve; the nine stay in the record and find the same person.

    Without `new_citizen_id` the mock chooses the number.
    """

    kind: Literal["cmnd_to_cccd"]
    new_citizen_id: _Number | None = None

    def change(self, world: World, _at: datetime) -> tuple[Person, ...]:
        """Return the person with both numbers, and the relatives whose records name the person; raises `EventRefused`."""
        person = self._person(world)
        if person.citizen_id is not None:
            raise EventRefused(self._named, "has twelve digits already")
        if person.gender not in {"1", "2"}:
            raise EventRefused(self._named, "has no known gender, which the number needs")
        number = issue_number(
            world,
            self.new_citizen_id,
            province=province_of(person),
            gender=person.gender,
            birth_year=person.birth_year,
        )
        renewed = replace(person, citizen_id=number)
        return (renewed, *rename_in_records(world, person, kin_of(renewed)))

    def replaced(self, world: World) -> tuple[str, ...]:
        """Return the key of the nine digits: the person has another one now."""
        return (person_key(self._person(world)),)


class BirthBody(_EventBody):
    """A child is registered; `citizen_id` is the parent whose household the child joins."""

    kind: Literal["birth"]
    full_name: _Name
    gender: _Gender
    birth_date: Day | None = None
    other_parent_id: _EitherNumber | None = None
    new_citizen_id: _Number | None = None

    def change(self, world: World, at: datetime) -> tuple[Person, ...]:
        """Return the child, with a number and a relation to the head; raises `EventRefused`."""
        today = at.astimezone(VIETNAM).date()
        born = self.birth_date or today
        if born > today:
            raise EventRefused("birth_date", "is after the event")
        parent = self._person(world)
        other = self._other_parent(world, parent)
        for each, field in ((parent, self._named), (other, "other_parent_id")):
            if each is not None and age_on(each, born) < YEARS_TO_PARENT:
                raise EventRefused(field, "is less than 15 years older than the child")
        by_gender = {each.gender: each for each in (parent, other) if each is not None}
        father, mother = by_gender.get("1"), by_gender.get("2")
        home = parent.permanent_residence
        relation = _RELATION.get(parent.relation_to_head or "", _OTHER) if parent.household else None
        child = Person(
            citizen_id=issue_number(
                world,
                self.new_citizen_id,
                province=province_of(parent),
                gender=self.gender,
                birth_year=born.year,
            ),
            full_name=self.full_name,
            gender=self.gender,
            birth_date=born,
            birth_year=born.year,
            ethnicity=(father or parent).ethnicity,
            nationality=parent.nationality,
            marital_status=_SINGLE,
            birth_registration_place=home,
            native_place=(father or parent).native_place,
            permanent_residence=home,
            current_residence=parent.current_residence,
            father=kin_of(father) if father is not None else None,
            mother=kin_of(mother) if mother is not None else None,
            representative=kin_of(mother or parent),
            household=parent.household,
            relation_to_head=relation,
        )
        return (child,)

    def _other_parent(self, world: World, parent: Person) -> Person | None:
        """Return the other parent: the named one, or else the spouse, as the law presumes."""
        if parent.gender not in {"1", "2"}:
            raise EventRefused(self._named, "has no known gender, so is neither father nor mother")
        if self.other_parent_id is None:
            return spouse_of(world, parent)
        other = get_living(world, self.other_parent_id, "other_parent_id")
        if {parent.gender, other.gender} != {"1", "2"}:
            raise EventRefused("other_parent_id", "a child has a father and a mother")
        return other


EventBody = Annotated[
    DeathBody
    | MarriageBody
    | DivorceBody
    | MoveBody
    | NameCorrectionBody
    | RenumberedBody
    | CmndToCccdBody
    | BirthBody,
    Field(discriminator="kind"),
]


EVENT_KINDS = {get_args(each.model_fields["kind"].annotation)[0] for each in _EventBody.__subclasses__()}


def _are_close_kin(one: Person, other: Person) -> bool:
    parents, others = parents_of(one), parents_of(other)
    return person_key(one) in others or person_key(other) in parents or bool(parents & others)


def applied_event_json(applied: AppliedEvent) -> dict[str, Any]:
    """Write what a run keeps of an event, without the people whom it changed."""
    return {"n": applied.n, "kind": applied.kind, "at": rfc3339(applied.at, timespec="auto")}
