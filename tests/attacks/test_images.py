"""Threat 45: what an image carries. The gateway's had the whole mock in it, and both stood on a base named by tag alone.

There is no container engine here: each stage's wheel is built from what the stage copies, as its own line builds it.
"""

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.shape.source import ROOT
from tests.shape.test_supply import find_stages, read_dockerfile

GATEWAY, MOCK = "build", "mock-build"
SEVERAL = ("gateway", "mock_c06", "portal", "demo", "tests", "benchmarks", "examples", "tools")


def stage(name: str) -> list[str]:
    return next(lines for lines in find_stages(read_dockerfile()) if lines[0].endswith(f" AS {name}"))


def copied(name: str) -> list[str]:
    """Return the files and folders of ours that a stage copies in."""
    copies = [line.split()[1:-1] for line in stage(name) if line.startswith("COPY ")]
    return [source for sources in copies if not sources[0].startswith("--") for source in sources]


def build_wheel(name: str, folder: Path) -> Path:
    """Build a stage's wheel from its own copies alone, and return where it was unpacked."""
    context = folder / "context"
    context.mkdir()
    for source in copied(name):
        (context / source).symlink_to(ROOT / source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
    subprocess.run(command, cwd=context, check=True, capture_output=True)
    (wheel,) = (folder / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "installed")
    return folder / "installed"


def imports(installed: Path, module: str) -> bool:
    """Say whether a module can be imported from the wheel and the locked packages, without this project beside them."""
    paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    # Without `site` no .pth file is read: the editable install of this very checkout is out of reach.
    script = f"import sys; sys.path[:0] = {paths!r}; import {module}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0 or f"No module named '{module.partition('.')[0]}'" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize(
    ("name", "program", "absent"),
    [(GATEWAY, "gateway.cli", "mock_c06.cli"), (MOCK, "mock_c06.cli", "gateway.cli")],
    ids=["gateway", "mock"],
)
def test_threat_45_an_image_carries_one_program_and_no_line_of_the_other(
    tmp_path: Path, name: str, program: str, absent: str
) -> None:
    installed = build_wheel(name, tmp_path)

    ours = {path.name for path in installed.iterdir()} & set(SEVERAL)
    assert ours == {program.partition(".")[0]}
    assert imports(installed, program)
    assert not imports(installed, absent)
    assert not imports(installed, "portal.gateway_client")


@pytest.mark.parametrize(("name", "command"), [(GATEWAY, "mock-c06"), (MOCK, "gateway")])
def test_a_command_that_an_image_has_no_program_for_is_not_left_in_it(name: str, command: str) -> None:
    assert any(f"rm /opt/dancu/bin/{command} " in line for line in stage(name))


def test_threat_45_what_runs_copies_nothing_but_what_was_built_for_it() -> None:
    for lines in find_stages(read_dockerfile()):
        if any(line.startswith("CMD ") for line in lines):
            copies = [line.split()[1:] for line in lines if line.startswith("COPY ")]
            builder = {"mock": MOCK}.get(lines[0].rpartition(" AS ")[2], GATEWAY)
            assert copies == [[f"--from={builder}", "/opt/dancu", "/opt/dancu"]]


def test_threat_45_every_image_stands_on_a_base_named_by_digest() -> None:
    text = "\n".join(read_dockerfile())
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    bases = {
        re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], lines[0].split()[1])
        for lines in find_stages(read_dockerfile())
    }
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", bases.pop())


def test_threat_45_compose_runs_each_program_from_its_own_image_alone() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    images = re.findall(r"^  (\w+):\n(?:    .*\n)*?    image: (\S+)$", text, re.MULTILINE)
    assert images == [("gateway", "dancu-gateway"), ("mock", "mock-c06")]


def test_threat_15_the_store_of_an_image_is_its_users_alone() -> None:
    running = [
        line
        for lines in find_stages(read_dockerfile())
        for line in lines
        if "/srv/var" in line and line.startswith("RUN ")
    ]
    assert len(running) == 1
    assert "install --directory --mode 0700 --owner 10001" in running[0]
