"""What only the app in-process can show: a body read no further than its bound, seconds that a test moves by hand."""

from collections.abc import AsyncIterator

import httpx

from tests.mock_c06.callers import PlatformClient, SoapPortal, sign
from tests.mock_c06.contract.test_lgsp_json import BODIES, VERDICT, Platform
from tests.mock_c06.contract.test_soap_requests import OPERATION, refusal_code


async def test_a_body_that_never_ends_is_refused_unread(portal: SoapPortal) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    url = f"{portal.base}/{OPERATION}"
    timestamp = str(int(portal.clock.now().timestamp() * 1000))
    headers = {"Timestamp": timestamp, "Authorization": sign(portal.account, url, timestamp)}
    answer = await portal.http.post(url, content=endless(), headers=headers | {"Content-Type": "text/xml"})
    assert refusal_code(answer) == "01"
    assert sent < 80_000


async def test_a_platform_account_is_suspended_and_throttled_like_any(
    platform: Platform, control: httpx.AsyncClient
) -> None:
    body = {"name": "paced", "dialect": "lgsp-camel", "rate_per_second": 1}
    client = PlatformClient(platform("camel").http, (await control.post("/accounts", json=body)).json())
    await client.log_in()
    paced = [(await client.ask(VERDICT, BODIES["camel"])).status_code for _ in range(2)]
    await control.post("/accounts", json=body | {"status": "suspended"})
    suspended = [
        (await client.ask(VERDICT, BODIES["camel"])).status_code,
        (await client.log_in()).status_code,
    ]
    assert (paced, suspended) == ([200, 429], [403, 403])
