"""Decide whether a claim agrees with a person: number, folded name and birth, all three exact.

Does not look at life status (the wire answers for the dead and the cancelled) and does not say which part
differs (`explain.py` does, for the control face alone). Source: the specification's required fields and the
behaviour of public clients; C06's own rule is not published (parity ledger).
"""

from mock_c06.accounts.switches import AS_BUILT, Switches
from mock_c06.matching.fold import fold_name
from mock_c06.people.model import Claim, Person


def matches(person: Person, claim: Claim, switches: Switches = AS_BUILT) -> bool:
    """Return whether every part agrees, as an account with these switches is answered.

    A part that the claim lacks never agrees. A date does not agree with a person known by year alone, nor a year with
    a date: `year_matches_date` compares the years of both. `exact_names` takes a name only in its folded form, as
    three known clients send it. `nine_digits_alone`: nine digits find nobody who has twelve.
    """
    return (
        number_agrees(person, claim, nine_digits_alone=switches.nine_digits_alone)
        and name_agrees(person, claim.full_name, exact=switches.exact_names)
        and birth_agrees(person, claim, year_matches_date=switches.year_matches_date)
    )


def number_agrees(person: Person, claim: Claim, *, nine_digits_alone: bool = False) -> bool:
    """Compare each number of the claim; a claim without a number does not agree."""
    if claim.citizen_id is None and (
        claim.id_card_number is None or (nine_digits_alone and person.citizen_id)
    ):
        return False
    numbers = {None, person.citizen_id}, {None, person.id_card_number}
    return claim.citizen_id in numbers[0] and claim.id_card_number in numbers[1]


def name_agrees(person: Person, full_name: str, *, exact: bool = False) -> bool:
    """Compare the folded names; a name that folds to nothing agrees with nobody. `exact`: do not fold the claim's."""
    folded = full_name if exact else fold_name(full_name)
    return folded != "" and folded == fold_name(person.full_name)


def birth_agrees(person: Person, claim: Claim, *, year_matches_date: bool = False) -> bool:
    """Compare a date with a date and a year with a year; under the switch also a date with a year."""
    if claim.birth_date is None:
        same_kind = person.birth_date is None or year_matches_date
        return same_kind and person.birth_year == claim.birth_year
    if claim.birth_year not in {None, claim.birth_date.year}:
        return False
    if person.birth_date is None:
        return year_matches_date and person.birth_year == claim.birth_date.year
    return person.birth_date == claim.birth_date
