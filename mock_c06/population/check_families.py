"""Check that relatives' records agree with each other.

A relative is found by number; one who is no persona is only checked for what the number itself tells. The
cancelled record of a re-issued number keeps no promise to relatives: they point to the new one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from mock_c06.population.check_numbers import birth_year_of, check_card, check_form
from mock_c06.population.model import Kin, LifeStatus, Persona
from mock_c06.population.units import load_units

_YEARS_TO_PARENT = 15
_MARRIED = "2"
_GENDER_OF_PARENT = {"father": "1", "mother": "2"}


def check_families(personas: Sequence[Persona], day: date) -> tuple[str, ...]:
    """Check parents, spouses, representatives and the two records of one human; ages hold on that day."""
    by_number = {persona.person.citizen_id: persona for persona in personas if persona.person.citizen_id}
    by_slug = {persona.slug: persona for persona in personas}
    complaints: list[str] = []
    for persona in personas:
        said = (
            *_check_kin(persona, by_number),
            *_check_parents(persona, by_number),
            *_check_spouse(persona, by_number),
            *_check_minor(persona, day),
            *_check_other_record(persona, by_slug),
        )
        complaints += [f"{persona.slug}: {one}" for one in said]
    return tuple(complaints)


def _kin_of(persona: Persona) -> dict[str, Kin]:
    person = persona.person
    kin = {
        "father": person.father,
        "mother": person.mother,
        "spouse": person.spouse,
        "representative": person.representative,
    }
    return {role: relative for role, relative in kin.items() if relative is not None}


def _check_kin(persona: Persona, by_number: Mapping[str, Persona]) -> Iterator[str]:
    for role, kin in _kin_of(persona).items():
        said = [*check_card(kin.id_card_number)]
        if kin.citizen_id is not None:
            said += check_form(kin.citizen_id, load_units())
        yield from (f"{role} {one}" for one in said)
        known = by_number.get(kin.citizen_id or "")
        if known is None:
            continue
        person = known.person
        if (kin.full_name, kin.nationality, kin.id_card_number) != (
            person.full_name,
            person.nationality,
            person.id_card_number,
        ):
            yield f"{role} is named otherwise than in the record of {known.slug}"


def _check_parents(persona: Persona, by_number: Mapping[str, Persona]) -> Iterator[str]:
    units = load_units()
    for role, kin in _kin_of(persona).items():
        if role not in _GENDER_OF_PARENT or kin.citizen_id is None or any(check_form(kin.citizen_id, units)):
            continue
        known = by_number.get(kin.citizen_id)
        born = known.person.birth_year if known else birth_year_of(kin.citizen_id)
        if persona.person.birth_year - born < _YEARS_TO_PARENT:
            yield f"{role} is less than {_YEARS_TO_PARENT} years older"
        if known and known.person.gender not in {"0", _GENDER_OF_PARENT[role]}:
            yield f"{role} has another gender in the record of {known.slug}"


def _check_spouse(persona: Persona, by_number: Mapping[str, Persona]) -> Iterator[str]:
    spouse = persona.person.spouse
    if spouse is None:
        return
    if persona.person.marital_status != _MARRIED:
        yield "has a spouse but is not recorded as married"
    known = by_number.get(spouse.citizen_id or "")
    if known is None:
        return
    back = known.person.spouse
    if back is None or back.citizen_id != persona.person.citizen_id:
        yield f"names {known.slug} as spouse, who does not name them back"


def _check_minor(persona: Persona, day: date) -> Iterator[str]:
    person = persona.person
    born = person.birth_date
    if born is None or (born.year + 18, born.month, born.day) <= (day.year, day.month, day.day):
        return
    if person.spouse is not None or person.marital_status == _MARRIED:
        yield "is a minor with a spouse"
    if person.representative is None and person.status is LifeStatus.LIVING:
        yield "is a living minor without a representative"


def _check_other_record(persona: Persona, by_slug: Mapping[str, Persona]) -> Iterator[str]:
    if persona.same_human_as is None:
        return
    other = by_slug.get(persona.same_human_as)
    if other is None or other.same_human_as != persona.slug:
        yield "names another record of the same human, which does not name it back"
    elif {persona.person.status, other.person.status} != {LifeStatus.LIVING, LifeStatus.CANCELLED}:
        yield "and the same human's other record are not one living and one cancelled"
