"""What a recording carries beside its answers: the run's own accounts, and what its generated people are computed from."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from mock_c06.app import MockRegistry, build_mock
from mock_c06.commands.replay import build_replay
from mock_c06.control.recording_json import parse_recording, recording_text
from mock_c06.errors import StartRefused
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import SoapPortal
from tests.mock_c06.conftest import CONTROL_TOKEN

POPULATION = GeneratedPopulation(count=50_000, seed="7")
GENERATED = next(person for person in map(POPULATION.person_at_index, range(1000)) if person.birth_date)
OWN = {
    "name": "own",
    "quirks": ["split_name", "hyphens_only"],
    "officers": ["can.bo.09"],
    "fields": ["full_name", "ethnicity"],
    "rate_per_second": 50,
    "dialect": "lgsp-camel",
    "adapter": dict.fromkeys(
        ("access_key", "secret_key", "app_name", "partner_code", "partner_code_cus"), "x"
    ),
}


@pytest.fixture
def mock(clock: StillClock) -> MockRegistry:
    return build_mock(
        Settings.model_validate({"control_token": CONTROL_TOKEN}), clock=clock, generated=POPULATION
    )


@pytest.fixture
async def recorded(control: httpx.AsyncClient, portal: SoapPortal) -> bytes:
    """A run in which an account of its own is issued and somebody generated dies after being asked about."""
    await control.post("/runs", json={"name": "lived"})
    await control.post("/runs/lived/accounts", json=OWN)
    portal.base = "http://registry.test/r/lived"
    assert GENERATED.birth_date is not None
    claim = {"SoDinhDanh": GENERATED.citizen_id, "HoVaTen": GENERATED.full_name}
    await portal.record(**claim, NgayThangNam=f"{GENERATED.birth_date:%Y%m%d}")
    died = await control.post(
        "/runs/lived/events", json={"kind": "death", "citizen_id": GENERATED.citizen_id}
    )
    assert died.status_code == 201
    return recording_text((await control.get("/runs/lived/recording")).json()).encode()


@pytest.fixture
async def elsewhere(recorded: bytes) -> AsyncIterator[httpx.AsyncClient]:
    """The control face of a replay on a machine with another seed of secrets and without a population."""
    settings = Settings.model_validate({"control_token": CONTROL_TOKEN, "secret_seed": "another"})
    replayed = build_replay(settings, parse_recording(recorded))
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    transport = httpx.ASGITransport(replayed.control)
    async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as client:
        yield client


async def same(control: httpx.AsyncClient, elsewhere: httpx.AsyncClient, path: str) -> Any:
    """Ask both machines the same, and give the answer where it is one."""
    here, there = (await control.get(path)).json(), (await elsewhere.get(path)).json()
    assert here == there
    return here


async def test_the_runs_own_accounts_are_the_same_on_another_machine(
    control: httpx.AsyncClient, elsewhere: httpx.AsyncClient
) -> None:
    account = await same(control, elsewhere, "/runs/lived/accounts/own")
    assert {name: account[name] for name in OWN} | {"quirks": account["quirks"]} == OWN | {
        "quirks": ["hyphens_only", "split_name"]
    }


async def test_the_generated_people_are_computed_again_with_what_happened_to_them(
    control: httpx.AsyncClient, elsewhere: httpx.AsyncClient
) -> None:
    await same(control, elsewhere, "/runs/lived/world")
    neighbour = next(
        person for person in map(POPULATION.person_at_index, range(1000, 2000)) if person.birth_date
    )
    for person, status in ((GENERATED, "deceased"), (neighbour, neighbour.status.name.lower())):
        claim = {
            "citizen_id": person.citizen_id,
            "full_name": person.full_name,
            "birth_date": str(person.birth_date),
        }
        answers = [
            (await each.post("/runs/lived/explain", json=claim)).json() for each in (control, elsewhere)
        ]
        assert answers == [{"differs": [], "status": [status]}] * 2


async def test_a_recording_names_the_population_by_size_and_seed_alone(
    recorded: bytes, control: httpx.AsyncClient
) -> None:
    assert json.loads(recorded)["population"] == {"count": 50_000, "seed": "7"}
    assert len(json.loads(recorded)["world"]) <= 10  # who died, who was widowed, and the household


async def test_a_run_without_a_population_says_that_there_is_none(clock: StillClock) -> None:
    bare = build_mock(Settings.model_validate({"control_token": CONTROL_TOKEN}), clock=clock)
    headers = {"Authorization": f"Bearer {CONTROL_TOKEN}"}
    transport = httpx.ASGITransport(bare.control)
    async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as client:
        recording = (await client.get("/runs/default/recording")).json()
    assert (recording["population"], recording["accounts"]) == (None, [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"population": {"count": 0, "seed": "7"}}, "population"),
        ({"population": {"size": 5}}, "population"),
        ({"accounts": [{"name": "x"}]}, "accounts"),
    ],
)
async def test_a_recording_that_cannot_be_set_up_is_refused_by_its_part(
    recorded: bytes, changes: dict[str, Any], reason: str
) -> None:
    recording = parse_recording(recorded) | changes
    with pytest.raises(StartRefused, match=reason):
        build_replay(Settings.model_validate({"control_token": CONTROL_TOKEN}), recording)
