"""The control face's word on a claim that finds nobody: which part differs, and which near miss it smells of."""

from typing import Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mock_c06.control.values import Day, Whole
from mock_c06.desk.register import Register
from mock_c06.desk.switches import Switches, flip
from mock_c06.runs.explaining import explain_in
from mock_c06.runs.run import Run, Runs


class ClaimBody(BaseModel):
    """A claim, as a portal would put it."""

    model_config = ConfigDict(extra="forbid")

    citizen_id: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    id_card_number: str | None = Field(default=None, pattern=r"^[0-9]{9}$")
    full_name: str = Field(max_length=1000)
    birth_date: Day | None = None
    birth_year: Whole | None = Field(default=None, ge=1, le=9999)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.citizen_id and self.id_card_number:
            raise ValueError("one of citizen_id and id_card_number")
        if self.birth_date and self.birth_year:
            raise ValueError("one of birth_date and birth_year")
        return self


class JudgedClaimBody(ClaimBody):
    """A claim, and by whose readings of C06 it is judged."""

    account: str | None = Field(default=None, description="Whose switches count; else the run's alone.")


def explain_routes(runs: Runs, register: Register, started_with: Switches) -> APIRouter:
    """Give the route."""
    router = APIRouter(tags=["runs"])

    @router.post("/runs/{run}/explain")
    async def explain_claim(run: str, body: JudgedClaimBody) -> dict[str, Any]:
        """Say which parts differ from what this run's registry holds; an empty list is agreement."""
        found = runs.get(run)
        switches = _switches(found, body.account)
        claim = body.model_dump(exclude={"account"})
        return explain_in(found.world, **claim, switches=switches).as_json()

    def _switches(run: Run, account: str | None) -> Switches:
        if account is None:
            return flip(started_with, run.switches)
        return register.under(run.switches, run.accounts or None).get(account).switches

    return router
