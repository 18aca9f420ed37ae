"""Draw birth, death, marriage, religion and the nine-digit number of a record.

Ages are those of the catalogue's day, like the personas'; later life events belong to a run. Most records name no
religion. The shares are rounded by hand and are no statistics; docs/mock-population.md compares the population that
they give with the census.
"""

from bisect import bisect_right
from datetime import date
from enum import Enum
from typing import NamedTuple

from mock_c06.generated.cells import FIRST_YEAR, LAST_YEAR, Cells, Member
from mock_c06.generated.clans import FEMALE, MALE
from mock_c06.generated.draws import Draws, Purpose
from mock_c06.people.model import LifeStatus
from mock_c06.people.rules import CATALOGUE_DAY

_OF_AGE = 18
_OF_AGE_DAY = CATALOGUE_DAY.replace(year=CATALOGUE_DAY.year - _OF_AGE)
# Per mille of the men and of the women of that age who are dead: an assumption.
_AGES = (30, 40, 50, 60, 70, 80, 90)
_DEAD = ((3, 8, 18, 45, 110, 250, 420, 500), (2, 4, 8, 18, 45, 110, 220, 330))
_MISSING = 1
# Per cent who have nine digits, by year of birth: identity cards of that kind ended in 2021, from age 14 on.
_CARD_YEARS = (1990, 2001, 2007)
_CARDS = (85, 70, 30, 0)
_YEAR_ONLY_BEFORE = (1955, 1978)
_YEAR_ONLY = (20, 6, 0)
# Per cent registered as born on 1 January, by year of birth: offices wrote this day for people who did not know theirs.
_NEW_YEAR_BEFORE = (1945, 1960, 1975, 1990)
_NEW_YEAR = (14, 9, 5, 2, 0)
DIVORCED = 3
"""Per cent of the couples."""
_BLOOD_SHARES = (55, 65, 79, 82, 100)
_BLOOD_CODES = ("00", "01", "02", "03", "04")
_BEFORE_CARD = 365 * 100 * 1000
"""What the draws before that of the card divide by: day, year only, fate."""
_BLOOD = tuple(_BLOOD_CODES[bisect_right(_BLOOD_SHARES, percent)] for percent in range(100))


class MaritalState(Enum):
    """The marriage of a member, by shape and draws."""

    NONE = "none"
    LASTING = "lasting"
    ENDED = "ended"


class Life(NamedTuple):
    """The draws for one record."""

    birth_date: date | None
    status: LifeStatus
    has_card: bool
    is_minor: bool
    blood_type: str


class _Chances(NamedTuple):
    """The chances of the people of one gender born in one year.

    `year_only`: per cent known by the year alone; `on_new_year`: per cent registered on 1 January; `dead`: per mille;
    `missing_from`: a draw of per mille from this number on means missing; `card`: per cent with nine digits. `new_year`
    is the ordinal of 1 January in days.
    """

    new_year: int
    year_only: int
    on_new_year: int
    dead: int
    missing_from: int
    card: int


