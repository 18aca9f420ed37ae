"""What the contract suite runs against: the ASGI app, a server on sockets, and the answers that a run has recorded.

A check is written once, against a scene. For the recorded target it runs twice: first against an app whose run is then
written into a file as `mock-c06 record` writes it, and once more against what `mock-c06 replay` makes of that file. The
second time the control face takes what it is told, but no answer of the registry face comes from anywhere but the file.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

from mock_c06.app import MockRegistry, build_mock
from mock_c06.commands.replay import build_replay
from mock_c06.control.recording_json import parse_recording, recording_text
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.kit.programs import Served
from tests.mock_c06.callers import PlatformClient, SoapPortal

TOKEN = "control-token-of-this-check"
TEST, OFFICIAL = "http://registry.test", "http://official.test"
Check = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a check may ask for by name. Its run is `default`, and empty."""

    portal: SoapPortal
    platform: Callable[[str], PlatformClient]
    control: httpx.AsyncClient
    accounts: Mapping[str, dict[str, Any]]
    official_base: str


class Target(Protocol):
    """Where a check runs: once for each scene it gives."""

    def scenes(self) -> AsyncIterator[Scene]:
        """Give a scene, and close it when the next is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class App:
    """A mock in this process that all checks share."""

    mock: MockRegistry

    async def scenes(self) -> AsyncIterator[Scene]:
        """Give one scene."""
        async with _in_process(self.mock) as scene:
            await _empty(scene.control)
            yield scene


@dataclass(frozen=True, slots=True)
class Socket:
    """A server that all checks share."""

    served: Served

    async def scenes(self) -> AsyncIterator[Scene]:
        """Give one scene."""
        served = self.served
        headers = {"Authorization": f"Bearer {served.token}"}
        async with (
            httpx.AsyncClient() as door,
            httpx.AsyncClient(base_url=served.control, headers=headers) as control,
        ):
            await _empty(control)
            yield await _scene(door, control, served.test, served.official, now=datetime.now(UTC))  # noqa: TID251 - the server reads the machine's clock


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answers of a run out of a file. `mock` is what is recorded."""

    mock: MockRegistry
    file: Path

    async def scenes(self) -> AsyncIterator[Scene]:
        """Give the scene that is recorded, then the one that is replayed."""
        async for scene in App(self.mock).scenes():
            yield scene
            recording = (await scene.control.get("/runs/default/recording")).raise_for_status()
            self.file.write_text(recording_text(recording.json()), encoding="utf-8")
        replay = build_replay(_settings(), parse_recording(self.file.read_bytes()), clock=_clock())
        async with _in_process(replay) as scene:
            yield scene


def on_every_target(check: Check) -> Check:
    """Make a test of a check, for the fixture `target`: what it names of a scene comes from there, the rest from pytest."""
    wanted = inspect.signature(check).parameters
    own = [each.name for each in fields(Scene) if each.name in wanted]

    @functools.wraps(check)
    async def on_target(target: Target, **arguments: Any) -> None:
        async for scene in target.scenes():
            await check(**arguments, **{name: getattr(scene, name) for name in own})

    target = inspect.Parameter("target", inspect.Parameter.KEYWORD_ONLY)
    rest = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in wanted.values() if each.name not in own
    ]
    vars(on_target)["__signature__"] = inspect.Signature([target, *rest])
    return on_target


def _settings() -> Settings:
    return Settings.model_validate({"control_token": TOKEN})


def _clock() -> StillClock:
    return StillClock(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))


def build_shared() -> MockRegistry:
    """Build the mock of a session: its clock stands still."""
    return build_mock(_settings(), clock=_clock())


async def _empty(control: httpx.AsyncClient) -> None:
    (await control.delete("/runs/default")).raise_for_status()


@asynccontextmanager
async def _in_process(mock: MockRegistry) -> AsyncIterator[Scene]:
    doors = {TEST: httpx.ASGITransport(mock.test), OFFICIAL: httpx.ASGITransport(mock.official)}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx.AsyncClient(mounts=doors) as door,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(mock.control), base_url="http://control.test", headers=headers
        ) as control,
    ):
        yield await _scene(door, control, TEST, OFFICIAL, now=_clock().now())


async def _scene(
    door: httpx.AsyncClient, control: httpx.AsyncClient, base: str, official: str, *, now: datetime
) -> Scene:
    listed = (await control.get("/accounts")).json()
    accounts = {account["name"]: account for account in listed}
    return Scene(
        portal=SoapPortal(door, accounts["dvctt-hanoi"], StillClock(now), base),
        platform=lambda variant: PlatformClient(door, accounts[f"dvctt-lgsp-{variant}"], base),
        control=control,
        accounts=accounts,
        official_base=official,
    )
