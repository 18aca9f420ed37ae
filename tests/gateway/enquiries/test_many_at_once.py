"""Random calls of four accounts at two workers, many at once: budgets are small, claims wrong, and accounts suspended meanwhile.

Whatever was refused, afterwards the evidence, the leases, the budgets and the covered rows agree with one another.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.audit.verify import verify_state
from gateway.enquiries.budget_store import enquiry_counts, leases, reservations
from gateway.enquiries.store import verifications
from gateway.storage.database import Transaction
from mock_c06.app import MockRegistry
from tests.attacks.evidence import trust_of
from tests.kit.clocks import HandClock
from tests.kit.mock_registry import PERSONAS
from tests.kit.scene import CITIZEN, Portal, Scene, another_worker, enquiry, open_scene, settings_for

ROUNDS, AT_ONCE, ACCOUNTS = 2, 120, 4
WRONG_OF_ACCOUNT, WRONG_OF_PERSON = 12, 4
CLAIMS = [
    {"citizen_id": each.citizen_id, "full_name": each.full_name, "birth_date": each.birth_date.isoformat()}
    for each in (persona.person for persona in PERSONAS.values())
    if each.citizen_id and each.birth_date
][:12]
OTHER_NAMES = [f"Sai Thử {letter}" for letter in "ABCDEFGH"]


class Callers:
    """The accounts' callers at both workers, and the verifications that they have got."""

    def __init__(self, portals: Sequence[Portal], other: httpx.AsyncClient, seed: int) -> None:
        self._portals = [(portal, replace(portal, http=other)) for portal in portals]
        self._chance = random.Random(seed)
        self._confirmed: list[tuple[int, dict[str, Any]]] = []

    async def call(self) -> httpx.Response:
        """Send one call, of a random kind, as a random account at a random worker."""
        chance = self._chance
        if self._confirmed and chance.random() < 0.25:
            account, found = chance.choice(self._confirmed)
            portal = chance.choice(self._portals[account])
            if chance.random() < 0.3:
                return await portal.call("POST", f"/verifications/{found['id']}/revoke")
            named = {name: found[name] for name in ("procedure", "dossier", "subject_role")}
            asked = {"verification": found["id"], "fields": ["full_name", "gender"], "initiated_by": CITIZEN}
            return await portal.call("POST", "/prefills", named | asked)
        account = chance.randrange(ACCOUNTS)
        portal = chance.choice(self._portals[account])
        headers = {"Idempotency-Key": f"key-{chance.randrange(100)}"} if chance.random() < 0.2 else {}
        answer = await portal.call("POST", "/verifications", self._enquiry(), **headers)
        if answer.is_success and answer.json()["verdict"] == "confirmed":
            self._confirmed.append((account, answer.json()))
        return answer

    def _enquiry(self) -> dict[str, Any]:
        chance = self._chance
        claim = chance.choice(CLAIMS)
        if chance.random() < 0.25:
            claim = claim | {"full_name": chance.choice(OTHER_NAMES)}
        body = enquiry(claim=claim, dossier=f"HN-{chance.randrange(3)}", fresh=chance.random() < 0.2)
        return body | ({"prefill": {"fields": ["full_name"]}} if chance.random() < 0.3 else {})


async def _suspend_and_resume(scene: Scene, portal: Portal) -> None:
    for state in (AccountState.SUSPENDED, AccountState.ACTIVE):
        await change_state(scene.gateway.deps, portal.client_id, state)


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_many_calls_at_two_workers_evidence_leases_and_budgets_agree(
    database_url: str, mock: MockRegistry, clock: HandClock, seed: int
) -> None:
    budgets = {"budget_account_hour": WRONG_OF_ACCOUNT, "budget_subject_day": WRONG_OF_PERSON}
    settings = settings_for(database_url, mock, sandbox=budgets)
    async with open_scene(settings, mock, clock) as scene, another_worker(scene) as other:
        portals = [await scene.portal() for _ in range(ACCOUNTS)]
        callers, statuses = Callers(portals, other, seed), Counter[int]()
        for suspended in portals[:ROUNDS]:
            calls = (callers.call() for _ in range(AT_ONCE))
            answers = await asyncio.gather(*calls, _suspend_and_resume(scene, suspended))
            statuses.update(answer.status_code for answer in answers if answer is not None)
        await _check(scene)
    assert {200, 201, 429} <= statuses.keys()
    assert max(statuses) < 500


async def _check(scene: Scene) -> None:
    """Check that no reservation and no open lease is left, no budget is exceeded, and each question has one answer in the audit."""
    async with scene.gateway.deps.database.read() as connection:
        assert (await connection.execute(sa.select(reservations))).all() == []
        assert (await connection.execute(sa.select(leases).where(leases.c.landed_at.is_(None)))).all() == []
        counted = dict(
            await _read(connection, enquiry_counts.c.client_id, sa.func.sum(enquiry_counts.c.answered))
        )
        wrong = verifications.c.verdict == "not_confirmed"
        claims = sa.func.count(verifications.c.claim_key.distinct())
        of_accounts = await _read(connection, verifications.c.client_id, claims, wrong)
        of_people = await _read(connection, verifications.c.subject, claims, wrong)
    assert max(count for _, count in of_accounts) <= WRONG_OF_ACCOUNT
    assert max(count for _, count in of_people) <= WRONG_OF_PERSON

    rows = [row for row in await scene.audit() if "request_code" in row]
    codes = {
        kind: Counter(row["request_code"] for row in rows if row["kind"] == kind)
        for kind in ("intended", "answered")
    }
    assert codes["intended"].keys() == codes["answered"].keys()
    assert set(codes["intended"].values()) == {1}
    assert counted == _count_answered([row for row in rows if row["kind"] == "answered"])

    deps = scene.gateway.deps
    await scene.gateway.sequencer.run()
    await verify_state(deps.database, trust=await trust_of(scene))


async def _read(connection: Transaction, key: Any, value: Any, *where: Any) -> Sequence[Any]:
    return (await connection.execute(sa.select(key, value).where(*where).group_by(key))).all()


def _count_answered(rows: Sequence[dict[str, Any]]) -> Counter[str]:
    """Count what the budget of answered enquiries counts: a confirmed claim, and a record once for each enquiry."""
    verdicts = {(row["client_id"], row["request_code"]) for row in rows if row["outcome"] == "confirmed"}
    records = {(row["client_id"], row["act"]) for row in rows if row["outcome"] in {"found", "nobody_found"}}
    return Counter(client for client, _ in [*verdicts, *records])
