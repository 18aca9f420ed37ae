"""Life events as a test writes them: `kind`, `citizen_id`, and what the kind needs. `at` is the instant from which
the event holds, else the run's now; it may lie ahead."""

from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mock_c06.control.people_json import AddressBody, gender_code
from mock_c06.control.values import Day, Flag, Instant, Words
from mock_c06.population.model import Address
from mock_c06.runs.life import (
    Birth,
    Death,
    Divorce,
    EventKind,
    Happened,
    LifeEvent,
    Marriage,
    Move,
    NameCorrection,
    Renumbered,
    Residence,
)

_Number = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Gender = Annotated[Literal["1", "2"], BeforeValidator(gender_code)]


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid")

    citizen_id: _Number
    at: Instant | None = None


class DeathBody(_Event):
    """The person dies."""

    kind: Literal[EventKind.DEATH]

    def make(self) -> LifeEvent:
        """Give the event."""
        return Death(citizen_id=self.citizen_id)


class MarriageBody(_Event):
    """The two marry."""

    kind: Literal[EventKind.MARRIAGE]
    spouse_id: _Number

    def make(self) -> LifeEvent:
        """Give the event."""
        return Marriage(citizen_id=self.citizen_id, spouse_id=self.spouse_id)


class DivorceBody(_Event):
    """The marriage ends."""

    kind: Literal[EventKind.DIVORCE]

    def make(self) -> LifeEvent:
        """Give the event."""
        return Divorce(citizen_id=self.citizen_id)


class MoveBody(_Event):
    """The person lives elsewhere."""

    kind: Literal[EventKind.MOVE]
    to: AddressBody
    residence: Residence = Residence.BOTH
    whole_household: Flag = False
    household: Words | None = None
    relation_to_head: Words | None = None

    def make(self) -> LifeEvent:
        """Give the event."""
        return Move(
            citizen_id=self.citizen_id,
            to=Address(**self.to.model_dump()),
            residence=self.residence,
            whole_household=self.whole_household,
            household=self.household,
            relation_to_head=self.relation_to_head,
        )


class NameCorrectionBody(_Event):
    """The name is another."""

    kind: Literal[EventKind.NAME_CORRECTION]
    full_name: _Name

    def make(self) -> LifeEvent:
        """Give the event."""
        return NameCorrection(citizen_id=self.citizen_id, full_name=self.full_name)


class RenumberedBody(_Event):
    """The number is cancelled and a new one issued; without `new_citizen_id` the mock gives one."""

    kind: Literal[EventKind.RENUMBERED]
    new_citizen_id: _Number | None = None
    gender: _Gender | None = None
    birth_date: Day | None = None

    def make(self) -> LifeEvent:
        """Give the event."""
        return Renumbered(
            citizen_id=self.citizen_id,
            new_citizen_id=self.new_citizen_id,
            gender=self.gender,
            birth_date=self.birth_date,
        )


class BirthBody(_Event):
    """A child is registered; `citizen_id` is the parent in whose household it comes."""

    kind: Literal[EventKind.BIRTH]
    full_name: _Name
    gender: _Gender
    birth_date: Day | None = None
    other_parent_id: _Number | None = None
    new_citizen_id: _Number | None = None

    def make(self) -> LifeEvent:
        """Give the event."""
        return Birth(
            citizen_id=self.citizen_id,
            full_name=self.full_name,
            gender=self.gender,
            birth_date=self.birth_date,
            other_parent_id=self.other_parent_id,
            new_citizen_id=self.new_citizen_id,
        )


EventBody = Annotated[
    DeathBody | MarriageBody | DivorceBody | MoveBody | NameCorrectionBody | RenumberedBody | BirthBody,
    Field(discriminator="kind"),
]


def happened_json(happened: Happened) -> dict[str, Any]:
    """Write what a run keeps of an event; whom it was about is for who asked."""
    at = happened.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"n": happened.n, "kind": happened.kind.value, "at": at}
