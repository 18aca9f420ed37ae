"""The issuing desk: what an application states, why it is refused, and that a granted account is not active yet."""

from typing import Any

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal

APPLICATION: dict[str, Any] = {
    "name": "dvctt-bac-ninh",
    "agency": "000.00.01.H05",
    "agency_name": "UBND tỉnh Bắc Ninh",
    "application": "Cổng dịch vụ công thử nghiệm",
    "purpose": "Điền sẵn tờ khai đăng ký khai sinh",
    "fields": ["full_name", "gender", "permanent_residence"],
    "operations": ["XacThucThongTinCongDan", "TraCuuThongTinCongDan"],
    "procedures": ["khai-sinh"],
    "officers": ["can.bo.01"],
    "frequency": "khi có hồ sơ, tối đa 5 lần mỗi giây",
    "rate_per_second": 5,
}


async def test_a_full_application_is_granted_with_exactly_what_it_states(control: httpx.AsyncClient) -> None:
    answer = await control.post("/desk/applications", json=APPLICATION)
    decision = answer.json()
    account = decision["account"]
    assert (answer.status_code, decision["state"], decision["reasons"]) == (201, "granted", [])
    assert (account["status"], account["environment"], account["rate_per_second"]) == ("granted", "test", 5)
    assert {name: account[name] for name in ("agency", "fields", "operations", "procedures", "officers")} == {
        name: APPLICATION[name] for name in ("agency", "fields", "operations", "procedures", "officers")
    }


async def test_a_granted_account_answers_only_once_it_is_activated(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    decision = (await control.post("/desk/applications", json=APPLICATION)).json()
    portal.account = decision["account"]
    before = (await portal.verdict(MaDonVi="000.00.01.H05")).status_code
    activated = (await control.post(f"/desk/applications/{decision['id']}/activate")).json()
    after = (await portal.verdict(MaDonVi="000.00.01.H05")).status_code
    assert (before, after) == (403, 200)
    assert (activated["state"], activated["account"]["status"]) == ("active", "active")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"agency": ""}, ["agency"]),
        ({"agency_name": " "}, ["agency_name"]),
        ({"application": ""}, ["application"]),
        ({"purpose": ""}, ["purpose"]),
        ({"frequency": ""}, ["frequency"]),
        ({"fields": []}, ["fields"]),
        ({"operations": [], "fields": []}, ["operations"]),
        ({"procedures": []}, ["procedures"]),
        ({"officers": []}, ["officers"]),
        ({"procedures": ["khai-sinh", "khai-vui"]}, ["procedures.1"]),
        ({"operations": ["TraCuuThongTinCongDan", "GetRequests"]}, ["operations.1"]),
        ({"fields": ["full_name", "shoe_size"]}, ["fields.1"]),
        ({"fields": ["full_name", "household_members"]}, ["fields.1"]),
        ({"fields": ["ethnicity"]}, ["fields.0"]),
        ({"environment": "official", "security_level": 2}, ["security_level"]),
        ({"name": "dvctt-hanoi"}, ["name"]),
    ],
)
async def test_an_application_is_refused_with_the_statement_that_fails(
    control: httpx.AsyncClient, change: dict[str, Any], fields: list[str]
) -> None:
    decision = (await control.post("/desk/applications", json=APPLICATION | change)).json()
    assert (decision["state"], decision["account"]) == ("refused", None)
    assert [reason["field"] for reason in decision["reasons"]] == fields
    assert all(reason["reason"] for reason in decision["reasons"])


async def test_an_empty_application_is_refused_with_every_reason_at_once(control: httpx.AsyncClient) -> None:
    decision = (await control.post("/desk/applications", json={})).json()
    assert {reason["field"] for reason in decision["reasons"]} == {
        "agency",
        "agency_name",
        "application",
        "purpose",
        "frequency",
        "operations",
        "procedures",
        "officers",
    }


async def test_a_sensitive_field_is_granted_with_a_legal_basis(control: httpx.AsyncClient) -> None:
    stated = APPLICATION | {"fields": ["full_name", "ethnicity"], "legal_basis": "Luật Hộ tịch Đ14"}
    decision = (await control.post("/desk/applications", json=stated)).json()
    assert decision["account"]["fields"] == ["full_name", "ethnicity"]


async def test_an_official_account_is_granted_at_security_level_three(control: httpx.AsyncClient) -> None:
    stated = APPLICATION | {"environment": "official", "security_level": 3}
    decision = (await control.post("/desk/applications", json=stated)).json()
    assert decision["account"]["environment"] == "official"


async def test_the_answer_is_due_within_five_working_days(control: httpx.AsyncClient) -> None:
    # Decided on Tuesday, 24 November 2026: a weekend lies between.
    decision = (await control.post("/desk/applications", json=APPLICATION)).json()
    assert (decision["decided_at"][:10], decision["due_by"]) == ("2026-11-24", "2026-12-01")


async def test_a_refused_or_unknown_application_is_never_activated(control: httpx.AsyncClient) -> None:
    refused = (await control.post("/desk/applications", json={})).json()["id"]
    statuses = [
        (await control.post(f"/desk/applications/{which}/activate")).status_code
        for which in (refused, "app-99")
    ]
    listed = (await control.get("/desk/applications")).json()
    assert (statuses, [each["state"] for each in listed]) == ([404, 404], ["refused"])


async def test_a_revoked_account_is_not_activated_again(control: httpx.AsyncClient) -> None:
    decision = (await control.post("/desk/applications", json=APPLICATION)).json()
    await control.patch("/accounts/dvctt-bac-ninh", json={"status": "revoked"})
    assert (await control.post(f"/desk/applications/{decision['id']}/activate")).status_code == 409
