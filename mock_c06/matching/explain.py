"""Say which parts of a question differ from a person, and which near miss it smells of.

For the control face and `mock-c06 explain` alone: the registry face never tells one mismatch from another,
since that would let a caller find a person out part by part.
"""

from datetime import date
from functools import partial
from itertools import combinations

from mock_c06.matching.fold import fold_name
from mock_c06.matching.match import birth_agrees, name_agrees, number_agrees
from mock_c06.population.model import Person

NUMBER = "number"
NAME = "name"
BIRTH = "birth"
HINT_I_Y = "hint:i_y"
HINT_MIDDLE_NAME = "hint:middle_name"
HINT_DAY_MONTH = "hint:day_month"
HINT_YEAR_ONLY = "hint:year_only"
HINT_NOT_FOLDED = "hint:not_folded"
HINT_HAS_TWELVE_DIGITS = "hint:has_twelve_digits"

# Each word between doubles the forms to try; beyond this a name is no slip of the pen any more.
_MOST_WORDS_BETWEEN = 8


def explain(
    person: Person | None,
    *,
    citizen_id: str | None,
    id_card_number: str | None,
    full_name: str,
    birth_date: date | None,
    birth_year: int | None,
    year_matches_date: bool = False,
    exact_names: bool = False,
    nine_digits_alone: bool = False,
) -> tuple[str, ...]:
    """List the differing parts, then the hints; empty where everything agrees. No person: the number alone.

    The last three are readings of the rule, as `matches` takes them.
    """
    if person is None:
        return (NUMBER,)
    found: list[str] = []
    hints: list[str] = []
    has_number = partial(number_agrees, person, citizen_id=citizen_id, id_card_number=id_card_number)
    if not has_number(nine_digits_alone=nine_digits_alone):
        found.append(NUMBER)
        hints += [HINT_HAS_TWELVE_DIGITS] if has_number() else []
    if not name_agrees(person, full_name, exact=exact_names):
        found.append(NAME)
        hints += _name_hints(person, full_name)
    if not birth_agrees(
        person, birth_date=birth_date, birth_year=birth_year, year_matches_date=year_matches_date
    ):
        found.append(BIRTH)
        hints += _birth_hints(person, birth_date, birth_year)
    return (*found, *hints)


def _name_hints(person: Person, asked: str) -> list[str]:
    if name_agrees(person, asked):
        return [HINT_NOT_FOLDED]
    hints: list[str] = []
    known, folded = person.full_name, fold_name(asked)
    if folded and _one_i(folded) == _one_i(fold_name(known)):
        hints.append(HINT_I_Y)
    if folded in _shortened(known) or fold_name(known) in _shortened(asked):
        hints.append(HINT_MIDDLE_NAME)
    return hints


def _one_i(folded: str) -> str:
    return folded.replace("Y", "I")


def _shortened(full_name: str) -> set[str]:
    """Every folded form of the name that keeps its first and last word and lacks some word between."""
    first, *middle = full_name.split() or [""]
    if not middle:
        return set()
    *between, last = middle
    if len(between) > _MOST_WORDS_BETWEEN:
        return set()
    return {
        fold_name("".join((first, *kept, last)))
        for size in range(len(between))
        for kept in combinations(between, size)
    }


def _birth_hints(person: Person, birth_date: date | None, birth_year: int | None) -> list[str]:
    known = person.birth_date
    if known is not None and birth_date is not None:
        swapped = (known.year, known.month, known.day) == (birth_date.year, birth_date.day, birth_date.month)
        return [HINT_DAY_MONTH] if swapped else []
    asked_year = birth_date.year if birth_date is not None else birth_year
    return [HINT_YEAR_ONLY] if asked_year == person.birth_year else []
