"""The fixture `c06` over a socket: one mock runs for the session, each test has a run of it, each client a clock."""

import time
from collections.abc import Callable, Iterator

import pytest

from mock_c06.testing.scene import C06, ClientAccount
from mock_c06.testing.targets import Target, running
from tests.kit.programs import serving_mock
from tests.mock_c06.clients.logins import Platform


@pytest.fixture(scope="session")
def c06_place() -> Iterator[Target]:
    with serving_mock() as served:
        addresses = {"test": served.test, "official": served.official}
        with running(addresses, control=served.control, token=served.token) as place:
            yield place


@pytest.fixture
def now_ms() -> Callable[[], int]:
    """The wall's milliseconds, each given once: calls may be faster than that."""
    last = 0

    def tell() -> int:
        nonlocal last
        last = max(last + 1, time.time_ns() // 1_000_000)
        return last

    return tell


@pytest.fixture
def platform(c06: C06) -> Callable[[ClientAccount], Platform]:
    """Give the platform as an account reaches it."""

    def reach(account: ClientAccount) -> Platform:
        adapter = account["adapter"]
        header = {
            "AccessKey": adapter["access_key"],
            "SecretKey": adapter["secret_key"],
            "AppName": adapter["app_name"],
            "PartnerCode": adapter["partner_code"],
            "PartnerCodeCus": adapter["partner_code_cus"],
        }
        return Platform(c06.url(), account["ngsp_key"], account["ngsp_secret"], header)

    return reach
