"""`mock-c06 record` and `mock-c06 replay`. The control face's token comes by setting, never by an argument."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mock_c06.asking_control import CONTROL, get_of_run
from mock_c06.control.recording_json import parse_recording, recording_text
from mock_c06.errors import StartRefused
from mock_c06.recording.replaying import build_replay
from mock_c06.serving import Face, bind, serve
from mock_c06.settings import read_settings
from mock_c06.wire.official_names import UnderNoOfficialName

_LOOPBACK = "127.0.0.1"
_REASONS = {409: "the run has had too many or too large answers to be recorded"}


def record_command(
    run: Annotated[str, typer.Option(help="The run to record.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    control: Annotated[str, typer.Option(help="The control face.")] = CONTROL,
) -> None:
    """Write a run of a serving mock into one file, to be replayed elsewhere.

    \b
    Examples:
      export MOCK_C06_CONTROL_TOKEN=...   # as serve printed it
      mock-c06 record --run default --out morning.json
      mock-c06 replay morning.json
    """
    recording = get_of_run(control, run, "/recording", reasons=_REASONS).json()
    try:
        out.write_text(recording_text(recording), encoding="utf-8")
    except OSError as error:
        raise StartRefused(f"can't write {out}: {error.strerror}") from error
    calls = len(recording["calls"])
    print(f"recorded: run {run}, {calls} calls, sha256 {recording['sha256'][:16]}, in {out}")


def replay_command(
    file: Annotated[Path, typer.Argument(help="What record has written.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Test environment; 0 is any free.")] = 8100,
    official_port: Annotated[int, typer.Option(min=0, max=65535, help="Official environment.")] = 8110,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Control face.")] = 8101,
) -> None:
    """Serve a recorded run: the same request bytes get the same answer bytes, in the same order.

    A request that was not recorded, or not so often, gets 501 and an entry in the journal.

    \b
    Examples:
      mock-c06 replay morning.json
      mock-c06 replay morning.json --port 0 --official-port 0 --control-port 0
    """
    try:
        recording = parse_recording(file.read_bytes())
    except OSError as error:
        raise StartRefused(f"can't read {file}: {error.strerror}") from error
    mock = build_replay(read_settings(), recording)
    faces = [
        Face(name="test", app=UnderNoOfficialName(mock.test), listener=bind(_LOOPBACK, port)),
        Face(
            name="official",
            app=UnderNoOfficialName(mock.official),
            listener=bind(_LOOPBACK, official_port),
        ),
        Face(name="control", app=mock.control, listener=bind(_LOOPBACK, control_port)),
    ]

    def announce() -> None:
        test, official, control = (face.address for face in faces)
        print("mock-c06: TEST DATA ONLY. A replay: it answers nothing that was not recorded.")
        print(f"test: {test}")
        print(f"official: {official}")
        print(f"control: {control} token={mock.control_token}")
        print(f"run: {json.dumps(recording['run'])}, {len(recording['calls'])} calls", flush=True)

    serve(faces, ready=announce)
