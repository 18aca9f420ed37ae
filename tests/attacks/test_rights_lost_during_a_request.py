"""Threat 49: when a right ends during a request, nothing more is asked or delivered, and past questions
remain in evidence.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.accounts.model import Caller
from gateway.accounts.store import find_account
from gateway.accounts.use_cases import disable_officers
from gateway.enquiries.budget_store import leases, reservations
from gateway.enquiries.prefill_store import prefills
from gateway.enquiries.receipts import show_ledger
from gateway.enquiries.store import verifications
from gateway.errors.requests import AccountSuspended
from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.attacks.lost_rights import EVERY_END, End, behind_a_busy_audit, resume_account, suspend_account
from tests.attacks.networks import Network, network, platform_scene, scene
from tests.kit.clocks import HandClock
from tests.kit.enquiries import CARD, VerifiedEnquiry, values, verified
from tests.kit.scene import AN, Portal, Scene, another_worker, outcome

__all__ = ["network", "scene"]


async def disable_officer(scene: Scene, portal: Portal, officer: str) -> None:
    """Disable an officer of the portal's account."""
    deps = scene.gateway.deps
    async with deps.database.read() as connection:
        account = await find_account(connection, portal.client_id)
    assert account is not None
    await disable_officers(deps, scene.gateway.places[Profile.SANDBOX], account, [officer])


async def kinds(scene: Scene, *, after: int = 0) -> list[str]:
    """Return kind and outcome of the rows of questions and their answers, without the accounts' own rows."""
    rows = (await scene.audit())[after:]
    return [
        f"{row['kind']} {row.get('outcome', '')}".strip()
        for row in rows
        if row["kind"] not in {"local", "operator"}
    ]


async def count(scene: Scene, table: sa.Table, *which: sa.ColumnElement[bool]) -> int:
    async with scene.gateway.deps.database.read() as connection:
        query = sa.select(sa.func.count()).select_from(table).where(*which)
        return int((await connection.execute(query)).scalar_one())


WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


@EVERY_END
async def test_threat_49_a_right_that_ends_during_the_question_delivers_no_verdict(
    scene: Scene, portal: Portal, network: Network, end: End, status: int, code: str
) -> None:
    network.meanwhile = lambda: end(scene, portal)

    answer = await portal.verify()

    assert outcome(answer) == (status, code)
    assert await kinds(scene) == ["intended", "answered confirmed", f"refused {code}"]
    assert await count(scene, verifications) == 0
    assert await count(scene, reservations) == 0
    assert await count(scene, leases, leases.c.landed_at.is_(None)) == 0


async def test_threat_49_a_wrong_claim_counts_though_its_account_was_suspended_in_the_meantime(
    scene: Scene, portal: Portal, network: Network
) -> None:
    confirmed = await verified(portal)
    network.meanwhile = lambda: suspend_account(scene, portal)

    answer = await portal.verify(claim=WRONG)

    assert outcome(answer) == (403, "account_suspended")
    assert await count(scene, verifications, verifications.c.verdict == "not_confirmed") == 1
    assert await count(scene, verifications, verifications.c.id == confirmed.members["id"]) == 1


@EVERY_END
async def test_threat_49_a_right_that_ends_during_a_prefill_delivers_no_value(
    scene: Scene, portal: Portal, network: Network, end: End, status: int, code: str
) -> None:
    act = await verified(portal, CARD)
    before = len(await scene.audit())
    network.meanwhile = lambda: end(scene, portal)

    answer = await act.fill("full_name", "father")

    assert outcome(answer) == (status, code)
    assert "VĂN" not in answer.text
    rows = await kinds(scene, after=before)
    assert (rows[:2], rows[-1]) == (["intended", "intended"], f"refused {code}")
    assert len([row for row in rows if row.startswith("answered")]) == 2
    assert await count(scene, prefills) == 0


async def _refuse_one_login(portal: Portal, network: Network) -> None:
    """Have one login refused: the next question goes alone, and concurrent ones wait for its result."""
    network.refuses = 1
    assert outcome(await portal.verify(fresh=True)) == (502, "registry_credentials_rejected")
    network.left.clear()


@EVERY_END
async def test_threat_49_a_later_question_of_the_same_prefill_is_not_sent_once_the_right_has_ended(
    scene: Scene, portal: Portal, network: Network, end: End, status: int, code: str
) -> None:
    act = await verified(portal, CARD)
    await _refuse_one_login(portal, network)
    before = len(await scene.audit())
    network.meanwhile = lambda: end(scene, portal)

    answer = await act.fill("full_name", "father", "marital_status")

    assert outcome(answer) == (status, code)
    assert len(network.left) == 1
    rows = await kinds(scene, after=before)
    assert sorted(rows[3:6]) == sorted(["answered found", *[f"answered {code}"] * 2])
    assert rows[6:] == [f"refused {code}"]


