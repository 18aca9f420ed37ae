"""Discrepancies: the citizen declares a disputed field, and the note is sealed: no route shows it."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.audit.verify import verify_audit
from gateway.enquiries.prefill_store import discrepancies, prefills
from gateway.identifiers import Profile
from gateway.keys.sealing import unseal_with_data_key
from gateway.storage.database import metadata
from tests.kit.enquiries import (
    CARD,
    LOOK_UP,
    MARITAL,
    VerifiedEnquiry,
    asked_operations,
    person,
    reasons,
    verified,
)
from tests.kit.scene import Portal, Scene

NUMBER = "001090000123"
NOTE = "Địa chỉ của ông Nguyễn Văn An (001090000123) đã đổi từ năm 2021."
LAM = person("079069000710", "Lâm Chấn Phát", "1969-02-17")


async def filed(portal: Portal, of: str, on: str = "gender", **members: Any) -> httpx.Response:
    """File a discrepancy about a field of a prefill."""
    body = {"prefill": of, "field": on, "note": NOTE} | members
    return await portal.call("POST", "/discrepancies", body)


async def filled(portal: Portal, *fields: str) -> tuple[VerifiedEnquiry, str]:
    """Verify An and fill his form; return the enquiry and the prefill's id."""
    act = await verified(portal)
    answer = await act.fill(*(fields or ("full_name", "gender", "permanent_residence", "child_full_name")))
    assert answer.status_code == 200, answer.text
    return act, answer.json()["id"]


def stored_bytes(folder: Path) -> bytes:
    """Return the contents of the SQLite store's files; nothing on PostgreSQL."""
    return b"".join(path.read_bytes() for path in folder.glob("gateway.db*"))


async def test_a_new_discrepancy_is_open_and_its_answer_does_not_repeat_the_note(portal: Portal) -> None:
    _, prefill = await filled(portal)

    answer = await filed(portal, prefill)

    assert answer.status_code == 201
    members = answer.json()
    assert members | {"id": "", "filed_at": ""} == {
        "id": "",
        "prefill": prefill,
        "field": "gender",
        "state": "open",
        "filed_at": "",
    }
    assert members["id"].startswith("dis_")
    assert members["filed_at"].endswith("Z")
    assert NOTE not in answer.text


async def test_the_citizen_declares_a_disputed_field_from_then_on(scene: Scene, portal: Portal) -> None:
    act, prefill = await filled(portal)
    await filed(portal, prefill)
    asked = len(await asked_operations(scene))

    same = await act.fill("full_name", "gender")
    elsewhere = await (await verified(portal, "ket-hon")).fill("gender")

    assert same.json()["fields"]["full_name"]["state"] == "filled"
    assert same.json()["fields"]["gender"] == {"state": "to_declare", "reason": "under_correction"}
    assert reasons(same)["gender"] == "under_correction"
    assert reasons(elsewhere)["gender"] == "under_correction"
    assert len(await asked_operations(scene)) == asked + 1


async def test_an_operation_that_only_disputed_fields_need_is_not_asked(scene: Scene, portal: Portal) -> None:
    act = await verified(portal, CARD)
    prefill = (await act.fill("full_name", "marital_status")).json()["id"]
    assert await asked_operations(scene) == [LOOK_UP, MARITAL]
    await filed(portal, prefill, "marital_status")

    answer = await act.fill("full_name", "marital_status")

    assert answer.json()["fields"]["marital_status"]["reason"] == "under_correction"
    assert await asked_operations(scene) == [LOOK_UP, LOOK_UP, MARITAL]


async def test_another_field_citizen_or_account_is_filled_as_before(scene: Scene, portal: Portal) -> None:
    act, prefill = await filled(portal)
    await filed(portal, prefill)
    other = await scene.portal()

    answers = [
        await act.fill("full_name"),
        await (await verified(portal, claim=LAM)).fill("gender"),
        await (await verified(other)).fill("gender"),
    ]

    for answer in answers:
        assert [field["state"] for field in answer.json()["fields"].values()] == ["filled"]


async def test_a_field_without_a_registry_value_can_also_be_disputed(portal: Portal) -> None:
    act = await verified(portal, CARD)
    before = await act.fill("blood_type")
    assert reasons(before)["blood_type"] == "registry_has_none"

    answer = await filed(portal, before.json()["id"], "blood_type")

    assert answer.status_code == 201
    assert reasons(await act.fill("blood_type"))["blood_type"] == "under_correction"


async def test_one_row_records_who_disputed_which_field_and_no_part_of_the_note(
    scene: Scene, portal: Portal
) -> None:
    act, prefill = await filled(portal)
    delivered = (await scene.audit())[-1]

    answer = await filed(portal, prefill)

    row = (await scene.audit())[-1]
    assert (row["kind"], row["fields"], row["outcome"]) == ("filed", ["gender"], answer.json()["id"])
    assert row["request_id"] == answer.headers["x-request-id"]
    for name in (
        "client_id",
        "organisation",
        "citizen",
        "citizen_key",
        "verification",
        "procedure",
        "dossier",
    ):
        assert row[name] == delivered[name]
    assert act.members["id"] == row["verification"]
    await verify_audit(scene.gateway.deps.database)


