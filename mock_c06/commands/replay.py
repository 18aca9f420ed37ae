"""`mock-c06 replay`: the registry faces answer from a recording; the control face shows the recorded run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mock_c06.clock import Clock, SystemClock
from mock_c06.commands.serve import LOOPBACK, listen
from mock_c06.errors import StartRefused
from mock_c06.generated.population import GeneratedPopulation

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from mock_c06.accounts.model import Environment
    from mock_c06.app import MockRegistry
    from mock_c06.faces.replay import ReplayFace
    from mock_c06.settings import Settings


def build_replay(
    settings: Settings,
    recording: dict[str, Any],
    *,
    clock: Clock | None = None,
    ignored: Iterable[str] = (),
) -> MockRegistry:
    """Build a mock that replays; raises `StartRefused` if the recording cannot be read."""
    from mock_c06.accounts.model import Environment
    from mock_c06.app import build_mock
    from mock_c06.control.recording_json import restore
    from mock_c06.faces.replay import ReplayFace, ReplayTable
    from mock_c06.runs.run import DEFAULT_RUN

    clock = clock or SystemClock()
    mock = build_mock(settings, clock=clock, generated=_make_generated(recording["population"]))
    name = recording["run"]
    run = mock.runs.get(name) if name == DEFAULT_RUN else mock.runs.create(name)
    table = ReplayTable.of(restore(run, recording), ignored)

    def face(environment: Environment, ordinary: ASGIApp) -> ReplayFace:
        return ReplayFace(environment=environment, run=run, table=table, clock=clock, ordinary=ordinary)

    return replace(
        mock,
        test=face(Environment.TEST, mock.test),
        official=face(Environment.OFFICIAL, mock.official),
    )


def _make_generated(population: dict[str, Any] | None) -> GeneratedPopulation | None:
    """Make the recorded population again from its count and seed."""
    try:
        return GeneratedPopulation(**population) if population is not None else None
    except (TypeError, ValueError) as error:
        raise StartRefused("the recording's population is not valid") from error


def replay_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file that record wrote.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Test environment; 0 is any free.")] = 8100,
    official_port: Annotated[int, typer.Option(min=0, max=65535, help="Official environment.")] = 8110,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Control face.")] = 8101,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="MEMBER", help="A member whose value may differ, such as MaYeuCau; repeatable."),
    ] = None,
) -> None:
    """Serve a recorded run: the same request bytes get the same answer bytes, in the same order.

    A request that was not recorded, or not as often, gets 501, which names the nearest recorded question.

    \b
    Examples:
      mock-c06 replay morning.json
      mock-c06 replay morning.json --ignore MaYeuCau
      mock-c06 replay morning.json --port 0 --official-port 0 --control-port 0
    """
    from mock_c06.bounded_files import read_bounded
    from mock_c06.control.recording_json import parse_recording
    from mock_c06.settings import read_settings

    try:
        recording = parse_recording(read_bounded(file))
    except OSError as error:
        raise StartRefused(f"can't read {file}: {error.strerror}") from error
    except StartRefused as error:
        raise StartRefused(f"{file}: {error}") from error
    mock = build_replay(read_settings(), recording, ignored=ignore or ())
    listen(
        mock,
        host=LOOPBACK,
        ports=(port, official_port, control_port),
        banner="mock-c06: TEST DATA ONLY. A replay: only recorded requests are answered.",
        closing=f"run: {json.dumps(recording['run'])}, {len(recording['calls'])} calls",
    )
