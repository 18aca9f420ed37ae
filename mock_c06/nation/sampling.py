"""Take people out of a generated population, scattered over all of it, in an order that the seed decides."""

from collections.abc import Iterator
from itertools import islice
from math import gcd

from mock_c06.nation.cells import Member
from mock_c06.nation.draws import Whole
from mock_c06.nation.nation import Nation
from mock_c06.nation.where import Test
from mock_c06.population.model import LifeStatus, Persona

_NEVER_CONFIRMED = {LifeStatus.DECEASED, LifeStatus.CANCELLED}


def scatter(count: int, nation: Nation) -> Iterator[int]:
    """Give `count` different places among all, at most as many as there are."""
    whole = nation.count
    left, step = divmod(nation.draws.draw_of_all(Whole.SAMPLE), whole)
    step = step or 1
    while gcd(step, whole) != 1:
        step += 1
    at = left % whole
    for _ in range(min(count, whole)):
        yield at
        at = (at + step) % whole


def sample(nation: Nation, *, where: Test, count: int, looked_at: int, seed: str) -> list[Persona]:
    """Give the first `count` for whom the test holds, looking at no more than `looked_at` records."""
    members = (nation.cells.member_at(place) for place in scatter(looked_at, nation))
    chosen = islice((member for member in members if where(nation, member)), count)
    return [_as_persona(nation, member, seed) for member in chosen]


def _as_persona(nation: Nation, member: Member, seed: str) -> Persona:
    """Tell a generated person in the catalogue's way."""
    person = nation.person(member)
    return Persona(
        slug=f"dan-so-{person.citizen_id}",
        why=f"Generated: record {member.place} of {nation.count}, seed {seed}{_other_number(nation, member)}",
        person=person,
        confirmed=person.status not in _NEVER_CONFIRMED,
        theme="generated",
    )


def _other_number(nation: Nation, member: Member) -> str:
    """Say by which other number the same human is or was known, if there is one."""
    former, number = nation.former_number(member), nation.number_in_force(member)
    if former is not None:
        return f"; issued anew in place of {former}"
    return (
        f"; cancelled, {number} was issued in its place"
        if number != nation.numbering.citizen_id(member)
        else ""
    )
