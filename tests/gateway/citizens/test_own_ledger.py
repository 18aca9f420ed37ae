"""`POST /ledger/mine`: what every organisation asked about the citizen who has signed in, and nobody else's rows."""

from collections import Counter
from operator import itemgetter
from typing import Any

import pytest

from gateway.accounts.use_cases import add_organisation
from gateway.audit.store import LEDGER_MOST
from gateway.citizens.use_cases import read_whole_ledger
from gateway.identifiers import Profile
from gateway.operators.model import Role
from tests.attacks.lost_rights import behind_a_busy_audit, suspend_account
from tests.attacks.people import joined
from tests.kit.citizens import make_many, sign_in
from tests.kit.enquiries import verified
from tests.kit.operators import signed_in
from tests.kit.scene import AGENCY, AN, Portal, Scene

OTHER_AGENCY = "000.00.02.H26"
AN_BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
BINH = {"citizen_id": "001190000456", "full_name": "Trần Thị Bình", "birth_date": "1990-02-02"}


@pytest.fixture
async def stranger(scene: Scene) -> Portal:
    """Return the portal of another organisation."""
    await add_organisation(scene.gateway.deps, OTHER_AGENCY, "Sở Tư pháp")
    return await scene.portal(organisation=OTHER_AGENCY)


async def own_ledger(portal: Portal, token: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (await whole(portal, token))["entries"]
    return entries


async def whole(portal: Portal, token: str) -> dict[str, Any]:
    answer = await portal.call("POST", "/ledger/mine", **{"Citizen-Token": token})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def dispute(portal: Portal, *fields: str) -> None:
    prefill = (await (await verified(portal)).fill(*fields)).json()["id"]
    for name in fields:
        body = {"prefill": prefill, "field": name, "note": "sai"}
        assert (await portal.call("POST", "/discrepancies", body)).status_code == 201


async def test_a_citizen_sees_the_enquiries_of_every_organisation_with_its_name(
    scene: Scene, portal: Portal, stranger: Portal
) -> None:
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


async def test_threat_40_one_organisations_many_entries_hide_no_enquiry_of_another(
    scene: Scene, portal: Portal, stranger: Portal
) -> None:
    await stranger.verify(dossier="ONCE")
    await portal.verify(dossier="FIRST")
    await make_many(scene, LEDGER_MOST)

    found = await whole(portal, await sign_in(scene.mock))

    assert "ONCE" in [each["dossier"] for each in found["entries"]]
    assert len(found["entries"]) == LEDGER_MOST
    assert found["earlier_left_out"] is True
    assert found["entries"] == sorted(found["entries"], key=itemgetter("at"))


async def test_threat_40_organisations_with_many_entries_have_equal_shares_of_the_ledger(
    scene: Scene, portal: Portal, stranger: Portal
) -> None:
    for number in range(5):
        await stranger.verify(dossier=f"HN-{number}")
        await portal.verify(dossier=f"HN-{number}")

    place = scene.gateway.places[Profile.SANDBOX]
    found = await read_whole_ledger(scene.gateway.deps, place, str(AN["citizen_id"]), most=6)

    assert Counter(organisation.id for organisation, _ in found.rows) == {AGENCY: 3, OTHER_AGENCY: 3}
    assert {str(row["dossier"]) for _, row in found.rows} == {"HN-2", "HN-3", "HN-4"}
    assert found.has_earlier


async def test_threat_40_one_organisations_many_disputed_fields_hide_none_of_another(
    scene: Scene, portal: Portal, stranger: Portal
) -> None:
    await dispute(stranger, "gender")
    await dispute(portal, "full_name", "birth_date", "gender")

    place = scene.gateway.places[Profile.SANDBOX]
    found = await read_whole_ledger(scene.gateway.deps, place, str(AN["citizen_id"]), most=2)

    shown = [(organisation.id, each.field) for organisation, each in found.disputed]
    assert shown == [(OTHER_AGENCY, "gender"), (AGENCY, "gender")]


async def test_a_ledger_says_that_disputed_fields_are_left_out(scene: Scene, portal: Portal) -> None:
    await dispute(portal, "full_name", "birth_date", "gender", "nationality")

    place = scene.gateway.places[Profile.SANDBOX]
    found = await read_whole_ledger(scene.gateway.deps, place, str(AN["citizen_id"]), most=3)

    assert (len(found.rows), len(found.disputed), found.has_earlier) == (3, 3, True)
    found = await read_whole_ledger(scene.gateway.deps, place, str(AN["citizen_id"]))
    assert (len(found.rows), len(found.disputed), found.has_earlier) == (3, 4, False)


async def test_the_own_ledger_has_the_fields_that_the_citizen_disputed_and_how_each_ended(
    scene: Scene, portal: Portal, stranger: Portal
) -> None:
    token = await sign_in(scene.mock)
    prefill = (await (await verified(portal)).fill("full_name", "gender")).json()["id"]
    assert "discrepancies" not in await whole(portal, token)
    filed = {
        name: (
            await portal.call("POST", "/discrepancies", {"prefill": prefill, "field": name, "note": "sai"})
        ).json()
        for name in ("full_name", "gender")
    }
    officer = await signed_in(scene, "an.vo", Role.DATA_PROTECTION)
    why = {"reason_vi": "Hồ sơ gốc đúng.", "reason": "The original record is right."}
    await officer.call("POST", f"/discrepancies/{filed['gender']['id']}/resolve", {"as": "rejected", **why})

    told = await whole(stranger, token)

    own = {"organisation": AGENCY, "organisation_name": "UBND thành phố Hà Nội"}
    found = {each["field"]: each for each in told["discrepancies"]}
    nothing = {"resolved_at": None, "reason_vi": None, "reason": None}
    assert found["full_name"] == filed["full_name"] | nothing | own
    ended = {"state": "rejected", "resolved_at": found["gender"]["resolved_at"], **why}
    assert found["gender"] == filed["gender"] | ended | own
    assert found["gender"]["resolved_at"]
    assert "sai" not in str(told["discrepancies"])


async def test_disputes_of_another_citizen_are_not_shown(scene: Scene, portal: Portal) -> None:
    prefill = (await (await verified(portal)).fill("gender")).json()["id"]
    await portal.call("POST", "/discrepancies", {"prefill": prefill, "field": "gender", "note": "sai"})

    assert "discrepancies" not in await whole(portal, await sign_in(scene.mock, "le-thi-dung"))


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
