"""Faults of a token call are spent only by a call that they change, and leave a refused login as what it is."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.mock_c06.callers import PlatformClient

Platform = Callable[[str], PlatformClient]
FAULTS = "/runs/default/faults"


async def plan(control: httpx.AsyncClient, **fault: Any) -> None:
    assert (await control.post(FAULTS, json=fault)).status_code == 201


async def test_a_short_token_is_not_spent_by_a_login_that_fails(
    platform: Platform, control: httpx.AsyncClient
) -> None:
    await plan(control, kind="token_expires_early", times=1)
    camel = platform("camel")
    await camel.log_in(secret="wrong")
    await camel.log_in(grant="password")
    (fault,) = (await control.get(FAULTS)).json()["faults"]
    assert fault["times_left"] == 1
    await camel.log_in()
    entries = (await control.get("/runs/default/journal")).json()["entries"]
    assert [(entry["outcome"], entry["fault"]) for entry in entries] == [
        ("unauthorised", None),
        ("refused", None),
        ("found", "token_expires_early"),
    ]
    assert (await camel.ask("XacThucThongTinCongDan", {})).status_code == 401


async def test_a_refused_token_call_that_meets_a_reply_fault_stays_unauthorised(
    platform: Platform, control: httpx.AsyncClient
) -> None:
    await plan(control, kind="garbled", operation="token", times=2)
    camel = platform("camel")
    for secret in ("wrong", camel.account["ngsp_secret"]):
        await camel.http.post(
            f"{camel.base}/token",
            data={"grant_type": "client_credentials"},
            auth=(camel.account["ngsp_key"], secret),
            headers={"lgspaccesstoken": camel.adapter()},
        )
    entries = (await control.get("/runs/default/journal")).json()["entries"]
    assert [(each["outcome"], each["code"], each["reason"], each["fault"]) for each in entries] == [
        ("unauthorised", "401", "secret", "garbled"),
        ("fault", None, None, "garbled"),
    ]
