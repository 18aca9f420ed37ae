"""Explain a claim in a run's world. For the control face and the command alone: the registry face never tells."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from mock_c06.desk.switches import AS_BUILT, Switches
from mock_c06.matching.explain import explain
from mock_c06.runs.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Which parts differ, with hints; and the life status of whoever holds the number, in words."""

    differs: tuple[str, ...]
    status: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Write it."""
        return {"differs": list(self.differs), "status": list(self.status)}


def explain_in(
    world: World,
    *,
    citizen_id: str | None,
    id_card_number: str | None,
    full_name: str,
    birth_date: date | None,
    birth_year: int | None,
    switches: Switches = AS_BUILT,
) -> Explanation:
    """Explain, as an account with these switches is answered. Several may share nine digits: the nearest of them tells the most."""
    found = world.find(citizen_id=citizen_id, id_card_number=id_card_number)
    parts = (
        explain(
            person,
            citizen_id=citizen_id,
            id_card_number=id_card_number,
            full_name=full_name,
            birth_date=birth_date,
            birth_year=birth_year,
            year_matches_date=switches.year_matches_date,
            exact_names=switches.exact_names,
            nine_digits_alone=switches.nine_digits_alone,
        )
        for person in found or (None,)
    )
    statuses = sorted({person.status.name.lower() for person in found})
    return Explanation(differs=min(parts, key=len), status=tuple(statuses))
