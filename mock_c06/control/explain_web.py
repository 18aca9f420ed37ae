"""The control face's word on a claim that finds nobody: which part differs, and which near miss it smells of."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from mock_c06.runs.explaining import explain_in
from mock_c06.runs.run import Runs


class ClaimBody(BaseModel):
    """A claim, as a portal would put it."""

    model_config = ConfigDict(extra="forbid")

    citizen_id: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    id_card_number: str | None = Field(default=None, pattern=r"^[0-9]{9}$")
    full_name: str = Field(max_length=1000)
    birth_date: date | None = None
    birth_year: int | None = Field(default=None, ge=1, le=9999)


def explain_routes(runs: Runs) -> APIRouter:
    """Give the route."""
    router = APIRouter(tags=["runs"])

    @router.post("/runs/{run}/explain")
    async def explain_claim(run: str, body: ClaimBody) -> dict[str, Any]:
        """Say which parts differ from what this run's registry holds; an empty list is agreement."""
        return explain_in(runs.get(run).world, **body.model_dump()).as_json()

    return router
