"""Revisions: each secret sealed to its row, the first made once by the settings, switched as a whole under a running worker."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.audit.model import AuditEntry
from gateway.clock import today
from gateway.errors.operators import SettingInvalid, StateWrong
from gateway.errors.requests import ProfileMismatch
from gateway.identifiers import Profile
from gateway.keys.sealing import SealBroken
from gateway.profiles import store
from gateway.profiles.places import refresh
from gateway.profiles.revisions import (
    SECRET_MEMBERS,
    Revision,
    Suspension,
    list_secrets,
    masked,
    read_members,
    seal_secret,
    unseal_secret,
    write_document,
)
from gateway.profiles.store import activate_revision, resume, return_to_former, suspend
from gateway.registry.connection import ConnectionMembers
from gateway.storage.database import Transaction
from mock_c06.app import MockRegistry
from tests.kit.audit import entry
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene, open_scene, settings_for

MASTER = b"m" * 32
places = st.tuples(st.sampled_from(list(Profile)), st.integers(1, 9), st.sampled_from(SECRET_MEMBERS))


def members(**changes: Any) -> ConnectionMembers:
    """Return a revision's members with every secret that there is."""
    return ConnectionMembers.model_validate(
        {
            "registry_url": "http://127.0.0.1:8100",
            "dialect": "lgsp-camel",
            "ngsp_key": "an-ngsp-key",
            "ngsp_secret": "an-ngsp-secret",
            "client_key": "a-client-key",
            "adapter": {
                "access_key": "an-access-key",
                "secret_key": "an-adapter-secret",
                "app_name": "dvctt",
                "partner_code": "P1",
                "partner_code_cus": "P2",
            },
            "agency": "000.00.01.H26",
            "officer": "dvctt.dichvu",
            "test_identity": {
                "citizen_id": "001090000123",
                "full_name": "Nguyễn Văn An",
                "birth_date": "1990-01-31",
            },
            "test_identity_source": "C06, test set of 2026",
        }
        | changes
    )


@given(places, places, st.text(min_size=1))
def test_a_sealed_secret_is_unsealed_only_with_its_own_profile_revision_and_member(
    own: tuple[Profile, int, str], other: tuple[Profile, int, str], secret: str
) -> None:
    sealed = seal_secret(secret, *own, master=MASTER)
    assert unseal_secret(sealed, *own, master=MASTER) == secret
    if other != own:
        with pytest.raises(SealBroken):
            unseal_secret(sealed, *other, master=MASTER)


def test_a_revisions_document_and_its_mask_contain_no_secret() -> None:
    made = members()
    secrets = list_secrets(made)
    assert set(secrets) == {
        "ngsp_key",
        "ngsp_secret",
        "client_key",
        "adapter.access_key",
        "adapter.secret_key",
        "test_identity",
    }
    shown = json.dumps([write_document(made), masked(made)]) + repr(made)
    assert [value for value in secrets.values() if value in shown] == []
    assert "001090000123" not in shown
    assert masked(made)["adapter"]["secret_key"] == "(sealed)"


def test_a_stored_revision_is_read_as_it_was_written() -> None:
    made = members(expires_on="2099-01-31", service_codes={"khai-sinh": "G15-TP110"})
    own = (Profile.SANDBOX, 3)
    sealed = {
        name: seal_secret(value, *own, name, master=MASTER) for name, value in list_secrets(made).items()
    }
    opened = {name: unseal_secret(value, *own, name, master=MASTER) for name, value in sealed.items()}
    assert read_members(write_document(made), opened) == made


async def test_the_settings_make_revision_one_and_it_is_active(scene: Scene) -> None:
    async with scene.gateway.deps.database.read() as transaction:
        for profile in Profile:
            state = await store.read_state(transaction, profile)
            (revision,) = await store.list_revisions(transaction, profile)
            assert (state.active, state.former) == (1, None)
            assert (revision.number, revision.proposed_by) == (1, "local")
            assert list_secrets(revision.members) == {"c06_secret": ""}


async def test_threat_15_the_rows_of_a_store_contain_no_credential(scene: Scene) -> None:
    secrets = [
        account.secret
        for name in ("dvctt-hanoi", "dvctt-hanoi-official")
        if (account := scene.mock.register.find(name)) is not None
    ]
    async with scene.gateway.deps.database.read() as transaction:
        rows = [
            row
            for table in ("revisions", "revision_secrets", "profile_standings", "audit_entries")
            for row in await transaction.execute(sa.text(f"SELECT * FROM {table}"))
        ]
    shown = repr(rows) + repr(scene.gateway.places) + repr(scene.settings)
    assert len(rows) > 4
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in shown or secret.encode().hex() in shown] == []


