"""Ways to end a right (account, token, grant, profile) while a test's work is in progress."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.accounts.model import AccountState
from gateway.accounts.store import accounts
from gateway.accounts.use_cases import change_state
from gateway.audit.model import AuditEntry
from gateway.identifiers import Profile
from gateway.operators.model import operator_entry
from gateway.profiles.revisions import Suspension
from gateway.profiles.store import suspend
from gateway.storage.database import Transaction
from tests.kit.scene import Portal, Scene

End = Callable[[Scene, Portal], Awaitable[None]]


async def suspend_account(scene: Scene, portal: Portal) -> None:
    await change_state(scene.gateway.deps, portal.client_id, AccountState.SUSPENDED)


async def _revoke(scene: Scene, portal: Portal) -> None:
    await change_state(scene.gateway.deps, portal.client_id, AccountState.REVOKED)


async def _narrow(scene: Scene, portal: Portal) -> None:
    """Grant less, as a change of grants does: a new grant epoch."""
    narrower = {"grants": [], "grant_epoch": accounts.c.grant_epoch + 1}
    async with scene.gateway.deps.database.write() as transaction:
        change = sa.update(accounts).where(accounts.c.client_id == portal.client_id)
        await transaction.execute(change.values(narrower).execution_options(unrecorded="a test's own"))


async def resume_account(scene: Scene, portal: Portal) -> None:
    """Suspend and resume: work that began before the suspension may not continue."""
    await suspend_account(scene, portal)
    await change_state(scene.gateway.deps, portal.client_id, AccountState.ACTIVE)


async def _suspend_profile(scene: Scene, portal: Portal) -> None:
    del portal
    deps = scene.gateway.deps
    suspension = Suspension(at=deps.clock.now(), by="an.operator", reason="a test")

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        await suspend(transaction, Profile.SANDBOX, suspension)
        return [operator_entry(deps, "profile_suspended", actor="an.operator")], None

    await deps.audit.commit(decide)


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


@asynccontextmanager
async def behind_a_busy_audit(
    scene: Scene, end: Callable[[], Awaitable[None]]
) -> AsyncIterator[Callable[[Awaitable[httpx.Response]], Awaitable[httpx.Response]]]:
    """Keep the audit's writer busy, queue `end`, then a call after it: the call passes its checks and
    commits after `end`.
    """
    log = scene.gateway.deps.audit
    gate, closed = asyncio.Event(), asyncio.Event()

    async def wait_there(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        del transaction
        closed.set()
        await gate.wait()
        return (), None

    async def queued(awaited: Awaitable[Any], number: int) -> asyncio.Future[Any]:
        task = asyncio.ensure_future(awaited)
        async with asyncio.timeout(9):
            while log.waiting < number and not task.done():  # noqa: ASYNC110 - the queue has no event
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
