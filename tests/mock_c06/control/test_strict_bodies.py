"""What a body says is taken as it is written or refused by name; nothing is read as something else, or has no effect."""

import json
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from mock_c06.control.faults_web import plan_schema
from mock_c06.faults.kinds import KINDS
from mock_c06.operations import Operation

AN = "001090000123"
TIME = "write a time with its offset, such as 2022-04-27T01:00:00Z"
DAY = "write a date such as 1990-01-31"
CLAIM = {"citizen_id": AN, "full_name": "Nguyễn Văn An"}
PERSON = {"citizen_id": "001090000990", "full_name": "Phạm Thị Mới"}


@pytest.mark.parametrize(
    ("path", "body", "field", "detail"),
    [
        ("events", {"kind": "death", "citizen_id": AN, "at": "2020"}, "at", TIME),
        ("events", {"kind": "death", "citizen_id": AN, "at": 1650990000}, "at", TIME),
        ("clock", {"freeze": "1650990000"}, "freeze", TIME),
        ("clock", {"jump": "2022-04-27T01:00:00"}, "jump", TIME),
        ("clock", {"advance_s": "5"}, "advance_s", "number"),
        ("clock", {"advance_s": True}, "advance_s", "number"),
        ("clock", {"release": "true"}, "release", "true or false"),
        ("faults", {"kind": "latency", "times": "3"}, "times", "whole number"),
        ("faults", {"kind": "latency", "times": True}, "times", "whole number"),
        ("faults", {"kind": "latency", "share": "0.5"}, "share", "number"),
        ("faults", {"kind": "latency", "from": "2022"}, "from", TIME),
        ("faults", {"kind": "latency", "nth": "2"}, "nth", "whole number"),
        ("journal/assert", {"count": {"equals": "5"}}, "count.equals", "whole number"),
        ("journal/assert", {"never": {"since": "2020"}}, "never.since", TIME),
        ("explain", CLAIM | {"birth_date": "0"}, "birth_date", DAY),
        ("explain", CLAIM | {"birth_date": "31/01/1990"}, "birth_date", DAY),
        ("explain", CLAIM | {"birth_year": "1990"}, "birth_year", "whole number"),
        ("accounts", {"name": "a", "rate_per_second": "5"}, "rate_per_second", "whole number"),
        ("accounts", {"name": "a", "switches": {"seconds": "true"}}, "switches.seconds", "true or false"),
    ],
)
async def test_a_value_of_another_type_is_refused_and_not_guessed_at(
    control: httpx.AsyncClient, path: str, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = await control.post(f"/runs/default/{path}", json=body)
    assert answer.status_code == 422, answer.text
    (only,) = answer.json()["errors"]
    assert (only["field"], detail in only["detail"]) == (field, True)


async def test_a_person_and_a_switch_are_taken_as_written_too(control: httpx.AsyncClient) -> None:
    for birth in ({"birth_date": "1990-01-31T00:00:00Z"}, {"birth_year": "1990"}, {"alive": "no"}):
        answer = await control.put("/runs/default/world", json={"people": [PERSON | birth]})
        assert answer.json()["errors"][0]["field"] == f"people.0.{next(iter(birth))}"
    answer = await control.put("/runs/default/switches", json={"seconds": 1})
    assert answer.json()["errors"][0]["field"] == "seconds"


async def test_a_time_in_an_address_is_taken_as_written_too(control: httpx.AsyncClient) -> None:
    answer = await control.get("/runs/default/journal", params={"since": "2020"})
    assert answer.json()["errors"] == [{"field": "since", "detail": TIME}]


MEMBERS: list[dict[str, Any]] = [
    {"at": "mid"},
    {"distribution": {"kind": "uniform", "max_ms": 10}},
    {"distribution": {"kind": "uniform", "max_ms": 10}, "delay_ms": 5},
    {"citizen_id": AN},
    {"citizen_id": AN, "operation": "token"},
    {"times": "3"},
    {"seed": True},
    {"share": "1"},
    {"nth": [True]},
    {"delay_ms": "5"},
    *({"operation": name} for name in (*Operation, "token")),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_published_schema_takes_and_refuses_what_the_mock_does(
    control: httpx.AsyncClient, kind: str
) -> None:
    schema = OAS31Validator(plan_schema())
    for members in ({}, *MEMBERS):
        fault = {"kind": kind, **members}
        answer = await control.post("/runs/default/faults", json=fault)
        described = schema.is_valid(json.loads(json.dumps({"name": "one", "faults": [fault]})))
        assert described is (answer.status_code == 201), (fault, answer.text)


@pytest.mark.parametrize(
    ("fault", "field", "detail"),
    [
        ({"kind": "empty", "operation": "token"}, "operation", "empty hits XacThucThongTinCongDan, "),
        ({"kind": "swapped_fields", "operation": "XacThucThongTinCongDan"}, "operation", "alone"),
        ({"kind": "token_expires_early", "operation": "TraCuuThongTinCongDan"}, "operation", "hits token"),
        ({"kind": "token_expires_early", "citizen_id": AN}, "citizen_id", "about nobody"),
        ({"kind": "hang", "operation": "token", "citizen_id": AN}, "citizen_id", "about nobody"),
    ],
)
async def test_whoever_plans_a_fault_that_can_hit_nothing_is_told_so(
    control: httpx.AsyncClient, fault: dict[str, Any], field: str, detail: str
) -> None:
    answer = await control.post("/runs/default/faults", json=fault)
    warning = answer.json()["warning"]
    assert (answer.status_code, warning.startswith(f"{field}: "), detail in warning) == (201, True, True)

    plan = {"name": "one", "faults": [{"kind": "hang"}, fault]}
    planned = await control.put("/runs/default/plan", json=plan)
    assert planned.json()["warnings"] == [f"faults.1.{warning}"]


async def test_a_fault_that_can_hit_something_brings_no_warning(control: httpx.AsyncClient) -> None:
    fault = {"kind": "swapped_fields", "operation": "TraCuuThongTinCongDan", "citizen_id": AN}
    assert set((await control.post("/runs/default/faults", json=fault)).json()) == {"id"}
    plan = {"name": "one", "faults": [fault]}
    assert "warnings" not in (await control.put("/runs/default/plan", json=plan)).json()


UNKNOWN = {"account": "dvctt-hanio"}
ORDER = {"in_order": [{}, UNKNOWN]}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "faults", {"kind": "hang", **UNKNOWN}, "account"),
        ("PUT", "plan", {"name": "x", "faults": [{"kind": "hang"}, {"kind": "hang"} | UNKNOWN]}, "faults.1.account"),
        ("POST", "journal/assert", {"never": UNKNOWN}, "never.account"),
        ("POST", "journal/assert", {"count": UNKNOWN | {"equals": 0}}, "count.account"),
        ("POST", "journal/assert", ORDER, "in_order.1.account"),
        ("POST", "journal/query", UNKNOWN, "account"),
        ("GET", "journal?account=dvctt-hanio", None, "account"),
    ],
)  # fmt: skip
async def test_an_account_that_is_not_there_is_no_account_of_a_fault_or_a_claim(
    control: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None, field: str
) -> None:
    answer = await control.request(method, f"/runs/default/{path}", json=body)
    assert answer.status_code == 404
    assert answer.json()["errors"] == [{"field": field, "detail": "no account of that name"}]
    assert (await control.get("/runs/default/plan")).json()["faults"] == []


