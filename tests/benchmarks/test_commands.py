"""Every command of `benchmarks/` and `tools/` that a document names exists and answers `--help`, and those that measure work.

The measurements are real ones, as short as possible: nothing here looks at a figure.
"""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import steps, verify_audit
from benchmarks.profiled import ProfiledPrograms
from demo.scene import set_up
from tests.kit.source import ROOT, read_python, read_text_files

_ASK_FOR_HELP = """
import contextlib, io, json, runpy, sys
for name in json.load(sys.stdin):
    sys.argv, printed, code = [name, "--help"], io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        try:
            if name.endswith(".py"):
                runpy.run_path(name, run_name="__main__")
            else:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code or 0
    print(json.dumps([name, code, printed.getvalue()]))
"""


def _find_programs() -> set[str]:
    """Return the modules of the benchmarks and the paths of the tools that are programs."""
    found = set()
    for source in read_python("benchmarks", "tools"):
        if '__name__ == "__main__"' in source.text:
            module = ".".join(source.parts).removesuffix(".__main__")
            found.add(module if source.is_within("benchmarks") else source.place)
    return found


def _find_named() -> set[str]:
    """Return the programs of both folders that documents, docstrings and the Makefile name."""
    found = set()
    for source in read_text_files():
        found |= set(re.findall(r"python -m (benchmarks\.[a-z_]+)", source.text))
        found |= set(re.findall(r"python (tools/\w+\.py)", source.text))
        found |= {f"tools/{name}.py" for name in re.findall(r"python -m tools\.(\w+)", source.text)}
    (more,) = re.findall(
        r"for more in \$\(if \$\(BENCH\),,([a-z_ ]+)\)", (ROOT / "Makefile").read_text("utf-8")
    )
    return found | {f"benchmarks.{name}" for name in more.split()}


def test_every_benchmark_and_tool_that_is_named_is_a_program() -> None:
    programs, named = _find_programs(), _find_named()
    assert {"benchmarks.steps", "benchmarks.verify_audit", "tools/mutants.py"} <= named
    assert named - programs == set()


def test_every_benchmark_and_tool_answers_help_with_its_usage() -> None:
    programs = sorted(_find_programs())
    done = subprocess.run(
        [sys.executable, "-c", _ASK_FOR_HELP],
        input=json.dumps(programs),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, *_ in answers] == programs, done.stderr
    assert [name for name, code, said in answers if code != 0 or not said.lower().startswith("usage: ")] == []


@pytest.mark.sockets
def test_the_calls_of_each_kind_of_request_are_counted(tmp_path: Path) -> None:
    with ProfiledPrograms(tmp_path, profiler="benchmarks.traced") as programs:
        scene = set_up(programs, {"GATEWAY_LOG_LEVEL": "warning"})
        called = asyncio.run(steps.measure(programs, scene, 1, 1))

    assert list(called) == ["verification, asked", "verification, reused", "prefill"]
    assert [kind for kind, lines in called.items() if "enquiries/" not in "".join(lines)] == []
    asked, reused = (set(called[f"verification, {kind}"]) for kind in ("asked", "reused"))
    assert any(line.startswith("registry/client.py ") for line in asked)
    assert not any(line.startswith("registry/client.py ") for line in reused)


async def test_a_log_of_the_benchmarks_entries_passes_the_audit(tmp_path: Path) -> None:
    figures = await verify_audit.measure(f"sqlite:///{tmp_path / 'gateway.db'}", 300)

    assert figures["rows"] == 300