class Lives:
    """Lives under one seed."""

    def __init__(self, cells: Cells, draws: Draws) -> None:
        self._cells = cells
        self._draws = draws

    def life_of(self, member: Member) -> Life:
        """Draw a record's life. A person with a new number is living; the former record is cancelled."""
        life: Life | None = member.clan.lives.get(member.position)
        if life is None:
            life = member.clan.lives[member.position] = self._draw_life(member)
        return life

    def has_card(self, member: Member) -> bool:
        """Return whether a record has nine digits, which a relative's record names, without the rest of its life."""
        drawn = self._draws.draw(Purpose.LIFE, member.clan, member.position)
        below = _CHANCES[member.year][member.gender].card
        return drawn // _BEFORE_CARD % 100 < below and member.slot.former_of is None

    def _draw_life(self, member: Member) -> Life:
        left = self._draws.draw(Purpose.LIFE, member.clan, member.position)
        slot = member.slot
        new_year, year_only_below, new_year_below, dead, missing_from, _ = _CHANCES[member.year][
            member.gender
        ]
        left, day = divmod(left, 365)
        left, year_only = divmod(left, 100)
        left, fate = divmod(left, 1000)
        left, blood = divmod(left // 100, 100)
        if left % 100 < new_year_below:
            day = 0
        born = date.fromordinal(new_year + (day if member.year != _LAST else day % _DAYS_OF_LAST))
        if slot.twin is not None and (twin := self._cells.relative(member, slot.twin)) is not None:
            elder = self.life_of(twin).birth_date
            born, year_only = (born, 0) if elder is None else (elder, 100)
        status = _LIVING
        if slot.former_of is not None:
            status = _CANCELLED
        elif not dead <= fate < missing_from and member.position not in member.clan.shape.renumbered:
            status = _DECEASED if fate < dead else _MISSED
        return Life(
            None if year_only < year_only_below else born,
            status,
            self.has_card(member),
            born > _OF_AGE_DAY,
            _BLOOD[blood],
        )

    def is_divorced(self, member: Member) -> bool:
        """Return whether the couple is divorced, whether or not both are alive."""
        position, spouse = member.position, member.slot.spouse
        if spouse is None:
            return False
        drawn = self._draws.draw(Purpose.COUPLE, member.clan, min(position, spouse))
        return drawn % 100 < DIVORCED

    def marriage_of(self, member: Member, status: LifeStatus) -> tuple[MaritalState, Member | None]:
        """Return the marriage of a member, and the spouse while it lasts. A death ends it for both."""
        spouse = self._cells.relative(member, member.slot.spouse)
        if spouse is None:
            return MaritalState.NONE, None
        dead = status is _DECEASED or self.life_of(spouse).status is _DECEASED
        if dead or self.is_divorced(member):
            return MaritalState.ENDED, None
        return MaritalState.LASTING, spouse

    def is_married(self, member: Member) -> bool:
        """Return whether the member's marriage lasts."""
        return self.marriage_of(member, self.life_of(member).status)[0] is MaritalState.LASTING


# Reading an enumeration's member is slow, and each record reads these.
_LIVING, _DECEASED, _MISSED, _CANCELLED = LifeStatus
_LAST = CATALOGUE_DAY.year
_DAYS_OF_LAST = (CATALOGUE_DAY - date(CATALOGUE_DAY.year, 1, 1)).days


def dead_of(age: int, gender: int) -> int:
    """Return how many of a thousand people of that age and gender are dead."""
    return _DEAD[gender][bisect_right(_AGES, age)]


def _chances_of(year: int, gender: int) -> _Chances:
    age = CATALOGUE_DAY.year - year
    return _Chances(
        new_year=date(year, 1, 1).toordinal(),
        year_only=_YEAR_ONLY[bisect_right(_YEAR_ONLY_BEFORE, year)],
        on_new_year=_NEW_YEAR[bisect_right(_NEW_YEAR_BEFORE, year)],
        dead=dead_of(age, gender),
        missing_from=1000 - _MISSING if age > _OF_AGE else 1000,
        card=_CARDS[bisect_right(_CARD_YEARS, year)],
    )


_CHANCES = {
    year: (_chances_of(year, MALE), _chances_of(year, FEMALE)) for year in range(FIRST_YEAR, LAST_YEAR + 1)
}


_NONE, _BUDDHIST, _CATHOLIC, _HOA_HAO, _MUSLIM, _CAO_DAI, _PROTESTANT, _BRAHMIN = (
    "00", "01", "02", "03", "04", "05", "08", "13",
)  # fmt: skip
# Per mille of an ethnic group, by code; the rest have no recorded religion.
_BY_PEOPLE = {
    "04": {_BUDDHIST: 300, _CATHOLIC: 20},
    "05": {_BUDDHIST: 800},
    "08": {_PROTESTANT: 200},
    "10": {_PROTESTANT: 250, _CATHOLIC: 80},
    "12": {_PROTESTANT: 400, _CATHOLIC: 60},
    "13": {_CATHOLIC: 400},
    "16": {_CATHOLIC: 300, _PROTESTANT: 350},
    "17": {_BRAHMIN: 450, _MUSLIM: 400},
}
_OTHERS = {_BUDDHIST: 60, _CATHOLIC: 65, _HOA_HAO: 12, _CAO_DAI: 9, _PROTESTANT: 5}


def religion_of(draws: Draws, member: Member, people: str) -> str:
    """Return the code of the religion, which is usually the same in a household."""
    shares = _BY_PEOPLE.get(people, _OTHERS)
    drawn = draws.draw(Purpose.FAITH, member.clan, member.slot.root) % 1000
    total = 0
    for code, share in shares.items():
        total += share
        if drawn < total:
            return code
    return _NONE
