"""Threat 48: once two people decide about official, no admin, approver or new name can act as both of them."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.operators.model import Role, parse_name
from gateway.operators.use_cases import create_operator
from gateway.profiles.key_rotation import rotate_keys
from gateway.profiles.store import read_state
from gateway.schema import migrate
from gateway.settings import ProfileSettings
from tests.gateway.test_schema import config
from tests.kit.operators import Desk, Office, Person, invite, open_office, signed_in, take_up
from tests.kit.scene import Scene, outcome
from tests.kit.stores import opened

OFFICIAL = Profile.OFFICIAL
ALONE = "second person approves"


@pytest.fixture
async def office(scene: Scene) -> Office:
    return await open_office(scene)


async def since(scene: Scene) -> Any:
    """Return the time since which official needs two people."""
    async with scene.gateway.deps.database.read() as transaction:
        return (await read_state(transaction, OFFICIAL)).two_people_since


def at(office: Office, proposer: Person, approver: Person) -> Desk:
    return Desk(scene=office.scene, proposer=proposer, approver=approver)


async def proposed(office: Office, by: Person) -> dict[str, Any]:
    """Return a change of official that passed its preflight."""
    desk = at(office, by, office.hoa)
    change = await desk.propose(OFFICIAL)
    assert (await desk.preflight(change))["passed"]
    return change


async def tried(office: Office, by: Person, change: dict[str, Any], act: str) -> tuple[int, str]:
    """Let an operator try to complete a change in its current state."""
    desk = at(office, office.minh, by)
    body = {"diff_hash": (await desk.look(change))["diff_hash"]} if act == "approve" else None
    return outcome(await desk.act(by, change, act, body))


async def test_threat_48_an_admin_can_not_act_alone_after_giving_the_only_proposer_another_role(
    office: Office,
) -> None:
    await office.give_role("minh.tran", Role.VIEWER)

    for name, role in (
        ("bu.nhin", Role.PROPOSER),
        ("bu.nhin2", Role.APPROVER),
        ("bu.nhin3", Role.VIEWER),
    ):
        with pytest.raises(StateWrong, match=ALONE):
            await office.create(name, role)


async def test_threat_48_an_admin_can_not_act_alone_after_disabling_everybody_else(office: Office) -> None:
    before = await since(office.scene)
    for person in (office.minh, office.hoa):
        await office.disable(person)

    for name in ("minh.tran", "hoa.le", "bu.nhin"):
        for role in (Role.PROPOSER, Role.APPROVER):
            with pytest.raises(StateWrong, match=ALONE):
                await office.create(name, role)
    assert await since(office.scene) == before


async def test_threat_48_an_admin_without_official_settings_can_not_act_alone_either(
    office: Office,
) -> None:
    await office.give_role("minh.tran", Role.VIEWER)
    gateway = office.scene.gateway
    async with gateway.deps.database.write() as connection:
        for table in ("revision_secrets", "revisions"):
            await connection.execute(sa.text(f"DELETE FROM {table} WHERE profile = 'official'"))
    without = replace(gateway, settings=gateway.settings.model_copy(update={"official": ProfileSettings()}))

    with pytest.raises(StateWrong, match=ALONE):
        await create_operator(
            without, parse_name("bu.nhin"), Role.PROPOSER, by=await office.operator(office.lan)
        )


async def test_threat_48_deleting_the_rows_of_operators_does_not_allow_a_first_admin_again(
    office: Office,
) -> None:
    async with office.scene.gateway.deps.database.write() as connection:
        for table in ("operator_sessions", "operators"):
            await connection.execute(sa.text(f"DELETE FROM {table}"))

    with pytest.raises(StateWrong, match="operators already"):
        await create_operator(office.scene.gateway, parse_name("bu.nhin"), Role.ADMIN, by=None)
    with pytest.raises(StateWrong, match="there are operators"):
        await rotate_keys(office.scene.gateway, Purpose.TOKEN, [OFFICIAL])


async def test_threat_48_the_need_for_two_people_survives_every_change_of_the_profile(
    office: Office,
) -> None:
    before = await since(office.scene)
    assert before is not None
    rows = [row for row in await office.scene.audit() if row.get("outcome") == "two_people_required"]
    assert [(row["profile"], row["actor"]) for row in rows] == [("official", "hoa.le")]

    await office.desk.switched(OFFICIAL)
    await office.carry_out({"kind": "set_policy", "profile": "official", "policy": {"reuse_seconds": 60}})
    await office.hoa.call("POST", "/profiles/official/suspend")
    await office.carry_out({"kind": "resume_profile", "profile": "official"})
    await office.give_role("minh.tran", Role.VIEWER)

    assert await since(office.scene) == before


async def test_threat_48_an_operator_who_was_only_invited_counts_as_no_person_and_blocks_nobody(
    scene: Scene,
) -> None:
    office = await open_office_of_admin(scene)
    await take_up(scene, "minh.tran", await office.create("minh.tran", Role.PROPOSER))
    await office.create("hoa.le", Role.APPROVER)
    assert await since(scene) is None
    with pytest.raises(StateWrong, match=ALONE):  # her code is still valid
        await office.create("tu.pham", Role.APPROVER)

    scene.clock.advance(24 * 3600)
    again = Office(scene=scene, lan=await office.lan.sign_in(), minh=office.minh, hoa=office.hoa)
    await take_up(scene, "tu.pham", await again.create("tu.pham", Role.APPROVER))
    assert await since(scene) is not None


async def open_office_of_admin(scene: Scene) -> Office:
    """Return an office with only one operator, Lan."""
    lan = await signed_in(scene, "lan.nguyen", Role.ADMIN)
    return Office(scene=scene, lan=lan, minh=lan, hoa=lan)


@pytest.mark.parametrize("act", ["approve", "activate", "rollback"])
async def test_threat_48_an_approver_who_enrolled_after_the_proposal_can_not_complete_it(
    office: Office, act: str
) -> None:
    change = await proposed(office, office.minh)
    if act != "approve":
        office.desk.done(await office.desk.approve(change))
    if act == "rollback":
        office.desk.done(await office.desk.act(office.hoa, change, "activate"))
    late = await office.admit("tu.pham", Role.APPROVER)

    assert await tried(office, late, change, act) == (403, "role_missing")
    assert (await tried(office, office.hoa, change, act))[0] == 200


async def test_threat_48_a_viewer_made_an_approver_can_not_complete_an_older_proposal(
    office: Office,
) -> None:
    viewer = await office.admit("tu.pham", Role.VIEWER)
    change = await proposed(office, office.minh)
    await office.give_role("tu.pham", Role.APPROVER)

    refused = await office.desk.act(viewer, change, "approve", {"diff_hash": "0" * 64})
    assert outcome(refused) == (403, "role_missing")
    assert "from before the proposal" in refused.json()["errors"][0]["detail"]
    later = await proposed(office, office.minh)
    assert (await tried(office, viewer, later, "approve"))[0] == 200


async def test_threat_48_an_approver_enrolled_again_can_not_complete_an_older_proposal(
    office: Office,
) -> None:
    tu = await office.admit("tu.pham", Role.APPROVER)
    change = await proposed(office, office.minh)
    await office.disable(office.hoa)
    anew = await office.admit("hoa.le", Role.APPROVER, approver=tu)

    assert await tried(office, anew, change, "approve") == (403, "role_missing")
    assert (await tried(office, tu, change, "approve"))[0] == 200


async def test_threat_48_an_approver_who_saw_a_proposers_code_can_not_complete_their_changes(
    office: Office,
) -> None:
    tu = await office.admit("tu.pham", Role.APPROVER)
    puppet = await office.admit("bu.nhin", Role.PROPOSER, approver=office.hoa)
    change = await proposed(office, puppet)

    refused = await office.desk.act(office.hoa, change, "approve", {"diff_hash": "0" * 64})
    assert outcome(refused) == (403, "same_operator")
    assert "saw the other's one-time code" in refused.json()["errors"][0]["detail"]
    assert await tried(office, office.hoa, change, "activate") == (403, "same_operator")
    # Hoa admitted Tu as well: her two operators do not count as two people.
    assert await tried(office, tu, change, "approve") == (403, "same_operator")


async def test_threat_48_an_approver_admitted_by_another_admin_completes_a_new_proposers_change(
    office: Office,
) -> None:
    tu = await office.admit("tu.pham", Role.APPROVER)
    proposer = await office.admit("vy.do", Role.PROPOSER, approver=tu)
    change = await proposed(office, proposer)

    assert await tried(office, tu, change, "approve") == (403, "same_operator")
    assert (await tried(office, office.hoa, change, "approve"))[0] == 200


async def test_threat_48_a_proposer_who_admitted_the_approver_does_not_count_as_another_person(
    office: Office,
) -> None:
    tu = await office.admit("tu.pham", Role.APPROVER)
    await office.give_role("hoa.le", Role.PROPOSER, approver=tu)
    change = await proposed(office, office.hoa)

    assert await tried(office, tu, change, "approve") == (403, "same_operator")


async def test_threat_48_a_later_invitation_by_another_admin_does_not_make_an_old_proposal_valid(
    office: Office,
) -> None:
    tu = await office.admit("tu.pham", Role.APPROVER)
    puppet = await office.admit("bu.nhin", Role.PROPOSER, approver=office.hoa)
    change = await proposed(office, puppet)
    await office.disable(puppet)
    await office.admit("bu.nhin", Role.PROPOSER, approver=tu)

    assert await tried(office, office.hoa, change, "approve") == (403, "same_operator")


async def test_threat_48_two_operators_admitted_later_by_one_admin_do_not_count_as_two_people(
    office: Office,
) -> None:
    scene = office.scene
    proposer, approver = [
        await take_up(scene, name, await invite(scene.gateway, name, role, by="lan.nguyen"))
        for name, role in (("bu.nhin", Role.PROPOSER), ("bu.nhin2", Role.APPROVER))
    ]
    change = await proposed(office, proposer)

    assert await tried(office, approver, change, "approve") == (403, "same_operator")
    assert (await tried(office, office.hoa, change, "approve"))[0] == 200


async def test_threat_48_an_approver_who_lost_and_regained_the_role_counts_as_a_new_one(
    office: Office,
) -> None:
    tu = await office.admit("tu.pham", Role.APPROVER)
    change = await proposed(office, office.minh)
    for role in (Role.VIEWER, Role.APPROVER):
        await office.give_role("tu.pham", role)

    assert await tried(office, tu, change, "approve") == (403, "role_missing")


async def test_two_people_complete_the_first_change_and_one_person_is_enough_on_sandbox(
    office: Office,
) -> None:
    assert (await office.desk.switched(OFFICIAL))["approved_by"] == "hoa.le"
    change = await office.desk.propose(Profile.SANDBOX)
    await office.desk.preflight(change)
    assert office.desk.done(await office.desk.act(office.minh, change, "activate"))["approved_by"] is None
    found = office.desk.done(await office.minh.call("GET", "/operators"))["operators"]
    assert {each["name"]: (each["created_by"], each["admitted_in"]) for each in found} == {
        "hoa.le": ("lan.nguyen", None),
        "lan.nguyen": ("local", None),
        "minh.tran": ("lan.nguyen", None),
    }


async def test_threat_48_an_older_store_needs_two_people_since_its_first_change_by_two(
    office: Office,
) -> None:
    done = await office.desk.switched(OFFICIAL)
    tu = await office.admit("tu.pham", Role.APPROVER)
    async with opened(office.scene.settings.database_url) as database:
        async with database.write() as connection:
            await connection.run_sync(lambda sync: command.downgrade(config(sync), "0012"))
        await migrate(database)

    assert f"{await since(office.scene):%Y-%m-%dT%H:%M:%S}" == done["activated_at"][:19]
    anew = await office.operator(tu)
    assert (anew.created_by, anew.admitted_in is not None) == ("hoa.le", True)
    assert anew.role_since is not None
    with pytest.raises(StateWrong, match=ALONE):
        await office.create("bu.nhin", Role.PROPOSER)
