"""Wrong logins in a row lock an account in its run; guessing learns nothing, and the desk frees it."""

from typing import Any

import httpx

from tests.kit.clocks import StillClock
from tests.mock_c06.callers import PlatformClient, SoapPortal


async def lock(portal: SoapPortal) -> list[int]:
    right = portal.account
    portal.account = {**right, "secret": "wrong"}
    statuses = [(await portal.verdict()).status_code for _ in range(5)]
    portal.account = right
    return statuses


async def test_five_wrong_logins_in_a_row_lock_the_account(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    wrong = await lock(portal)
    locked = await portal.verdict()
    (*_, last) = (await control.get("/runs/default/journal")).json()["entries"]
    assert (wrong, locked.status_code) == ([401] * 5, 401)
    assert (last["outcome"], last["code"]) == ("unauthorised", "locked")


async def test_threat_6_a_locked_account_answers_like_a_wrong_secret(portal: SoapPortal) -> None:
    right = portal.account
    portal.account = {**right, "secret": "wrong"}
    wrong = await portal.verdict()
    portal.account = right
    await lock(portal)
    locked = await portal.verdict()
    assert (locked.status_code, locked.content, sorted(locked.headers.items())) == (
        wrong.status_code,
        wrong.content,
        sorted(wrong.headers.items()),
    )


async def test_a_right_login_in_between_begins_the_count_anew(portal: SoapPortal) -> None:
    right = portal.account
    for _ in range(3):
        portal.account = {**right, "secret": "wrong"}
        for _ in range(4):
            await portal.verdict()
        portal.account = right
        assert (await portal.verdict()).status_code == 200


async def test_a_stale_timestamp_is_no_wrong_login(portal: SoapPortal) -> None:
    for _ in range(6):
        assert (await portal.send("<a/>", timestamp="1650990000123")).status_code == 401
    assert (await portal.verdict()).status_code == 200


async def test_a_lock_ends_after_a_quarter_of_an_hour_or_by_the_desks_hand(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock
) -> None:
    await lock(portal)
    await control.post("/runs/default/clock", json={"advance_s": 899})
    before = (await portal.verdict()).status_code
    await control.post("/runs/default/clock", json={"advance_s": 2})
    after = (await portal.verdict()).status_code
    await lock(portal)
    await control.patch(f"/accounts/{portal.account['name']}", json={"locked": False})
    freed = (await portal.verdict()).status_code
    assert (before, after, freed) == (401, 200, 200)


async def test_a_lock_in_one_run_is_none_in_another(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await control.post("/runs", json={"name": "other"})
    await lock(portal)
    portal.base += "/r/other"
    assert (await portal.verdict()).status_code == 200


async def test_wrong_platform_secrets_lock_the_token_endpoint(
    test_door: httpx.AsyncClient, accounts: dict[str, dict[str, Any]]
) -> None:
    client = PlatformClient(test_door, accounts["dvctt-lgsp-camel"])
    statuses = [(await client.log_in(secret="wrong")).status_code for _ in range(5)]
    assert [*statuses, (await client.log_in()).status_code] == [401] * 6


async def test_an_account_may_be_made_that_never_locks(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    portal.account = (await control.post("/accounts", json={"name": "open", "lock_after": None})).json()
    await lock(portal)
    assert (await portal.verdict()).status_code == 200
