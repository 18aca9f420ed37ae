"""A mock of its own for each test, with its callers; nothing is shared and no port is opened."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.app import MockRegistry, build_mock
from mock_c06.faces.wsdl import CONTRACTS
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import PlatformClient, SoapPortal

CONTROL_TOKEN = "control-token-of-this-test"


@pytest.fixture
def clock() -> StillClock:
    return StillClock(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))


@pytest.fixture
def mock(clock: StillClock) -> MockRegistry:
    return build_mock(Settings.model_validate({"control_token": CONTROL_TOKEN}), clock=clock)


@pytest.fixture
async def test_door(mock: MockRegistry) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.test)) as client:
        yield client


@pytest.fixture
async def official_door(mock: MockRegistry) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.official)) as client:
        yield client


@pytest.fixture
async def control(mock: MockRegistry) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    transport = httpx.ASGITransport(mock.control)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://control.test", headers=headers
    ) as client:
        yield client


@pytest.fixture
async def accounts(control: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await control.get("/accounts")
    return {account["name"]: account for account in answer.json()}


@pytest.fixture
def portal(
    test_door: httpx.AsyncClient, accounts: dict[str, dict[str, Any]], clock: StillClock
) -> SoapPortal:
    return SoapPortal(test_door, accounts["dvctt-hanoi"], clock)


@pytest.fixture
def platform(
    test_door: httpx.AsyncClient, accounts: dict[str, dict[str, Any]]
) -> Callable[[str], PlatformClient]:
    return lambda variant: PlatformClient(test_door, accounts[f"dvctt-lgsp-{variant}"])


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(CONTRACTS / "c06.xsd")))


@pytest.fixture
def is_valid(schema: etree.XMLSchema) -> Callable[[str | bytes], bool]:
    """Say whether the Body's element of an envelope fits the contract."""

    def check(text: str | bytes) -> bool:
        body = etree.fromstring(text.encode() if isinstance(text, str) else text).find("{*}Body")
        assert body is not None
        return bool(schema.validate(body[0]))

    return check
