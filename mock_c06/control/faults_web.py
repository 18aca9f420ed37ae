"""Faults and plans at the control face, in JSON or TOML; their schema is `GET /plan-schema.json`."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from mock_c06.accounts.register import Register
from mock_c06.bodies import ControlBody
from mock_c06.control.accounts_json import verify_accounts
from mock_c06.control.problems import guarded_router
from mock_c06.faults.fault import FaultBody
from mock_c06.faults.plan import PlanEntry
from mock_c06.runs.run import Runs


class PlanBody(ControlBody):
    """A named list of faults that replaces all planned faults."""

    model_config = ConfigDict(populate_by_name=True)

    schema_address: str | None = Field(default=None, alias="$schema", description="For editors; not read.")
    name: str = Field(min_length=1, max_length=100)
    description: str | None = Field(default=None, max_length=10_000)
    faults: list[FaultBody] = Field(max_length=1000)

    def named_accounts(self) -> list[tuple[str, str | None]]:
        """Return the account names of the faults, each with its member."""
        return [(f"faults.{n}.account", fault.account) for n, fault in enumerate(self.faults)]

    def find_futile(self) -> list[str]:
        """Return which faults can hit nothing, and why."""
        reasons = ((n, fault.find_futility()) for n, fault in enumerate(self.faults))
        return [f"faults.{n}.{reason}" for n, reason in reasons if reason is not None]


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PlanBody.model_json_schema(by_alias=True),
        "title": "A fault plan of mock-c06",
    }


def planned_json(fault_id: str, planned: PlanEntry) -> dict[str, Any]:
    """Write a planned fault, so that planning it again takes it back unchanged, with its counts: the calls that it
    concerned, those that it hit, and how many it may still hit."""
    return {
        "id": fault_id,
        **planned.fault.model_dump(mode="json"),
        "times_left": planned.left,
        "calls": planned.calls,
        "hits": planned.hits,
    }


def plan_json(name: str | None, planned: Mapping[str, PlanEntry]) -> dict[str, Any]:
    """Write a run's plan."""
    return {"name": name, "faults": [planned_json(each, one) for each, one in planned.items()]}


def fault_routes(runs: Runs, register: Register) -> APIRouter:
    """Make the routes."""
    router = guarded_router("faults")

    @router.get("/plan-schema.json")
    async def read_plan_schema() -> dict[str, Any]:
        """Return the JSON Schema of a plan."""
        return plan_schema()

    @router.get("/runs/{run}/plan")
    async def read_plan(run: str) -> dict[str, Any]:
        """Return the run's plan with the counts of each fault."""
        faults = runs.get(run).faults
        return plan_json(faults.name, faults.planned())

    @router.put("/runs/{run}/plan")
    async def put_plan(run: str, body: PlanBody) -> dict[str, Any]:
        """Replace all planned faults by these."""
        found = runs.get(run)
        verify_accounts(found, register, body.named_accounts())
        faults = found.faults
        faults.put(body.name, body.faults)
        futile = body.find_futile()
        return plan_json(faults.name, faults.planned()) | ({"warnings": futile} if futile else {})

    @router.get("/runs/{run}/faults")
    async def list_faults(run: str) -> dict[str, Any]:
        """Return the planned faults with the times they have left."""
        return {"faults": plan_json(None, runs.get(run).faults.planned())["faults"]}

    @router.post("/runs/{run}/faults", status_code=201)
    async def plan_fault(run: str, body: FaultBody) -> dict[str, str]:
        """Add a fault to the plan; a `warning` says why it can hit nothing."""
        found = runs.get(run)
        verify_accounts(found, register, [("account", body.account)])
        futility = body.find_futility()
        return {"id": found.faults.plan(body)} | ({"warning": futility} if futility else {})

    @router.delete("/runs/{run}/faults", status_code=204)
    async def clear_faults(run: str) -> Response:
        """Delete all planned faults."""
        runs.get(run).faults.clear()
        return Response(status_code=204)

    @router.delete("/runs/{run}/faults/{fault}", status_code=204)
    async def drop_fault(run: str, fault: str) -> Response:
        """Delete one planned fault."""
        runs.get(run).faults.drop(fault)
        return Response(status_code=204)

    return router
