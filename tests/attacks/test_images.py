"""Threat 45: what an image contains. The gateway's image contained the whole mock, and both used a base
named by tag only.

There is no container engine here: each stage's wheel is built from the files that the stage copies, by the
stage's own command.
"""

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.kit.source import ROOT
from tests.shape.test_supply import find_stages, read_dockerfile

GATEWAY, MOCK = "build", "mock-build"
SEVERAL = ("gateway", "mock_c06", "portal", "demo", "tests", "benchmarks", "examples", "tools")


def stage(name: str) -> list[str]:
    return next(lines for lines in find_stages(read_dockerfile()) if lines[0].endswith(f" AS {name}"))


def copied(name: str) -> list[str]:
    """Return the files and folders of this project that a stage copies."""
    copies = [line.split()[1:-1] for line in stage(name) if line.startswith("COPY ")]
    return [source for sources in copies if not sources[0].startswith("--") for source in sources]


def build_wheel(name: str, folder: Path) -> Path:
    """Build a stage's wheel from its own copies only; return the folder where it was unpacked."""
    context = folder / "context"
    context.mkdir()
    for source in copied(name):
        (context / source).symlink_to(ROOT / source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
    built = any(line.endswith("./mock_c06") or "./mock_c06 " in line for line in stage(name))
    subprocess.run(command, cwd=context / "mock_c06" if built else context, check=True, capture_output=True)
    (wheel,) = (folder / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "installed")
    return folder / "installed"


def imports(installed: Path, module: str) -> bool:
    """Say whether a module can be imported from the wheel and the locked packages, without this checkout."""
    paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    # Without `site` Python reads no .pth file, so the editable install of this checkout is not found.
    script = f"import sys; sys.path[:0] = {paths!r}; import {module}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0 or f"No module named '{module.partition('.')[0]}'" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize(
    ("name", "program", "absent"),
    [(GATEWAY, "gateway.cli", "mock_c06.commands.main"), (MOCK, "mock_c06.commands.main", "gateway.cli")],
    ids=["gateway", "mock"],
)
def test_threat_45_an_image_contains_one_program_and_no_code_of_the_other(
    tmp_path: Path, name: str, program: str, absent: str
) -> None:
    installed = build_wheel(name, tmp_path)

    ours = {path.name for path in installed.iterdir()} & set(SEVERAL)
    assert ours == {program.partition(".")[0]}
    assert imports(installed, program)
    assert not imports(installed, absent)
    assert not imports(installed, "portal.gateway_client")


def test_the_gateways_image_contains_no_command_whose_program_it_lacks() -> None:
    assert any("rm /opt/dancu/bin/mock-c06 " in line for line in stage(GATEWAY))


def test_the_mocks_distribution_contains_its_own_package_and_command_alone(tmp_path: Path) -> None:
    installed = build_wheel(MOCK, tmp_path)
    (about,) = installed.glob("*.dist-info")
    assert {path.name for path in installed.iterdir()} == {"mock_c06", about.name}
    scripts = (about / "entry_points.txt").read_text(encoding="utf-8")
    assert re.findall(r"^\[(.*)\]$|^([\w-]+) = ", scripts, re.MULTILINE) == [
        ("console_scripts", ""),
        ("", "mock-c06"),
        ("pytest11", ""),
        ("", "c06"),
    ]


def test_threat_45_the_final_stage_copies_only_what_was_built_for_it() -> None:
    for lines in find_stages(read_dockerfile()):
        if any(line.startswith("CMD ") for line in lines):
            copies = [line.split()[1:] for line in lines if line.startswith("COPY ")]
            builder = {"mock": MOCK}.get(lines[0].rpartition(" AS ")[2], GATEWAY)
            assert copies == [[f"--from={builder}", "/opt/dancu", "/opt/dancu"]]


def test_threat_45_every_image_names_its_base_by_digest_as_well_as_tag() -> None:
    text = "\n".join(read_dockerfile())
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    bases = {
        re.sub(r"\$\{(\w+)\}", lambda found: defaults[found[1]], lines[0].split()[1])
        for lines in find_stages(read_dockerfile())
    }
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", bases.pop())


def test_threat_45_compose_runs_each_program_from_its_own_image_only() -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    images = {name: service["image"] for name, service in composed["services"].items()}
    gateway = dict.fromkeys(("gateway", "sandbox"), "dancu-gateway")
    assert images == gateway | {"mock": "mock-c06", "postgres": "postgres:17-alpine"}


def test_threat_15_compose_gives_secrets_as_files_and_bounds_every_service_and_its_log() -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    settings = composed["services"]["gateway"]["environment"]
    secret = [name for name in settings if re.search(r"KEY|SECRET|PASSWORD|DATABASE_URL", name)]
    assert secret
    assert all(name.endswith("_FILE") and settings[name].startswith("/run/secrets/") for name in secret)
    for name, service in composed["services"].items():
        assert {"mem_limit", "cpus", "pids_limit"} <= service.keys(), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert set(service.get("secrets", ())) <= composed["secrets"].keys()


def test_threat_38_compose_keeps_head_and_checkpoints_in_a_volume_that_the_services_can_write() -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    for name in ("gateway", "sandbox"):
        service = composed["services"][name]
        (volume, folder) = service["volumes"][0].split(":")
        assert volume in composed["volumes"]
        assert any(line == f"VOLUME {folder}" for lines in find_stages(read_dockerfile()) for line in lines)
        for setting in ("GATEWAY_AUDIT_HEAD_FILE", "GATEWAY_CHECKPOINT_FILE"):
            assert service["environment"][setting].startswith(f"{folder}/")


def test_threat_15_only_the_images_user_can_read_its_store() -> None:
    running = [
        line
        for lines in find_stages(read_dockerfile())
        for line in lines
        if "/srv/var" in line and line.startswith("RUN ")
    ]
    assert len(running) == 1
    assert "install --directory --mode 0700 --owner 10001" in running[0]
