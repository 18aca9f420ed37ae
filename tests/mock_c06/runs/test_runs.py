"""Runs are registries of their own: people, duplicates, faults, tokens and journals don't cross."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mock_c06.people.model import Person
from mock_c06.runs.run import Runs
from mock_c06.runs.world import PeopleIndex
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import AN, PlatformClient, SoapPortal
from tests.mock_c06.contract.test_soap_requests import refusal_code

NEW = {"citizen_id": "001090000990", "full_name": "Phạm Thị Mới", "birth_date": "1990-05-06"}
NEW_CLAIM = {"SoDinhDanh": "001090000990", "HoVaTen": "PHAMTHIMOI", "NgayThangNam": "19900506"}
YES = "<SoLuongCongDan>1<"


@pytest.fixture
async def own_run(portal: SoapPortal, control: httpx.AsyncClient) -> SoapPortal:
    answer = await control.post("/runs", json={"name": "mine.1"})
    assert (answer.status_code, answer.json()["base_path"]) == (201, "/r/mine.1")
    return SoapPortal(portal.http, portal.account, portal.clock, base="http://registry.test/r/mine.1")


async def entries(control: httpx.AsyncClient, run: str, **filters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await control.get(f"/runs/{run}/journal", params=filters)).json()[
        "entries"
    ]
    return found


async def test_a_person_put_into_a_run_is_only_there(
    portal: SoapPortal, own_run: SoapPortal, control: httpx.AsyncClient
) -> None:
    assert (await control.put("/runs/mine.1/world", json={"people": [NEW]})).status_code == 200
    assert YES in (await own_run.verdict(**NEW_CLAIM)).text
    assert YES not in (await portal.verdict(**NEW_CLAIM)).text
    assert YES in (await own_run.verdict()).text


async def test_a_request_code_may_be_used_again_in_another_run(
    portal: SoapPortal, own_run: SoapPortal
) -> None:
    answers = [await portal.verdict(MaYeuCau="x"), await own_run.verdict(MaYeuCau="x")]
    again = await own_run.record(MaYeuCau="x")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert refusal_code(again) == "007"


async def test_a_fault_of_one_run_leaves_others_alone(
    portal: SoapPortal, own_run: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs/mine.1/faults", json={"kind": "unavailable"})
    assert (await own_run.verdict()).status_code == 503
    assert (await portal.verdict()).status_code == 200


async def test_an_unknown_run_is_not_found_at_either_face(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    portal.base = "http://registry.test/r/nowhere"
    answers = [
        await portal.verdict(),
        await control.get("/runs/nowhere/journal"),
        await control.put("/runs/nowhere/world", json={"people": []}),
        await control.delete("/runs/nowhere"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


async def test_a_dropped_run_is_gone_and_default_is_only_emptied(
    portal: SoapPortal, own_run: SoapPortal, control: httpx.AsyncClient
) -> None:
    await portal.verdict()
    statuses = [(await control.delete(f"/runs/{run}")).status_code for run in ("mine.1", "default")]
    assert statuses == [204, 204]
    assert (await own_run.verdict()).status_code == 404
    assert await entries(control, "default") == []
    assert (await control.get("/runs")).json() == {"runs": [{"name": "default"}]}


@pytest.mark.parametrize(("name", "status"), [("default", 409), ("", 422), ("a/b", 422), ("x" * 65, 422)])
async def test_a_run_needs_a_new_name_that_fits_a_path(
    control: httpx.AsyncClient, name: str, status: int
) -> None:
    assert (await control.post("/runs", json={"name": name})).status_code == status


async def test_the_journal_tells_each_call_and_masks_the_number(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    answer = await portal.verdict(MaYeuCau="HN-1")
    await portal.verdict(MaYeuCau="HN-2", HoVaTen="SOMEBODYELSE")
    await portal.record(MaYeuCau="HN-3", MaDVC="G18-YT04")
    first, second, third = await entries(control, "default")
    digest = first.pop("body_sha256")
    assert first == {
        "n": 1,
        "at": "2026-11-24T01:00:00.000Z",
        "environment": "test",
        "operation": "XacThucThongTinCongDan",
        "account": "dvctt-hanoi",
        "ma_yeu_cau": "HN-1",
        "outcome": "found",
        "code": None,
        "fault": None,
        "subject": "001090***123",
        "fault_id": None,
        "fault_call": None,
        "sent_late_ms": None,
        "reason": None,
        "reason_detail": None,
        "status": 200,
        "ms": 0.0,
        "bytes": len(answer.content),
        "request_bytes": len(answer.request.content),
    }
    assert len(digest) == 64
    assert (second["outcome"], second["code"]) == ("not_found", None)
    assert (third["outcome"], third["code"], third["operation"]) == (
        "refused",
        "004",
        "TraCuuThongTinCongDan",
    )


async def test_the_journal_holds_no_name_date_or_whole_number(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await portal.verdict()
    await portal.record(SoDinhDanh=None, SoCMND="012345678")
    text = (await control.get("/runs/default/journal")).text
    assert "012***678" in text
    assert [each for each in (*AN.values(), "012345678") if each in text] == []


async def test_unauthorised_malformed_and_token_calls_are_journalled_too(
    portal: SoapPortal, control: httpx.AsyncClient, accounts: dict[str, Any], clock: StillClock
) -> None:
    client = PlatformClient(portal.http, accounts["dvctt-lgsp-camel"])
    await client.log_in()
    await client.log_in(secret="wrong")
    await portal.send("not xml")
    portal.account = {**portal.account, "user": "nobody"}
    await portal.verdict()
    found = [
        (entry["operation"], entry["account"], entry["outcome"], entry["code"])
        for entry in await entries(control, "default")
    ]
    assert found == [
        ("token", "dvctt-lgsp-camel", "found", None),
        ("token", "dvctt-lgsp-camel", "unauthorised", "401"),
        ("XacThucThongTinCongDan", "dvctt-hanoi", "refused", "01"),
        ("XacThucThongTinCongDan", None, "unauthorised", "401"),
    ]


async def test_the_journal_is_filtered_by_environment_and_operation(
    portal: SoapPortal,
    official_door: httpx.AsyncClient,
    control: httpx.AsyncClient,
    accounts: dict[str, Any],
    clock: StillClock,
) -> None:
    await portal.verdict()
    await portal.record()
    await SoapPortal(official_door, accounts["dvctt-hanoi-official"], clock).verdict()
    official = await entries(control, "default", environment="official")
    records = await entries(control, "default", environment="test", operation="TraCuuThongTinCongDan")
    assert [entry["n"] for entry in official] == [3]
    assert [entry["n"] for entry in records] == [2]


async def test_a_frozen_clock_stamps_records_but_not_logins(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    frozen = await control.post("/runs/default/clock", json={"freeze": "2030-01-01T00:00:00Z"})
    await control.post("/runs/default/clock", json={"advance_s": 3600})
    stamped = await portal.record()
    await control.post("/runs/default/clock", json={"release": True})
    released = await portal.record()
    assert frozen.json() == {"now": "2030-01-01T00:00:00Z", "frozen": True}
    assert 'ThoiDiemDuLieu="2030-01-01T08:00:00+07:00"' in stamped.text
    assert 'ThoiDiemDuLieu="2026-11-24T08:00:00+07:00"' in released.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"freeze": "2030-01-01T00:00:00Z", "release": True},
        {"release": False},
        {"freeze": "2030-01-01T00:00:00"},
    ],
)
async def test_a_clock_takes_exactly_one_act(control: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await control.post("/runs/default/clock", json=body)).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"advance_s": 1e30},
        {"advance_s": -1e10},
        {"freeze": "0001-01-01T00:00:00+14:00"},
        {"jump": "9999-12-31T00:00:00Z"},
    ],
)
async def test_a_clock_is_not_moved_to_where_no_registry_is(
    control: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    answer = await control.post("/runs/default/clock", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, next(iter(body)))
    now = (await control.post("/runs/default/clock", json={"advance_s": 0})).json()["now"]
    assert now == "2026-11-24T01:00:00Z"


async def test_a_clock_that_jumps_runs_on_and_ticks_move_it_with_each_call(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    await control.post("/runs/default/clock", json={"jump": "2030-01-01T00:00:00Z"})
    clock.advance(5)
    ran_on = (await control.post("/runs/default/clock", json={"tick_s": 60})).json()
    stamps = [(await portal.record()).text.partition('ThoiDiemDuLieu="')[2][:25] for _ in range(2)]
    released = (await control.post("/runs/default/clock", json={"release": True})).json()
    assert ran_on == {"now": "2030-01-01T00:00:05Z", "frozen": False}
    assert stamps == ["2030-01-01T07:01:05+07:00", "2030-01-01T07:02:05+07:00"]
    assert released["now"] == "2026-11-24T01:00:05Z"


def test_making_and_dropping_a_run_costs_the_same_over_any_population() -> None:
    class Counted(PeopleIndex):
        looks = 0

        def everybody(self) -> tuple[Person, ...]:
            Counted.looks += 1
            return super().everybody()

    base = Counted(
        Person(citizen_id=f"0{n:011d}", full_name="x", gender="1", birth_date=None, birth_year=1)
        for n in range(9)
    )
    runs = Runs(base=base, clock=StillClock(datetime(2026, 11, 24, tzinfo=UTC)))
    for n in range(200):
        runs.create(f"run-{n}")
        runs.drop(f"run-{n}")
    assert Counted.looks == 0
    assert runs.names() == ["default"]


async def test_an_account_of_one_run_is_unknown_in_another(
    portal: SoapPortal, own_run: SoapPortal, control: httpx.AsyncClient
) -> None:
    made = await control.post("/runs/mine.1/accounts", json={"name": "only-mine"})
    listed = [account["name"] for account in (await control.get("/runs/mine.1/accounts")).json()]
    everywhere = [account["name"] for account in (await control.get("/accounts")).json()]
    portal.account = own_run.account = made.json()
    assert (await own_run.verdict()).status_code == 200
    assert (await portal.verdict()).status_code == 401
    assert ("only-mine" in listed, "only-mine" in everywhere) == (True, False)


async def test_an_account_suspended_in_one_run_is_active_in_the_others(
    portal: SoapPortal, own_run: SoapPortal, control: httpx.AsyncClient
) -> None:
    suspended = {"name": "dvctt-hanoi", "status": "suspended"}
    answer = await control.post("/runs/mine.1/accounts", json=suspended)
    assert answer.status_code == 201
    assert (await own_run.verdict()).status_code == 403
    assert (await portal.verdict()).status_code == 200
    await control.delete("/runs/mine.1")
    await control.post("/runs", json={"name": "mine.1"})
    portal.clock.advance(1)
    assert (await own_run.verdict()).status_code == 200


async def test_a_token_of_an_account_of_a_run_works_there_alone(
    portal: SoapPortal, own_run: SoapPortal, control: httpx.AsyncClient
) -> None:
    body = {"name": "platform", "dialect": "lgsp-camel"}
    account = (await control.post("/runs/mine.1/accounts", json=body)).json()
    claim = {"soDinhDanh": AN["SoDinhDanh"], "hoVaTen": AN["HoVaTen"], "ngayThangNam": "19900131"}
    inside = PlatformClient(portal.http, account, base=own_run.base)
    outside = PlatformClient(portal.http, account)
    assert [(await each.log_in()).status_code for each in (inside, outside)] == [200, 401]
    assert (await inside.ask("XacThucThongTinCongDan", claim)).json() == {"data": True}
