"""What a gateway does in a year, each thing once: it leaves rows in every table that the audit vouches for."""

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import (
    add_officers,
    add_organisation,
    change_state,
    disable_officers,
    get_account,
    rotate_credential,
)
from gateway.keys.model import Purpose
from gateway.operators.model import Operator, Role
from gateway.operators.permits import permit_admin
from gateway.places import Profile
from gateway.profiles.key_rotation import LEAD, rotate_keys
from gateway.profiles.master_rotation import rotate_master
from gateway.sweeping import sweep
from tests.attacks.people import joined, rotate_pseudonyms, shown
from tests.gateway.applications.rehearsal import apply, rehearse
from tests.gateway.changes.desk import Desk
from tests.gateway.operators.people import operator_behind, signed_in
from tests.gateway.scene import AN, Portal, Scene

REUSE_SECONDS = 1800
DUNG = {"citizen_id": "001192000124", "full_name": "Lê Thị Dung", "birth_date": "1992-03-08"}


async def tell(scene: Scene) -> Desk:
    """Do once what a gateway does in a year: every covered table has two rows at least, where it may have."""
    parts = scene.gateway.parts
    await add_organisation(parts, "000.00.02.H26", "UBND quận Ba Đình")
    official = await scene.portal(Profile.OFFICIAL)
    await scene.portal(Profile.OFFICIAL)
    await _ask_about_citizens(scene, await rehearse(scene))
    await joined(await scene.portal())
    await shown(await scene.portal(), DUNG)
    await rotate_pseudonyms(scene)
    await joined(await scene.portal())
    await _end_verifications(scene)
    await apply(scene)
    await apply(scene, rate_per_day=10_000)
    desk = Desk(
        scene=scene,
        proposer=await signed_in(scene, "phuong.de", Role.PROPOSER),
        approver=await signed_in(scene, "dung.duyet", Role.APPROVER),
    )
    await desk.switched(Profile.SANDBOX, contact="the third floor")
    await desk.switched(Profile.SANDBOX, contact="the fourth floor")
    await desk.switched(Profile.OFFICIAL, deadline_ms=5000)
    await desk.act(desk.approver, await desk.propose(Profile.SANDBOX, contact="nobody"), "reject")
    admin = await operator_behind(scene, await signed_in(scene, "lan.quan", Role.ADMIN))
    await _manage_accounts(scene, official, by=admin)
    assert (await desk.proposer.call("DELETE", "/sessions/current")).status_code == 204
    await desk.proposer.sign_in()
    await rotate_keys(
        scene.gateway, Purpose.LOOKUP, list(Profile), permit=await permit_admin(scene.gateway, admin)
    )
    scene.clock.advance(LEAD.total_seconds() + 1)
    portal = await scene.portal()
    await portal.verify(claim=AN | {"full_name": "Trần Thị Bích"}, dossier="after-the-rotation")
    await rotate_master(scene.gateway, given=b"n" * 32, permit=await permit_admin(scene.gateway, admin))
    await sweep(parts)
    return desk


async def _ask_about_citizens(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    for field in ("full_name", "gender"):
        prefill = (await portal.prefill(receipt, [field])).json()
        body = {"prefill": prefill["id"], "field": field, "note": "không đúng"}
        assert (await portal.call("POST", "/discrepancies", body)).status_code == 201


async def _end_verifications(scene: Scene) -> None:
    """Revoke one, let the registry end one with its family, and let the rest expire and be swept."""
    portal = await scene.portal()
    revoked = (await portal.verify(dossier="revoked")).json()["id"]
    assert (await portal.call("POST", f"/verifications/{revoked}/revoke")).status_code == 200
    for dossier in ("one", "two"):
        await portal.receipt(dossier=dossier)
    await scene.set_person(citizen_id=AN["citizen_id"], full_name="Nguyễn Văn Đổi", birth_date="1990-01-31")
    assert (await portal.verify(fresh=True, dossier="one")).json()["verdict"] == "not_confirmed"
    scene.clock.advance(REUSE_SECONDS + 1)
    assert await sweep(scene.gateway.parts) > 0


async def _manage_accounts(scene: Scene, official: Portal, *, by: Operator) -> None:
    parts, places = scene.gateway.parts, scene.gateway.places
    account = await get_account(parts, (await scene.portal(officers=("can.bo.02",))).client_id)
    await rotate_credential(parts, places[account.profile], account)
    await rotate_credential(parts, places[account.profile], account)
    await add_officers(parts, places[account.profile], account, ["can.bo.03", "can.bo.04"])
    await disable_officers(parts, places[account.profile], account, ["can.bo.03"])
    await add_officers(parts, places[account.profile], account, ["can.bo.03"])
    await change_state(parts, account.client_id, AccountState.SUSPENDED)
    await change_state(parts, official.client_id, AccountState.REVOKED, by=by)
