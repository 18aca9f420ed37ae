"""C06's own login: digest over the address called, fresh timestamp, each packet once, each door its own accounts."""

from typing import Any

import httpx
import pytest

from tests.kit.clocks import StillClock
from tests.mock_c06.callers import SoapPortal, envelope, sign

OPERATION = "XacThucThongTinCongDan"


async def test_threat_6_an_unknown_user_and_a_wrong_secret_answer_alike(portal: SoapPortal) -> None:
    right = portal.account
    portal.account = {**right, "secret": "wrong"}
    wrong_secret = await portal.verdict()
    portal.account = {**right, "user": "nobody"}
    unknown = await portal.verdict()
    portal.account = {**right, "name": "stale"}
    stale = await portal.send(envelope(OPERATION, portal.fields(OPERATION)), timestamp="1650990000123")
    answers = [
        (each.status_code, each.content, sorted(each.headers.items()))
        for each in (wrong_secret, unknown, stale)
    ]
    assert answers[0][0] == 401
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Basic /w==", "Basic bm9jb2xvbg==", "Bearer x", "Digest a"]
)
async def test_a_login_that_cannot_be_read_is_401(portal: SoapPortal, header: str) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    assert (await portal.send(body, Authorization=header)).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401)])
async def test_a_timestamp_is_good_for_five_minutes_either_way(
    portal: SoapPortal, clock: StillClock, seconds: int, status: int
) -> None:
    timestamp = str(int((clock.now().timestamp() + seconds) * 1000))
    body = envelope(OPERATION, portal.fields(OPERATION))
    assert (await portal.send(body, timestamp=timestamp)).status_code == status


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "1.7e12", "١٦٥", "9" * 30])
async def test_a_timestamp_that_is_no_number_is_401(portal: SoapPortal, timestamp: str) -> None:
    url = portal.base + f"/{OPERATION}"
    headers = [
        (b"Timestamp", timestamp.encode()),
        (b"Authorization", sign(portal.account, url, timestamp).encode()),
    ]
    body = envelope(OPERATION, portal.fields(OPERATION))
    answer = await portal.http.post(url, content=body, headers=[*headers, (b"Content-Type", b"text/xml")])
    assert answer.status_code == 401


async def test_seconds_are_refused_unless_the_account_sends_seconds(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    seconds = str(int(clock.now().timestamp()))
    body = envelope(OPERATION, portal.fields(OPERATION))
    as_milliseconds = await portal.send(body, timestamp=seconds)
    by_seconds = {"name": "by-seconds", "switches": {"seconds": True}}
    portal.account = (await control.post("/accounts", json=by_seconds)).json()
    as_seconds = await portal.send(body, timestamp=seconds)
    as_milliseconds_again = await portal.send(body)
    statuses = [as_milliseconds.status_code, as_seconds.status_code, as_milliseconds_again.status_code]
    assert statuses == [401, 200, 401]


async def test_the_same_packet_is_refused_as_a_replay(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    statuses = [(await portal.send(body)).status_code for _ in range(2)]
    entries = (await control.get("/runs/default/journal")).json()["entries"]
    assert statuses == [200, 401]
    assert [(entry["outcome"], entry["code"]) for entry in entries] == [
        ("found", None),
        ("unauthorised", "401"),
    ]


async def test_threat_30_two_calls_in_one_millisecond_are_no_replay(portal: SoapPortal) -> None:
    answers = [await portal.verdict(), await portal.verdict()]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_digest_over_another_address_is_refused(portal: SoapPortal, clock: StillClock) -> None:
    timestamp = str(int(clock.now().timestamp() * 1000))
    elsewhere = sign(portal.account, "http://elsewhere.test/XacThucThongTinCongDan", timestamp)
    body = envelope(OPERATION, portal.fields(OPERATION))
    assert (await portal.send(body, timestamp=timestamp, Authorization=elsewhere)).status_code == 401


async def test_the_query_is_no_part_of_the_signed_address(portal: SoapPortal, clock: StillClock) -> None:
    timestamp = str(int(clock.now().timestamp() * 1000))
    header = sign(portal.account, f"{portal.base}/{OPERATION}", timestamp)
    body = envelope(OPERATION, portal.fields(OPERATION))
    answer = await portal.send(body, f"/{OPERATION}?a=b", timestamp=timestamp, Authorization=header)
    assert answer.status_code == 200


async def test_threat_9_an_account_never_works_at_the_other_door(
    portal: SoapPortal,
    test_door: httpx.AsyncClient,
    official_door: httpx.AsyncClient,
    accounts: dict[str, dict[str, Any]],
    clock: StillClock,
) -> None:
    official = accounts["dvctt-hanoi-official"]
    right = SoapPortal(official_door, official, clock)
    statuses = [
        (await SoapPortal(official_door, portal.account, clock).verdict()).status_code,
        (await SoapPortal(test_door, official, clock).verdict()).status_code,
        (await right.verdict()).status_code,
    ]
    assert statuses == [401, 401, 200]
