"""Accounts at the control face: make, list and change them, set a run's switches. Applications:
`applications_web.py`."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BeforeValidator

from mock_c06.accounts.model import AS_BUILT, Status, flip
from mock_c06.accounts.register import Register, make_account
from mock_c06.bodies import Flag, refuse_many
from mock_c06.control.accounts_json import AccountBody, AccountChange, account_json
from mock_c06.control.applications_web import AccountDependencies, application_routers
from mock_c06.control.problems import guarded_router
from mock_c06.runs.run import Runs

SwitchesBody = Annotated[dict[str, Flag], BeforeValidator(refuse_many)]


def desk_routers(deps: AccountDependencies) -> Iterable[APIRouter]:
    """Return the routes."""
    return (
        _account_routes(deps),
        _run_account_routes(deps),
        *application_routers(deps),
        _switch_routes(deps.runs),
    )


def _account_routes(deps: AccountDependencies) -> APIRouter:
    router = guarded_router("accounts")
    register = deps.register

    @router.get("/accounts")
    async def list_accounts() -> list[dict[str, Any]]:
        """Return the accounts with their secrets."""
        return [account_json(account) for account in register.everybody()]

    @router.post("/accounts", status_code=201)
    async def put_account(body: AccountBody) -> dict[str, Any]:
        """Make an account, or replace the one with that name. Sensitive fields must be named."""
        return _put(deps, register, body)

    @router.get("/accounts/{name}")
    async def read_account(name: str) -> dict[str, Any]:
        """Return one account."""
        return account_json(register.get(name))

    @router.patch("/accounts/{name}")
    async def change_account(name: str, body: AccountChange) -> dict[str, Any]:
        """Change an account: its status, rate, permissions or quirks; or unlock it."""
        return _change(register, name, body, unlock=deps.runs.unlock)

    return router


def _run_account_routes(deps: AccountDependencies) -> APIRouter:
    router = guarded_router("accounts")

    @router.get("/runs/{run}/accounts")
    async def list_accounts_of_a_run(run: str) -> list[dict[str, Any]]:
        """Return the accounts of this run: its own replace those with the same name."""
        register = deps.register.for_run({}, deps.runs.get(run).accounts)
        return [account_json(account) for account in register.everybody()]

    @router.get("/runs/{run}/accounts/{name}")
    async def read_account_of_a_run(run: str, name: str) -> dict[str, Any]:
        """Return one account of this run."""
        return account_json(deps.register.for_run({}, deps.runs.get(run).accounts).get(name))

    @router.post("/runs/{run}/accounts", status_code=201)
    async def put_account_of_a_run(run: str, body: AccountBody) -> dict[str, Any]:
        """Make an account of this run only; it hides an account of all runs with the same name."""
        register = deps.register.for_run({}, deps.runs.get(run).accounts)
        return _put(deps, register, body)

    @router.patch("/runs/{run}/accounts/{name}")
    async def change_account_of_a_run(run: str, name: str, body: AccountChange) -> dict[str, Any]:
        """Change an account in this run only, as `PATCH /accounts/{name}` does for all; or unlock it here."""
        found = deps.runs.get(run)
        register = deps.register.for_run({}, found.accounts)
        return _change(register, name, body, unlock=found.memory.unlock)

    return router


def _put(deps: AccountDependencies, register: Register, body: AccountBody) -> dict[str, Any]:
    derived = make_account(deps.secret_seed, body.name, body.environment, body.dialect)
    account = body.over(replace(derived, switches=deps.switches))
    register.put(account)
    return account_json(account)


def _change(
    register: Register, name: str, body: AccountChange, *, unlock: Callable[[str], None]
) -> dict[str, Any]:
    account = body.over(register.get(name))
    register.put(account)
    if body.locked is False or body.status is Status.ACTIVE:
        unlock(name)
    return account_json(account)


def _switch_routes(runs: Runs) -> APIRouter:
    router = guarded_router("switches")

    @router.get("/runs/{run}/switches")
    async def read_switches(run: str) -> dict[str, bool]:
        """Return the switches that this run sets for every account."""
        return runs.get(run).switches

    @router.put("/runs/{run}/switches")
    async def set_switches(run: str, body: SwitchesBody) -> dict[str, bool]:
        """Set exactly these switches for the run; GET /parity says what each does."""
        flip(AS_BUILT, body)
        switches = runs.get(run).switches
        switches.clear()
        switches.update(body)
        return switches

    @router.delete("/runs/{run}/switches", status_code=204)
    async def clear_switches(run: str) -> Response:
        """Clear the run's switches: each account has its own again."""
        runs.get(run).switches.clear()
        return Response(status_code=204)

    return router
