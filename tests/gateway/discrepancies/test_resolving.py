"""A discrepancy ends: an operator reads and resolves it, its portal reads why, the field is filled again."""

from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.audit.verify import verify_audit
from gateway.enquiries.prefill_store import discrepancies
from gateway.identifiers import Profile
from gateway.operators.model import Role
from tests.kit.enquiries import VerifiedEnquiry, reasons, verified
from tests.kit.operators import Person, signed_in
from tests.kit.scene import Portal, Scene

NOTE = "Sai số nhà"
NOBODY = "dis_" + "a" * 25
WHY = {"reason_vi": "Đã sửa số nhà.", "reason": "The house number was corrected."}


@pytest.fixture
async def officer(scene: Scene) -> Person:
    """The officer for data protection."""
    return await signed_in(scene, "an.vo", Role.DATA_PROTECTION)


async def filed(portal: Portal, *fields: str) -> tuple[VerifiedEnquiry, list[dict[str, Any]]]:
    """Verify An, fill his form and file one discrepancy for each field."""
    act = await verified(portal)
    prefill = (await act.fill(*fields)).json()["id"]
    bodies = [{"prefill": prefill, "field": name, "note": NOTE} for name in fields]
    return act, [(await portal.call("POST", "/discrepancies", body)).json() for body in bodies]


async def resolve(person: Person, of: str, outcome: str = "corrected", **members: Any) -> httpx.Response:
    """Resolve a discrepancy."""
    return await person.call("POST", f"/discrepancies/{of}/resolve", {"as": outcome, **WHY, **members})


async def test_the_same_discrepancy_filed_again_is_the_first_one(scene: Scene, portal: Portal) -> None:
    act, [first] = await filed(portal, "gender")
    body = {"prefill": first["prefill"], "field": "gender", "note": "lại nữa"}
    later = {**body, "prefill": (await act.fill("full_name", "gender")).json()["id"]}

    answers = [await portal.call("POST", "/discrepancies", each) for each in (body, later)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, first), (200, first)]
    async with scene.gateway.deps.database.read() as connection:
        assert len((await connection.execute(sa.select(discrepancies.c.id))).all()) == 1


async def test_a_resolved_discrepancy_can_be_filed_again_as_a_new_one(
    portal: Portal, officer: Person
) -> None:
    _, [first] = await filed(portal, "gender")
    await resolve(officer, first["id"], "rejected")

    body = {"prefill": first["prefill"], "field": "gender", "note": NOTE}
    again = await portal.call("POST", "/discrepancies", body)

    assert (again.status_code, again.json()["state"]) == (201, "open")
    assert again.json()["id"] != first["id"]


@pytest.mark.parametrize("outcome", ["corrected", "rejected"])
async def test_a_resolved_field_is_filled_again_and_the_portal_reads_why(
    portal: Portal, officer: Person, outcome: str
) -> None:
    act, [first] = await filed(portal, "gender")
    assert reasons(await act.fill("gender"))["gender"] == "under_correction"

    answer = await resolve(officer, first["id"], outcome)

    assert (answer.status_code, answer.json()["state"]) == (200, outcome)
    assert (await act.fill("gender")).json()["fields"]["gender"]["state"] == "filled"
    read = (await portal.call("GET", f"/discrepancies/{first['id']}")).json()
    assert read == first | WHY | {"state": outcome, "resolved_at": answer.json()["resolved_at"]}
    assert read["resolved_at"].endswith("Z")