async def test_threat_49_no_second_question_is_sent_after_a_token_renewal_for_a_suspended_account(
    database_url: str, mock: MockRegistry, clock: HandClock, network: Network
) -> None:
    async with platform_scene(database_url, mock, clock, network) as scene:
        portal = await scene.portal()
        network.refuses = 1
        network.meanwhile = lambda: suspend_account(scene, portal)

        answer = await portal.verify()

        assert outcome(answer) == (403, "account_suspended")
        assert [path for path in network.left if not path.endswith("/token")] == [
            "/lgsp/xacThucThongTinCongDan"
        ]
        assert await kinds(scene) == ["intended", "answered account_suspended", "refused account_suspended"]
        assert await count(scene, reservations) == 0


async def test_threat_49_no_caller_that_waits_for_a_shared_question_is_answered_after_the_suspension(
    scene: Scene, portal: Portal, network: Network
) -> None:
    waiting: list[asyncio.Task[httpx.Response]] = []

    async def meanwhile() -> None:
        waiting.extend(asyncio.create_task(portal.verify(dossier=f"HN-{each}")) for each in range(3))
        await _let_them_come()
        await suspend_account(scene, portal)

    network.meanwhile = meanwhile
    answers = [await portal.verify(), *await asyncio.gather(*waiting)]

    assert {outcome(answer) for answer in answers} == {(403, "account_suspended")}
    assert len(network.left) == 1
    assert (await kinds(scene)).count("refused account_suspended") == 4
    assert await count(scene, verifications) == 0


async def _let_them_come() -> None:
    """Let the calls advance as far as they can. A late one gets the same answer: the checks at the start refuse it."""
    for _ in range(40):
        await asyncio.sleep(0.01)


async def test_threat_49_a_waiting_caller_with_a_new_token_is_not_refused_because_of_an_old_one(
    scene: Scene, portal: Portal, network: Network
) -> None:
    waiting: list[asyncio.Task[httpx.Response]] = []

    async def meanwhile() -> None:
        await resume_account(scene, portal)
        later = await replace(portal).log_in()
        waiting.append(asyncio.create_task(later.verify(dossier="HN-LATER")))
        await _let_them_come()

    network.meanwhile = meanwhile
    first = await portal.verify()
    second = await waiting[0]

    assert outcome(first) == (401, "token_invalid")
    assert (second.status_code, second.json()["verdict"]) == (201, "confirmed")
    assert len(network.left) == 2


async def test_threat_49_a_waiting_caller_at_another_worker_is_also_refused_after_the_suspension(
    scene: Scene, portal: Portal, network: Network
) -> None:
    async with another_worker(scene) as http:
        waiting: list[asyncio.Task[httpx.Response]] = []

        async def meanwhile() -> None:
            waiting.append(asyncio.create_task(replace(portal, http=http).verify(dossier="HN-2")))
            await _let_them_come()
            await suspend_account(scene, portal)

        network.meanwhile = meanwhile
        answers = [await portal.verify(), await waiting[0]]

        assert [outcome(answer) for answer in answers] == [(403, "account_suspended")] * 2
        assert len(await scene.journal()) == 1
        assert await count(scene, verifications) == 0


async def test_threat_49_verify_and_prefill_delivers_no_form_after_the_suspension(
    scene: Scene, portal: Portal, network: Network
) -> None:
    async def second() -> None:
        network.meanwhile = lambda: suspend_account(scene, portal)

    network.meanwhile = second

    answer = await portal.verify(prefill={"fields": ["full_name"]})

    assert outcome(answer) == (403, "account_suspended")
    assert (await kinds(scene))[-3:] == ["intended", "answered found", "refused account_suspended"]
    assert await count(scene, prefills) == 0


@pytest.mark.parametrize("what", ["verdict", "form"])
async def test_threat_49_nothing_is_delivered_for_an_officer_disabled_in_the_meantime(
    scene: Scene, portal: Portal, network: Network, what: str
) -> None:
    officer = {"kind": "officer", "id": "can.bo.01"}
    act = await verified(portal, CARD, initiated_by=officer)
    before = len(await scene.audit())
    network.meanwhile = lambda: disable_officer(scene, portal, "can.bo.01")

    if what == "form":
        answer = await act.fill("full_name", initiated_by=officer)
    else:
        answer = await portal.verify(fresh=True, initiated_by=officer)

    assert outcome(answer) == (403, "officer_not_granted")
    assert [error["field"] for error in answer.json()["errors"]] == ["initiated_by.id"]
    assert (await kinds(scene, after=before))[-1] == "refused officer_not_granted"
    assert (await portal.verify(dossier="HN-CITIZEN")).status_code == 200