async def test_threat_15_the_note_is_sealed_under_a_separate_key_and_readable_nowhere(
    scene: Scene, portal: Portal, database_url: str, tmp_path: Path
) -> None:
    _, prefill = await filled(portal)
    found = (await filed(portal, prefill)).json()

    async with scene.gateway.deps.database.read() as connection:
        for table in metadata.sorted_tables:
            for row in await connection.execute(sa.select(table)):
                for value in row:
                    held = value if isinstance(value, bytes) else str(value).encode()
                    for secret in (NOTE, "Nguyễn", NUMBER, "năm 2021"):
                        assert secret.encode() not in held or table.name == "keys", (table.name, secret)
        row = (await connection.execute(sa.select(discrepancies))).one()
    keys = scene.gateway.places[Profile.SANDBOX].keys
    owner = f"discrepancy/{found['id']}"
    plain = unseal_with_data_key(keys, row.sealed_note, row.wrapped_key, owner=owner, part="note")
    assert plain.decode() == NOTE
    files = stored_bytes(tmp_path)
    assert (row.sealed_note in files) is database_url.startswith("sqlite")
    assert [secret for secret in (NOTE, "Nguyễn", NUMBER) if secret.encode() in files] == []


async def test_the_store_keeps_only_the_names_of_a_prefills_registry_fields(
    scene: Scene, portal: Portal
) -> None:
    act, prefill = await filled(portal)

    async with scene.gateway.deps.database.read() as connection:
        row = (await connection.execute(sa.select(prefills))).one()

    assert (row.id, row.verification, row.client_id) == (prefill, act.members["id"], portal.client_id)
    assert row.fields == ["full_name", "gender", "permanent_residence"]


async def test_a_discrepancy_can_be_filed_after_the_verification_has_ended(
    scene: Scene, portal: Portal
) -> None:
    _, prefill = await filled(portal)
    scene.clock.advance(1801)
    await portal.log_in()

    assert (await filed(portal, prefill)).status_code == 201
    assert reasons(await (await verified(portal)).fill("gender"))["gender"] == "under_correction"


async def test_threat_20_another_accounts_prefill_is_not_found_and_can_not_be_disputed(
    scene: Scene, portal: Portal
) -> None:
    _, prefill = await filled(await scene.portal())

    answer = await filed(portal, prefill)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    refused = (await scene.audit())[-1]
    assert (refused["kind"], refused["outcome"]) == ("refused", "not_found")


async def test_a_sandbox_prefill_is_not_found_at_the_official_profile(scene: Scene, portal: Portal) -> None:
    _, prefill = await filled(portal)

    answer = await filed(await scene.portal(Profile.OFFICIAL), prefill)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("prefill", [NUMBER, "pre_" + "a" * 25, "ver_" + "a" * 25, "pre_\u0000"])
async def test_an_unknown_prefill_id_is_not_found_and_not_echoed(portal: Portal, prefill: str) -> None:
    answer = await filed(portal, prefill)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert prefill not in answer.text


@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"field": "nothing"}, "field_unknown", "field"),
        ({"field": NUMBER}, "field_unknown", "field"),
        ({"field": "nationality"}, "request_invalid", "field"),
        ({"field": "child_full_name"}, "request_invalid", "field"),
        ({"field": ""}, "request_invalid", "field"),
        ({"note": ""}, "request_invalid", "note"),
        ({"note": " \u00a0"}, "request_invalid", "note"),
        ({"note": "x" * 501}, "request_invalid", "note"),
        ({"note": "một\nhai"}, "request_invalid", "note"),
        ({"note": "an\u202etoàn"}, "request_invalid", "note"),
        ({"note": "\u0000"}, "request_invalid", "note"),
        ({"note": None}, "request_invalid", "note"),
        ({"prefill": 1}, "request_invalid", "prefill"),
        ({NUMBER: NOTE}, "request_invalid", "body.3"),
    ],
)
async def test_an_invalid_discrepancy_is_refused_with_its_location_and_not_stored(
    scene: Scene, portal: Portal, members: dict[str, Any], code: str, named: str
) -> None:
    _, prefill = await filled(portal)

    answer = await filed(portal, prefill, **members)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [error["field"] for error in answer.json()["errors"]] == [named]
    assert NUMBER not in answer.text
    async with scene.gateway.deps.database.read() as connection:
        assert (await connection.execute(sa.select(discrepancies))).all() == []


async def test_a_note_of_five_hundred_vietnamese_letters_is_accepted_in_any_normal_form(
    portal: Portal,
) -> None:
    _, prefill = await filled(portal)

    assert (await filed(portal, prefill, note="e\u0302\u0301" * 500)).status_code == 201


async def test_an_unknown_field_is_reported_before_a_missing_prefill(portal: Portal) -> None:
    answer = await filed(portal, "pre_" + "a" * 25, "nothing")

    assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown")


async def test_discrepancies_need_the_scope_of_prefills(scene: Scene) -> None:
    portal = await scene.portal(scopes=["verify"])

    answer = await filed(portal, "pre_" + "a" * 25)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert 'scope="prefill"' in answer.headers["www-authenticate"]
