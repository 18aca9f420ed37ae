"""The control face of the desk: accounts made, listed and changed, a run's switches; applications: `counter_web.py`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from mock_c06.clock import Clock
from mock_c06.control.accounts_json import AccountBody, AccountChange, account_json
from mock_c06.control.counter_web import CounterParts, counter_routers
from mock_c06.control.values import Flag
from mock_c06.desk.accounts import Status
from mock_c06.desk.counter import Counter
from mock_c06.desk.issuing import Desk
from mock_c06.desk.ready_made import make_account
from mock_c06.desk.register import Register
from mock_c06.desk.switches import AS_BUILT, Switches, flip
from mock_c06.runs.run import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskParts:
    """What these routes work on. `switches` are those that the mock was started with, `clock` is the desk's."""

    runs: Runs
    register: Register
    desk: Desk
    counter: Counter
    clock: Clock
    secret_seed: str
    switches: Switches


def desk_routers(parts: DeskParts) -> Iterable[APIRouter]:
    """Give the routes."""
    return (
        _account_routes(parts),
        _run_account_routes(parts),
        *counter_routers(
            CounterParts(desk=parts.desk, counter=parts.counter, register=parts.register, clock=parts.clock)
        ),
        _switch_routes(parts.runs),
    )


def _account_routes(parts: DeskParts) -> APIRouter:
    router = APIRouter(tags=["accounts"])
    register = parts.register

    @router.get("/accounts")
    async def list_accounts() -> list[dict[str, Any]]:
        """Give the accounts with their secrets."""
        return [account_json(account) for account in register.everybody()]

    @router.post("/accounts", status_code=201)
    async def put_account(body: AccountBody) -> dict[str, Any]:
        """Make an account, or put it in the place of the one with that name. Sensitive fields must be named."""
        derived = make_account(parts.secret_seed, body.name, body.environment, body.dialect)
        account = body.over(derived.with_switches(parts.switches))
        register.put(account)
        return account_json(account)

    @router.get("/accounts/{name}")
    async def read_account(name: str) -> dict[str, Any]:
        """Give one account."""
        return account_json(register.get(name))

    @router.patch("/accounts/{name}")
    async def change_account(name: str, body: AccountChange) -> dict[str, Any]:
        """Change an account: its status as its life allows, its rate, what it may do, its quirks; or free it."""
        account = body.over(register.get(name))
        register.put(account)
        if body.locked is False or body.status is Status.ACTIVE:
            parts.runs.unlock(name)
        return account_json(account)

    return router


def _run_account_routes(parts: DeskParts) -> APIRouter:
    router = APIRouter(tags=["accounts"])

    @router.get("/runs/{run}/accounts")
    async def list_accounts_of_a_run(run: str) -> list[dict[str, Any]]:
        """Give the accounts as this run sees them: its own in the place of those with the same name."""
        register = parts.register.under({}, parts.runs.get(run).accounts)
        return [account_json(account) for account in register.everybody()]

    @router.get("/runs/{run}/accounts/{name}")
    async def read_account_of_a_run(run: str, name: str) -> dict[str, Any]:
        """Give one account as this run sees it."""
        return account_json(parts.register.under({}, parts.runs.get(run).accounts).get(name))

    @router.post("/runs/{run}/accounts", status_code=201)
    async def put_account_of_a_run(run: str, body: AccountBody) -> dict[str, Any]:
        """Make an account that only this run knows, or that hides one of all runs there."""
        register = parts.register.under({}, parts.runs.get(run).accounts)
        derived = make_account(parts.secret_seed, body.name, body.environment, body.dialect)
        account = body.over(derived.with_switches(parts.switches))
        register.put(account)
        return account_json(account)

    return router


def _switch_routes(runs: Runs) -> APIRouter:
    router = APIRouter(tags=["switches"])

    @router.get("/runs/{run}/switches")
    async def read_switches(run: str) -> dict[str, bool]:
        """Give the switches that this run sets over those of every account."""
        return runs.get(run).switches

    @router.put("/runs/{run}/switches")
    async def set_switches(run: str, body: dict[str, Flag]) -> dict[str, bool]:
        """Set exactly these for the run; GET /parity says what each does."""
        flip(AS_BUILT, body)
        switches = runs.get(run).switches
        switches.clear()
        switches.update(body)
        return switches

    @router.delete("/runs/{run}/switches", status_code=204)
    async def clear_switches(run: str) -> Response:
        """Leave each account its own again."""
        runs.get(run).switches.clear()
        return Response(status_code=204)

    return router
