"""The control face: where tests make runs, people, faults and accounts, and read the journal.

On loopback with a bearer token of its own; the registry face knows none of these words. Secrets are shown,
because they are synthetic.
"""

import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mock_c06.control.bodies import ClockBody, RunBody, clock_json, persona_json
from mock_c06.control.desk_web import DeskParts, desk_routers
from mock_c06.control.events_web import event_routes
from mock_c06.control.explain_web import explain_routes
from mock_c06.control.faults_web import fault_routes
from mock_c06.control.journal_web import journal_routes
from mock_c06.control.named_accounts import NamedAccounts
from mock_c06.control.people_json import WorldBody, make_person, person_json
from mock_c06.control.problems import install_problems
from mock_c06.control.report_web import report_routes
from mock_c06.errors import PersonIncomplete
from mock_c06.parity.ledger import behaviour_json, load_ledger
from mock_c06.population.model import Person, Persona
from mock_c06.runs.run import Run, Runs

_BEARER = HTTPBearer(auto_error=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlParts:
    """What the control face works on."""

    runs: Runs
    desk: DeskParts
    personas: tuple[Persona, ...]
    token: str


def install_control(app: FastAPI, parts: ControlParts) -> None:
    """Put the control face's routes and its errors on the app that was built for it."""
    install_problems(app)

    def require_token(
        sent: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> None:
        """Refuse whoever doesn't hold the token."""
        offered = sent.credentials if sent is not None else ""
        if not hmac.compare_digest(offered.encode(), parts.token.encode()):
            raise HTTPException(401, "bearer token required", {"WWW-Authenticate": "Bearer"})

    runs = parts.runs
    accounts = NamedAccounts(parts.desk.register)
    for router in (
        _run_routes(runs),
        _world_routes(runs),
        fault_routes(runs, accounts),
        journal_routes(runs, accounts),
        report_routes(runs),
        event_routes(runs),
        _catalogue_routes(parts),
        *desk_routers(parts.desk),
        explain_routes(runs, parts.desk.register, parts.desk.switches),
    ):
        app.include_router(router, dependencies=[Depends(require_token)])


def _run_routes(runs: Runs) -> APIRouter:
    router = APIRouter(tags=["runs"])

    @router.get("/runs")
    async def list_runs() -> dict[str, Any]:
        """List the runs."""
        return {"runs": [{"name": name} for name in runs.names()]}

    @router.post("/runs", status_code=201)
    async def create_run(body: RunBody) -> dict[str, str]:
        """Make a run of its own: its registry is under `base_path`."""
        run = runs.create(body.name)
        return {"name": run.name, "base_path": f"/r/{run.name}"}

    @router.delete("/runs/{run}", status_code=204)
    async def drop_run(run: str) -> Response:
        """Forget a run; `default` is emptied."""
        runs.drop(run)
        return Response(status_code=204)

    return router


def _world_routes(runs: Runs) -> APIRouter:
    router = APIRouter(tags=["runs"])

    @router.get("/runs/{run}/world")
    async def read_world(run: str) -> dict[str, Any]:
        """Give everybody this run sees."""
        return {"people": [person_json(person) for person in runs.get(run).world.everybody()]}

    @router.put("/runs/{run}/world")
    async def change_world(run: str, body: WorldBody) -> dict[str, Any]:
        """Add or change people in this run; all or nobody."""
        found = runs.get(run)
        people = _make_people(found, body)
        for person in people:
            found.world.put(person)
        return {"people": [person_json(person) for person in people]}

    @router.post("/runs/{run}/clock")
    async def set_clock(run: str, body: ClockBody) -> dict[str, Any]:
        """Freeze, advance, set, tick or release the run's clock; logins go by the wall all the same."""
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
        return clock_json(clock.now(), frozen=clock.is_frozen)

    return router


def _catalogue_routes(parts: ControlParts) -> APIRouter:
    router = APIRouter(tags=["catalogue"])

    @router.get("/parity")
    async def list_parity() -> list[dict[str, Any]]:
        """Give what is imitated of C06 and what is guessed, with its switch where it has one."""
        return [behaviour_json(behaviour) for behaviour in load_ledger()]

    @router.get("/personas")
    async def list_personas() -> list[dict[str, Any]]:
        """Give the hand-made people."""
        return [persona_json(persona) for persona in parts.personas]

    return router


def _make_people(run: Run, body: WorldBody) -> list[Person]:
    people: list[Person] = []
    for position, person in enumerate(body.people):
        try:
            people.append(make_person(person, run.world.find_by_key(person.key())))
        except PersonIncomplete as error:
            raise PersonIncomplete(f"people.{position}.{error.field}", error.detail) from error
    return people
