"""Where switches are set: at the start, for an account, for a run; how they are written, and what is refused."""

from typing import Any

import httpx
import pytest

from mock_c06.accounts.model import AS_BUILT, NAMES, flipped, parse_switches
from mock_c06.app import build_mock
from mock_c06.errors import StartRefused
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import SoapPortal


async def test_a_throttled_call_may_be_called_unavailable(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.put("/runs/default/switches", json={"throttled_as_503": True})
    await control.patch(f"/accounts/{portal.account['name']}", json={"rate_per_second": 1})
    answers = [await portal.verdict() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].headers["retry-after"] == "1"


async def test_the_start_sets_switches_for_every_account(clock: StillClock) -> None:
    mock = build_mock(
        Settings.model_validate({"control_token": "t"}), clock=clock, switches=parse_switches(["split_name"])
    )
    headers = {"Authorization": "Bearer t"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(mock.control), base_url="http://control.test", headers=headers
    ) as control:
        made: list[dict[str, Any]] = [(await control.post("/accounts", json={"name": "later"})).json()]
        made += (await control.get("/accounts")).json()
    assert {tuple(account["quirks"]) for account in made} == {("split_name",)}


async def test_a_runs_switches_are_its_own_and_can_be_cleared(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs", json={"name": "other"})
    await control.put("/runs/other/switches", json={"exists_verdict": True})
    said = [(await portal.verdict()).text]
    portal.base += "/r/other"
    said.append((await portal.verdict()).text)
    await control.delete("/runs/other/switches")
    said.append((await portal.verdict()).text)
    assert ["<TonTai>" in text for text in said] == [False, True, False]


async def test_a_run_refuses_a_switch_that_is_none(control: httpx.AsyncClient) -> None:
    answer = await control.put("/runs/default/switches", json={"loud": True})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "switches.loud")
    assert (await control.get("/runs/default/switches")).json() == {}


def test_a_switch_is_written_as_a_name_with_or_without_its_value() -> None:
    assert flipped(parse_switches(["seconds", "split_name=true", "hyphen_dates=false"])) == (
        "seconds",
        "split_name",
    )
    assert parse_switches([]) == AS_BUILT
    assert set(flipped(parse_switches(NAMES))) == set(NAMES)


@pytest.mark.parametrize("written", ["loud", "seconds=yes", "=true", "seconds=true=true"])
def test_a_switch_that_cannot_be_read_is_refused_by_name(written: str) -> None:
    with pytest.raises(StartRefused, match=r"no such switch|write true or false"):
        parse_switches([written])
