"""Every key can be rotated: what the former key made still works, and what is made later is under the new one."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.applications.issued import unseal_issued
from gateway.audit.verify import verify_state
from gateway.clock import Period
from gateway.discrepancies.use_cases import read_one
from gateway.enquiries.claim import open_claim
from gateway.enquiries.store import find_verification
from gateway.errors.operators import StateWrong
from gateway.identifiers import ClientId, Profile
from gateway.inspection.store import find_affected
from gateway.keys.model import AT_ONCE, SCHEDULED, Key, KeyState, PlaceKeys, Purpose
from gateway.operators.model import Role
from gateway.operators.sessions import identify
from gateway.profiles.key_rotation import LEAD, NOT_ENDED, rotate_keys
from gateway.profiles.places import refresh
from tests.attacks.evidence import trust_of
from tests.gateway.applications.test_issued_accounts import sealed
from tests.kit.clocks import HandClock
from tests.kit.enquiries import post, verified
from tests.kit.keys import A_MOMENT, rotate, rotate_and_serve
from tests.kit.operators import signed_in
from tests.kit.scene import AN, Portal, Scene, enquiry, open_scene

OFFICER = {"kind": "officer", "id": "can.bo.01"}


def keys_of(scene: Scene) -> PlaceKeys:
    return scene.gateway.places[Profile.SANDBOX].keys


def alone(keys: PlaceKeys, one: Key) -> PlaceKeys:
    """Return a ring in which one key is the only one of its purpose."""
    others = tuple(key for key in keys.keys if key.purpose is not one.purpose)
    return PlaceKeys(profile=keys.profile, keys=(*others, one))


async def end_leaked(scene: Scene, purpose: Purpose) -> Key:
    """End the serving key as leaked, and move the clock to the moment when the new key becomes active."""
    leaked = keys_of(scene).serving(purpose, scene.clock.now()).kid
    key = await rotate(scene, purpose, leaked=[leaked])
    scene.clock.advance(2 + A_MOMENT)
    return key


@pytest.mark.parametrize("purpose", [*SCHEDULED, *AT_ONCE])
async def test_a_rotation_of_each_purpose_is_a_row_and_makes_the_next_key_the_serving_one(
    scene: Scene, purpose: Purpose
) -> None:
    made = await rotate(scene, purpose)
    assert (await scene.audit())[-1]["outcome"] == f"{purpose.value}_key_rotated:{made.kid}"
    coming = KeyState.SERVING if purpose in AT_ONCE else KeyState.COMING
    keys = keys_of(scene)
    assert keys.current(purpose) == made
    assert keys.state_of(keys.current(purpose), scene.clock.now()) is coming
    scene.clock.advance(200)
    assert keys.state_of(keys.current(purpose), scene.clock.now()) is KeyState.SERVING


@pytest.mark.parametrize("purpose", NOT_ENDED)
async def test_a_key_that_can_not_be_ended_is_refused_with_the_reason(scene: Scene, purpose: Purpose) -> None:
    leaked = keys_of(scene).current(purpose).kid
    with pytest.raises(StateWrong, match=f"a {purpose.value} key can't be ended"):
        await rotate_keys(scene.gateway, purpose, [Profile.SANDBOX], leaked=[leaked])
    assert len(keys_of(scene).all(purpose)) == 1


async def test_a_claim_sealed_before_a_rotation_is_opened_and_a_later_one_needs_the_new_key(
    scene: Scene, portal: Portal
) -> None:
    before = await verified(portal)
    made = await rotate_and_serve(scene, Purpose.DATA)
    await portal.log_in()
    assert (await before.fill("full_name")).json()["fields"]["full_name"]["state"] == "filled"
    later = await verified(portal, fresh=True)
    found = await find_verification(
        scene.gateway.deps.database,
        later.members["id"],
        profile=Profile.SANDBOX,
        client_id=ClientId(portal.client_id),
    )
    assert found is not None
    assert open_claim(alone(keys_of(scene), made), found).citizen_id == AN["citizen_id"]


async def test_a_note_sealed_before_a_rotation_of_the_data_key_is_read_after_it(
    scene: Scene, portal: Portal
) -> None:
    filled = await verified(portal)
    prefill = (await filled.fill("full_name")).json()["id"]
    body = {"prefill": prefill, "field": "full_name", "note": "Sai một chữ"}
    filed = (await portal.call("POST", "/discrepancies", body)).json()["id"]
    await rotate_and_serve(scene, Purpose.DATA)
    officer = await signed_in(scene, "lan.bao.ve", Role.DATA_PROTECTION)
    found = await read_one(scene.gateway, await identify(scene.gateway, officer.token), filed)
    assert found.note == "Sai một chữ"


async def test_secrets_and_sessions_stay_valid_after_a_rotation_of_the_credential_key(scene: Scene) -> None:
    portal = await scene.portal()
    signed = await signed_in(scene, "quan.tri", Role.ADMIN)
    admin = await identify(scene.gateway, signed.token)
    await rotate_keys(scene.gateway, Purpose.CREDENTIAL, list(Profile), by=admin)
    assert await refresh(scene.gateway)
    scene.clock.advance(200)
    assert (await portal.ask_token()).status_code == 200
    assert await identify(scene.gateway, signed.token) == admin
    assert (await (await scene.portal(log_in=False)).ask_token()).status_code == 200


async def test_a_leaked_credential_key_ends_the_secrets_that_it_digested(scene: Scene) -> None:
    portal = await scene.portal()
    await end_leaked(scene, Purpose.CREDENTIAL)
    refused = await portal.ask_token()
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert (await (await scene.portal(log_in=False)).ask_token()).status_code == 200


async def test_a_request_with_an_idempotency_key_is_answered_once_across_a_rotation(
    scene: Scene, portal: Portal
) -> None:
    first = await post(portal, "/verifications", enquiry())
    await rotate_and_serve(scene, Purpose.IDEMPOTENCY)
    await portal.log_in()
    again = await post(portal, "/verifications", enquiry())
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")
    assert len(await scene.journal()) == 1
    other = await post(portal, "/verifications", enquiry(dossier="HN-2"))
    assert other.json()["code"] == "idempotency_conflict"
    scene.clock.advance(timedelta(hours=26).total_seconds())
    await portal.log_in()
    assert len(keys_of(scene).accepted(Purpose.IDEMPOTENCY, scene.clock.now())) == 1


async def test_an_idempotency_key_that_two_workers_get_at_the_moment_of_a_rotation_is_used_once(
    scene: Scene, portal: Portal
) -> None:
    await rotate(scene, Purpose.IDEMPOTENCY)
    scene.clock.advance(
        LEAD.total_seconds() - 10
    )  # this worker serves the former key, the other one the new key
    ahead = HandClock()
    ahead.advance(LEAD.total_seconds() + 1)
    async with open_scene(scene.settings, scene.mock, ahead) as other:
        await portal.log_in()
        workers = portal, replace(portal, http=other.http)
        for number in range(3):
            used = {"Idempotency-Key": f"sent-to-two-workers-{number}"}
            bodies = [enquiry(dossier=f"HN-{number}-{worker}") for worker in range(2)]
            answers = await asyncio.gather(
                *(
                    each.call("POST", "/verifications", body, **used)
                    for each, body in zip(workers, bodies, strict=True)
                )
            )
            assert sum(answer.status_code in {200, 201} for answer in answers) <= 1, answers
            again = await portal.call("POST", "/verifications", bodies[0], **used)
            assert again.status_code in {200, 201, 422}  # answered, or the other body was


async def test_a_leaked_look_up_key_finds_nothing_any_more_and_the_claim_is_asked_anew(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    assert (await portal.verify(procedure="ket-hon")).json()["origin"] == "reuse"
    await end_leaked(scene, Purpose.LOOKUP)
    assert (await portal.verify(procedure="khai-tu")).json()["origin"] == "registry"
    assert (await portal.verify(procedure="ho-chieu")).json()["origin"] == "reuse"
    assert len(await scene.journal()) == 2
    assert (await scene.audit())[-1]["outcome"] == "confirmed"


async def citizens(scene: Scene) -> list[str]:
    """Return the pseudonyms of the rows, each once, in order."""
    return list(dict.fromkeys(row["citizen"] for row in await scene.audit() if "citizen" in row))


async def test_a_ledger_survives_a_rotation_of_the_pseudonym_key(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt(initiated_by=OFFICER)
    before = await ledger(portal, receipt)
    made = await rotate(scene, Purpose.PSEUDONYM)
    later = await portal.receipt(procedure="ket-hon", fresh=True, initiated_by=OFFICER)
    first, second = await citizens(scene)
    assert {row["citizen_key"] for row in await scene.audit() if row.get("citizen") == second} == {made.kid}
    for each in (receipt, later):
        found = await ledger(portal, each)
        assert found[: len(before)] == before
        assert [entry["procedure"] for entry in found] == ["khai-sinh", "ket-hon"]
        assert len({entry["initiated_by"]["officer"] for entry in found}) == 1
    (person,) = await find_affected(scene.gateway.deps.database, portal.client_id, Period())
    assert (person.pseudonym, len(person.acts)) == (first, 2)


async def ledger(portal: Portal, receipt: str) -> list[dict[str, Any]]:
    """Return the entries of a citizen's ledger."""
    answer = await portal.call("POST", "/ledger", {"receipt": receipt})
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_wrong_claims_about_one_person_count_together_across_a_rotation_of_the_pseudonym_key(
    scene: Scene, portal: Portal
) -> None:
    for number in range(50):
        await portal.verify(
            claim=AN | {"full_name": f"Nguyễn Văn {chr(97 + number // 10)}{chr(97 + number % 10)}"}
        )
    await rotate(scene, Purpose.PSEUDONYM)
    spent = await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Khác"})
    assert (spent.status_code, spent.json()["code"]) == (429, "enquiry_budget_spent")


async def test_what_was_sealed_to_a_former_issuance_key_is_opened_and_to_a_leaked_one_is_not(
    scene: Scene,
) -> None:
    before = keys_of(scene)
    document = sealed(before)
    await rotate(scene, Purpose.ISSUANCE)
    assert unseal_issued(keys_of(scene), document)
    leaked = before.current(Purpose.ISSUANCE).kid
    await rotate(scene, Purpose.ISSUANCE, leaked=[leaked])
    with pytest.raises(StateWrong):
        unseal_issued(keys_of(scene), document)


async def test_a_rotation_leaves_no_row_of_the_state_unexplained(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    for purpose in (*SCHEDULED, *AT_ONCE):
        await rotate(scene, purpose)
    await portal.log_in()
    await portal.verify(procedure="ket-hon")
    await scene.gateway.sequencer.run()
    report = await verify_state(scene.gateway.deps.database, trust=await trust_of(scene))
    assert report.tables["keys"] > len(SCHEDULED) + len(AT_ONCE)
