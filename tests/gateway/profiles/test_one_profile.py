"""A server of one profile: what it says of the other, what it opens, and what an operator's act on the other does there.

See docs/decisions/0103.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

from gateway.audit import store as audit
from gateway.changes.watch import check_watched
from gateway.clock import today
from gateway.edge.metrics import Metrics, metrics_page
from gateway.errors.requests import StoreUnavailable
from gateway.identifiers import Profile
from gateway.profiles.places import refresh
from gateway.profiles.store import list_revisions, revisions
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.storage.database import WAIT_SECONDS, open_database
from gateway.web import build_app
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk, open_desk
from tests.kit.scene import BASE, Scene, open_scene, outcome, settings_for
from tests.kit.stores import BOTH

SANDBOX, OFFICIAL = Profile.SANDBOX, Profile.OFFICIAL
on_sqlite = pytest.mark.parametrize("database_url", BOTH[:1], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", BOTH[1:], indirect=True)


@pytest.fixture
async def both(database_url: str, mock: MockRegistry, clock: HandClock) -> Scene:
    """The same store before it was served by a process for each profile: both have their first revision."""
    ends = {"expires_on": today(clock) + timedelta(days=10)}
    settings = settings_for(database_url, mock, official=ends)
    async with open_scene(settings, mock, clock) as scene:
        return scene


def serving(former: Scene, profile: Profile, **how: Any) -> Any:
    """Open a server of one profile on the store of a scene."""
    settings = former.settings.model_copy(update={"serve_profile": profile})
    return open_scene(settings, former.mock, former.clock, **how)


@pytest.fixture
async def sandbox(both: Scene) -> AsyncIterator[Scene]:
    async with serving(both, SANDBOX) as scene:
        yield scene


@asynccontextmanager
async def two_processes(both: Scene) -> AsyncIterator[tuple[Scene, Scene]]:
    """Serve sandbox and official by two processes on one store."""
    async with serving(both, SANDBOX) as sandbox, serving(both, OFFICIAL) as official:
        yield sandbox, official


async def test_readyz_says_that_the_other_profile_is_not_served_and_nothing_more_of_it(
    sandbox: Scene,
) -> None:
    answer = (await sandbox.http.get("/readyz")).json()

    assert answer["profiles"] == {"sandbox": "ready", "official": "not_served"}
    for member in ("credential_days_left", "credential_warnings", "enquiry_warnings"):
        assert answer[member]["official"] is None, member


async def test_a_server_of_official_says_when_its_credentials_end(both: Scene) -> None:
    async with serving(both, OFFICIAL) as official:
        answer = (await official.http.get("/readyz")).json()

    assert answer["profiles"] == {"sandbox": "not_served", "official": "ready"}
    assert answer["credential_days_left"]["official"] is not None
    assert "credentials end" in answer["credential_warnings"]["official"]


async def test_no_client_of_the_other_profile_is_opened(both: Scene) -> None:
    opened = []

    def connect(connection: Connection) -> RegistryClient:
        opened.append(connection.profile)
        return open_registry(connection, transport=httpx.MockTransport(_refuse), clock=both.clock)

    async with serving(both, SANDBOX, connect=connect) as sandbox:
        await sandbox.http.get("/readyz")

    assert opened == [SANDBOX]


def _refuse(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


def secret_of(scene: Scene, profile: Profile) -> str:
    """Return the secret that a server has in its memory for the active revision."""
    revision = scene.gateway.places[profile].revision
    assert revision is not None
    assert revision.members.c06_secret is not None
    return revision.members.c06_secret.get_secret_value()


async def test_threat_9_the_other_profiles_registry_secret_stays_sealed(sandbox: Scene) -> None:
    assert secret_of(sandbox, SANDBOX)
    assert secret_of(sandbox, OFFICIAL) == ""


async def test_threat_9_the_other_profiles_registry_secret_stays_sealed_after_a_new_epoch(
    both: Scene, sandbox: Scene
) -> None:
    async with serving(both, OFFICIAL) as official:
        desk = await open_desk(official)
        await desk.proposer.call("POST", "/profiles/sandbox/suspend")
        await desk.approver.call("POST", "/profiles/official/suspend")
    if not await refresh(sandbox.gateway):
        pytest.fail("nothing changed")

    assert secret_of(sandbox, OFFICIAL) == ""
    assert sandbox.gateway.places[OFFICIAL].client is None


async def test_the_settings_make_no_revision_of_a_profile_that_is_not_served(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock).model_copy(update={"serve_profile": SANDBOX})
    async with (
        open_scene(settings, mock, clock) as scene,
        scene.gateway.deps.database.read() as transaction,
    ):
        made = await list_revisions(transaction, SANDBOX), await list_revisions(transaction, OFFICIAL)

    assert [len(each) for each in made] == [1, 0]


async def test_the_metrics_have_no_figure_of_the_other_profile(sandbox: Scene) -> None:
    metrics = Metrics()
    build_app(sandbox.gateway, metrics=metrics)
    page = httpx.ASGITransport(metrics_page(metrics.registry))
    async with httpx.AsyncClient(transport=page, base_url="http://127.0.0.1:9") as scraper:
        text = (await scraper.get("/metrics")).text

    assert set(re.findall(r'profile="(\w+)"', text)) == {"sandbox"}
    assert 'gateway_profile_state{profile="sandbox",state="ready"} 1.0' in text


async def test_the_root_names_the_other_profile_as_not_served_and_links_nowhere_into_it(
    sandbox: Scene,
) -> None:
    page = (await sandbox.http.get("/")).text

    assert "not served by this process" in page
    assert "/sandbox/jwks.json" in page
    assert not re.search(r'href="[^"]*official', page)


async def test_the_document_describes_the_paths_of_the_served_profile_alone(sandbox: Scene) -> None:
    document = (await sandbox.http.get("/openapi.json")).json()

    schemes = document["components"]["securitySchemes"]
    assert {name for name in schemes if name.startswith("oauth2_")} == {"oauth2_sandbox"}
    named = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            named |= {name for each in operation.get("security", ()) for name in each}
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "profile":
                    wanted = ["sandbox", "official"] if path.startswith("/ops/") else ["sandbox"]
                    assert parameter["schema"]["enum"] == wanted, path
    assert named <= schemes.keys()
    assert (await sandbox.http.get("/docs")).status_code == 200


async def test_threat_9_a_token_of_the_other_profile_opens_no_report(both: Scene) -> None:
    async with two_processes(both) as (sandbox, official):
        portal = await official.portal(OFFICIAL, scopes=["reports.read"])
        own = await sandbox.portal(scopes=["reports.read"])
        proof = portal.proof("GET", f"{BASE}/reports/", portal.access_token)
        headers = {"Authorization": f"DPoP {portal.access_token}", "DPoP": proof}
        refused = await sandbox.http.get("/reports/", headers=headers)
        read = await sandbox.http.get("/reports/", headers={"Authorization": f"Bearer {own.access_token}"})

    assert outcome(refused) == (403, "profile_mismatch")
    assert read.status_code == 200


@on_postgresql
async def test_a_switch_at_one_process_takes_effect_in_the_process_that_serves_the_profile(
    both: Scene,
) -> None:
    async with two_processes(both) as (sandbox, official):
        portal = await official.portal(OFFICIAL)
        desk = await open_desk(sandbox)
        await desk.switched(OFFICIAL, contact="Phòng CNTT")
        await refresh(official.gateway)
        revision = official.gateway.places[OFFICIAL].revision
        assert revision is not None
        assert revision.number == 2
        assert (await portal.verify()).status_code == 201
        assert sandbox.gateway.places[OFFICIAL].client is None


@on_postgresql
async def test_a_suspension_and_its_end_at_one_process_hold_in_the_process_that_serves_the_profile(
    both: Scene,
) -> None:
    async with two_processes(both) as (sandbox, official):
        portal = await official.portal(OFFICIAL)
        desk = await open_desk(sandbox)
        desk.done(await desk.approver.call("POST", "/profiles/official/suspend", {"reason": "thử"}))
        await refresh(official.gateway)
        assert outcome(await portal.verify()) == (503, "profile_suspended")
        await desk.carry_out(await desk.ask({"kind": "resume_profile", "profile": "official"}))
        await refresh(official.gateway)
        assert (await portal.verify()).status_code == 201


@on_postgresql
async def test_a_switch_is_watched_by_the_process_that_serves_the_profile_alone(both: Scene) -> None:
    async with two_processes(both) as (sandbox, official):
        desk = await open_desk(sandbox)
        change = await desk.switched(OFFICIAL)
        await refresh(official.gateway)
        both.clock.advance(601)
        await check_watched(sandbox.gateway, sandbox.preflight_network)
        before = (await desk.look(change))["state"]
        await check_watched(official.gateway, official.preflight_network)
        assert (before, (await desk.look(change))["state"]) == ("active", "confirmed")


@on_postgresql
async def test_threat_46_official_answers_though_a_process_froze_with_the_audits_lock(both: Scene) -> None:
    frozen = open_database(both.settings.database_url, statement_seconds=WAIT_SECONDS)
    async with serving(both, OFFICIAL) as official:
        portal = await official.portal(OFFICIAL)
        transaction = frozen.write()
        await audit.lock(await transaction.__aenter__())
        answer = await portal.verify()
        with pytest.raises(StoreUnavailable):
            await transaction.__aexit__(None, None, None)
    await frozen.close()

    assert answer.status_code == 201


ACTS = (
    ("POST", "/profiles/official/suspend", {"reason": "thử"}),
    ("POST", "/changes", {"kind": "set_policy", "profile": "official", "policy": {"reuse_seconds": 60}}),
)


@pytest.fixture
async def desk(sandbox: Scene) -> Desk:
    return await open_desk(sandbox)


@on_sqlite
@pytest.mark.parametrize(("method", "path", "body"), ACTS, ids=["suspend", "set_policy"])
async def test_an_act_on_the_other_profile_is_refused_in_a_store_where_it_would_have_no_effect(
    sandbox: Scene, desk: Desk, method: str, path: str, body: dict[str, Any]
) -> None:
    who = desk.approver if path.endswith("suspend") else desk.proposer
    refused = await who.call(method, path, body)

    assert outcome(refused) == (409, "state_wrong")
    last = (await sandbox.audit())[-1]
    assert (last["kind"], last["profile"], last["actor"]) == ("refused", "official", who.name)


@on_sqlite
@pytest.mark.parametrize("act", ["preflight", "approve", "activate", "reject"])
async def test_no_step_of_a_change_of_the_other_profile_is_taken_in_such_a_store(
    both: Scene, act: str
) -> None:
    async with open_scene(both.settings, both.mock, both.clock) as former:
        desk = await open_desk(former)
        change = await desk.propose(OFFICIAL)
    async with serving(both, SANDBOX) as sandbox:
        desk.proposer.http = desk.approver.http = sandbox.http
        body = {"diff_hash": change["diff_hash"]} if act == "approve" else None
        refused = await desk.act(desk.approver, change, act, body)

        assert outcome(refused) == (409, "state_wrong")
        assert (await desk.look(change))["state"] == "proposed"


@on_sqlite
async def test_an_operator_still_acts_on_the_served_profile_and_on_operators_in_such_a_store(
    sandbox: Scene, desk: Desk
) -> None:
    await desk.switched(SANDBOX)
    await desk.ask({"kind": "operator", "name": "an.nguyen", "role": "viewer"})

    async with sandbox.gateway.deps.database.read() as transaction:
        query = sa.select(sa.func.count()).where(revisions.c.profile == "sandbox")
        assert (await transaction.execute(query)).scalar_one() == 2


@on_sqlite
async def test_official_promotes_a_sandbox_account_that_was_made_in_its_own_store(both: Scene) -> None:
    key = ECKey.generate_key("P-256")
    async with serving(both, OFFICIAL) as official:
        desk = await open_desk(official)
        account = await official.portal(SANDBOX, log_in=False)
        body = {"kind": "promote_account", "client_id": account.client_id}
        change = await desk.ask(body | {"public_key": key.as_dict(private=False)})
        made = (await desk.carry_out(change))["shown_once"]
        promoted = replace(account, client_id=made["client_id"], issuer=made["issuer"], secret=None, key=key)
        assert (await (await promoted.log_in()).verify()).status_code == 201
