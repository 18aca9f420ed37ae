"""Three SOAP toolkits of Node that know only the served WSDL: each reads all five operations with every field.

Their packages are pinned in node/package-lock.json and installed once, into `.cache/`. Without npm, or where it can't
install, these tests are skipped and say why.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.testing.scene import C06
from tests.kit.source import ROOT
from tests.mock_c06.callers import CODES
from tests.mock_c06.clients.logins import basic

pytestmark = [pytest.mark.sockets, pytest.mark.timeout(600)]

SOURCE = Path(__file__).with_name("node")
HOUSEHOLD = [
    *("NGUYỄN VĂN AN", "NGUYỄN VĂN BÌNH", "TRẦN THỊ CAM", "LÊ THỊ DUNG"),
    *("NGUYỄN MINH EM", "NGUYỄN THU GIANG"),
]
PROGRAMS = {"soap": "soap.cjs", "strong-soap": "strong-soap.cjs", "wsdl-tsclient": "built/household.js"}


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=500)


@pytest.fixture(scope="session")
def packages() -> Path:
    """Give the folder with `node_modules`."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: no client of Node is tried")
    lock = (SOURCE / "package-lock.json").read_bytes()
    made = ROOT / ".cache" / "node-clients" / hashlib.sha256(lock).hexdigest()[:16]
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    trial = Path(tempfile.mkdtemp(dir=made.parent))
    shutil.copytree(SOURCE, trial, dirs_exist_ok=True)
    ended = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=trial)
    if ended.returncode != 0:
        shutil.rmtree(trial)
        pytest.skip(f"npm can't install the clients of Node: {ended.stderr.strip()[-300:]}")
    try:
        trial.rename(made)
    except OSError:  # another worker was faster
        shutil.rmtree(trial)
    return made


@pytest.fixture
def workshop(packages: Path, tmp_path: Path) -> Iterator[Path]:
    """Give a folder with the sources and the installed packages."""
    folder = tmp_path / "node"
    shutil.copytree(SOURCE, folder)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    yield folder
    shutil.rmtree(folder)


def generate(workshop: Path, base: str) -> None:
    """Write the WSDL's TypeScript client."""
    (workshop / "c06.wsdl").write_bytes(httpx.get(f"{base}/soap?wsdl").content)
    ended = run("node_modules/.bin/wsdl-tsclient", "c06.wsdl", "-o", "generated", folder=workshop)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def compile_household(workshop: Path) -> str:
    """Compile the program against the generated client; return the compiler's complaints."""
    ended = run("node_modules/.bin/tsc", "--project", ".", folder=workshop)
    if (workshop / "built").exists():
        shutil.copy(workshop / "calls.cjs", workshop / "built")
    return ended.stdout


def read_all(c06: C06, workshop: Path, client: str) -> dict[str, Any]:
    account = c06.account("dvctt-hanoi")
    ended = run("node", PROGRAMS[client], c06.url(), account["user"], account["secret"], folder=workshop)
    assert ended.returncode == 0, ended.stderr
    answers: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answers


def leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Give every text that a client read, by its path in the record; a list adds nothing to the path."""
    if isinstance(value, dict):
        inside = [(f"{path}/{name}", each) for name, each in value.items() if "attributes" not in name]
        return sorted(leaf for name, each in inside for leaf in leaves(each, name))
    if isinstance(value, list):
        return sorted(leaf for each in value for leaf in leaves(each, path))
    written = str(value).lower() if isinstance(value, bool) else str(value)
    return [(path, written)] if value not in {None, ""} else []


def sent_by_registry(c06: C06) -> dict[str, list[tuple[str, str]]]:
    """Ask the same without any toolkit, and give every text of each answer by its path."""
    account = c06.account("dvctt-hanoi")
    sent = {}
    for number, (operation, code) in enumerate(CODES.items(), start=1_000):
        url, timestamp = f"{c06.url()}/{operation}", account.login("")["Timestamp"]
        body = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://dancuquocgia.bca"><s:Body>'
            f"<{operation}><MaYeuCau>bare-{number}</MaYeuCau><MaDVC>G15-TP110</MaDVC><MaTichHop>{code}</MaTichHop>"
            "<MaCanBo>can.bo.01</MaCanBo><SoDinhDanh>001090000123</SoDinhDanh><HoVaTen>NGUYENVANAN</HoVaTen>"
            "<NgayThangNamSinh><NgayThangNam>19900131</NgayThangNam></NgayThangNamSinh>"
            f"</{operation}></s:Body></s:Envelope>"
        )
        login = basic(url, account["user"], account["secret"], timestamp)
        headers = {"Content-Type": "text/xml", "Timestamp": timestamp, "Authorization": login}
        payload = etree.fromstring(httpx.post(url, content=body, headers=headers).content).find("{*}Body")
        assert payload is not None
        sent[operation] = sorted(
            (path, text)
            for child in payload[0]
            for path, text in walk(child, f"/{etree.QName(child).localname}")
        )
    return sent


def walk(element: etree._Element, path: str) -> list[tuple[str, str]]:
    if not len(element):
        return [(path, element.text)] if element.text else []
    return [leaf for each in element for leaf in walk(each, f"{path}/{etree.QName(each).localname}")]


@pytest.mark.parametrize("client", PROGRAMS)
def test_a_client_of_node_reads_every_field_of_all_five_operations(
    c06: C06, workshop: Path, client: str
) -> None:
    if client == "wsdl-tsclient":
        generate(workshop, c06.url())
        assert compile_household(workshop) == ""
    answers = read_all(c06, workshop, client)
    assert {name: leaves(answers[name]) for name in CODES} == sent_by_registry(c06)
    members = answers["CungCapThongTinHoGiaDinh"]["CongDan"][0]["ThanhVien"]
    assert [member["HoVaTen"] for member in members] == HOUSEHOLD


@pytest.mark.parametrize("client", ["soap", "strong-soap"])
def test_a_client_of_node_reads_the_forms_that_the_runs_switches_give(
    c06: C06, workshop: Path, client: str
) -> None:
    c06.switch(exists_verdict=True, structured_relatives=True, split_name=True)
    answers = read_all(c06, workshop, client)
    assert {name: leaves(answers[name]) for name in CODES} == sent_by_registry(c06)
    assert str(answers["XacThucThongTinCongDan"]["TonTai"]).lower() == "true"
    assert answers["XacMinhThongTinNhanThan"]["CongDan"][0]["Me"]["HoVaTen"]["Ten"] == "CAM"


def test_the_generated_types_follow_the_runs_switches(c06: C06, workshop: Path) -> None:
    c06.switch(structured_relatives=True)
    generate(workshop, c06.url())
    assert "not assignable to type 'string'" in compile_household(workshop)