async def test_an_account_of_the_run_alone_may_be_named_there(control: httpx.AsyncClient) -> None:
    await control.post("/runs", json={"name": "mine"})
    await control.post("/runs/mine/accounts", json={"name": "own"})
    for run, status in (("mine", 201), ("default", 404)):
        answer = await control.post(f"/runs/{run}/faults", json={"kind": "hang", "account": "own"})
        assert answer.status_code == status


async def test_no_two_accounts_of_an_environment_have_one_platform_key(
    control: httpx.AsyncClient, accounts: dict[str, dict[str, Any]]
) -> None:
    body = {"name": "b", "dialect": "lgsp-camel", "ngsp_key": accounts["dvctt-lgsp-camel"]["ngsp_key"]}
    answer = await control.post("/accounts", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "ngsp_key"
    assert (await control.post("/accounts", json=body | {"environment": "official"})).status_code == 201


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b'{"release": true}'},
        {"content": b'{"release": true}', "headers": {"Content-Type": "text/plain"}},
        {"data": {"release": "true"}},
    ],
)
async def test_a_body_that_does_not_say_it_is_json_is_told_how_to(
    control: httpx.AsyncClient, sent: dict[str, Any]
) -> None:
    answer = await control.post("/runs/default/clock", **sent)
    assert answer.status_code == 415
    assert answer.json()["title"] == "send the body with Content-Type: application/json"


async def test_every_refusal_of_the_control_face_has_one_shape(control: httpx.AsyncClient) -> None:
    json_type = {"Content-Type": "application/json"}
    answers = [
        await control.get("/nowhere"),
        await control.patch("/runs"),
        await control.get("/runs", headers={"Authorization": "Bearer wrong"}),
        await control.post("/runs", content=b'{"name": "\xff"}', headers=json_type),
    ]
    assert [answer.status_code for answer in answers] == [404, 405, 401, 400]
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["title"]
    assert answers[2].headers["WWW-Authenticate"] == "Bearer"
    assert answers[3].json()["title"] == "the body cannot be read: JSON in UTF-8 is expected"
