"""Revocation: a portal ends one of its verifications, and the gateway deletes the key of the sealed claim."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.accounts.model import make_grant
from gateway.enquiries.store import verifications
from tests.kit.scene import Portal, Scene

NUMBER = "001090000123"
WRONG = {"citizen_id": NUMBER, "full_name": "Nguyễn Văn Sai", "birth_date": "1990-01-31"}


async def keys_left(scene: Scene, verification: str) -> bool:
    """Say whether any sealed claim of a verification remains."""
    query = sa.select(verifications.c.sealed_claim, verifications.c.wrapped_key)
    async with scene.gateway.deps.database.read() as connection:
        row = (await connection.execute(query.where(verifications.c.id == verification))).one()
    return row != (None, None)


async def test_a_revoked_verification_is_returned_without_its_receipt_and_loses_its_key(
    scene: Scene, portal: Portal
) -> None:
    before = (await portal.verify()).json()
    assert await keys_left(scene, before["id"])

    answer = await portal.call("POST", f"/verifications/{before['id']}/revoke")

    assert answer.status_code == 200
    assert answer.json() == before | {"state": "revoked", "receipt": None}
    assert not await keys_left(scene, before["id"])
    assert (await portal.call("GET", f"/verifications/{before['id']}")).json() == answer.json()


async def test_a_revocation_leaves_one_row_that_names_the_ended_verification(
    scene: Scene, portal: Portal
) -> None:
    found = (await portal.verify()).json()
    asked = (await scene.audit())[-1]

    answer = await portal.call(
        "POST", f"/verifications/{found['id']}/revoke", **{"X-Request-Id": "revoke-it-please"}
    )

    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["verification"]) == ("ended", "revoked", found["id"])
    assert (row["citizen"], row["client_id"]) == (asked["citizen"], portal.client_id)
    assert (row["request_id"], row["correlation_id"]) == (answer.headers["x-request-id"], "revoke-it-please")


async def test_the_receipt_and_id_of_a_revoked_verification_are_refused_as_invalidated(
    scene: Scene, portal: Portal
) -> None:
    found = (await portal.verify()).json()
    await portal.call("POST", f"/verifications/{found['id']}/revoke")
    asked = len(await scene.journal())

    answer = await portal.prefill(found["receipt"], ["full_name"])
    checked = await portal.call("POST", "/receipts/check", {"receipt": found["receipt"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_invalidated")
    assert answer.json()["verification"] == found["id"]
    assert (checked.json()["valid"], checked.json()["reason"]) == (False, "revoked")
    assert len(await scene.journal()) == asked


async def test_the_next_enquiry_with_a_revoked_claim_asks_the_registry_again(
    scene: Scene, portal: Portal
) -> None:
    found = (await portal.verify()).json()
    await portal.call("POST", f"/verifications/{found['id']}/revoke")

    again = await portal.verify()

    assert (again.status_code, again.json()["origin"]) == (201, "registry")
    assert len(await scene.journal()) == 2


async def test_revoking_one_verification_also_ends_its_root_and_all_derived_ones(portal: Portal) -> None:
    root = (await portal.verify()).json()
    derived = (await portal.verify(procedure="ket-hon")).json()
    sister = (await portal.verify(subject_role="father")).json()

    await portal.call("POST", f"/verifications/{derived['id']}/revoke")

    states = [
        (await portal.call("GET", f"/verifications/{each['id']}")).json()["state"]
        for each in (root, derived, sister)
    ]
    assert states == ["revoked", "revoked", "revoked"]


async def test_a_second_revocation_returns_the_verification_unchanged_and_records_nothing(
    scene: Scene, portal: Portal
) -> None:
    found = (await portal.verify()).json()
    first = await portal.call("POST", f"/verifications/{found['id']}/revoke")
    rows = len(await scene.audit())

    again = await portal.call("POST", f"/verifications/{found['id']}/revoke", {})

    assert (again.status_code, again.json()) == (200, first.json())
    assert len(await scene.audit()) == rows


async def test_two_revocations_at_the_same_time_end_it_once(scene: Scene, portal: Portal) -> None:
    path = f"/verifications/{(await portal.verify()).json()['id']}/revoke"

    answers = await asyncio.gather(*(portal.call("POST", path) for _ in range(8)))

    assert {(answer.status_code, answer.json()["state"]) for answer in answers} == {(200, "revoked")}
    assert [row["kind"] for row in await scene.audit()].count("ended") == 1


async def test_an_expired_verification_remains_expired_when_it_is_revoked(
    scene: Scene, portal: Portal
) -> None:
    found = (await portal.verify()).json()
    scene.clock.advance(1801)
    await portal.log_in()

    answer = await portal.call("POST", f"/verifications/{found['id']}/revoke")

    assert (answer.status_code, answer.json()["state"]) == (200, "expired")


async def test_a_revoked_verification_that_was_not_confirmed_still_counts_in_the_budget(
    scene: Scene, portal: Portal
) -> None:
    found = (await portal.verify(claim=WRONG)).json()

    answer = await portal.call("POST", f"/verifications/{found['id']}/revoke")
    spent = (await portal.call("GET", "/me")).json()["budgets"]["account_hour"]["used"]

    assert (answer.json()["state"], answer.json()["verdict"], spent) == ("revoked", "not_confirmed", 1)


async def test_threat_20_another_accounts_verification_is_not_found_and_can_not_be_revoked(
    scene: Scene, portal: Portal
) -> None:
    found = (await (await scene.portal()).verify()).json()

    answer = await portal.call("POST", f"/verifications/{found['id']}/revoke")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await keys_left(scene, found["id"])


@pytest.mark.parametrize("name", [NUMBER, "ver_" + "a" * 25, "nothing-there"])
async def test_an_unknown_verification_id_can_not_be_revoked_and_is_not_echoed(
    portal: Portal, name: str
) -> None:
    answer = await portal.call("POST", f"/verifications/{name}/revoke")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert name not in answer.text


async def test_revoking_needs_the_scope_of_verifications_but_no_grant(scene: Scene) -> None:
    portal = await scene.portal(grants=make_grant(["khai-sinh"], ["requester"], []))
    found = (await portal.verify()).json()
    await portal.log_in(scope="prefill")

    refused = await portal.call("POST", f"/verifications/{found['id']}/revoke")
    await portal.log_in(scope="verify")
    allowed = await portal.call("POST", f"/verifications/{found['id']}/revoke")

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert allowed.json()["state"] == "revoked"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_invalid"),
        (b"[]", 422, "request_invalid"),
        (b'{"001090000123": 1}', 422, "request_invalid"),
    ],
)
async def test_a_revocation_whose_body_has_members_is_refused_and_ends_nothing(
    portal: Portal, body: bytes, status: int, code: str
) -> None:
    found = (await portal.verify()).json()

    answer = await portal.call("POST", f"/verifications/{found['id']}/revoke", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert NUMBER not in answer.text
    assert (await portal.call("GET", f"/verifications/{found['id']}")).json()["state"] == "live"


async def test_a_revocation_is_refused_to_callers_that_do_not_accept_json(portal: Portal) -> None:
    answer = await portal.call("POST", "/verifications/x/revoke", Accept="text/html")

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


async def test_a_revoked_verifications_data_key_is_deleted_from_the_sqlite_files(
    scene: Scene, portal: Portal
) -> None:
    url = scene.settings.database_url
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL's files are its own; its vacuum overwrites them")
    found = (await portal.verify()).json()
    async with scene.gateway.deps.database.read() as connection:
        key = (await connection.execute(sa.select(verifications.c.wrapped_key))).scalar_one()
    folder = Path(url.removeprefix("sqlite:///")).parent
    before = any(key[:24] in path.read_bytes() for path in folder.glob("gateway.db*"))

    await portal.call("POST", f"/verifications/{found['id']}/revoke")

    after = any(key[:24] in path.read_bytes() for path in folder.glob("gateway.db*"))
    assert (before, after) == (True, False)
