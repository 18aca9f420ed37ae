"""Find broken invariants of a catalogue: what `mock-c06 selfcheck` prints.

Each complaint is one sentence that opens with the slug. Knows only what can be seen in the people themselves:
whether the faces answer as `confirmed` says is for tests. People whose record contradicts itself on purpose
are let through by their markers alone.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from mock_c06.population.check_addresses import check_addresses
from mock_c06.population.check_families import check_families
from mock_c06.population.check_numbers import check_card, check_number
from mock_c06.population.model import LifeStatus, Persona
from mock_c06.population.relations import HEAD, load_relations
from mock_c06.population.units import load_units

# The day on which the catalogue's ages hold: nobody is born after it, and children are children on it.
CATALOGUE_DAY = date(2026, 7, 1)


def check(personas: Sequence[Persona]) -> tuple[str, ...]:
    """List every broken invariant; empty is well."""
    units = load_units()
    complaints = [*_check_unique(personas), *_check_households(personas)]
    for persona in personas:
        complaints += [f"{persona.slug}: {said}" for said in check_number(persona, units)]
        complaints += [f"{persona.slug}: {said}" for said in check_card(persona.person.id_card_number)]
        complaints += [f"{persona.slug}: {said}" for said in check_addresses(persona, units)]
        complaints += [f"{persona.slug}: {said}" for said in _check_life(persona)]
    return (*complaints, *check_families(personas, CATALOGUE_DAY))


def _check_unique(personas: Sequence[Persona]) -> Iterator[str]:
    slugs = Counter(persona.slug for persona in personas)
    numbers = Counter(persona.person.citizen_id for persona in personas if persona.person.citizen_id)
    for slug in sorted(slug for slug, times in slugs.items() if times > 1):
        yield f"{slug}: is the slug of several personas"
    for persona in personas:
        if numbers[persona.person.citizen_id or ""] > 1:
            yield f"{persona.slug}: shares its 12-digit number with another persona"


def _check_life(persona: Persona) -> Iterator[str]:
    person = persona.person
    if not persona.why.strip():
        yield "does not say why it exists"
    if (person.birth_date or date(person.birth_year, 1, 1)) > CATALOGUE_DAY:
        yield f"is born after {CATALOGUE_DAY}"
    if person.birth_date is not None and person.birth_date.year != person.birth_year:
        yield "has a birth year that is not its birth date's"
    if persona.confirmed != (person.status not in {LifeStatus.DECEASED, LifeStatus.CANCELLED}):
        yield f"has status {person.status.name} but confirmed is {persona.confirmed}"


def _check_households(personas: Sequence[Persona]) -> Iterator[str]:
    households: dict[str, list[Persona]] = {}
    for persona in personas:
        key, relation = persona.person.household, persona.person.relation_to_head
        if (key is None) != (relation is None):
            yield f"{persona.slug}: has a household without a relation to its head, or the reverse"
        if relation is not None and relation not in load_relations():
            yield f"{persona.slug}: has the unknown relation {relation}"
        if key is not None:
            households.setdefault(key, []).append(persona)
    for key, members in households.items():
        heads = sum(member.person.relation_to_head == HEAD for member in members)
        if heads != 1:
            yield f"{members[0].slug}: household {key} has {heads} heads"
        if len({member.person.permanent_residence for member in members}) > 1:
            yield f"{members[0].slug}: household {key} has members registered elsewhere"
