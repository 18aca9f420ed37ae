"""What the control face takes and gives, but for people (people_json.py) and
faults (fault_json.py): runs, clock, accounts."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from mock_c06.control.people_json import is_alive
from mock_c06.desk.accounts import FIELDS, Account, Adapter, Dialect, Environment, Status, Switches
from mock_c06.desk.procedures import SERVICE_CODES
from mock_c06.desk.ready_made import AGENCY, OFFICERS
from mock_c06.operations import Operation
from mock_c06.population.model import Persona


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunBody(_Body):
    """A run to create."""

    name: str


class ClockBody(_Body):
    """Exactly one thing to do to a run's clock."""

    freeze: AwareDatetime | None = None
    advance_s: float | None = None
    release: bool | None = None

    @model_validator(mode="after")
    def _one_act(self) -> "ClockBody":
        acts = [self.freeze is not None, self.advance_s is not None, self.release is True]
        if sum(acts) != 1:
            raise ValueError("exactly one of freeze, advance_s and release: true")
        return self


class AdapterBody(_Body):
    """An LGSP adapter's credential."""

    access_key: str
    secret_key: str
    app_name: str
    partner_code: str
    partner_code_cus: str


class SwitchesBody(_Body):
    """The account's switches; see `Switches` of the desk."""

    seconds: bool = False
    strict_order: bool = False
    require_agency: bool = False
    year_matches_date: bool = False
    stored_answer: bool = False
    exists_verdict: bool = False
    split_name: bool = False
    structured_relatives: bool = False
    json_envelope: bool = False
    text_verdict: bool = False


class AccountBody(_Body):
    """An account to make, or to put in the place of the one with the same name. Secrets not given are derived."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    environment: Environment = Environment.TEST
    status: Status = Status.ACTIVE
    user: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[^:]+$")
    secret: str | None = None
    ngsp_key: str | None = None
    ngsp_secret: str | None = None
    adapter: AdapterBody | None = None
    dialect: Dialect = Dialect.SOAP
    agency: str = AGENCY
    officers: list[str] = list(OFFICERS)
    procedures: list[str] = list(SERVICE_CODES)
    operations: list[Operation] = list(Operation)
    fields: list[str] = list(FIELDS)
    rate_per_second: int | None = Field(default=None, ge=1)
    switches: SwitchesBody = SwitchesBody()

    def over(self, derived: Account) -> Account:
        """Make the account: what was given, over an account whose secrets are derived from its name."""
        given = {name: value for name, value in self.model_dump().items() if name in self.model_fields_set}
        values = {name: getattr(derived, name) for name in Account.__dataclass_fields__} | {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.items()
            if value is not None or name in {"rate_per_second", "adapter"}
        }
        values["switches"] = Switches(**self.switches.model_dump())
        if isinstance(values["adapter"], dict):
            values["adapter"] = Adapter(**values["adapter"])
        return Account(**values)


def account_json(account: Account) -> dict[str, Any]:
    """Write an account with its secrets: they are synthetic."""
    return asdict(account)


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
