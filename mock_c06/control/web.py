"""The control face: tests make runs, people, faults and accounts, and read the journal.

It listens on loopback and requires a bearer token; the registry faces have none of its functions. Secrets are shown,
because they are synthetic.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Response
from pydantic import Field, model_validator

from mock_c06.bodies import ControlBody, Flag, Instant, Number
from mock_c06.clock import Clock, rfc3339
from mock_c06.control.accounts_web import desk_routers
from mock_c06.control.applications_web import AccountDependencies
from mock_c06.control.explain_web import explain_routes
from mock_c06.control.faults_web import fault_routes
from mock_c06.control.journal_web import journal_routes
from mock_c06.control.life_events import EventBody, applied_event_json
from mock_c06.control.metrics_web import metrics_routes
from mock_c06.control.people_json import WorldBody, person_json, persona_json
from mock_c06.control.people_web import people_routes, put_people
from mock_c06.control.problems import guarded_router, install_problems
from mock_c06.control.recording_json import recording_json
from mock_c06.control.report_web import report_routes
from mock_c06.parity.ledger import behaviour_json, load_ledger
from mock_c06.people.model import Persona
from mock_c06.runs.run import RunClock, Runs


class RunBody(ControlBody):
    """A run to create."""

    name: str


class ClockBody(ControlBody):
    """Exactly one change of a run's clock."""

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


def install_control(
    app: FastAPI, deps: AccountDependencies, *, personas: tuple[Persona, ...], token: str, clock: Clock
) -> None:
    """Add the control face's routes and error handlers to the app; `clock` is the wall's."""
    install_problems(app)
    app.state.control_token = token
    runs, register = deps.runs, deps.register
    for router in (
        metrics_routes(runs),
        _run_routes(runs),
        people_routes(runs),
        _clock_routes(runs),
        fault_routes(runs, register),
        journal_routes(runs, register),
        report_routes(runs, register),
        event_routes(runs),
        _catalogue_routes(personas),
        *desk_routers(deps),
        explain_routes(runs, register, deps.switches, clock),
    ):
        app.router.routes += router.routes  # `include_router` would build each route a second time


def _run_routes(runs: Runs) -> APIRouter:
    router = guarded_router("runs")

    @router.get("/runs")
    async def list_runs() -> dict[str, Any]:
        """List the runs."""
        return {"runs": [{"name": name} for name in runs.names()]}

    @router.post("/runs", status_code=201)
    async def create_run(body: RunBody) -> dict[str, str]:
        """Create a run: its registry is under `base_path`."""
        run = runs.create(body.name)
        return {"name": run.name, "base_path": f"/r/{run.name}"}

    @router.delete("/runs/{run}", status_code=204)
    async def drop_run(run: str) -> Response:
        """Delete a run; `default` is emptied instead."""
        runs.drop(run)
        return Response(status_code=204)

    @router.get("/runs/{run}/world")
    async def read_world(run: str) -> dict[str, Any]:
        """Return all people of this run, without the generated ones."""
        return {"people": [person_json(person) for person in runs.get(run).world.everybody()]}

    @router.put("/runs/{run}/world")
    async def change_world(run: str, body: WorldBody) -> dict[str, Any]:
        """Add or change people in this run: all of them, or none if one is invalid. Warn of what can't be."""
        return put_people(runs.get(run), body)

    return router


def _clock_routes(runs: Runs) -> APIRouter:
    router = guarded_router("runs")

    @router.post("/runs/{run}/clock")
    async def set_clock(run: str, body: ClockBody) -> dict[str, Any]:
        """Freeze, advance, jump, tick or release the run's clock; logins always use the wall clock."""
        clock = runs.get(run).clock
        if body.freeze is not None:
            clock.freeze(body.freeze)
        elif body.advance_s is not None:
            clock.advance(body.advance_s)
        elif body.jump is not None:
            clock.jump(body.jump)
        elif body.tick_s is not None:
            clock.tick_by(body.tick_s)
        else:
            clock.release()
        return _clock_json(clock)

    @router.get("/runs/{run}/clock")
    async def read_clock(run: str) -> dict[str, Any]:
        """Return the run's instant, and whether it stands still."""
        return _clock_json(runs.get(run).clock)

    @router.delete("/runs/{run}/clock", status_code=204)
    async def release_clock(run: str) -> Response:
        """Follow the wall clock again, as `{"release": true}` does."""
        runs.get(run).clock.release()
        return Response(status_code=204)

    return router


def _clock_json(clock: RunClock) -> dict[str, Any]:
    now = rfc3339(clock.now(), timespec="auto")
    return {"now": now, "frozen": clock.is_frozen}


def _catalogue_routes(personas: tuple[Persona, ...]) -> APIRouter:
    router = guarded_router("catalogue")

    @router.get("/parity")
    async def list_parity() -> list[dict[str, Any]]:
        """Return what is imitated of C06 and what is guessed, with its switch where it has one."""
        return [behaviour_json(behaviour) for behaviour in load_ledger()]

    @router.get("/personas")
    async def list_personas() -> list[dict[str, Any]]:
        """Return the hand-made people."""
        return [persona_json(persona) for persona in personas]

    return router


def event_routes(runs: Runs) -> APIRouter:
    """Make the routes."""
    router = guarded_router("events")

    @router.post("/runs/{run}/events", status_code=201)
    async def let_happen(run: str, body: Annotated[EventBody, Body()]) -> dict[str, Any]:
        """Apply a life event; the answer shows the people whose records it changed, the named one first."""
        applied, people = body.apply(runs.get(run))
        return applied_event_json(applied) | {"people": [person_json(person) for person in people]}

    @router.get("/runs/{run}/events")
    async def list_events(run: str) -> dict[str, Any]:
        """Return the events of the run, without the people concerned."""
        return {"events": [applied_event_json(each) for each in runs.get(run).events]}

    @router.get("/runs/{run}/recording")
    async def record_run(run: str) -> dict[str, Any]:
        """Return the run as one file for `mock-c06 replay`: world, clock, plan, journal and every answer."""
        return recording_json(runs.get(run))

    return router
