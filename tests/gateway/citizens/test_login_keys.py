"""Reading an issuer's keys delays only who asks for a key that isn't kept, and is done once for all of them."""

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.citizens.login import REFRESH_S, LoginKeys, open_login_transport
from gateway.errors.requests import CitizenLoginUnavailable
from tests.gateway.test_bounded_transport import INTERIM, flooding
from tests.kit.citizens import OwnIssuer
from tests.kit.clocks import CounterClock
from tests.kit.scene import LOGIN_ISSUER


class SlowIssuer(OwnIssuer):
    """An issuer that answers once its gate is open."""

    def __init__(self, clock: CounterClock) -> None:
        super().__init__(clock)
        self.gate = asyncio.Event()
        self.gate.set()

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return what leads to this issuer."""

        async def wait(request: httpx.Request) -> httpx.Response:
            answer = self.answer(request)
            await self.gate.wait()
            return answer

        return httpx.MockTransport(wait)


async def test_a_kept_key_is_found_at_once_while_the_issuer_does_not_answer() -> None:
    clock = CounterClock()
    issuer = SlowIssuer(clock)
    keys = LoginKeys(LOGIN_ISSUER, clock=clock, open_transport=issuer.transport)
    assert await keys.find("k1") is not None
    issuer.gate.clear()
    clock.counter += REFRESH_S
    unknown = asyncio.create_task(keys.find("k2"))
    await asyncio.sleep(0)

    async with asyncio.timeout(4):  # the reading itself ends after five seconds
        assert await keys.find("k1") is not None

    assert not unknown.done()
    issuer.gate.set()
    assert await unknown is None


async def test_callers_share_one_reading_which_goes_on_when_one_of_them_leaves() -> None:
    clock = CounterClock()
    issuer = SlowIssuer(clock)
    issuer.gate.clear()
    keys = LoginKeys(LOGIN_ISSUER, clock=clock, open_transport=issuer.transport)
    callers = [asyncio.create_task(keys.find("k1")) for _ in range(5)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.sleep(0)

    issuer.gate.set()

    assert None not in await asyncio.gather(*callers[1:])
    assert len(issuer.asked) == 2  # the metadata and the keys


async def test_threat_46_an_issuer_that_sends_without_end_is_left_before_the_limit_of_time() -> None:
    async with flooding(b"", INTERIM) as address:
        keys = LoginKeys(address, clock=CounterClock(), open_transport=open_login_transport)
        with capture_logs() as lines, pytest.raises(CitizenLoginUnavailable):
            await keys.find("k1")

    assert [line["reason"] for line in lines] == ["ReadError"]