async def test_threat_49_a_prefill_is_not_delivered_once_its_verification_is_revoked(
    scene: Scene, portal: Portal, network: Network
) -> None:
    act = await verified(portal, CARD)

    async def meanwhile() -> None:
        revoked = await portal.call("POST", f"/verifications/{act.members['id']}/revoke")
        assert revoked.json()["state"] == "revoked"

    network.meanwhile = meanwhile
    answer = await act.fill("full_name")

    assert outcome(answer) == (409, "verification_invalidated")
    assert (await kinds(scene))[-2:] == ["answered found", "refused verification_invalidated"]
    assert await count(scene, prefills) == 0


async def test_threat_49_a_prefill_is_not_delivered_once_its_verification_has_expired(
    scene: Scene, portal: Portal, network: Network
) -> None:
    act = await verified(portal, CARD)

    async def afterwards() -> None:
        scene.clock.advance(1801)

    network.afterwards = afterwards

    answer = await act.fill("full_name")

    assert outcome(answer) == (409, "verification_expired")
    assert (await kinds(scene))[-2:] == ["answered found", "refused verification_expired"]


async def test_threat_49_a_death_found_by_a_suspended_account_ends_verifications_but_is_not_delivered(
    scene: Scene, portal: Portal, network: Network
) -> None:
    act = await verified(portal, CARD)
    happened = await scene.control.post(
        "/runs/default/events", json={"kind": "death", "citizen_id": AN["citizen_id"]}
    )
    assert happened.status_code < 300, happened.text
    network.meanwhile = lambda: suspend_account(scene, portal)

    answer = await act.fill("full_name")

    assert outcome(answer) == (403, "account_suspended")
    assert "ended invalidated" in await kinds(scene)
    assert await count(scene, verifications, verifications.c.state == "live") == 0


async def _dispute(act: VerifiedEnquiry) -> dict[str, str]:
    form = await act.fill("full_name")
    return {"prefill": form.json()["id"], "field": "full_name", "note": "Sai tên đệm"}


@pytest.mark.parametrize(
    "what", ["ask", "reuse", "derive", "form", "dispute", "revoke", "replay", "replay_form"]
)
async def test_threat_49_a_right_that_ends_between_the_checks_and_the_commit_delivers_nothing(
    scene: Scene, portal: Portal, network: Network, what: str
) -> None:
    kept = await portal.call("POST", "/verifications", _body(), **{"Idempotency-Key": "k-1"})
    act = VerifiedEnquiry(portal, kept.json())
    form = {"verification": kept.json()["id"], "fields": ["full_name"]} | _act(kept.json())
    assert values(await portal.call("POST", "/prefills", form, **{"Idempotency-Key": "k-2"}))
    disputed = await _dispute(act)
    network.left.clear()
    before = len(await scene.audit())
    calls: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "ask": lambda: portal.verify(fresh=True),
        "reuse": portal.verify,
        "derive": lambda: portal.verify(dossier="HN-2"),
        "form": lambda: act.fill("full_name"),
        "dispute": lambda: portal.call("POST", "/discrepancies", disputed),
        "revoke": lambda: portal.call("POST", f"/verifications/{kept.json()['id']}/revoke"),
        "replay": lambda: portal.call("POST", "/verifications", _body(), **{"Idempotency-Key": "k-1"}),
        "replay_form": lambda: portal.call("POST", "/prefills", form, **{"Idempotency-Key": "k-2"}),
    }

    async with behind_a_busy_audit(scene, lambda: suspend_account(scene, portal)) as call:
        answer = await call(calls[what]())

    assert outcome(answer) == (403, "account_suspended")
    assert network.left == []
    assert await kinds(scene, after=before) == ["refused account_suspended"]


def _act(members: dict[str, Any]) -> dict[str, Any]:
    repeated = {name: members[name] for name in ("procedure", "dossier", "subject_role")}
    return repeated | {"initiated_by": {"kind": "citizen"}}


def _body() -> dict[str, Any]:
    act = {"procedure": "khai-sinh", "dossier": "HN-2022-000123", "subject_role": "requester"}
    return _act(act) | {"claim": AN}


async def test_threat_49_the_ledger_is_not_shown_to_an_account_suspended_during_its_call(
    scene: Scene, portal: Portal
) -> None:
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    receipt = await portal.receipt()
    async with deps.database.read() as connection:
        account = await find_account(connection, portal.client_id)
    assert account is not None
    caller = Caller(account=account, scopes=account.scopes, grants=account.grants, request_id="req-1")
    await suspend_account(scene, portal)

    with pytest.raises(AccountSuspended):
        await show_ledger(deps, place, caller, receipt)
    assert (await kinds(scene))[-1] == "refused account_suspended"
