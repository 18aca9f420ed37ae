"""Decide whether what was asked is this person: number, folded name and birth, all three exact.

Does not look at life status (the wire answers the dead and the cancelled) and does not say which part
differed (`explain.py` does, for the control face alone). Source: the specification's required fields and the
behaviour of public clients; C06's own rule is not published (parity ledger).
"""

from datetime import date

from mock_c06.matching.fold import fold_name
from mock_c06.population.model import Person


def matches(
    person: Person,
    *,
    citizen_id: str | None,
    id_card_number: str | None,
    full_name: str,
    birth_date: date | None,
    birth_year: int | None,
    year_matches_date: bool = False,
    exact_names: bool = False,
    nine_digits_alone: bool = False,
) -> bool:
    """Say whether every part agrees; a part that was not given at all never agrees.

    A date does not match a person known by year alone, nor a year one with a date: `year_matches_date` lets
    both pass on the year. `exact_names` takes a name only in its folded form, as three known clients send it.
    `nine_digits_alone`: nine digits find nobody who has twelve.
    """
    return (
        number_agrees(
            person, citizen_id=citizen_id, id_card_number=id_card_number, nine_digits_alone=nine_digits_alone
        )
        and name_agrees(person, full_name, exact=exact_names)
        and birth_agrees(
            person, birth_date=birth_date, birth_year=birth_year, year_matches_date=year_matches_date
        )
    )


def number_agrees(
    person: Person, *, citizen_id: str | None, id_card_number: str | None, nine_digits_alone: bool = False
) -> bool:
    """Compare each number that was given; none given is no agreement."""
    if citizen_id is None and (id_card_number is None or (nine_digits_alone and person.citizen_id)):
        return False
    return citizen_id in {None, person.citizen_id} and id_card_number in {None, person.id_card_number}


def name_agrees(person: Person, full_name: str, *, exact: bool = False) -> bool:
    """Compare the folded names; a name that folds to nothing agrees with nobody. `exact`: as it was written."""
    folded = full_name if exact else fold_name(full_name)
    return folded != "" and folded == fold_name(person.full_name)


def birth_agrees(
    person: Person, *, birth_date: date | None, birth_year: int | None, year_matches_date: bool = False
) -> bool:
    """Compare like with like: a date with a date, a year with a year, unless the switch bridges them."""
    if birth_date is None:
        same_kind = person.birth_date is None or year_matches_date
        return same_kind and person.birth_year == birth_year
    if birth_year not in {None, birth_date.year}:
        return False
    if person.birth_date is None:
        return year_matches_date and person.birth_year == birth_date.year
    return person.birth_date == birth_date
