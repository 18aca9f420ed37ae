"""Threat 10: one credential proposed for both profiles, before it is active at either."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.changes import store
from gateway.changes.model import ChangeState
from gateway.identifiers import Profile
from gateway.preflight.report import Preflight
from gateway.storage.database import Transaction
from mock_c06.app import MockRegistry
from tests.gateway.cross_profile.world import Network
from tests.kit.audit import entry
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk, open_desk
from tests.kit.scene import open_scene, outcome, settings_for

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX
REMOTE = "https://10.20.30.40"


@dataclass(frozen=True)
class Twins:
    """Two proposals that carry the official registry's newest account, one for each profile."""

    desk: Desk
    sandbox: dict[str, Any]
    official: dict[str, Any]


@pytest.fixture
async def twins(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Twins]:
    settings = settings_for(database_url, mock)
    async with open_scene(settings, mock, clock, network=Network(mock).open) as scene:
        desk = await open_desk(scene)
        made = await scene.control.post("/accounts", json={"name": "newest", "environment": "official"})
        account = {"c06_user": made.json()["user"], "c06_secret": made.json()["secret"]}
        yield Twins(
            desk=desk,
            sandbox=await desk.propose(SANDBOX, **account),
            official=await desk.propose(OFFICIAL, **account),
        )


async def test_threat_10_a_credential_proposed_for_both_profiles_is_sent_to_neither(twins: Twins) -> None:
    desk = twins.desk
    for change in (twins.sandbox, twins.official):
        found = await desk.preflight(change)
        (check,) = [check for check in found["checks"] if check["name"] == "not_the_other_profile"]
        assert check["detail"] == "the other profile has the same c06_user, c06_secret"
    assert await desk.scene.journal() == await desk.scene.journal("official") == []


async def test_threat_10_a_credential_that_passed_at_both_profiles_is_activated_at_neither(
    twins: Twins,
) -> None:
    """As if both preflights had passed at once; the commit that activates checks again."""
    desk = twins.desk
    await _let_pass(desk, twins.sandbox)
    await _let_pass(desk, twins.official)
    for change in (twins.sandbox, twins.official):
        refused = await desk.act(desk.approver, change, "activate")
        assert outcome(refused) == (422, "preflight_failed")
        (error,) = refused.json()["errors"]
        assert error["field"] == "not_the_other_profile"
        assert "c06_user, c06_secret" in error["detail"]
    for profile in Profile:
        client = desk.scene.gateway.places[profile].client
        assert client is not None
        assert client.connection.revision == 1


async def test_threat_10_once_the_mistaken_proposal_is_rejected_the_right_one_is_activated(
    twins: Twins,
) -> None:
    desk = twins.desk
    desk.done(await desk.act(desk.approver, twins.sandbox, "reject", {"reason": "official's account"}))
    assert (await desk.preflight(twins.official))["passed"]
    desk.done(await desk.approve(twins.official))
    assert desk.done(await desk.act(desk.approver, twins.official, "activate"))["state"] == "active"


async def test_a_proposal_with_the_other_profiles_credential_does_not_block_that_profile(
    twins: Twins,
) -> None:
    desk = twins.desk
    active = desk.revision(OFFICIAL)
    pasted = {name: active[name] for name in ("c06_user", "c06_secret")}
    mistaken = await desk.preflight(await desk.propose(SANDBOX, **pasted))
    assert not mistaken["passed"]
    assert (await desk.preflight(await desk.propose(OFFICIAL, contact="another")))["passed"]


async def _let_pass(desk: Desk, change: dict[str, Any]) -> None:
    deps = desk.scene.gateway.deps

    async def change_it(transaction: Transaction) -> None:
        found = await store.find_change(transaction, change["id"])
        assert found is not None
        passed = replace(
            found,
            state=ChangeState.APPROVED,
            preflight=Preflight(passed=True, checks=()),
            preflighted_at=deps.clock.now(),
        )
        assert await store.update_change(transaction, passed, former=found.state)

    await deps.audit.record(entry(), change=change_it)


async def test_threat_10_a_credential_only_proposed_for_official_is_refused_for_sandbox(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    """An official profile that reaches further than this machine starts with a proposal: nothing is active there yet."""
    settings = settings_for(
        database_url, mock, official={"networks": ("10.0.0.0/8",), "registry_url": REMOTE}
    )
    async with open_scene(settings, mock, clock, network=Network(mock).open) as scene:
        assert scene.gateway.places[OFFICIAL].revision is None
        desk = await open_desk(scene)
        official = desk.revision(OFFICIAL)
        pasted = {name: official[name] for name in ("c06_user", "c06_secret")}
        found = await desk.preflight(await desk.propose(SANDBOX, **pasted))
        assert await scene.journal() == await scene.journal("official") == []
    failed = [check["name"] for check in found["checks"] if not check["passed"]]
    assert "not_the_other_profile" in failed
