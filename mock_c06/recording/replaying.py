"""Build a mock that replays: its faces answer from the recording alone, its control face shows the recorded run."""

from dataclasses import replace
from typing import Any

from starlette.types import ASGIApp

from mock_c06.app import MockRegistry, build_mock
from mock_c06.clock import Clock, SystemClock
from mock_c06.control.recording_json import restore
from mock_c06.desk.accounts import Environment
from mock_c06.errors import StartRefused
from mock_c06.nation.nation import Nation
from mock_c06.runs.run import DEFAULT_RUN
from mock_c06.settings import Settings
from mock_c06.wire.replay import ReplayFace, ReplayTable


def build_replay(
    settings: Settings, recording: dict[str, Any], *, clock: Clock | None = None
) -> MockRegistry:
    """Build it; raises `StartRefused` where the recording can't be read."""
    clock = clock or SystemClock()
    mock = build_mock(settings, clock=clock, nation=_nation(recording["population"]))
    name = recording["run"]
    run = mock.runs.get(name) if name == DEFAULT_RUN else mock.runs.create(name)
    table = ReplayTable.of(restore(run, recording))

    def face(environment: Environment, ordinary: ASGIApp) -> ReplayFace:
        return ReplayFace(environment=environment, run=run, table=table, clock=clock, ordinary=ordinary)

    return replace(
        mock,
        test=face(Environment.TEST, mock.test),
        official=face(Environment.OFFICIAL, mock.official),
    )


def _nation(population: dict[str, Any] | None) -> Nation | None:
    """Compute the recorded people again, out of their number and seed."""
    try:
        return Nation(**population) if population is not None else None
    except (TypeError, ValueError) as error:
        raise StartRefused("the recording's population can't be made") from error
