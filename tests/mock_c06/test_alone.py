"""The mock stands alone: it runs where the gateway and its packages can't be imported."""

import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.kit.programs import MOCK_BARE, serving_mock
from tests.kit.source import ROOT, read_python

ALONE = Path(__file__).with_name("alone.py")
COMMAND = (sys.executable, "-P", str(ALONE))
FOR_PYTEST = {"mock_c06.testing.plugin"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_of(requirement: str) -> str:
    return re.split(r"[\[=<>;! ]", requirement)[0].lower()


def locked(lock: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


def import_alone(modules: list[str]) -> "subprocess.CompletedProcess[str]":
    environment = MOCK_BARE | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        COMMAND, input="\n".join(modules), env=environment, capture_output=True, text=True, check=False
    )


def test_every_module_of_the_mock_loads_with_its_own_packages_alone() -> None:
    modules = {".".join(source.parts).removesuffix(".__init__") for source in read_python("mock_c06")}
    ended = import_alone(sorted(modules - FOR_PYTEST))
    assert (ended.returncode, ended.stdout) == (0, "0 modules of the gateway\n"), ended.stderr
    assert len(modules) > 100


@pytest.mark.parametrize("module", ["gateway.errors", "sqlalchemy", "asyncpg", "aiohttp", "pytest"])
def test_what_is_not_the_mocks_cannot_be_imported_beside_it(module: str) -> None:
    ended = import_alone([module])
    assert ended.returncode == 1
    assert "is not among the mock's packages" in ended.stderr


@pytest.mark.sockets
def test_the_mock_serves_where_only_its_own_packages_are() -> None:
    with serving_mock(command=COMMAND) as running:
        assert httpx.get(f"{running.test}/soap?wsdl").text.startswith("<?xml")
        headers = {"Authorization": f"Bearer {running.token}"}
        assert len(httpx.get(f"{running.control}/accounts", headers=headers).json()) > 5
        assert httpx.post(f"{running.test}/XacThucThongTinCongDan").status_code == 401


def test_the_mocks_packages_are_declared_and_two_thirds_of_the_gateways() -> None:
    declared = {name_of(requirement) for requirement in PROJECT["dependencies"]}
    gateways = {name_of(requirement) for requirement in PROJECT["optional-dependencies"]["gateway"]}
    mock, both = locked("requirements-mock.lock"), locked("requirements.lock")
    assert declared <= mock < both
    # typer and httpx, which both programs have, bring them.
    assert gateways & mock == {"rich", "httpcore"}
    assert len(mock) * 4 < len(both) * 3


def test_the_mocks_own_distribution_declares_what_the_whole_project_does() -> None:
    own = tomllib.loads((ROOT / "mock_c06" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shared = ("version", "requires-python", "dependencies")
    assert {name: own[name] for name in shared} == {name: PROJECT[name] for name in shared}
    assert own["scripts"] == {"mock-c06": PROJECT["scripts"]["mock-c06"]}
    assert own["entry-points"] == PROJECT["entry-points"]


@pytest.mark.sockets
def test_a_standalone_install_brings_only_the_mocks_package_and_serves(tmp_path: Path) -> None:
    for source in ("LICENSE", "mock_c06", "openapi"):
        (tmp_path / source).symlink_to(ROOT / source)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheels")]
    subprocess.run(build, cwd=tmp_path / "mock_c06", check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    assert {path.name.partition("-")[0] for path in site.iterdir()} == {"mock_c06"}
    # The locked packages are this environment's; without `site` its .pth files, which name this checkout, are not read.
    paths = [str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    start = f"import sys; sys.path[:0] = {paths!r}; from mock_c06.__main__ import main; main()"
    command = (str(tmp_path / "venv" / "bin" / "python"), "-I", "-S", "-c", start)
    with serving_mock(command=command) as running:
        assert httpx.get(f"{running.test}/soap?wsdl").text.startswith("<?xml")


def test_both_locks_hold_the_same_version_of_a_package() -> None:
    pins = [
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))
        for lock in ("requirements-mock.lock", "requirements.lock")
    ]
    assert {name: version for name, version in pins[0].items() if pins[1].get(name) != version} == {}
