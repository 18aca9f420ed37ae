"""The control face: only for the holder of its token; catalogue and accounts as the contract lists them."""

from typing import Any

import httpx
import pytest

from mock_c06.app import MockRegistry
from mock_c06.control.problems import ROWS
from mock_c06.errors import CallRefused, ControlError, MemberWrong, StartRefused
from tests.mock_c06.callers import SoapPortal


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic x", "Bearer"])
async def test_every_route_but_probe_and_counts_asks_for_the_token(mock: MockRegistry, header: str) -> None:
    transport = httpx.ASGITransport(mock.control)
    headers = {"Authorization": header} if header else {}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://control.test", headers=headers
    ) as client:
        described = (await client.get("/openapi.json")).json()["paths"]
        statuses = {
            path: (await client.request(method, path)).status_code
            for path, methods in described.items()
            for method in methods
        }
    assert {path for path, status in statuses.items() if status != 401} == {"/livez", "/metrics"}


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/personas", "/runs/default/clock"])
async def test_head_is_answered_where_get_is(control: httpx.AsyncClient, path: str) -> None:
    head, got = await control.head(path), await control.get(path)
    assert (head.status_code, head.headers["content-type"]) == (200, got.headers["content-type"])


async def test_the_description_covers_every_route_and_says_test_data(control: httpx.AsyncClient) -> None:
    description = (await control.get("/openapi.json")).json()
    assert "TEST DATA" in description["info"]["description"]
    assert {"/runs", "/runs/{run}/world", "/runs/{run}/journal", "/personas", "/accounts"} <= set(
        description["paths"]
    )


async def test_personas_are_a_bare_array_with_the_contracts_members(control: httpx.AsyncClient) -> None:
    personas = (await control.get("/personas")).json()
    assert len(personas) >= 60
    assert {tuple(persona) for persona in personas} == {
        (
            "slug",
            "why",
            "why_vi",
            "citizen_id",
            "id_card_number",
            "full_name",
            "birth_date",
            "birth_year",
            "alive",
            "expect",
        )
    }


async def test_accounts_are_a_bare_array_with_their_secrets(accounts: dict[str, dict[str, Any]]) -> None:
    account = accounts["dvctt-hanoi"]
    assert account["officers"] == ["can.bo.01", "can.bo.02", "dvctt.dichvu"]
    assert account["agency"] == "000.00.01.H26"
    assert (len(account["procedures"]), len(account["operations"]), len(account["fields"])) == (25, 5, 21)
    assert (account["ngsp_key"], account["adapter"], account["rate_per_second"]) == (None, None, None)
    platform = accounts["dvctt-lgsp-camel"]["adapter"]
    assert sorted(platform) == ["access_key", "app_name", "partner_code", "partner_code_cus", "secret_key"]


async def test_an_account_can_be_made_used_and_suspended(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    body = {
        "name": "new",
        "user": "c06.new",
        "secret": "s3cret",
        "procedures": ["khai-sinh"],
        "officers": ["a"],
    }
    portal.account = (await control.post("/accounts", json=body)).json()
    asked = await portal.verdict(MaCanBo="a")
    await control.post("/accounts", json=body | {"status": "suspended"})
    assert asked.status_code == 200
    assert (await portal.verdict(MaCanBo="a")).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "procedures": ["khai-vui"]}, "procedures"),
        ({"name": "x", "user": "dvctt-hanoi"}, "user"),
        ({"name": "x", "operations": ["GetRequests"]}, "operations.0"),
        ({"name": "x", "rate_per_second": 0}, "rate_per_second"),
        ({"name": "x", "switches": {"unknown": True}}, "switches.unknown"),
        ({}, "name"),
    ],
)
async def test_an_account_that_cannot_be_is_refused_naming_the_member(
    control: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await control.post("/accounts", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "explode"},
        {"kind": "reset", "share": 2},
        {"kind": "reset", "times": 0},
        {"kind": "reset", "operation": "GetRequests"},
    ],
)
async def test_a_fault_that_cannot_be_is_refused_at_planning(
    control: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert (await control.post("/runs/default/faults", json=body)).status_code == 422


def test_every_error_of_the_control_face_has_its_row() -> None:
    rows = set(ROWS)
    kinds = {*ControlError.__subclasses__(), *MemberWrong.__subclasses__()}
    assert kinds - rows == {StartRefused, MemberWrong}
    assert set(CallRefused.__subclasses__()).isdisjoint(rows)