async def test_once_a_revision_exists_settings_are_ignored_with_a_warning_that_names_them(
    scene: Scene, mock: MockRegistry, clock: HandClock
) -> None:
    changed = settings_for(
        scene.settings.database_url, mock, sandbox={"registry_url": "http://127.0.0.1:9999"}
    )
    with capture_logs() as logs:
        async with open_scene(changed, mock, clock) as later:
            client = later.gateway.places[Profile.SANDBOX].client
            assert client is not None
            assert client.connection.registry_url == "http://127.0.0.1:8100"
    warned = [entry for entry in logs if entry["event"] == "settings_ignored"]
    assert [entry["log_level"] for entry in warned] == ["warning", "warning"]
    assert "GATEWAY_SANDBOX_REGISTRY_URL" in warned[0]["settings"]
    assert "GATEWAY_SANDBOX_NETWORKS" not in warned[0]["settings"]


async def test_an_official_that_can_reach_further_than_this_machine_is_only_proposed(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, official={"networks": ("127.0.0.0/8", "10.0.0.0/8")})
    async with open_scene(settings, mock, clock) as scene:
        assert scene.gateway.places[Profile.OFFICIAL].client is None
        async with scene.gateway.deps.database.read() as transaction:
            assert (await store.read_state(transaction, Profile.OFFICIAL)).active is None
            assert len(await store.list_revisions(transaction, Profile.OFFICIAL)) == 1
        ready = (await scene.http.get("/readyz")).json()
    assert ready["profiles"] == {"sandbox": "ready", "official": "unconfigured"}


async def test_settings_that_make_no_connection_stop_the_start_naming_the_setting(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"hosts": ("elsewhere.example",)})
    with pytest.raises(SettingInvalid, match="GATEWAY_SANDBOX_REGISTRY_URL"):
        async with open_scene(settings, mock, clock):
            pass


async def propose(scene: Scene, profile: Profile, **changes: Any) -> Revision:
    """Store another revision, not active yet."""
    active = scene.gateway.places[profile].revision
    assert active is not None
    deps, made = scene.gateway.deps, []

    async def decide(transaction: Transaction) -> tuple[tuple[AuditEntry, ...], None]:
        made.append(
            Revision(
                profile=profile,
                number=await store.next_number(transaction, profile),
                members=active.members.model_copy(update=changes),
                proposed_by="an",
                proposed_at=deps.clock.now(),
            )
        )
        await store.insert_revision(transaction, made[0], master=scene.gateway.vault.master)
        return (entry(),), None

    await deps.audit.commit(decide)
    return made[0]


async def switch(scene: Scene, profile: Profile, number: int) -> None:
    async def decide(transaction: Transaction) -> tuple[tuple[AuditEntry, ...], None]:
        await activate_revision(transaction, profile, number)
        return (entry(),), None

    await scene.gateway.deps.audit.commit(decide)


async def test_a_switch_is_followed_and_the_former_revision_is_kept(scene: Scene) -> None:
    second = await propose(scene, Profile.SANDBOX, deadline_ms=1234)
    before = scene.gateway.places[Profile.SANDBOX]
    await switch(scene, Profile.SANDBOX, second.number)

    assert await refresh(scene.gateway) is True

    after = scene.gateway.places[Profile.SANDBOX]
    assert before.client is not None
    assert after.client is not None
    assert (before.client.connection.revision, after.client.connection.revision) == (1, 2)
    assert after.client.connection.deadline_ms == 1234
    assert after.client is not before.client
    async with scene.gateway.deps.database.read() as transaction:
        state = await store.read_state(transaction, Profile.SANDBOX)
    assert (state.active, state.former) == (2, 1)


async def test_the_other_profiles_client_is_kept_through_a_switch(scene: Scene) -> None:
    official = scene.gateway.places[Profile.OFFICIAL].client
    second = await propose(scene, Profile.SANDBOX)
    await switch(scene, Profile.SANDBOX, second.number)
    await refresh(scene.gateway)
    assert scene.gateway.places[Profile.OFFICIAL].client is official


async def test_threat_11_a_question_of_the_former_revision_is_not_sent_by_the_new_one(
    scene: Scene, portal: Portal
) -> None:
    from tests.kit.registry import question  # noqa: PLC0415 - a scene of its own

    second = await propose(scene, Profile.SANDBOX)
    former = scene.gateway.places[Profile.SANDBOX].client
    await switch(scene, Profile.SANDBOX, second.number)
    await refresh(scene.gateway)
    client = scene.gateway.places[Profile.SANDBOX].client
    assert former is not None
    assert client is not None
    with pytest.raises(ProfileMismatch):
        await client.confirm(question(revision=1))
    with pytest.raises(ProfileMismatch):
        await former.confirm(question(revision=2))
    assert (await portal.verify()).status_code == 201


