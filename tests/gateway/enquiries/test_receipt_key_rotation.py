"""Rotation of receipt keys: a receipt remains valid however many keys came after the one that signed it."""

from gateway.identifiers import Profile
from gateway.keys.jws import sign_jws, verify_jws
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import LEAD_AFTER_A_LEAK
from tests.kit.forging import read
from tests.kit.keys import published, rotate, rotate_and_serve
from tests.kit.scene import Portal, Scene, outcome

YEAR_S = 365 * 24 * 3600


async def check(portal: Portal, receipt: str) -> dict[str, object]:
    answer = await portal.call("POST", "/receipts/check", {"receipt": receipt})
    members: dict[str, object] = answer.json()
    return members


async def test_threat_21_a_receipt_from_before_two_rotations_is_valid(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    keys = [await rotate_and_serve(scene, Purpose.RECEIPT) for _ in range(2)]
    kids = [read(receipt)[0]["kid"], *(key.kid for key in keys)]
    await portal.log_in()

    assert (await check(portal, receipt))["valid"] is True
    assert sorted(await published(portal, "receipt-keys")) == sorted(kids)
    assert (await portal.prefill(receipt, ["full_name"])).status_code == 200


async def test_a_receipt_can_be_checked_years_after_its_key_was_retired(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    await rotate_and_serve(scene, Purpose.RECEIPT)
    scene.clock.advance(5 * YEAR_S)
    await portal.log_in()

    checked = await check(portal, receipt)

    assert (checked["valid"], checked["reason"]) == (False, "expired")
    assert read(receipt)[0]["kid"] in await published(portal, "receipt-keys")


async def test_the_receipt_of_a_reused_verification_is_signed_with_the_new_key(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    key = await rotate_and_serve(scene, Purpose.RECEIPT)
    await portal.log_in()

    again = await portal.receipt()

    assert (read(receipt)[1]["jti"], read(receipt)[1]["sub"]) == (
        read(again)[1]["jti"],
        read(again)[1]["sub"],
    )
    assert read(again)[0]["kid"] == key.kid
    verify_jws(again, key=key.signing_key(), algorithm="ES256")


async def test_threat_21_the_next_token_key_signs_no_valid_receipt(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    coming = await rotate(scene, Purpose.TOKEN)
    for kid in (coming.kid, read(receipt)[0]["kid"]):
        forged = sign_jws(read(receipt)[1], key=coming.signing_key(), kid=kid, typ="receipt+jwt")
        answer = await portal.call("POST", "/receipts/check", {"receipt": forged})
        assert outcome(answer) == (422, "receipt_invalid")


async def test_threat_21_a_receipt_signed_with_a_leaked_key_is_refused(scene: Scene, portal: Portal) -> None:
    made = (await portal.verify()).json()
    kid, key = scene.gateway.places[Profile.SANDBOX].receipts.signer(scene.clock.now())
    await rotate(scene, Purpose.RECEIPT, leaked=[kid])
    scene.clock.advance(LEAD_AFTER_A_LEAK.total_seconds() + 0.1)
    forged = sign_jws(read(made["receipt"])[1], key=key, kid=kid, typ="receipt+jwt")

    for receipt in (made["receipt"], forged):
        answer = await portal.call("POST", "/receipts/check", {"receipt": receipt})
        assert outcome(answer) == (422, "receipt_invalid")
    assert kid not in await published(portal, "receipt-keys")
    fresh = (await portal.call("GET", f"/verifications/{made['id']}")).json()["receipt"]
    assert (await check(portal, fresh))["valid"] is True
