"""Load by wrk, which is written in C: a closed loop of connections that each send the next request after an answer.

`load.lua` writes the requests and checks each answer. As root on Debian a missing wrk is installed; elsewhere the error
says how. Latencies are as the closed loop sees them: a server that stalls is asked less meanwhile.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).parent / "load.lua"
CONNECTIONS = 32
_INSTALL_S, _LATEST_S = 300, 30


class ToolMissing(Exception):
    """A program that the benchmark needs is not installed; the message says how to get it."""


class WrongAnswers(Exception):
    """Answers that a benchmark must not count; the message contains the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The requests of one load. In the body `@LINE@` is the next line of the file, `@N@` a running number.

    With `again` the lines are those that the other call of this name has sent in the same turn.
    """

    authority: str
    path: str
    accept: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may contain a token
    body: str = ""
    lines: Path | None = None
    again: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What wrk counted: requests sent and answered, answers a second, median and 99th percentile in milliseconds."""

    sent: int
    answered: int
    per_second: float
    p50_ms: float
    p99_ms: float


def find_wrk() -> str:
    """Return the path of wrk, after installing it where that is possible. Raises `ToolMissing`."""
    found = shutil.which("wrk")
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("wrk is missing: apt-get update && apt-get install -y wrk", flush=True)
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "wrk"]):
            subprocess.run(command, capture_output=True, timeout=_INSTALL_S, check=False)
        found = shutil.which("wrk")
    if found is None:
        raise ToolMissing(
            "wrk is missing: install it (Debian, Ubuntu: apt-get install wrk; macOS: brew install wrk)"
        )
    return found


def send(
    call: Call,
    *,
    seconds: float,
    first: int = 0,
    count: int = 0,
    number: int = 0,
    connections: int = CONNECTIONS,
    any_number: bool = False,
) -> Answers:
    """Send requests for whole seconds, with the file's lines from `first` on (0 is the first), `count` in a circle.

    Raises:
        WrongAnswers: an answer is not the right one, or a connection broke, or (unless `any_number`) nothing came.
    """
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        head, template, none = (Path(folder) / name for name in ("head", "template", "none"))
        lines = [f"{call.method} {call.path} HTTP/1.1", f"Host: {call.authority}"]
        lines += [f"{name}: {value}" for name, value in call.headers.items()]
        head.write_text("".join(f"{line}\r\n" for line in lines), encoding="utf-8", newline="")
        template.write_text(call.body, encoding="utf-8", newline="")
        none.touch()
        command = [
            find_wrk(),
            "-t1",
            f"-c{connections}",
            f"-d{max(round(seconds), 1)}s",
            "--timeout",
            f"{_LATEST_S}s",
        ]
        command += ["-s", str(SCRIPT), f"http://{call.authority}", "--", str(head), str(template)]
        command += [
            str(call.lines or none),
            str(first),
            str(count if call.lines else 0),
            str(number),
            call.accept,
        ]
        limit = seconds + 2 * _LATEST_S
        ended = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    answers = read_answers(ended.stdout, f"{call.method} {call.path}", ended.stderr)
    if not answers.answered and not any_number:
        raise WrongAnswers(f"{call.method} {call.path}: no answer in {seconds:g} s")
    return answers


def read_answers(printed: str, what: str, complaint: str = "") -> Answers:
    """Read what `load.lua` prints at the end. Raises `WrongAnswers`."""
    found = dict(line[1:].split(" ", 1) for line in printed.splitlines() if line.startswith("@"))
    if "answered" not in found:
        raise WrongAnswers(f"{what}: wrk failed: {(complaint or printed).strip()[-300:]}")
    if int(found["wrong"]) or int(found["broken"]):
        raise WrongAnswers(
            f"{what}: {found['right']} right answers, {found['wrong']} wrong, {found['broken']} broken connections; "
            f"the last wrong one: {found['example']}"
        )
    return Answers(
        sent=int(found["sent"]),
        answered=int(found["answered"]),
        per_second=int(found["answered"]) / float(found["seconds"]),
        p50_ms=float(found["p50_ms"]),
        p99_ms=float(found["p99_ms"]),
    )
