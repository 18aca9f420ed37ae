"""Threat 53: two numbers, two spellings or two forms of a date of one citizen share one budget and one ledger."""

import asyncio
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.accounts.use_cases import add_organisation
from gateway.audit.store import audit_entries
from gateway.enquiries.person_store import MAX_HOLDINGS, holdings
from gateway.enquiries.store import verifications
from gateway.keys.model import Purpose
from gateway.storage.database import metadata
from mock_c06.app import MockRegistry
from tests.attacks.people import joined, misnamed, rotate_pseudonyms, shown, spent
from tests.kit.clocks import HandClock
from tests.kit.enquiries import reasons, verified
from tests.kit.keys import rotate_and_serve
from tests.kit.scene import AN, Portal, Scene, another_worker, open_scene, settings_for

AN_BY_CARD = {"id_card_number": "012345678", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}


TRUNG = {"citizen_id": "001076000303", "full_name": "Trịnh Văn Trùng", "birth_date": "1976-06-16"}


LAP = {"citizen_id": "036174000304", "full_name": "Mai Thị Lặp", "birth_date": "1974-01-21"}


SHARED = "145000303"
"""The nine-digit number that two provinces gave out, to Trùng and to Lặp."""


def by_card(claim: dict[str, str], card: str) -> dict[str, str]:
    """Return a claim with the nine-digit number instead of the twelve-digit one."""
    return {name: value for name, value in claim.items() if name != "citizen_id"} | {"id_card_number": card}


async def seen(portal: Portal, receipt: str) -> list[str]:
    """Return the dossiers in a receipt's ledger."""
    answer = await portal.call("POST", "/ledger", {"receipt": receipt})
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return [entry["dossier"] for entry in entries]


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    settings = settings_for(database_url, mock, sandbox={"budget_subject_day": 3})
    async with open_scene(settings, mock, clock) as opened:
        yield opened


