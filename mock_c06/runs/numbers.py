"""Twelve-digit numbers for people who get one in a run: the right form, out of the mock's own block.

Structure: 0 and the province, century and gender, two digits of the birth year, six more (Decree 137/2015, Article
13). The last six are 000500 to 000999, of the block that personas have.
"""

import re

from mock_c06.errors import EventRefused
from mock_c06.runs.world import World

_BLOCK = range(500, 1000)
_FORM = re.compile(r"0[0-9]{11}")


def issue_number(world: World, *, province: str, gender: str, birth_year: int) -> str:
    """Give the first number of the block that nobody has; raises `EventRefused` where all are taken."""
    prefix = f"0{province}{_gender_and_year(gender, birth_year)}"
    for last in _BLOCK:
        number = f"{prefix}{last:06d}"
        if world.find_by_key(number) is None:
            return number
    raise EventRefused("citizen_id", "no number is left for this province, gender and year")


def verify_new_number(world: World, number: str, *, gender: str, birth_year: int) -> str:
    """Give the number back if it may be issued; raises `EventRefused`."""
    if not _FORM.fullmatch(number) or number[3:6] != _gender_and_year(gender, birth_year):
        raise EventRefused("new_citizen_id", "doesn't fit the person's gender and birth year")
    if world.find_by_key(number) is not None:
        raise EventRefused("new_citizen_id", "is somebody's already: a number is never given twice")
    return number


def _gender_and_year(gender: str, birth_year: int) -> str:
    century = 2 * ((birth_year - 1900) // 100) + (1 if gender == "2" else 0)
    return f"{century}{birth_year % 100:02d}"
