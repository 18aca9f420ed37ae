"""A malformed body is refused by the member's own name, and in words of the control face, not of its libraries."""

import re
from typing import Any

import httpx
import pytest


@pytest.mark.parametrize(
    ("path", "body", "field", "detail"),
    [
        (
            "events",
            {"kind": "death"},
            "citizen_id",
            "exactly one of citizen_id and id_card_number is required",
        ),
        ("events", {"kind": "death", "citizen_id": "12"}, "citizen_id", "12 digits expected"),
        (
            "events",
            {"kind": "feast", "citizen_id": "001090000123"},
            "kind",
            "one of death, marriage",
        ),
        ("events", {"citizen_id": "001090000123"}, "kind", "this member is missing"),
        ("faults", {"kind": "latency", "operation": "X"}, "operation", "one of 'XacThuc"),
        ("faults", {"kind": "latency", "nth": 0}, "nth", "1 or more is expected"),
        ("faults", {"kind": "latency", "nth": {"every": 0}}, "nth.every", "1 or more is expected"),
        (
            "faults",
            {"kind": "latency", "nth": {"every": 2, "first": 0}},
            "nth.first",
            "1 or more is expected",
        ),
        ("faults", {"kind": "latency", "nth": {"every": 2, "last": 9}}, "nth.last", "no such member"),
        ("faults", {"kind": "empty", "at": "mid"}, "at", "belongs to reset"),
        ("faults", {"kind": "empty", "citizen_id": "123"}, "citizen_id", "9 or 12 digits expected"),
        (
            "faults",
            {"kind": "latency", "delay_ms": 1, "distribution": {"kind": "uniform", "max_ms": 2}},
            "distribution",
            "belongs to latency, without delay_ms",
        ),
        (
            "faults",
            {"kind": "latency", "distribution": {"kind": "uniform", "max_ms": -1}},
            "distribution.max_ms",
            "0 or more is expected",
        ),
        (
            "faults",
            {"kind": "empty", "from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
            "until",
            "is not after from",
        ),
        ("journal/assert", {"never": {"operation": "XacThuc"}}, "never.operation", "one of 'XacThuc"),
        (
            "explain",
            {"full_name": "A", "birth_date": "1990-31-01"},
            "birth_date",
            "a day of the calendar is expected",
        ),
        ("clock", {}, "", "exactly one of freeze, advance_s"),
    ],
)
async def test_a_malformed_member_is_named_as_its_author_wrote_it(
    control: httpx.AsyncClient, path: str, body: dict[str, Any], field: str, detail: str
) -> None:
    answer = await control.post(f"/runs/default/{path}", json=body)
    errors = answer.json()["errors"]
    assert answer.status_code == 422
    assert [each["field"] for each in errors] == [field]
    assert errors[0]["detail"].startswith(detail)


async def test_what_is_no_json_is_said_to_be_none(control: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await control.post("/runs", content=b'{"name"', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "", "detail": "no valid JSON: Expecting ':' delimiter"}]


async def test_a_journal_is_not_narrowed_by_an_operation_that_is_none(control: httpx.AsyncClient) -> None:
    answer = await control.get("/runs/default/journal", params={"operation": "XacThuc"})
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == {"operation"}


async def test_a_report_takes_no_account_that_could_not_be_one(control: httpx.AsyncClient) -> None:
    answer = await control.get("/runs/default/report", params={"account": "\x1b[31m", "format": "text"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "account")


JUNK: tuple[Any, ...] = (None, True, -1, 10**9, 1.5, "", "x", "\x00", [], [1], {}, {"x": 1})
LIBRARY = re.compile(
    r"[Ii]nput should|should have|should match|[Ff]ield required|Extra inputs|Value error|pydantic"
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/runs"),
        ("POST", "/runs/default/faults"),
        ("PUT", "/runs/default/plan"),
        ("PUT", "/runs/default/world"),
        ("POST", "/runs/default/events"),
        ("POST", "/runs/default/clock"),
        ("POST", "/runs/default/explain"),
        ("POST", "/runs/default/journal/assert"),
        ("POST", "/accounts"),
    ],
)
async def test_no_refusal_of_the_control_face_is_a_message_of_the_library_that_checks_bodies(
    control: httpx.AsyncClient, method: str, path: str
) -> None:
    names = ("kind", "name", "citizen_id", "people", "faults", "at", "nth", "operation", "seed", "freeze", "advance_s",
             "never", "environment", "frequency", "document", "signature", "full_name", "birth_date")  # fmt: skip
    refused = 0
    for body in (*JUNK, *({name: junk} for name in names for junk in JUNK)):
        answer = await control.request(method, path, json=body)
        refused += answer.status_code == 422
        assert not LIBRARY.search(answer.text), (body, answer.text)
    assert refused > 50