async def test_returning_to_the_former_revision_is_done_once(scene: Scene) -> None:
    second = await propose(scene, Profile.SANDBOX)
    await switch(scene, Profile.SANDBOX, second.number)

    async def back(transaction: Transaction) -> tuple[tuple[AuditEntry, ...], None]:
        await return_to_former(transaction, Profile.SANDBOX, left=second.number)
        return (entry(),), None

    await scene.gateway.deps.audit.commit(back)
    with pytest.raises(StateWrong, match="not active"):
        await scene.gateway.deps.audit.commit(back)
    async with scene.gateway.deps.database.read() as transaction:
        state = await store.read_state(transaction, Profile.SANDBOX)
    assert (state.active, state.former) == (1, None)


async def test_a_secret_moved_to_another_revision_leaves_the_profile_unconfigured(
    scene: Scene, portal: Portal
) -> None:
    second = await propose(scene, Profile.SANDBOX)
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.execute(
            sa.text(
                "UPDATE revision_secrets SET sealed = (SELECT sealed FROM revision_secrets"
                " WHERE profile = 'official' AND number = 1) WHERE profile = 'sandbox' AND number = 2"
            )
        )
    await switch(scene, Profile.SANDBOX, second.number)
    with capture_logs() as logs:
        await refresh(scene.gateway)
    assert "revision_sealed" in [each["event"] for each in logs]
    answer = await portal.verify()
    assert (answer.status_code, answer.json()["code"]) == (503, "profile_unconfigured")


async def suspend_sandbox(scene: Scene, reason: str) -> None:
    """Suspend this worker's sandbox."""
    suspension = Suspension(at=scene.clock.now(), by="an", reason=reason)

    async def decide(transaction: Transaction) -> tuple[tuple[AuditEntry, ...], None]:
        await suspend(transaction, Profile.SANDBOX, suspension)
        return (entry(),), None

    await scene.gateway.deps.audit.commit(decide)
    await refresh(scene.gateway)


async def test_a_suspended_profile_asks_nothing_and_answers_that_it_is_suspended(
    scene: Scene, portal: Portal
) -> None:
    await suspend_sandbox(scene, "C06 asked for it")
    answer = await portal.verify()
    assert (answer.status_code, answer.json()["code"]) == (503, "profile_suspended")
    assert int(answer.headers["retry-after"]) > 0
    assert (await scene.http.get("/readyz")).json()["profiles"]["sandbox"] == "suspended"
    assert (await scene.journal()) == []
    with pytest.raises(StateWrong, match="suspended already"):
        await suspend_sandbox(scene, "again")


async def test_a_resumed_profile_asks_the_registry_again(scene: Scene, portal: Portal) -> None:
    await suspend_sandbox(scene, "a rehearsal")

    async def decide(transaction: Transaction) -> tuple[tuple[AuditEntry, ...], None]:
        await resume(transaction, Profile.SANDBOX)
        return (entry(),), None

    await scene.gateway.deps.audit.commit(decide)
    await refresh(scene.gateway)
    assert (await portal.verify()).status_code == 201


async def test_readyz_shows_the_end_of_credentials_before_and_after(scene: Scene) -> None:
    day = today(scene.clock)
    second = await propose(scene, Profile.SANDBOX, expires_on=day + timedelta(days=12))
    await switch(scene, Profile.SANDBOX, second.number)
    await refresh(scene.gateway)
    before = (await scene.http.get("/readyz")).json()
    scene.clock.advance(20 * 86400)
    after = (await scene.http.get("/readyz")).json()
    assert (before["credential_days_left"]["sandbox"], before["profiles"]["sandbox"]) == (12, "ready")
    assert (after["credential_days_left"]["sandbox"], after["profiles"]["sandbox"]) == (-8, "degraded")
    assert "end in 12 days" in before["credential_warnings"]["sandbox"]
    assert "ended 8 days ago" in after["credential_warnings"]["sandbox"]


@pytest.fixture
async def second(scene: Scene) -> Revision:
    """A proposed revision does not replace the active one."""
    return await propose(scene, Profile.SANDBOX)


async def test_a_proposed_revision_changes_nothing_by_itself(scene: Scene, second: Revision) -> None:
    assert await refresh(scene.gateway) is False
    active = scene.gateway.places[Profile.SANDBOX].revision
    assert active is not None
    assert (active.number, second.number) == (1, 2)
    assert second.days_left(date(2026, 1, 1)) is None