async def rows(scene: Scene, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    async with scene.gateway.deps.database.read() as transaction:
        return list((await transaction.execute(sa.select(table))).all())


async def test_threat_53_both_numbers_of_a_citizen_share_a_budget_once_a_record_showed_both(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    for number, claim in enumerate((AN, AN_BY_CARD, AN)):
        assert (await portal.verify(claim=misnamed(claim, number))).status_code == 201
    asked = len(await scene.journal())

    assert spent(await portal.verify(claim=misnamed(AN_BY_CARD, 3))) == "subject_day"
    assert spent(await (await scene.portal()).verify(claim=misnamed(AN, 4))) == "subject_day"
    assert len(await scene.journal()) == asked


async def test_threat_53_a_record_found_by_nine_digits_also_joins_the_numbers(portal: Portal) -> None:
    await shown(portal, AN_BY_CARD)
    for number in range(3):
        await portal.verify(claim=misnamed(AN, number))

    assert spent(await portal.verify(claim=misnamed(AN_BY_CARD, 3))) == "subject_day"


async def test_threat_53_wrong_claims_from_before_the_numbers_were_joined_count_from_then_on(
    portal: Portal,
) -> None:
    for number in range(2):
        await portal.verify(claim=misnamed(AN, number))
        await portal.verify(claim=misnamed(AN_BY_CARD, number))
    await joined(portal)

    for claim in (AN, AN_BY_CARD):
        assert spent(await portal.verify(claim=misnamed(claim, 5))) == "subject_day"


async def test_threat_53_wrong_claims_at_once_by_both_numbers_do_not_exceed_one_budget(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    portals = [portal, await scene.portal()]
    claims = [misnamed((AN, AN_BY_CARD)[number % 2], number) for number in range(12)]
    answers = await asyncio.gather(
        *(portals[number % 3 % 2].verify(claim=claim) for number, claim in enumerate(claims))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 9}


async def test_threat_53_two_workers_that_ask_by_both_numbers_at_once_do_not_exceed_one_budget(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    async with another_worker(scene) as http:
        portals = [portal, replace(await scene.portal(), http=http)]
        claims = [misnamed((AN, AN_BY_CARD)[number % 2], number) for number in range(24)]
        answers = await asyncio.gather(
            *(portals[number % 2].verify(claim=claim) for number, claim in enumerate(claims))
        )

    assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 21}


async def test_threat_53_a_year_a_date_and_each_spelling_count_against_one_person(portal: Portal) -> None:
    await joined(portal)
    name = "Nguyễn Văn Sáu"
    by_year = {"citizen_id": AN["citizen_id"], "full_name": name, "birth_year": 1990}
    for claim in (AN | {"full_name": name}, by_year, AN_BY_CARD | {"full_name": name}):
        assert (await portal.verify(claim=claim)).json()["verdict"] == "not_confirmed"
    spelt = unicodedata.normalize("NFD", f"  {name.upper()} ")
    for claim in (AN | {"full_name": spelt}, by_year | {"full_name": spelt}):
        assert (await portal.verify(claim=claim)).status_code == 201  # the same claims as before

    assert spent(await portal.verify(claim=AN_BY_CARD | {"full_name": f"{name} Hai"})) == "subject_day"


async def test_threat_53_a_ledger_shows_enquiries_made_by_either_number(scene: Scene, portal: Portal) -> None:
    by_nine = await portal.receipt(claim=AN_BY_CARD, dossier="BY-NINE")
    by_twelve = await portal.receipt(dossier="BY-TWELVE")
    await portal.verify(claim=misnamed(AN_BY_CARD, 0), dossier="WRONG-NINE")
    assert await seen(portal, by_nine) == ["BY-NINE", "WRONG-NINE"]
    assert await seen(portal, by_twelve) == ["BY-TWELVE"]

    await joined(portal)

    everything = ["BY-NINE", "BY-TWELVE", "WRONG-NINE"]
    assert [each for each in await seen(portal, by_nine) if each != "HN-SHOWN"] == everything
    assert await seen(portal, by_twelve) == await seen(portal, by_nine)
    assert len({row["citizen"] for row in await scene.audit() if row.get("citizen")}) == 2


async def test_threat_53_two_people_with_one_nine_digit_number_have_separate_ledgers(
    portal: Portal,
) -> None:
    receipts = {
        "TRUNG-9": await portal.receipt(claim=by_card(TRUNG, SHARED), dossier="TRUNG-9"),
        "LAP-9": await portal.receipt(claim=by_card(LAP, SHARED), dossier="LAP-9"),
        "TRUNG-12": await portal.receipt(claim=TRUNG, dossier="TRUNG-12"),
        "LAP-12": await portal.receipt(claim=LAP, dossier="LAP-12"),
    }
    await portal.verify(claim=misnamed(by_card(LAP, SHARED), 0), dossier="WHOSE")
    assert [await seen(portal, receipts[name]) for name in receipts] == [[name] for name in receipts]

    for claim in (TRUNG, LAP, by_card(TRUNG, SHARED), by_card(LAP, SHARED)):
        await shown(portal, claim)

    for name, receipt in receipts.items():
        person = name.partition("-")[0]
        assert [each for each in await seen(portal, receipt) if each != "HN-SHOWN"] == [
            f"{person}-9",
            f"{person}-12",
        ]


async def test_threat_53_a_wrong_claim_by_a_shared_number_counts_against_each_of_its_holders(
    portal: Portal,
) -> None:
    for claim in (TRUNG, LAP):
        await shown(portal, claim)
    for number in range(3):
        await portal.verify(claim=misnamed(by_card(TRUNG, SHARED), number))

    assert spent(await portal.verify(claim=misnamed(TRUNG, 4))) == "subject_day"
    assert spent(await portal.verify(claim=misnamed(LAP, 4))) == "subject_day"


async def test_threat_53_guesses_about_one_holder_of_a_shared_number_do_not_use_the_others_budget(
    portal: Portal,
) -> None:
    for claim in (TRUNG, LAP):
        await shown(portal, claim)
    for number in range(3):
        await portal.verify(claim=misnamed(TRUNG, number))

    assert spent(await portal.verify(claim=misnamed(TRUNG, 4))) == "subject_day"
    assert spent(await portal.verify(claim=misnamed(by_card(TRUNG, SHARED), 4))) == "subject_day"
    assert (await portal.verify(claim=misnamed(LAP, 4))).status_code == 201


async def test_threat_53_a_false_record_does_not_open_a_strangers_ledger(
    scene: Scene, portal: Portal
) -> None:
    lap = await portal.receipt(claim=by_card(LAP, SHARED), dossier="LAP-9")
    await portal.verify(claim=misnamed(by_card(LAP, SHARED), 0), dossier="WRONG-9")
    await scene.set_person(**AN | {"id_card_number": SHARED, "gender": "male"})
    receipt = await portal.receipt(dossier="AN-12")
    await shown(portal, AN)

    assert set(await seen(portal, receipt)) == {"AN-12", "HN-SHOWN"}
    assert await seen(portal, lap) == ["LAP-9"]


async def test_threat_53_a_false_record_found_by_nine_digits_does_not_open_a_strangers_ledger(
    scene: Scene, portal: Portal
) -> None:
    an = await portal.receipt(dossier="AN-12")
    await portal.verify(claim=misnamed(AN, 0), dossier="AN-WRONG")
    lap = by_card(LAP, "145000777")
    number = {"citizen_id": AN["citizen_id"], "id_card_number": "145000777", "gender": "female"}
    await scene.set_person(**LAP | number)
    receipt = await portal.receipt(claim=lap, dossier="LAP-9")
    await shown(portal, lap)

    assert set(await seen(portal, receipt)) == {"LAP-9", "HN-SHOWN"}
    assert await seen(portal, an) == ["AN-12", "AN-WRONG"]


async def test_threat_53_a_verification_stored_before_holders_were_recorded_shows_its_own_claim_only(
    scene: Scene, portal: Portal
) -> None:
    trung = await portal.receipt(claim=by_card(TRUNG, SHARED), dossier="TRUNG-9")
    async with scene.gateway.deps.database.write() as transaction:
        forget = sa.update(verifications).values(holder=None)
        await transaction.execute(forget.execution_options(unrecorded="a test's own"))
    lap = await portal.receipt(claim=by_card(LAP, SHARED), dossier="LAP-9")

    assert (await seen(portal, trung), await seen(portal, lap)) == (["TRUNG-9"], ["LAP-9"])


async def test_threat_53_a_number_that_every_record_shows_joins_no_persons(
    scene: Scene, portal: Portal
) -> None:
    people = [
        {"citizen_id": f"0010900009{number:02}", "full_name": "Lê Văn Nhiều", "birth_date": "1990-02-03"}
        for number in range(MAX_HOLDINGS + 3)
    ]
    for person in people:
        await scene.set_person(**person | {"gender": "male", "id_card_number": "000000001"})
        await shown(portal, person)

    assert len(await rows(scene, holdings)) == MAX_HOLDINGS
    for number in range(3):
        await portal.verify(claim=misnamed(people[-1], number))
    assert (await portal.verify(claim=misnamed(by_card(people[0], "000000001"), 4))).status_code == 201


async def test_threat_53_two_workers_that_join_the_same_numbers_at_once_make_one_person(
    scene: Scene, portal: Portal
) -> None:
    acts = [await verified(portal, claim=claim) for claim in (AN, AN_BY_CARD)]
    async with another_worker(scene) as http:
        others = [replace(act, portal=replace(portal, http=http)) for act in acts]
        answers = await asyncio.gather(*(act.fill("full_name") for act in [*acts, *others] * 5))

    assert {answer.status_code for answer in answers} == {200}
    assert len(await rows(scene, holdings)) == 1


async def test_threat_53_a_death_found_by_one_number_ends_verifications_by_the_other_number(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    nine, twelve = await verified(portal, claim=AN_BY_CARD), await verified(portal, dossier="HN-12")
    await scene.set_person(citizen_id=AN["citizen_id"], alive=False)

    assert (await nine.fill("full_name")).json()["code"] == "verification_invalidated"

    assert [await act.state() for act in (nine, twelve)] == ["invalidated", "invalidated"]


async def test_the_death_of_one_holder_of_a_shared_number_ends_nothing_of_the_others(
    scene: Scene, portal: Portal
) -> None:
    trung = await verified(portal, claim=by_card(TRUNG, SHARED), dossier="TRUNG-9")
    lap = await verified(portal, claim=by_card(LAP, SHARED), dossier="LAP-9")
    await scene.set_person(citizen_id=TRUNG["citizen_id"], alive=False)

    await trung.fill("full_name")

    assert [await act.state() for act in (trung, lap)] == ["invalidated", "live"]


async def test_threat_53_a_field_disputed_by_one_number_is_also_left_to_declare_by_the_other(
    portal: Portal,
) -> None:
    act = await verified(portal, claim=AN_BY_CARD)
    prefill = (await act.fill("full_name", "gender")).json()["id"]
    filed = await portal.call(
        "POST", "/discrepancies", {"prefill": prefill, "field": "gender", "note": "không đúng"}
    )
    assert filed.status_code == 201, filed.text

    answer = await (await verified(portal, dossier="HN-12")).fill("full_name", "gender")

    assert reasons(answer)["gender"] == "under_correction"


async def test_a_field_disputed_by_one_holder_of_a_shared_number_is_filled_for_the_other(
    portal: Portal,
) -> None:
    act = await verified(portal, claim=by_card(TRUNG, SHARED))
    prefill = (await act.fill("full_name", "gender")).json()["id"]
    await portal.call("POST", "/discrepancies", {"prefill": prefill, "field": "gender", "note": "không đúng"})

    answer = await (await verified(portal, claim=by_card(LAP, SHARED))).fill("full_name", "gender")

    assert answer.json()["fields"]["gender"]["state"] == "filled"


@pytest.mark.parametrize("join_first", [True, False], ids=["joined before", "joined after"])
async def test_threat_53_numbers_remain_joined_when_lookup_and_pseudonym_keys_are_rotated(
    scene: Scene, portal: Portal, *, join_first: bool
) -> None:
    receipts = [
        await portal.receipt(claim=AN_BY_CARD, dossier="OLD-9"),
        await portal.receipt(dossier="OLD-12"),
    ]
    await portal.verify(claim=misnamed(AN_BY_CARD, 0), dossier="WRONG-OLD")
    if join_first:
        await joined(portal)
    await rotate_pseudonyms(scene)
    await rotate_and_serve(scene, Purpose.LOOKUP)
    await portal.log_in()
    receipts += [
        await portal.receipt(claim=AN_BY_CARD, dossier="NEW-9", fresh=True),
        await portal.receipt(dossier="NEW-12", fresh=True),
    ]
    if not join_first:
        await joined(portal)
    for number, claim in ((1, AN), (2, AN_BY_CARD)):
        await portal.verify(claim=misnamed(claim, number), dossier=f"WRONG-{number}")

    for claim in (AN, AN_BY_CARD):
        assert spent(await portal.verify(claim=misnamed(claim, 5), dossier="REFUSED")) == "subject_day"
    ledgers = [set(await seen(portal, receipt)) for receipt in receipts]
    assert ledgers[0] >= {"OLD-9", "OLD-12", "NEW-9", "NEW-12", "WRONG-OLD", "WRONG-1", "WRONG-2"}
    assert ledgers == [ledgers[0]] * 4


async def test_threat_53_a_verification_derived_after_a_rotation_belongs_to_the_same_person(
    scene: Scene, portal: Portal
) -> None:
    root = await verified(portal, dossier="OLD")
    form = (await root.fill("nationality")).json()
    disputed = {"prefill": form["id"], "field": "nationality", "note": "Sai"}
    assert (await portal.call("POST", "/discrepancies", disputed)).status_code == 201
    await rotate_pseudonyms(scene)

    derived = await verified(portal, dossier="NEW")

    assert derived.members["derived_from"] == root.members["id"]
    ledgers = [await seen(portal, act.members["receipt"]) for act in (root, derived)]
    assert set(ledgers[0]) == {"OLD", "NEW"}
    assert ledgers[1] == ledgers[0]
    assert reasons(await derived.fill("nationality", "full_name"))["nationality"] == "under_correction"


async def test_records_of_one_organisation_join_no_numbers_for_another(scene: Scene, portal: Portal) -> None:
    await add_organisation(scene.gateway.deps, "000.00.02.H26", "another")
    stranger = await scene.portal(organisation="000.00.02.H26")
    await joined(portal)
    for number in range(3):
        await stranger.verify(claim=misnamed(AN, number))

    assert (await stranger.verify(claim=misnamed(AN_BY_CARD, 4))).status_code == 201


async def test_the_rows_that_join_two_numbers_contain_no_number_name_or_date(
    scene: Scene, portal: Portal
) -> None:
    await joined(portal)
    await shown(portal, AN_BY_CARD)
    tables = [table for table in metadata.sorted_tables if table is not audit_entries]
    kept = "\n".join([str(row) for table in tables for row in await rows(scene, table)])

    assert len(await rows(scene, holdings)) == 1
    for secret in (AN["citizen_id"], AN_BY_CARD["id_card_number"], "NGUYENVANAN", "Nguyễn Văn An"):
        assert secret not in kept
