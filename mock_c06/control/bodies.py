"""What the control face takes and gives, but for people (people_json.py) and
faults (fault_json.py): runs, clock, accounts."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mock_c06.control.people_json import is_alive
from mock_c06.control.values import Flag, Instant, Number
from mock_c06.population.model import Persona


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunBody(_Body):
    """A run to create."""

    name: str


class ClockBody(_Body):
    """Exactly one thing to do to a run's clock."""

    freeze: Instant | None = None
    advance_s: Number | None = Field(default=None, allow_inf_nan=False)
    release: Flag | None = None
    jump: Instant | None = None
    tick_s: Number | None = Field(default=None, ge=0, le=86_400)

    @model_validator(mode="after")
    def _one_act(self) -> "ClockBody":
        acts = [self.freeze, self.advance_s, self.release or None, self.jump, self.tick_s]
        if sum(act is not None for act in acts) != 1:
            raise ValueError("exactly one of freeze, advance_s, jump, tick_s and release: true")
        return self


def persona_json(persona: Persona) -> dict[str, Any]:
    """Write a person of the catalogue."""
    person = persona.person
    return {
        "slug": persona.slug,
        "why": persona.why,
        "citizen_id": person.citizen_id,
        "id_card_number": person.id_card_number,
        "full_name": person.full_name,
        "birth_date": person.birth_date.isoformat() if person.birth_date else None,
        "birth_year": person.birth_year,
        "alive": is_alive(person.status),
        "expect": {"confirmed": persona.confirmed},
    }


def clock_json(now: datetime, *, frozen: bool) -> dict[str, Any]:
    """Write a run's clock."""
    return {"now": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "frozen": frozen}