async def test_a_portal_lists_only_its_own_in_pages_with_the_newest_first(
    scene: Scene, portal: Portal, officer: Person
) -> None:
    _, made = await filed(portal, "gender", "full_name", "birth_date")
    await filed(await scene.portal(), "nationality")
    await resolve(officer, made[0]["id"])

    first = (await portal.call("GET", "/discrepancies?limit=2")).json()
    rest = (await portal.call("GET", f"/discrepancies?limit=2&after={first['next']}")).json()
    opened = (await portal.call("GET", "/discrepancies?state=open")).json()

    assert [each["field"] for each in first["discrepancies"]] == ["birth_date", "full_name"]
    assert [each["field"] for each in rest["discrepancies"]] == ["gender"]
    assert rest["next"] is None
    assert [each["field"] for each in opened["discrepancies"]] == ["birth_date", "full_name"]
    assert first["discrepancies"][0] == made[2] | dict.fromkeys(("resolved_at", "reason_vi", "reason"))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("state=closed", "state"),
        ("after=001090000123", "after"),
        (f"after={NOBODY}", "after"),
        ("page=2", "query.0"),
        ("limit=1&limit=2", "query.1"),
    ],
)
async def test_a_wrong_query_is_refused_by_name_or_position(portal: Portal, query: str, named: str) -> None:
    answer = await portal.call("GET", f"/discrepancies?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [named]
    assert "001090000123" not in answer.text


async def test_another_accounts_discrepancy_is_not_found_at_any_profile(scene: Scene, portal: Portal) -> None:
    _, [first] = await filed(portal, "gender")
    others = [portal, await scene.portal(), await scene.portal(Profile.OFFICIAL)]

    answers = [await each.call("GET", f"/discrepancies/{first['id']}") for each in others]

    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert (await portal.call("GET", f"/discrepancies/{NOBODY}")).status_code == 404
    assert (await portal.call("GET", "/discrepancies/dis_%00")).status_code == 404


async def test_an_operator_reads_the_note_and_the_evidence_says_who_read_it(
    scene: Scene, portal: Portal, officer: Person
) -> None:
    act, [first] = await filed(portal, "gender")

    listed = (await officer.call("GET", "/discrepancies?profile=sandbox")).json()
    read = await officer.call("GET", f"/discrepancies/{first['id']}")

    assert [each["id"] for each in listed["discrepancies"]] == [first["id"]]
    assert NOTE not in str(listed)
    assert read.json()["note"] == NOTE
    assert (read.json()["verification"], read.json()["procedure"]) == (act.members["id"], "khai-sinh")
    row = (await scene.audit())[-1]
    assert (row["outcome"], row["actor"], row["fields"]) == (
        f"discrepancy_read:{first['id']}",
        "an.vo",
        ["gender"],
    )
    assert row["request_id"] == read.headers["x-request-id"]
    assert (await officer.call("GET", "/discrepancies?profile=official")).json()["discrepancies"] == []


async def test_resolving_deletes_the_note_and_is_recorded_with_its_state(
    scene: Scene, portal: Portal, officer: Person
) -> None:
    _, [first] = await filed(portal, "gender")

    await resolve(officer, first["id"], "rejected")

    async with scene.gateway.deps.database.read() as connection:
        row = (await connection.execute(sa.select(discrepancies))).one()
    assert (row.sealed_note, row.wrapped_key, row.resolved_by) == (b"", b"", "an.vo")
    assert (await officer.call("GET", f"/discrepancies/{first['id']}")).json()["note"] is None
    resolved = (await scene.audit())[-2]
    assert (resolved["kind"], resolved["outcome"]) == ("operator", f"discrepancy_rejected:{first['id']}")
    assert list(resolved["state"]) == [f"discrepancies/{first['id']}"]
    await verify_audit(scene.gateway.deps.database)


async def test_a_resolved_discrepancy_keeps_its_first_outcome(
    scene: Scene, portal: Portal, officer: Person
) -> None:
    _, [first] = await filed(portal, "gender")
    await resolve(officer, first["id"])

    answer = await resolve(officer, first["id"], "rejected")

    assert (answer.status_code, answer.json()["code"]) == (409, "state_wrong")
    read = (await portal.call("GET", f"/discrepancies/{first['id']}")).json()
    assert read["state"] == "corrected"
    assert (await resolve(officer, NOBODY)).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PROPOSER, Role.ADMIN])
async def test_only_data_protection_and_an_approver_read_and_resolve(
    scene: Scene, portal: Portal, role: Role
) -> None:
    _, [first] = await filed(portal, "gender")
    person = await signed_in(scene, "lan.nguyen", role)
    approver = await signed_in(scene, "hoa.le", Role.APPROVER)

    answers = [
        await person.call("GET", "/discrepancies"),
        await person.call("GET", f"/discrepancies/{first['id']}"),
        await resolve(person, first["id"]),
    ]

    assert [answer.json()["code"] for answer in answers] == ["role_missing"] * 3
    assert (await resolve(approver, first["id"])).status_code == 200


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"as": "open"}, "as"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason_vi": "số 001090000123"}, "reason_vi"),
        ({"reason_vi": "an\u202etoàn"}, "reason_vi"),
        ({"reason_vi": None}, "reason_vi"),
    ],
)
async def test_a_resolution_without_a_plain_reason_in_both_languages_is_refused(
    portal: Portal, officer: Person, members: dict[str, Any], named: str
) -> None:
    _, [first] = await filed(portal, "gender")

    answer = await officer.call(
        "POST", f"/discrepancies/{first['id']}/resolve", {"as": "corrected", **WHY, **members}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [named]
    assert "001090000123" not in answer.text
