"""What can happen to people, as values, and the record that a run keeps of it for the change feed.

The members are those of the contract's `POST /runs/{run}/events`. What an event does is runs/events.py.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from mock_c06.population.model import Address


class EventKind(StrEnum):
    """The kinds of life events."""

    DEATH = "death"
    MARRIAGE = "marriage"
    DIVORCE = "divorce"
    MOVE = "move"
    NAME_CORRECTION = "name_correction"
    RENUMBERED = "renumbered"
    BIRTH = "birth"


class Residence(StrEnum):
    """Which of the two addresses moves."""

    PERMANENT = "permanent"
    CURRENT = "current"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """The person dies; a spouse is widowed."""

    citizen_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marriage:
    """The two marry: both records change."""

    citizen_id: str
    spouse_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Divorce:
    """The marriage of the person ends: both records change."""

    citizen_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The person, or all of the household, lives elsewhere; who moves alone leaves the household, or joins another."""

    citizen_id: str
    to: Address
    residence: Residence = Residence.BOTH
    whole_household: bool = False
    household: str | None = None
    relation_to_head: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCorrection:
    """The name is another from now on, in the records of close relatives too."""

    citizen_id: str
    full_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumbered:
    """The number is cancelled and a new one issued, perhaps with a corrected gender or birth date."""

    citizen_id: str
    new_citizen_id: str | None = None
    gender: str | None = None
    birth_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """A child of the person is registered, and gets a number and a place in the household."""

    citizen_id: str
    full_name: str
    gender: str
    birth_date: date | None = None
    other_parent_id: str | None = None
    new_citizen_id: str | None = None


LifeEvent = Death | Marriage | Divorce | Move | NameCorrection | Renumbered | Birth
KINDS: dict[type, EventKind] = {
    Death: EventKind.DEATH,
    Marriage: EventKind.MARRIAGE,
    Divorce: EventKind.DIVORCE,
    Move: EventKind.MOVE,
    NameCorrection: EventKind.NAME_CORRECTION,
    Renumbered: EventKind.RENUMBERED,
    Birth: EventKind.BIRTH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event that a run has taken: when it holds from, and the keys of all whose records it changed."""

    n: int
    kind: EventKind
    at: datetime
    keys: tuple[str, ...]
