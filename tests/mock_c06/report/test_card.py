"""A client's report card: a good client is wrong nowhere, each bad habit is found as exactly itself."""

from typing import Any

import httpx
import pytest

from tests.kit.clocks import StillClock
from tests.mock_c06.callers import SoapPortal, envelope

VERDICT = "XacThucThongTinCongDan"


async def wrong(control: httpx.AsyncClient) -> list[str]:
    card: dict[str, Any] = (await control.get("/runs/default/report")).json()
    return [check["id"] for check in card["checks"] if check["verdict"] == "wrong"]


async def plan(control: httpx.AsyncClient, **fault: object) -> None:
    await control.post("/runs/default/faults", json=fault)


async def test_a_good_client_is_right_in_every_check(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    await plan(control, kind="throttle", times=1, delay_ms=2000)
    for pause in (2, 5, 1):
        await portal.verdict()
        clock.advance(pause)
    await portal.record()
    card = (await control.get("/runs/default/report")).json()
    assert card["summary"] == {"right": 9, "wrong": 0, "not_seen": 0}, card["checks"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"HoVaTen": "Nguyễn Văn An"}, "name_folded"),
        ({"SoCMND": "012345678"}, "one_number"),
        (
            {"SoDinhDanh": "001218000125", "HoVaTen": "NGUYENMINHEM", "NgayThangNam": "20180105"},
            "child_never_asked",
        ),
    ],
)
async def test_a_bad_request_is_found_as_exactly_its_fault(
    portal: SoapPortal, control: httpx.AsyncClient, changes: dict[str, str], found: str
) -> None:
    await portal.verdict(**changes)
    assert await wrong(control) == [found]


async def test_a_code_that_comes_again_is_found(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await portal.verdict(MaYeuCau="x")
    await portal.record(MaYeuCau="x")
    assert await wrong(control) == ["request_id_unique"]


async def test_a_timestamp_in_seconds_is_found(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    await portal.send(envelope(VERDICT, portal.fields(VERDICT)), timestamp=str(int(clock.now().timestamp())))
    assert await wrong(control) == ["login_accepted", "timestamp_ms"]


async def test_a_failed_login_is_found_with_its_reason_and_what_to_do(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await portal.verdict()
    portal.account = {**portal.account, "secret": "wrong"}
    await portal.verdict()
    check = (await control.get("/runs/default/report")).json()["checks"][0]
    text = (await control.get("/runs/default/report?format=text")).text
    html = (await control.get("/runs/default/report?format=html")).text
    assert (check["id"], check["entries"]["wrong"], check["reasons"]) == (
        "login_accepted",
        [2],
        {"secret": [2]},
    )
    assert "    secret (n 2): The digest does not fit: check the secret" in text
    assert "secret (n 2): Mã băm không khớp" in html


async def test_a_record_without_a_verdict_before_is_found(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await portal.record()
    assert await wrong(control) == ["verdict_before_record"]


async def test_a_test_of_the_connection_about_nobody_is_no_bad_habit(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    """As the gateway's preflight asks: each operation, about the number that nobody has."""
    nobody = {"SoDinhDanh": "000000000000", "NgayThangNam": "19000101"}
    await portal.record(**nobody)
    await portal.verdict(**nobody)
    assert await wrong(control) == []


async def test_retries_without_growing_pauses_are_found(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    await plan(control, kind="unavailable")
    for _ in range(4):
        await portal.verdict()
        clock.advance(1)
    assert await wrong(control) == ["retry_backoff"]


async def test_a_return_before_retry_after_is_found(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    await plan(control, kind="maintenance", times=1, delay_ms=60000)
    await portal.verdict()
    clock.advance(5)
    await portal.verdict()
    assert await wrong(control) == ["retry_after_honoured"]


async def test_the_card_is_text_or_a_page_without_script_or_person(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await portal.verdict(HoVaTen="<script>An")
    page = await control.get("/runs/default/report", headers={"Accept": "text/html"})
    text = await control.get("/runs/default/report", params={"format": "text"})
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert "001090000123" not in page.text + text.text
    assert "wrong    name_folded" in text.text


async def test_a_misspelt_member_of_the_address_gives_no_card_of_everybody(
    control: httpx.AsyncClient,
) -> None:
    answer = await control.get("/runs/default/report", params={"acount": "limited"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "acount"
