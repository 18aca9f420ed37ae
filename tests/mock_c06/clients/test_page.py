"""`docs/mock-clients.md`: its programs run, and print what the page says."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mock_c06.app import build_mock
from mock_c06.login.reasons import LoginFailure
from mock_c06.settings import Settings
from mock_c06.testing.scene import C06
from tests.kit.clocks import StillClock
from tests.kit.programs import MOCK_BARE
from tests.kit.source import ROOT
from tests.sockets.scenes import need_curl

pytestmark = pytest.mark.sockets
PAGE = (ROOT / "docs" / "mock-clients.md").read_text(encoding="utf-8")


def test_the_zeep_program_of_the_page_prints_the_household_with_names(c06: C06, tmp_path: Path) -> None:
    found = re.search(
        r"^```python\n(# household\.py.*?)^```\n\n```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    program = tmp_path / "household.py"
    program.write_text(found[1], encoding="utf-8")
    account = c06.account("dvctt-hanoi")
    environment = MOCK_BARE | {
        "C06_URL": c06.url(),
        "C06_USER": account["user"],
        "C06_SECRET": account["secret"],
        "PYTHONUTF8": "1",
    }
    ended = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, found[2]), ended.stderr


@pytest.mark.parametrize(("name", "agree"), [("NGUYENVANAN", 1), ("NGUYENVANBA", 0)])
def test_the_call_with_curl_of_the_page_gets_the_answer_that_it_shows(
    c06: C06, tmp_path: Path, name: str, agree: int
) -> None:
    need_curl()
    found = re.search(
        r"^```bash\n(# verify\.sh.*?)^```\n.*?^```xml\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    script = tmp_path / "verify.sh"
    script.write_text(found[1].replace("NGUYENVANAN", name), encoding="utf-8")
    account = c06.account("dvctt-hanoi")
    environment = MOCK_BARE | {
        "C06_URL": c06.url(),
        "C06_USER": account["user"],
        "C06_SECRET": account["secret"],
    }
    ended = subprocess.run(
        ["bash", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == found[2].replace(">1<", f">{agree}<")


HEADER = re.findall(r"^```\n(Basic \S+)\n```$", PAGE, re.MULTILINE)
LOGINS = {
    "bash": "bash login.sh",
    "javascript": "node login.cjs",
    "php": "php login.php",
    "java": "java Login.java",
    "csharp": "mcs Login.cs && mono Login.exe",
}


def program(language: str) -> str:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found[-1]


def test_the_header_of_the_page_is_computed_from_the_values_of_its_table() -> None:
    values = dict(re.findall(r"^\| (\w+) \| `(\S+)` \|$", PAGE, re.MULTILINE))
    text = "".join(values[name] for name in ("url", "user", "timestamp", "secret"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    header = "Basic " + base64.b64encode(f"{values['user']}:{digest}".encode()).decode()
    assert (values["digest"], HEADER) == (digest, [header])
    for language in LOGINS:
        assert all(values[name] in program(language) for name in ("url", "user", "timestamp", "secret"))


@pytest.mark.parametrize("language", LOGINS)
def test_each_signed_example_of_the_page_prints_its_header(language: str, tmp_path: Path) -> None:
    command = LOGINS[language]
    runner, name = command.split()[:2]
    if shutil.which(runner) is None:
        pytest.skip(f"{runner} is not installed: its example is compared by its values alone")
    (tmp_path / name).write_text(program(language), encoding="utf-8")
    ended = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout.splitlines()) == (0, HEADER), ended.stderr


async def test_the_mock_accepts_the_login_of_the_page(clock: StillClock) -> None:
    clock.instant = datetime.fromtimestamp(1_650_990_000.123, UTC)
    mock = build_mock(Settings.model_construct(control_token=None, secret_seed=None), clock=clock)
    known = mock.register.get("dvctt-hanoi")
    mock.register.put(replace(known, secret="synthetic-secret"))
    sent = {"Authorization": HEADER[0], "Timestamp": "1650990000123", "Content-Type": "text/xml"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.test)) as client:
        answer = await client.post("http://127.0.0.1:8100/XacThucThongTinCongDan", headers=sent)
    assert (answer.status_code, "<MaLoi>01</MaLoi>" in answer.text) == (500, True)


def test_the_page_names_every_reason_of_the_journal() -> None:
    table = PAGE[PAGE.index("| `reason` |") :]
    named = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert named - {"reason"} == {reason.value for reason in LoginFailure}
