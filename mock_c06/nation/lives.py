"""Birth, death, marriage and the nine-digit number of a record, as drawn for it.

Ages hold on the catalogue's day, as the hand-made people's do; a life event after it is a run's own matter.
"""

from bisect import bisect_right
from datetime import date
from enum import Enum
from typing import NamedTuple

from mock_c06.nation.cells import Cells, Member
from mock_c06.nation.columns import FIRST_YEAR, LAST_YEAR
from mock_c06.nation.draws import Draws, Purpose
from mock_c06.nation.memory import OfOneClan
from mock_c06.population.model import LifeStatus
from mock_c06.population.selfcheck import CATALOGUE_DAY

OF_AGE = 18
_OF_AGE_DAY = CATALOGUE_DAY.replace(year=CATALOGUE_DAY.year - OF_AGE)
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
_BLOOD_SHARES = (55, 65, 79, 82, 100)
_BLOOD_CODES = ("00", "01", "02", "03", "04")
_BLOOD = tuple(_BLOOD_CODES[bisect_right(_BLOOD_SHARES, percent)] for percent in range(100))


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


class _Chances(NamedTuple):
    """What those born in a year have in common: per cent known by the year alone, per mille dead or missing from
    where on, per cent with nine digits. `new_year` is the first of January, counted in days."""

    new_year: int
    year_only: int
    dead: int
    missing_from: int
    card: int


class Lives:
    """Lives under one seed."""

    def __init__(self, cells: Cells, draws: Draws) -> None:
        self._cells = cells
        self._draws = draws
        self._lives: OfOneClan[int, Life] = OfOneClan()

    def life_of(self, member: Member) -> Life:
        """Draw a record's life. Whoever was numbered anew lives; the former record is cancelled."""
        known = self._lives.of(member.clan)
        life = known.get(member.position)
        if life is None:
            life = known[member.position] = self._draw_life(member)
        return life

    def _draw_life(self, member: Member) -> Life:
        left = self._draws.draw(_LIFE, member.clan, member.position)
        chances = _CHANCES[member.year]
        left, day = divmod(left, 365)
        left, year_only = divmod(left, 100)
        left, fate = divmod(left, 1000)
        left, card = divmod(left, 100)
        born = date.fromordinal(chances.new_year + (day if member.year != _LAST else day % _DAYS_OF_LAST))
        cancelled = member.shape.slots[member.position].former_of is not None
        return Life(
            birth_date=None if year_only < chances.year_only else born,
            status=_CANCELLED if cancelled else _fate_of(member, fate, chances),
            has_card=card < chances.card and not cancelled,
            is_minor=born > _OF_AGE_DAY,
            blood_type=_BLOOD[left % 100],
        )

    def is_parted(self, member: Member) -> bool:
        """Say whether this one's couple is divorced, both being alive or not."""
        position, spouse = member.position, member.shape.slots[member.position].spouse
        if spouse is None:
            return False
        drawn = self._draws.draw(_COUPLE, member.clan, min(position, spouse))
        return drawn % 100 < _DIVORCED

    def marriage_of(self, member: Member, status: LifeStatus) -> tuple[Marriage, Member | None]:
        """Say how a member stands and, in a lasting marriage alone, with whom. A death ends it for both."""
        spouse = self._cells.relative(member, member.shape.slots[member.position].spouse)
        if spouse is None:
            return Marriage.NONE, None
        dead = status is _DECEASED or self.life_of(spouse).status is _DECEASED
        if dead or self.is_parted(member):
            return Marriage.ENDED, None
        return Marriage.LASTING, spouse


# An enumeration is slow to ask for its members, and these are asked for with each record.
_LIVING, _DECEASED, _MISSED, _CANCELLED = LifeStatus
_LIFE, _COUPLE = Purpose.LIFE, Purpose.COUPLE
_LAST = CATALOGUE_DAY.year
_DAYS_OF_LAST = (CATALOGUE_DAY - date(CATALOGUE_DAY.year, 1, 1)).days


def _chances_of(year: int) -> _Chances:
    age = CATALOGUE_DAY.year - year
    return _Chances(
        new_year=date(year, 1, 1).toordinal(),
        year_only=_YEAR_ONLY[bisect_right(_YEAR_ONLY_BEFORE, year)],
        dead=_DEAD[bisect_right(_AGES, age)],
        missing_from=1000 - _MISSING if age > OF_AGE else 1000,
        card=_CARDS[bisect_right(_CARD_YEARS, year)],
    )


_CHANCES = {year: _chances_of(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)}


def _fate_of(member: Member, fate: int, chances: _Chances) -> LifeStatus:
    if chances.dead <= fate < chances.missing_from or member.position in member.shape.renumbered:
        return _LIVING
    return _DECEASED if fate < chances.dead else _MISSED
