"""Verify: the registry gives the verdict, the question is sent once, and the answer follows the contract."""

from datetime import datetime, timedelta

import pytest

from gateway.identifiers import Profile
from tests.kit.scene import AN, Portal, Scene

CHIN = {"id_card_number": "024000301", "full_name": "Vũ Thị Chín", "birth_date": "1957-03-12"}
AT = {"citizen_id": "001044000401", "full_name": "Nguyễn Văn Ất", "birth_year": 1944}


async def test_a_matching_claim_is_confirmed_by_the_registry(scene: Scene, portal: Portal) -> None:
    answer = await portal.verify()

    assert answer.status_code == 201
    members = answer.json()
    assert (members["verdict"], members["origin"], members["state"]) == ("confirmed", "registry", "live")
    assert members["receipt"].count(".") == 2
    assert [entry["operation"] for entry in await scene.journal()] == ["XacThucThongTinCongDan"]


async def test_the_answer_has_exactly_the_members_of_the_contract(portal: Portal) -> None:
    members = (await portal.verify()).json()

    assert set(members) == {
        "id", "state", "verdict", "origin", "derived_from", "profile", "test_data", "procedure", "procedure_code",
        "dossier", "subject_role", "verified_at", "expires_at", "receipt", "prefill",
    }  # fmt: skip
    assert members["id"].startswith("ver_")
    assert (members["derived_from"], members["profile"], members["test_data"]) == (None, "sandbox", True)
    assert (members["procedure"], members["procedure_code"]) == ("khai-sinh", "1.001193")
    assert (members["dossier"], members["subject_role"]) == ("HN-2022-000123", "requester")
    assert members["prefill"] is None


async def test_a_verification_expires_after_the_seconds_in_the_policy(portal: Portal) -> None:
    members = (await portal.verify()).json()

    times = [datetime.fromisoformat(members[name]) for name in ("verified_at", "expires_at")]
    assert times[1] - times[0] == timedelta(seconds=1800)
    assert members["verified_at"].endswith("Z")


async def test_every_answer_has_a_request_id_a_test_data_mark_and_is_never_cached(portal: Portal) -> None:
    answer = await portal.verify()

    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-test-data"] == "true"


async def test_an_official_answer_behind_the_mock_says_that_it_is_test_data(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)

    answer = await official.verify()

    assert (answer.json()["profile"], answer.json()["test_data"]) == ("official", True)
    assert answer.headers["x-test-data"] == "true"
    assert (len(await scene.journal()), len(await scene.journal("official"))) == (0, 1)


async def test_a_wrong_name_is_not_confirmed_and_gives_no_hint(portal: Portal) -> None:
    answer = await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Sai"})

    assert answer.status_code == 201
    assert answer.json()["verdict"] == "not_confirmed"
    assert answer.json()["receipt"] is None
    assert answer.json()["expires_at"] is None


@pytest.mark.parametrize("claim", [CHIN, AT], ids=["nine digits", "a year alone"])
async def test_a_citizen_with_only_a_card_or_a_birth_year_is_confirmed_by_it(
    portal: Portal, claim: dict[str, str]
) -> None:
    answer = await portal.verify(claim=claim)

    assert answer.json()["verdict"] == "confirmed"


async def test_a_procedure_may_be_named_by_a_code_valid_today(portal: Portal) -> None:
    by_code = (await portal.verify(procedure="1.001193")).json()
    by_slug = await portal.verify()

    assert (by_code["procedure"], by_code["procedure_code"]) == ("khai-sinh", "1.001193")
    assert (by_slug.status_code, by_slug.json()["id"]) == (200, by_code["id"])


async def test_a_procedure_without_a_valid_code_says_null(scene: Scene, portal: Portal) -> None:
    listed = (await portal.call("GET", "/procedures")).json()["procedures"]
    without = next(each for each in listed if each["code"] is None)

    answer = await portal.verify(procedure=without["slug"])

    assert (answer.status_code, answer.json()["procedure_code"]) == (201, None)


async def test_a_code_that_is_no_longer_valid_names_no_procedure(scene: Scene, portal: Portal) -> None:
    answer = await portal.verify(procedure="2.000986")

    assert (answer.status_code, answer.json()["code"]) == (422, "procedure_unknown")
    assert [error["field"] for error in answer.json()["errors"]] == ["procedure"]
    assert await scene.journal() == []


async def test_a_role_of_another_procedure_is_an_unknown_role(scene: Scene, portal: Portal) -> None:
    answer = await portal.verify(subject_role="husband")

    assert (answer.status_code, answer.json()["code"]) == (422, "subject_role_unknown")
    assert [error["field"] for error in answer.json()["errors"]] == ["subject_role"]
    assert await scene.journal() == []


async def test_an_account_reads_its_verification_exactly_as_first_returned(portal: Portal) -> None:
    first = (await portal.verify()).json()
    again = (await portal.verify()).json()

    found = await portal.call("GET", f"/verifications/{first['id']}")

    assert (again["origin"], found.status_code, found.json()["origin"]) == ("reuse", 200, "registry")
    assert {**found.json(), "receipt": None} == {**first, "receipt": None}


async def test_an_expired_verification_is_still_found_but_gives_no_receipt(
    scene: Scene, portal: Portal
) -> None:
    first = (await portal.verify()).json()
    scene.clock.advance(1801)
    await portal.log_in()

    found = await portal.call("GET", f"/verifications/{first['id']}")

    assert (found.status_code, found.json()["state"], found.json()["receipt"]) == (200, "expired", None)


@pytest.mark.parametrize("name", ["ver_" + "a" * 25, "001090000123", "%00", "ver_%ff", "..", "a" * 300])
async def test_the_id_of_no_verification_is_not_found(portal: Portal, name: str) -> None:
    answer = await portal.call("GET", f"/verifications/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_threat_20_another_accounts_verification_is_not_found_like_an_unknown_id(
    scene: Scene, portal: Portal
) -> None:
    first = (await portal.verify()).json()
    strangers = [await scene.portal(), await scene.portal(Profile.OFFICIAL)]

    for stranger in strangers:
        theirs = await stranger.call("GET", f"/verifications/{first['id']}")
        nothing = await stranger.call("GET", f"/verifications/ver_{'a' * 25}")
        assert theirs.status_code == nothing.status_code == 404
        assert theirs.json() | {"request_id": ""} == nothing.json() | {"request_id": ""}
