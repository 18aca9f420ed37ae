"""`POST /ledger/mine`: what every organisation asked about the citizen who has signed in, and nobody else's rows."""

from typing import Any

import pytest

from gateway.accounts.use_cases import add_organisation
from gateway.identifiers import Profile
from tests.attacks.lost_rights import behind_a_busy_audit, suspend_account
from tests.attacks.people import joined
from tests.kit.citizens import sign_in
from tests.kit.scene import AGENCY, AN, Portal, Scene

OTHER_AGENCY = "000.00.02.H26"
AN_BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
BINH = {"citizen_id": "001190000456", "full_name": "Trần Thị Bình", "birth_date": "1990-02-02"}


async def own_ledger(portal: Portal, token: str) -> list[dict[str, Any]]:
    answer = await portal.call("POST", "/ledger/mine", **{"Citizen-Token": token})
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_a_citizen_sees_the_enquiries_of_every_organisation_with_its_name(
    scene: Scene, portal: Portal
) -> None:
    await add_organisation(scene.gateway.deps, OTHER_AGENCY, "Sở Tư pháp")
    stranger = await scene.portal(organisation=OTHER_AGENCY)
    await portal.verify(dossier="FIRST")
    await stranger.verify(dossier="SECOND")
    await portal.verify(dossier="THIRD")

    entries = await own_ledger(portal, await sign_in(scene.mock))

    assert [(entry["dossier"], entry["organisation"], entry["organisation_name"]) for entry in entries] == [
        ("FIRST", AGENCY, "UBND thành phố Hà Nội"),
        ("SECOND", OTHER_AGENCY, "Sở Tư pháp"),
        ("THIRD", AGENCY, "UBND thành phố Hà Nội"),
    ]
    receipt = await portal.receipt()
    by_receipt = (await portal.call("POST", "/ledger", {"receipt": receipt})).json()["entries"]
    assert set(by_receipt[0]) | {"organisation", "organisation_name"} == set(entries[0])


async def test_enquiries_on_another_citizen_are_not_shown(scene: Scene, portal: Portal) -> None:
    await portal.verify(claim=BINH, dossier="BINH")
    await portal.verify(dossier="AN")

    assert [entry["dossier"] for entry in await own_ledger(portal, await sign_in(scene.mock))] == ["AN"]


async def test_enquiries_by_the_nine_digit_number_are_shown_once_a_record_had_both(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify(claim=AN_BY_CARD, dossier="BY-CARD")
    token = await sign_in(scene.mock)
    assert await own_ledger(portal, token) == []

    await joined(portal)

    dossiers = [entry["dossier"] for entry in await own_ledger(portal, token)]
    assert "BY-CARD" in dossiers
    assert "HN-SHOWN" in dossiers


async def test_reading_the_own_ledger_is_an_audit_row_that_the_next_reading_shows(
    scene: Scene, portal: Portal
) -> None:
    token = await sign_in(scene.mock)
    await own_ledger(portal, token)

    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["client_id"]) == ("shown", "own_ledger", portal.client_id)
    assert (row["organisation"], row["initiated_by"]) == (AGENCY, "citizen")
    (entry,) = await own_ledger(portal, token)
    assert (entry["kind"], entry["outcome"], entry["organisation"]) == ("shown", "own_ledger", AGENCY)


async def test_each_profile_shows_only_what_was_asked_through_it(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    official = await scene.portal(Profile.OFFICIAL)

    assert await own_ledger(official, await sign_in(scene.mock)) == []


async def test_threat_44_neither_the_id_token_nor_the_number_is_logged_or_stored(
    scene: Scene, portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    token = await sign_in(scene.mock)
    await own_ledger(portal, token)
    await portal.call("POST", "/ledger/mine", **{"Citizen-Token": f"{token}x"})

    printed = "".join(capsys.readouterr())
    assert "ledger/mine" in printed
    stored = str(await scene.audit())
    for secret in (token, token.split(".")[1], AN["citizen_id"]):
        assert secret not in printed
        assert secret not in stored


async def test_an_account_without_the_scope_gets_no_ledger_with_a_valid_id_token(scene: Scene) -> None:
    without = await scene.portal(scopes=["verify"])

    answer = await without.call("POST", "/ledger/mine", **{"Citizen-Token": await sign_in(scene.mock)})

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_threat_49_a_suspension_before_the_reading_is_recorded_shows_no_ledger(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    token = await sign_in(scene.mock)
    async with behind_a_busy_audit(scene, lambda: suspend_account(scene, portal)) as call:
        answer = await call(portal.call("POST", "/ledger/mine", **{"Citizen-Token": token}))

    assert (answer.status_code, answer.json()["code"]) == (403, "account_suspended")
    rows = {(row["kind"], row.get("outcome")) for row in await scene.audit()}
    assert ("shown", "own_ledger") not in rows
    assert ("refused", "account_suspended") in rows
