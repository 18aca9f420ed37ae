"""The journal is queried and judged; whom a call was about is masked unless the control face is asked."""

from typing import Any

import httpx
import pytest

from tests.kit.clocks import StillClock
from tests.mock_c06.callers import AN, SoapPortal

DUNG = {"SoDinhDanh": "001192000124", "HoVaTen": "LETHIDUNG", "NgayThangNam": "19920308"}


@pytest.fixture
async def asked(portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock) -> None:
    """Four calls: An's verdict, An's record, a second later Dung's verdict, then a refused one."""
    await portal.verdict()
    await portal.record()
    clock.advance(1)
    await portal.verdict(**DUNG)
    await portal.verdict(MaDVC="G18-YT04")


async def numbers(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [entry["n"] for entry in answer.json()["entries"]]


@pytest.mark.parametrize(
    ("narrow", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"operation": "TraCuuThongTinCongDan"}, [2]),
        ({"account": "dvctt-hanoi", "outcome": "refused"}, [4]),
        ({"code": "004"}, [4]),
        ({"fault": "reset"}, []),
        ({"since": "2026-11-24T01:00:01Z"}, [3, 4]),
        ({"ma_yeu_cau": "HN-dvctt-hanoi-2"}, [2]),
        ({"after": 3}, [4]),
    ],
)
@pytest.mark.usefixtures("asked")
async def test_the_journal_is_narrowed_by_each_of_its_members(
    control: httpx.AsyncClient, narrow: dict[str, Any], found: list[int]
) -> None:
    by_address = await control.get("/runs/default/journal", params=narrow)
    by_body = await control.post("/runs/default/journal/query", json=narrow)
    assert await numbers(by_address) == found
    assert await numbers(by_body) == found


@pytest.mark.usefixtures("asked")
async def test_a_person_is_asked_for_in_a_body_and_never_by_address(control: httpx.AsyncClient) -> None:
    body = {"citizen_id": DUNG["SoDinhDanh"]}
    assert await numbers(await control.post("/runs/default/journal/query", json=body)) == [3]
    refused = await control.get("/runs/default/journal", params={"citizen_id": "x"})
    assert refused.status_code == 422


@pytest.mark.usefixtures("asked")
async def test_whom_a_call_was_about_is_shown_only_when_asked(control: httpx.AsyncClient) -> None:
    masked = await control.post("/runs/default/journal/query", json={"after": 0})
    shown = await control.post("/runs/default/journal/query", json={"unmasked": True})
    first = shown.json()["entries"][0]
    assert [value for value in AN.values() if value in masked.text] == []
    assert first["subject"] == AN["SoDinhDanh"]
    assert first["asked"] == {
        "citizen_id": AN["SoDinhDanh"],
        "id_card_number": None,
        "full_name": AN["HoVaTen"],
        "birth": "1990-01-31",
    }


@pytest.mark.parametrize(
    ("claim", "passed", "reason"),
    [
        ({"count": {"equals": 4}}, True, "4 calls match (n 1, 2, 3, 4), expected 4"),
        (
            {"count": {"outcome": "found", "at_least": 4}},
            False,
            "3 calls match (n 1, 2, 3), expected at least 4",
        ),
        (
            {"count": {"code": "004", "at_least": 1, "at_most": 2}},
            True,
            "1 calls match (n 4), expected 1 to 2",
        ),
        ({"never": {"fault": "reset"}}, True, "no call matches"),
        ({"never": {"citizen_id": "001192000124"}}, False, "1 calls match (n 3), expected none"),
        (
            {"in_order": [{"operation": "XacThucThongTinCongDan"}, {"operation": "TraCuuThongTinCongDan"}]},
            True,
            "the calls came in this order (n 1, 2)",
        ),
        (
            {"in_order": [{"operation": "TraCuuThongTinCongDan"}, {"fault": "reset"}]},
            False,
            "in_order.1: no call matches after n 2",
        ),
    ],
)
@pytest.mark.usefixtures("asked")
async def test_a_claim_about_the_journal_is_judged_with_its_reason(
    control: httpx.AsyncClient, claim: dict[str, Any], passed: bool, reason: str
) -> None:
    answer = await control.post("/runs/default/journal/assert", json=claim)
    assert (answer.status_code, answer.json()) == (200, {"passed": passed, "reason": reason})


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"count": {"operation": "token"}},
        {"count": {"equals": 1, "at_most": 2}},
        {"never": {}, "count": {"equals": 0}},
        {"in_order": []},
        {"count": {"at_least": 9, "at_most": 2}},
        {"never": {"outcome": "lost"}},
    ],
)
async def test_a_claim_that_says_nothing_definite_is_refused(
    control: httpx.AsyncClient, claim: dict[str, Any]
) -> None:
    assert (await control.post("/runs/default/journal/assert", json=claim)).status_code == 422


async def test_a_person_with_two_numbers_is_meant_by_either(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await portal.verdict()
    await portal.verdict(SoDinhDanh=None, SoCMND="012345678")
    both = {"citizen_id": AN["SoDinhDanh"], "id_card_number": "012345678"}
    assert await numbers(await control.post("/runs/default/journal/query", json=both)) == [1, 2]


async def test_a_number_inside_a_request_code_is_masked_like_any(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    code = f"HN-{AN['SoDinhDanh']}-1"
    await portal.verdict(MaYeuCau=code)
    masked = await control.get("/runs/default/journal", params={"ma_yeu_cau": code})
    assert [entry["ma_yeu_cau"] for entry in masked.json()["entries"]] == ["HN-001090***123-1"]
    shown = await control.post("/runs/default/journal/query", json={"unmasked": True})
    assert shown.json()["entries"][0]["ma_yeu_cau"] == code


@pytest.mark.usefixtures("asked")
async def test_a_cleared_journal_begins_behind_the_last_number_and_leaves_faults_alone(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    before = (await control.get("/runs/default/journal")).json()["entries"]
    await control.post("/runs/default/faults", json={"kind": "unavailable"})
    cleared = await control.delete("/runs/default/journal")
    answer = await portal.verdict()
    after = (await control.get("/runs/default/journal")).json()["entries"]
    last = before[-1]["n"]
    narrowed = [
        (await control.get("/runs/default/journal", params={"after": n})).json()["entries"]
        for n in (last - 1, last, last + 1)
    ]
    recorded = (await control.get("/runs/default/recording")).json()
    assert (cleared.status_code, answer.status_code) == (204, 503)
    assert [entry["n"] for entry in after] == [last + 1]
    assert narrowed == [after, after, []]
    assert [call["entry"] for call in recorded["calls"]] == [last + 1]
