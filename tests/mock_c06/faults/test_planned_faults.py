"""Plans as a test puts them: announced, exact under a thousand calls at once, and spent on nothing they can't hit."""

import asyncio
from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.app import MockRegistry
from tests.mock_c06.callers import SoapPortal, remember_bodies


async def put(control: httpx.AsyncClient, *faults: dict[str, Any], run: str = "default") -> dict[str, Any]:
    answer = await control.put(f"/runs/{run}/plan", json={"name": "of-this-test", "faults": list(faults)})
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


async def entries(control: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await control.get("/runs/default/journal")).json()["entries"]
    return found


async def test_a_thousand_calls_at_once_meet_exactly_as_many_faults_as_planned(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(control, {"kind": "unavailable", "times": 7, "share": 0.2, "seed": 3})
    answers = await asyncio.gather(*(portal.verdict() for _ in range(1000)))
    hit = [answer for answer in answers if answer.status_code == 503]
    journalled = [entry for entry in await entries(control) if entry["fault"] == "unavailable"]
    assert (len(hit), len(journalled)) == (7, 7)
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all("x-mock-fault" in answer.headers for answer in hit)


async def test_every_fault_is_announced_in_the_answer_and_in_the_journal(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    plan = await put(control, {"kind": "garbled", "nth": 2})
    fault_id = plan["faults"][0]["id"]
    first, second = [await portal.verdict() for _ in range(2)]
    entry = (await entries(control))[-1]
    assert "x-mock-fault" not in first.headers
    assert second.headers["x-mock-fault"] == f"{fault_id};kind=garbled;call=2"
    assert (entry["fault"], entry["fault_id"], entry["fault_call"]) == ("garbled", fault_id, 2)


async def test_a_drawn_latency_is_told_and_the_same_in_every_run(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    fault = {"kind": "latency", "distribution": {"kind": "uniform", "min_ms": 1, "max_ms": 30}, "seed": 5}
    rounds = []
    for run in ("one", "two"):
        await control.post("/runs", json={"name": run})
        await put(control, fault, run=run)
        portal.base = f"http://registry.test/r/{run}"
        rounds.append([(await portal.verdict()).headers["x-mock-fault"] for _ in range(5)])
    assert rounds[0] == rounds[1]
    assert len(set(rounds[0])) > 1
    assert all(";delay_ms=" in told for told in rounds[0])


async def test_a_plan_takes_the_place_of_what_was_planned_and_counts(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs/default/faults", json={"kind": "unavailable"})
    await put(control, {"kind": "throttle", "times": 3, "nth": {"every": 2}})
    statuses = [(await portal.verdict()).status_code for _ in range(4)]
    plan = (await control.get("/runs/default/plan")).json()
    assert statuses == [200, 429, 200, 429]
    assert plan["name"] == "of-this-test"
    assert [(each["times_left"], each["calls"], each["hits"]) for each in plan["faults"]] == [(1, 4, 2)]


async def test_a_window_of_a_fault_follows_the_runs_clock(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    window = {"from": "2030-01-01T00:00:00Z", "until": "2030-01-01T01:00:00Z"}
    await put(control, {"kind": "maintenance", **window})
    before = await portal.verdict()
    await control.post("/runs/default/clock", json={"freeze": "2030-01-01T00:59:00Z"})
    inside = await portal.verdict()
    await control.post("/runs/default/clock", json={"advance_s": 60})
    after = await portal.verdict()
    assert [each.status_code for each in (before, inside, after)] == [200, 503, 200]
    assert inside.headers["retry-after"] == "60"


async def test_a_duplicate_is_refused_for_a_code_that_was_never_used(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(control, {"kind": "duplicate_refused", "times": 1})
    refused = await portal.verdict(MaYeuCau="fresh")
    again = await portal.record(MaYeuCau="fresh")
    entry = (await entries(control))[0]
    assert etree.fromstring(refused.content).findtext(".//MaLoi") == "007"
    assert (entry["outcome"], entry["code"], entry["fault"]) == ("refused", "007", "duplicate_refused")
    assert again.status_code == 200


@pytest.mark.parametrize("kind", ["empty", "two_people", "wrong_person", "swapped_fields"])
async def test_a_fault_of_answers_is_not_spent_on_calls_without_any(
    portal: SoapPortal, control: httpx.AsyncClient, kind: str
) -> None:
    await put(control, {"kind": kind, "times": 1})
    spared = [
        await portal.record(MaTichHop="999"),
        await portal.record(HoVaTen="SOMEBODYELSE"),
        await portal.send("not xml", path="/TraCuuThongTinCongDan"),
    ]
    hit = await portal.record()
    assert [answer.headers.get("x-mock-fault") for answer in spared] == [None] * 3
    assert f"kind={kind}" in hit.headers["x-mock-fault"]


async def test_a_swap_is_not_spent_on_records_without_the_fields(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await put(control, {"kind": "swapped_fields", "times": 1})
    marital = await portal.ask("XacMinhTinhTrangHonNhan")
    assert "x-mock-fault" not in marital.headers
    assert "x-mock-fault" in (await portal.record()).headers


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "latency", "at": "mid"}, "at"),
        ({"kind": "reset", "distribution": {"kind": "uniform", "max_ms": 3}}, "distribution"),
        ({"kind": "latency", "distribution": {"kind": "gamma"}}, "distribution.kind"),
        ({"kind": "latency", "delay_ms": 3_600_001}, "delay_ms"),
        ({"kind": "reset", "nth": []}, "nth"),
        ({"kind": "reset", "from": "2030-01-01T00:00:00"}, "from"),
        ({"kind": "reset", "from": "2030-01-02T00:00:00Z", "until": "2030-01-01T00:00:00Z"}, "until"),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_whole_naming_the_member(
    control: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    await put(control, {"kind": "reset"})
    plan = {"name": "bad", "faults": [{"kind": "empty"}, body]}
    answer = await control.put("/runs/default/plan", json=plan)
    kept = (await control.get("/runs/default/plan")).json()
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"faults.1.{field}"
    assert (kept["name"], len(kept["faults"])) == ("of-this-test", 1)


@pytest.mark.parametrize(("at", "share"), [("before", 0), ("mid", 0.5), ("after", 1)])
async def test_a_reset_breaks_off_an_answer_where_it_says(
    portal: SoapPortal, control: httpx.AsyncClient, mock: MockRegistry, at: str, share: float
) -> None:
    whole = (await portal.verdict()).content
    sent: list[bytes] = []
    await put(control, {"kind": "reset", "at": at})
    portal.http = httpx.AsyncClient(transport=httpx.ASGITransport(remember_bodies(mock.test, sent)))
    with pytest.raises(ConnectionResetError):
        await portal.verdict()
    assert b"".join(sent) == whole[: int(len(whole) * share)]
