"""A process for each profile, each with an SQLite file of its own: official does not suffer from sandbox.

Each test would fail with both profiles in one process.
"""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from benchmarks.flood import Row, measure
from tests.kit.clocks import HandClock
from tests.kit.programs import Place, Running, Served, find_account, make_store, place_beside
from tests.kit.scene import AGENCY, Portal

AT_ONCE_S = 10.0
"""The patience of a caller of official; every state of sandbox in these tests lasts longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The processes of both profiles, the place of sandbox's store, and a portal of official."""

    sandbox: Running
    near: Place
    official: Running
    portal: Portal

    async def ask_official(self) -> list[int]:
        """Return the statuses of official's answers: token, `/me`, an asked and a reused verification, `/readyz`."""
        async with httpx.AsyncClient(timeout=AT_ONCE_S, trust_env=False) as http:
            self.portal.http = http
            await self.portal.log_in()
            answers = [
                await self.portal.call("GET", "/me"),
                await self.portal.verify(fresh=True),
                await self.portal.verify(),
                await http.get(f"{self.official.address}/readyz"),
            ]
        return [answer.status_code for answer in answers]


@pytest.fixture(scope="module")
def pair(mock: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    near = settle(place_beside(mock, folder / "sandbox", GATEWAY_SERVE_PROFILE="sandbox"))
    account = find_account(mock, "dvctt-hanoi-official")
    far = settle(
        Place(
            folder=folder / "official",
            settings={
                "GATEWAY_LOG_FORMAT": "json",
                "GATEWAY_SERVE_PROFILE": "official",
                "GATEWAY_OFFICIAL_REGISTRY_URL": mock.official,
                "GATEWAY_OFFICIAL_C06_USER": account["user"],
                "GATEWAY_OFFICIAL_C06_SECRET": account["secret"],
                "GATEWAY_OFFICIAL_AGENCY": account["agency"],
                "GATEWAY_OFFICIAL_OFFICER": "dvctt.dichvu",
                "GATEWAY_OFFICIAL_NETWORKS": "127.0.0.0/8",
            },
        )
    )
    key = ECKey.generate_key("P-256")
    (far.folder / "key.json").write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
    grants = ["--organisation", AGENCY, "--profile", "official", "--all-procedures", "--all-fields"]
    made = far.run("accounts", "create", "dvctt", *grants, "--public-key", "key.json")
    with near.serving() as sandbox, far.serving() as official:
        portal = Portal(
            http=httpx.AsyncClient(),
            clock=HandClock(),
            client_id=made["client_id"],
            issuer=f"{official.address}/official",
            key=key,
        )
        yield Pair(sandbox=sandbox, near=near, official=official, portal=portal)


def settle(place: Place) -> Place:
    """Make the store and the organisation of a place."""
    place.folder.mkdir(parents=True)
    make_store(place)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return place


ANSWERED = [200, 201, 200, 200]


def test_each_process_announces_the_profile_that_it_serves(pair: Pair) -> None:
    assert [line.rpartition(" (")[2] for line in pair.sandbox.lines[1:]] == [
        "connected, test data)",
        "not served here)",
    ]
    assert [line.rpartition(" (")[2] for line in pair.official.lines[1:]] == [
        "not served here)",
        "connected, test data)",
    ]


async def test_threat_46_official_answers_while_sandboxs_event_loop_does_nothing_at_all(pair: Pair) -> None:
    with stopped(pair.sandbox):
        assert await pair.ask_official() == ANSWERED


@contextmanager
def stopped(running: Running) -> Iterator[None]:
    """Stop a process, as an endless computation on its event loop would."""
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.process.pid, signal.SIGCONT)


async def test_threat_46_official_answers_while_sandboxs_store_is_locked(pair: Pair) -> None:
    with sqlite3.connect(pair.near.folder / "var" / "gateway.db", isolation_level=None) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        answered = await pair.ask_official()
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            sandbox = await http.get(f"{pair.sandbox.address}/readyz")
        locker.execute("ROLLBACK")

    assert answered == ANSWERED
    assert (sandbox.status_code, sandbox.json()["profiles"]["official"]) == (503, "not_served")


async def test_threat_46_official_answers_after_sandboxs_process_was_killed(pair: Pair) -> None:
    """Last of the tests that use the pair."""
    pair.sandbox.process.kill()
    pair.sandbox.process.wait(timeout=30)

    assert await pair.ask_official() == ANSWERED


def test_threat_46_a_flood_at_sandbox_at_most_doubles_officials_99th_percentile(tmp_path: Path) -> None:
    """Normalisation, slow answers of the registry and a full bulkhead, as fast as the flood can send."""
    row = Row(name="a process for each profile", separate=True, paced=False)

    measured = measure(row, tmp_path / "places", rounds=3, asked=30)

    assert measured.met.total() > 0
    assert measured.ratio <= 2
