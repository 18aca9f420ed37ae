"""Rights that end, and what is left behind: for tests of work in flight."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.accounts.model import AccountState
from gateway.accounts.store import accounts, find_account
from gateway.accounts.use_cases import change_state, disable_officers
from gateway.audit.model import AuditEntry
from gateway.database import Transaction
from gateway.operators.use_cases import operator_entry
from gateway.places import Profile
from gateway.profiles.revisions import Suspension
from gateway.profiles.switching import suspend
from gateway.verifications.budgets_store import reservations
from gateway.verifications.flights_store import flights
from tests.gateway.scene import Portal, Scene

End = Callable[[Scene, Portal], Awaitable[None]]


async def suspend_account(scene: Scene, portal: Portal) -> None:
    """Suspend the portal's account."""
    await change_state(scene.gateway.parts, portal.client_id, AccountState.SUSPENDED)


async def _revoke(scene: Scene, portal: Portal) -> None:
    await change_state(scene.gateway.parts, portal.client_id, AccountState.REVOKED)


async def _narrow(scene: Scene, portal: Portal) -> None:
    """Grant less, as a change of grants will: a new grant epoch."""
    narrower = {"grants": [], "grant_epoch": accounts.c.grant_epoch + 1}
    async with scene.gateway.parts.database.write() as transaction:
        change = sa.update(accounts).where(accounts.c.client_id == portal.client_id)
        await transaction.execute(change.values(narrower).execution_options(unrecorded="a test's own"))


async def resume_account(scene: Scene, portal: Portal) -> None:
    """Suspend and resume: what began before is not what may go on."""
    await suspend_account(scene, portal)
    await change_state(scene.gateway.parts, portal.client_id, AccountState.ACTIVE)


async def disable_officer(scene: Scene, portal: Portal, officer: str) -> None:
    """Forbid an officer of the portal's account."""
    parts = scene.gateway.parts
    async with parts.database.read() as connection:
        account = await find_account(connection, portal.client_id)
    assert account is not None
    await disable_officers(parts, scene.gateway.places[Profile.SANDBOX], account, [officer])


async def _suspend_profile(scene: Scene, portal: Portal) -> None:
    del portal
    parts = scene.gateway.parts
    suspension = Suspension(at=parts.clock.now(), by="an.operator", reason="a test")

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        await suspend(transaction, Profile.SANDBOX, suspension)
        return [operator_entry(parts, "profile_suspended", actor="an.operator")]

    await parts.audit.commit(decide)


async def _revoke_token(scene: Scene, portal: Portal) -> None:
    del scene
    form = {"token": portal.access_token}
    proof = (portal.client_id, portal.secret or "")
    ended = await portal.http.post(f"{portal.issuer}/oauth2/revoke", data=form, auth=proof)
    assert ended.status_code == 200, ended.text


ENDS: dict[str, tuple[End, int, str]] = {
    "suspended": (suspend_account, 403, "account_suspended"),
    "revoked": (_revoke, 401, "token_invalid"),
    "narrowed": (_narrow, 401, "token_invalid"),
    "resumed": (resume_account, 401, "token_invalid"),
    "token revoked": (_revoke_token, 401, "token_invalid"),
    "profile": (_suspend_profile, 503, "profile_suspended"),
}
EVERY_END = pytest.mark.parametrize(("end", "status", "code"), ENDS.values(), ids=ENDS.keys())


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def kinds(scene: Scene, *, after: int = 0) -> list[str]:
    """Return the rows of questions and their ends: kind and outcome, the accounts' own rows left out."""
    rows = (await scene.audit())[after:]
    return [
        f"{row['kind']} {row.get('outcome', '')}".strip()
        for row in rows
        if row["kind"] not in {"local", "operator"}
    ]


async def count(scene: Scene, table: sa.Table, *which: sa.ColumnElement[bool]) -> int:
    async with scene.gateway.parts.database.read() as connection:
        query = sa.select(sa.func.count()).select_from(table).where(*which)
        return int((await connection.execute(query)).scalar_one())


async def left_open(scene: Scene) -> set[str]:
    """Return the request codes that were intended and never answered."""
    codes: dict[str, set[str]] = {"intended": set(), "answered": set()}
    for row in await scene.audit():
        codes.get(row["kind"], set()).add(row.get("request_code", ""))
    assert codes["intended"]
    return codes["intended"] - codes["answered"]


async def open_places(scene: Scene) -> tuple[int, int]:
    """Return how many reservations are held, and how many questions are under way."""
    async with scene.gateway.parts.database.read() as connected:
        held = await connected.execute(sa.select(sa.func.count()).select_from(reservations))
        under_way = sa.select(sa.func.count()).where(flights.c.landed_at.is_(None))
        return held.scalar_one(), (await connected.execute(under_way)).scalar_one()


@asynccontextmanager
async def behind_a_closed_gate(
    scene: Scene, end: Callable[[], Awaitable[None]]
) -> AsyncIterator[Callable[[Awaitable[httpx.Response]], Awaitable[httpx.Response]]]:
    """Keep the audit's writer busy, let `end` queue, then a call behind it: its guards pass, and its commit comes after."""
    log = scene.gateway.parts.audit
    gate, closed = asyncio.Event(), asyncio.Event()

    async def wait_there(transaction: Transaction) -> Sequence[AuditEntry]:
        del transaction
        closed.set()
        await gate.wait()
        return ()

    async def queued(awaited: Awaitable[Any], number: int) -> asyncio.Future[Any]:
        task = asyncio.ensure_future(awaited)
        async with asyncio.timeout(9):
            while log.waiting < number and not task.done():  # noqa: ASYNC110 - the queue tells nobody
                await asyncio.sleep(0.005)
        return task

    async def call(awaited: Awaitable[httpx.Response]) -> httpx.Response:
        task = await queued(awaited, 2)
        gate.set()
        answer: httpx.Response = await task
        return answer

    holding = asyncio.create_task(log.commit(wait_there))
    await closed.wait()
    ending = await queued(end(), 1)
    try:
        yield call
    finally:
        gate.set()
        await asyncio.gather(holding, ending)
