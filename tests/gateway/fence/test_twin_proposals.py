"""Threat 10: one credential proposed for both profiles, before it is active at either."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.changes import store
from gateway.changes.model import ChangeState
from gateway.database import Transaction
from gateway.operators.model import Role
from gateway.places import Profile
from gateway.profiles.preflight import Preflight
from mock_c06.app import MockRegistry
from tests.gateway.audit.entries import entry
from tests.gateway.changes.desk import Desk, told
from tests.gateway.fence.network import Network
from tests.gateway.operators.people import signed_in
from tests.gateway.scene import HandClock, open_scene, settings_for

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
        desk = Desk(
            scene=scene,
            proposer=await signed_in(scene, "phuong.de", Role.PROPOSER),
            approver=await signed_in(scene, "dung.duyet", Role.APPROVER),
        )
        made = await scene.control.post("/accounts", json={"name": "newest", "environment": "official"})
        account = {"c06_user": made.json()["user"], "c06_secret": made.json()["secret"]}
        yield Twins(
            desk=desk,
            sandbox=await desk.propose(SANDBOX, **account),
            official=await desk.propose(OFFICIAL, **account),
        )


async def test_threat_10_a_credential_proposed_for_both_profiles_leaves_for_neither(twins: Twins) -> None:
    desk = twins.desk
    for change in (twins.sandbox, twins.official):
        found = await desk.preflight(change)
        (check,) = [check for check in found["checks"] if check["name"] == "not_the_other_profile"]
        assert check["detail"] == "the other profile's: c06_user, c06_secret"
    assert await desk.scene.journal() == await desk.scene.journal("official") == []


async def test_threat_10_a_credential_that_passed_at_both_profiles_becomes_neithers(twins: Twins) -> None:
    """As if both preflights had passed at once; the commit that activates looks again."""
    desk = twins.desk
    await _let_pass(desk, twins.sandbox)
    await _let_pass(desk, twins.official)
    for change in (twins.sandbox, twins.official):
        refused = await desk.act(desk.approver, change, "activate")
        assert told(refused) == (422, "preflight_failed")
        (error,) = refused.json()["errors"]
        assert error["field"] == "not_the_other_profile"
        assert "c06_user, c06_secret" in error["detail"]
    for profile in Profile:
        link = desk.scene.gateway.places[profile].link
        assert link is not None
        assert link.connection.revision == 1


async def test_threat_10_once_the_mistaken_twin_is_rejected_the_right_one_goes_on(twins: Twins) -> None:
    desk = twins.desk
    desk.done(await desk.act(desk.approver, twins.sandbox, "reject", {"reason": "official's account"}))
    assert (await desk.preflight(twins.official))["passed"]
    desk.done(await desk.approve(twins.official))
    assert desk.done(await desk.act(desk.approver, twins.official, "activate"))["state"] == "active"


async def test_a_proposal_with_what_stands_at_the_other_profile_does_not_stop_that_one(twins: Twins) -> None:
    desk = twins.desk
    standing = desk.revision(OFFICIAL)
    pasted = {name: standing[name] for name in ("c06_user", "c06_secret")}
    mistaken = await desk.preflight(await desk.propose(SANDBOX, **pasted))
    assert not mistaken["passed"]
    assert (await desk.preflight(await desk.propose(OFFICIAL, contact="another")))["passed"]


async def _let_pass(desk: Desk, change: dict[str, Any]) -> None:
    parts = desk.scene.gateway.parts

    async def change_it(transaction: Transaction) -> None:
        found = await store.find_change(transaction, change["id"])
        assert found is not None
        passed = replace(
            found,
            state=ChangeState.APPROVED,
            preflight=Preflight(passed=True, checks=()),
            preflighted_at=parts.clock.now(),
        )
        assert await store.update_change(transaction, passed, former=found.state)

    await parts.audit.record(entry(), change=change_it)


async def test_threat_10_what_is_only_proposed_for_official_is_not_taken_for_the_sandboxs(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    """An official that reaches further than this machine starts with a proposal: nothing is active there yet."""
    settings = settings_for(
        database_url, mock, official={"networks": ("10.0.0.0/8",), "registry_url": REMOTE}
    )
    async with open_scene(settings, mock, clock, network=Network(mock).open) as scene:
        assert scene.gateway.places[OFFICIAL].revision is None
        desk = Desk(
            scene=scene,
            proposer=await signed_in(scene, "phuong.de", Role.PROPOSER),
            approver=await signed_in(scene, "dung.duyet", Role.APPROVER),
        )
        official = desk.revision(OFFICIAL)
        pasted = {name: official[name] for name in ("c06_user", "c06_secret")}
        found = await desk.preflight(await desk.propose(SANDBOX, **pasted))
        assert await scene.journal() == await scene.journal("official") == []
    failed = [check["name"] for check in found["checks"] if not check["passed"]]
    assert "not_the_other_profile" in failed
