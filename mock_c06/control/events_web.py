"""The control face's part for what a run has lived through: life events, and the whole of it as a recording."""

from typing import Annotated, Any

from fastapi import APIRouter, Body

from mock_c06.control.event_json import EventBody, happened_json
from mock_c06.control.people_json import person_json
from mock_c06.control.recording_json import recording_json
from mock_c06.runs.events import apply_event
from mock_c06.runs.run import Runs


def event_routes(runs: Runs) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["events"])

    @router.post("/runs/{run}/events", status_code=201)
    async def let_happen(run: str, body: Annotated[EventBody, Body()]) -> dict[str, Any]:
        """Let a life event happen; the answer shows the people whose records it changed, the one named first."""
        happened, people = apply_event(runs.get(run), body.make(), body.at)
        return happened_json(happened) | {"people": [person_json(person) for person in people]}

    @router.get("/runs/{run}/events")
    async def list_events(run: str) -> dict[str, Any]:
        """Give what has happened in the run, without whom it was about."""
        return {"events": [happened_json(each) for each in runs.get(run).events]}

    @router.get("/runs/{run}/recording")
    async def record_run(run: str) -> dict[str, Any]:
        """Give the run as one file for `mock-c06 replay`: world, clock, plan, journal and every answer."""
        return recording_json(runs.get(run))

    return router
