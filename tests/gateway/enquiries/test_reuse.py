"""Reuse returns the same verification or derives a new one from its root, within the limits of the policy."""

import pytest

from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, Portal, Scene, open_scene, settings_for

YEAR_ONLY = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_year": 1990}
BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


async def questions(scene: Scene, environment: str = "test") -> int:
    return len(await scene.journal(environment))


async def test_the_same_enquiry_is_answered_by_the_same_verification(scene: Scene, portal: Portal) -> None:
    first = (await portal.verify()).json()
    again = await portal.verify()

    assert (again.status_code, again.json()["origin"]) == (200, "reuse")
    for name in ("id", "derived_from", "verified_at", "expires_at", "verdict", "state"):
        assert again.json()[name] == first[name]
    assert again.json()["receipt"]
    assert await questions(scene) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"procedure": "ket-hon"},
        {"dossier": "HN-2022-000124"},
        {"subject_role": "father"},
        {"procedure": "ket-hon", "dossier": "X", "subject_role": "husband"},
    ],
)
async def test_another_enquiry_gets_a_new_verification_derived_from_the_root(
    scene: Scene, portal: Portal, change: dict[str, str]
) -> None:
    root = (await portal.verify()).json()
    scene.clock.advance(100)

    answer = await portal.verify(**change)

    derived = answer.json()
    assert (answer.status_code, derived["origin"], derived["derived_from"]) == (200, "reuse", root["id"])
    assert derived["id"] != root["id"]
    assert derived["receipt"] != root["receipt"]
    assert (derived["verified_at"], derived["expires_at"]) == (root["verified_at"], root["expires_at"])
    assert {name: derived[name] for name in change} == change
    assert await questions(scene) == 1


async def test_a_verification_derived_from_a_derived_one_names_the_root(scene: Scene, portal: Portal) -> None:
    root = (await portal.verify()).json()
    await portal.verify(procedure="ket-hon")
    third = (await portal.verify(procedure="khai-tu")).json()
    again = (await portal.verify(procedure="khai-tu")).json()

    assert third["derived_from"] == root["id"]
    assert again["id"] == third["id"]
    found = (await portal.call("GET", f"/verifications/{third['id']}")).json()
    assert (found["origin"], found["derived_from"]) == ("reuse", root["id"])


async def test_a_derived_verification_expires_no_later_than_its_root(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    scene.clock.advance(1790)
    await portal.log_in()
    await portal.verify(procedure="ket-hon")
    scene.clock.advance(11)

    answer = await portal.verify(procedure="ket-hon")

    assert (answer.status_code, answer.json()["origin"]) == (201, "registry")
    assert await questions(scene) == 2


async def test_an_expired_verification_is_not_reused(scene: Scene, portal: Portal) -> None:
    first = (await portal.verify()).json()
    scene.clock.advance(1801)
    await portal.log_in()

    answer = await portal.verify()

    assert (answer.status_code, answer.json()["id"] == first["id"]) == (201, False)
    assert await questions(scene) == 2


async def test_a_fresh_request_asks_though_a_live_verification_exists(scene: Scene, portal: Portal) -> None:
    first = (await portal.verify()).json()
    fresh = await portal.verify(fresh=True)
    after = await portal.verify()

    assert (fresh.status_code, fresh.json()["origin"]) == (201, "registry")
    assert first["id"] != fresh.json()["id"] == after.json()["id"]
    assert await questions(scene) == 2


async def test_another_account_of_the_same_organisation_never_reuses_a_verification(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    neighbour = await scene.portal()

    answer = await neighbour.verify()

    assert (answer.status_code, answer.json()["origin"]) == (201, "registry")
    assert await questions(scene) == 2


@pytest.mark.parametrize(("first", "second"), [(AN, YEAR_ONLY), (AN, BY_CARD), (BY_CARD, AN)])
async def test_a_year_differs_from_a_date_and_nine_digits_from_twelve(
    scene: Scene, portal: Portal, first: dict[str, str], second: dict[str, str]
) -> None:
    await portal.verify(claim=first)

    answer = await portal.verify(claim=second)

    assert (answer.status_code, answer.json()["origin"]) == (201, "registry")
    assert await questions(scene) == 2


async def test_threat_22_a_claim_that_was_not_confirmed_is_asked_again(scene: Scene, portal: Portal) -> None:
    first = (await portal.verify(claim=WRONG)).json()
    again = await portal.verify(claim=WRONG)

    assert (again.status_code, again.json()["verdict"]) == (201, "not_confirmed")
    assert again.json()["id"] != first["id"]
    assert await questions(scene) == 2


@pytest.mark.parametrize("name", ["NGUYỄN  VĂN AN", "Nguyễn Văn An", "nguyễn\u00a0văn\u200b an"])
async def test_threat_22_another_spelling_of_the_same_name_reuses_the_verification(
    scene: Scene, portal: Portal, name: str
) -> None:
    await portal.verify()

    answer = await portal.verify(claim=AN | {"full_name": name})

    assert answer.status_code == 200
    assert await questions(scene) == 1


@pytest.mark.parametrize("name", ["Nguyễn Văn Ăn", "Nguyen Van An", "Nguyễn Văn Anh", "Nguyễn Vân An"])
async def test_threat_22_a_name_with_one_other_letter_is_asked_again(
    scene: Scene, portal: Portal, name: str
) -> None:
    await portal.verify()

    answer = await portal.verify(claim=AN | {"full_name": name})

    assert answer.status_code == 201
    assert await questions(scene) == 2


async def test_official_reuses_within_a_dossier_and_asks_again_for_another(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    root = (await official.verify()).json()

    same_dossier = await official.verify(procedure="ket-hon")
    other_dossier = await official.verify(dossier="HN-2022-000999")

    assert (same_dossier.status_code, same_dossier.json()["derived_from"]) == (200, root["id"])
    assert (other_dossier.status_code, other_dossier.json()["derived_from"]) == (201, None)
    assert await questions(scene, "official") == 2


async def test_a_policy_set_to_dossier_applies_to_sandbox_as_well(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"reuse": "dossier", "reuse_seconds": 7})
    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        await portal.verify()
        answer = await portal.verify(dossier="another")
        me = (await portal.call("GET", "/me")).json()

    assert answer.status_code == 201
    assert me["policy"] == {"reuse": "dossier", "reuse_seconds": 7}


async def test_a_fresh_no_ends_the_earlier_verification_of_the_same_claim(
    scene: Scene, portal: Portal
) -> None:
    first = (await portal.verify()).json()
    await scene.set_person(citizen_id=AN["citizen_id"], full_name="Nguyễn Văn Khác")

    fresh = await portal.verify(fresh=True)
    again = await portal.verify()

    assert fresh.json()["verdict"] == "not_confirmed"
    assert (again.status_code, again.json()["verdict"]) == (201, "not_confirmed")
    found = await portal.call("GET", f"/verifications/{first['id']}")
    assert found.json()["state"] == "invalidated"
