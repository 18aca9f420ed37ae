"""Birth, death, marriage and the nine-digit number of a record, as drawn for it.

Ages hold on the catalogue's day, as the hand-made people's do; a life event after it is a run's own matter.
"""

from bisect import bisect_right
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from mock_c06.nation.cells import Cells, Member
from mock_c06.nation.draws import Draws, Purpose
from mock_c06.population.model import LifeStatus
from mock_c06.population.selfcheck import CATALOGUE_DAY

OF_AGE = 18
_KEPT = 1024
# Per mille of those born that many years ago who are dead: rounded by hand, nobody's statistics.
_AGES = (40, 60, 70, 80, 90)
_DEAD = (4, 20, 70, 170, 380, 620)
_MISSING = 1
# Per cent who have nine digits, by year of birth: identity cards of that kind ended in 2021, from age 14 on.
_CARD_YEARS = (1990, 2001, 2007)
_CARDS = (85, 70, 30, 0)
_YEAR_ONLY_BEFORE = (1955, 1978)
_YEAR_ONLY = (20, 6, 0)
_DIVORCED = 6
_DAYS_TO_CATALOGUE_DAY = (CATALOGUE_DAY - date(CATALOGUE_DAY.year, 1, 1)).days


class Marriage(Enum):
    """How somebody stands, as far as a shape and the draws tell."""

    NONE = "none"
    LASTING = "lasting"
    ENDED = "ended"


class Life(NamedTuple):
    """What was drawn for one record."""

    birth_date: date | None
    status: LifeStatus
    has_card: bool
    is_minor: bool
    blood_type: str


class Lives:
    """Lives under one seed."""

    def __init__(self, cells: Cells, draws: Draws) -> None:
        self._cells = cells
        self._draws = draws
        # One look-up asks for the same few lives and couples again and again.
        self._drawn = lru_cache(maxsize=_KEPT)(self._draw_life)
        self._couples = lru_cache(maxsize=_KEPT)(self._draw_parting)

    def life_of(self, member: Member) -> Life:
        """Draw a record's life. Whoever was numbered anew lives; the former record is cancelled."""
        return self._drawn(member)

    def _draw_life(self, member: Member) -> Life:
        lots = self._draws.lots(Purpose.LIFE, member.clan, member.position)
        former_of = member.shape.slots[member.position].former_of
        born = _draw_day(member.year, lots.take(365))
        year_only = lots.take(100) < _YEAR_ONLY[bisect_right(_YEAR_ONLY_BEFORE, member.year)]
        age = CATALOGUE_DAY.year - member.year
        fate, card, blood = lots.take(1000), lots.take(100), lots.take(100)
        return Life(
            birth_date=None if year_only else born,
            status=_status(member, fate, age, cancelled=former_of is not None),
            has_card=former_of is None and card < _CARDS[bisect_right(_CARD_YEARS, member.year)],
            is_minor=(born.year + OF_AGE, born.month, born.day)
            > (CATALOGUE_DAY.year, CATALOGUE_DAY.month, CATALOGUE_DAY.day),
            blood_type=_BLOOD[bisect_right(_BLOOD_SHARES, blood)],
        )

    def is_parted(self, member: Member) -> bool:
        """Say whether this one's couple is divorced, both being alive or not."""
        spouse = member.shape.slots[member.position].spouse
        if spouse is None:
            return False
        return self._couples(member.clan, min(member.position, spouse))

    def _draw_parting(self, clan: int, position: int) -> bool:
        return self._draws.lots(Purpose.COUPLE, clan, position).take(100) < _DIVORCED

    def marriage_of(self, member: Member, status: LifeStatus) -> tuple[Marriage, Member | None]:
        """Say how a member stands and, in a lasting marriage alone, with whom. A death ends it for both."""
        spouse = self._cells.relative(member, member.shape.slots[member.position].spouse)
        if spouse is None:
            return Marriage.NONE, None
        dead = LifeStatus.DECEASED in {status, self.life_of(spouse).status}
        if dead or self.is_parted(member):
            return Marriage.ENDED, None
        return Marriage.LASTING, spouse


_BLOOD_SHARES = (55, 65, 79, 82, 100)
_BLOOD = ("00", "01", "02", "03", "04", "04")


def _draw_day(year: int, drawn: int) -> date:
    """Give a day of the year; of the catalogue's own year, one before its day."""
    if year == CATALOGUE_DAY.year:
        drawn %= _DAYS_TO_CATALOGUE_DAY
    return date.fromordinal(date(year, 1, 1).toordinal() + drawn)


def _status(member: Member, fate: int, age: int, *, cancelled: bool) -> LifeStatus:
    if cancelled:
        return LifeStatus.CANCELLED
    if member.position in member.shape.renumbered:
        return LifeStatus.LIVING
    if fate < _DEAD[bisect_right(_AGES, age)]:
        return LifeStatus.DECEASED
    if fate >= 1000 - _MISSING and age > OF_AGE:
        return LifeStatus.MISSING
    return LifeStatus.LIVING
