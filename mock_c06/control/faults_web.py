"""The control face's part for planned misbehaviour: single faults, whole plans, and the schema of both."""

from typing import Any

from fastapi import APIRouter, Response

from mock_c06.control.fault_json import FaultBody, PlanBody, plan_json, plan_schema
from mock_c06.control.named_accounts import NamedAccounts
from mock_c06.runs.run import Runs


def fault_routes(runs: Runs, accounts: NamedAccounts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["faults"])

    @router.get("/plan-schema.json")
    async def read_plan_schema() -> dict[str, Any]:
        """Give the JSON Schema of a plan."""
        return plan_schema()

    @router.get("/runs/{run}/plan")
    async def read_plan(run: str) -> dict[str, Any]:
        """Give the run's plan with what has come of each fault."""
        faults = runs.get(run).faults
        return plan_json(faults.name, faults.planned())

    @router.put("/runs/{run}/plan")
    async def put_plan(run: str, body: PlanBody) -> dict[str, Any]:
        """Plan these faults in the place of all that are planned."""
        found = runs.get(run)
        accounts.verify(found, body.named_accounts())
        faults = found.faults
        faults.put(body.name, [fault.make() for fault in body.faults])
        futile = body.find_futile()
        return plan_json(faults.name, faults.planned()) | ({"warnings": futile} if futile else {})

    @router.get("/runs/{run}/faults")
    async def list_faults(run: str) -> dict[str, Any]:
        """Give the planned faults with the times they have left."""
        return {"faults": plan_json(None, runs.get(run).faults.planned())["faults"]}

    @router.post("/runs/{run}/faults", status_code=201)
    async def plan_fault(run: str, body: FaultBody) -> dict[str, str]:
        """Plan a fault beside those that are planned; a `warning` says why it can hit nothing."""
        found = runs.get(run)
        accounts.verify(found, [("account", body.account)])
        futility = body.find_futility()
        return {"id": found.faults.plan(body.make())} | ({"warning": futility} if futility else {})

    @router.delete("/runs/{run}/faults", status_code=204)
    async def clear_faults(run: str) -> Response:
        """Forget all planned faults."""
        runs.get(run).faults.clear()
        return Response(status_code=204)

    @router.delete("/runs/{run}/faults/{fault}", status_code=204)
    async def drop_fault(run: str, fault: str) -> Response:
        """Forget one planned fault."""
        runs.get(run).faults.drop(fault)
        return Response(status_code=204)

    return router
