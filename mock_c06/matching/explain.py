"""Explain which parts of a claim differ from a person, and which near miss is likely.

For the control face and `mock-c06 explain` alone: the registry face never distinguishes one mismatch from another,
because a caller could then find a person's data part by part.
"""

from itertools import combinations

from mock_c06.accounts.switches import AS_BUILT, Switches
from mock_c06.matching.match import birth_agrees, fold_name, name_agrees, number_agrees
from mock_c06.people.model import Claim, Person
from mock_c06.runs.world import World

NUMBER = "number"
NAME = "name"
BIRTH = "birth"
HINT_I_Y = "hint:i_y"
HINT_MIDDLE_NAME = "hint:middle_name"
HINT_DAY_MONTH = "hint:day_month"
HINT_YEAR_ONLY = "hint:year_only"
HINT_NOT_FOLDED = "hint:not_folded"
HINT_HAS_TWELVE_DIGITS = "hint:has_twelve_digits"

# Each middle word doubles the number of forms to try.
_MAX_MIDDLE_WORDS = 8


def explain(person: Person | None, claim: Claim, switches: Switches = AS_BUILT) -> tuple[str, ...]:
    """List the differing parts, then the hints; empty if everything agrees. Without a person: the number alone."""
    if person is None:
        return (NUMBER,)
    found: list[str] = []
    hints: list[str] = []
    if not number_agrees(person, claim, nine_digits_alone=switches.nine_digits_alone):
        found.append(NUMBER)
        hints += [HINT_HAS_TWELVE_DIGITS] if number_agrees(person, claim) else []
    if not name_agrees(person, claim.full_name, exact=switches.exact_names):
        found.append(NAME)
        hints += _name_hints(person, claim.full_name)
    if not birth_agrees(person, claim, year_matches_date=switches.year_matches_date):
        found.append(BIRTH)
        hints += _birth_hints(person, claim)
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
    """Return each folded form of the name without one or more of its middle words."""
    first, *middle = full_name.split() or [""]
    if not middle:
        return set()
    *between, last = middle
    if len(between) > _MAX_MIDDLE_WORDS:
        return set()
    return {
        fold_name("".join((first, *kept, last)))
        for size in range(len(between))
        for kept in combinations(between, size)
    }


def _birth_hints(person: Person, claim: Claim) -> list[str]:
    known, claimed = person.birth_date, claim.birth_date
    if known is not None and claimed is not None:
        swapped = (known.year, known.month, known.day) == (claimed.year, claimed.day, claimed.month)
        return [HINT_DAY_MONTH] if swapped else []
    claimed_year = claimed.year if claimed is not None else claim.birth_year
    return [HINT_YEAR_ONLY] if claimed_year == person.birth_year else []


def explain_in(world: World, claim: Claim, switches: Switches = AS_BUILT) -> dict[str, list[str]]:
    """Return which parts differ, with hints, and the life statuses of the people with that number, as the control face does.

    Judges as an account with these switches is answered; of several with the same nine digits, by the nearest.
    """
    found = world.find(claim)
    parts = (explain(person, claim, switches) for person in found or (None,))
    statuses = sorted({person.status.name.lower() for person in found})
    differs = min(parts, key=len)
    return {"differs": list(differs), "status": statuses}
