"""`docs/official-account.md` remains true: the test runs each of its commands in order and compares the output.

`…` replaces any text within a word; a block `sh fails` ends with exit 1; a `toml` block is the completed
file.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.scene import Scene
from gateway.operators.credentials import code_at, step_of
from tests.kit.source import ROOT
from tests.sockets.scenes import SEARCH_PATH, Block, need_curl, read_blocks, serving_scene

TEXT = (ROOT / "docs" / "official-account.md").read_text(encoding="utf-8")
BLOCKS = read_blocks(TEXT)
AN = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
PASSWORD = "ba con voi di choi"
ANY = "…"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with serving_scene(tmp_path / "serve") as running:
        yield running


def run(block: Block, scene: Scene) -> "subprocess.CompletedProcess[str]":
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(
        [bash, "-euc", block.text],
        cwd=scene.programs.folder,
        env={
            "PATH": SEARCH_PATH,
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
            "CONTROL": scene.mock.control,
            "MOCK_C06_CONTROL_TOKEN": scene.mock.control_token,
            "OFFICIAL": scene.mock.official,
        },
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def is_shown(shown: Any, seen: Any) -> bool:
    """Say whether a value is the one that the guide shows."""
    if isinstance(shown, dict) and isinstance(seen, dict):
        wanted = {name: value for name, value in shown.items() if name != ANY}
        exact = ANY in shown or wanted.keys() == seen.keys()
        return exact and all(name in seen and is_shown(value, seen[name]) for name, value in wanted.items())
    if isinstance(shown, str) and isinstance(seen, str):
        # A line that has nothing else stands for any lines, another ellipsis for one word.
        lines = re.sub(rf"(?m)^(?:\\ )+{ANY}(?=\\\n)", r"(?:.*\\n)*?.*", re.escape(shown))
        pattern = lines.replace(re.escape(ANY), r"\S+")
        return re.fullmatch(pattern, seen) is not None
    return bool(shown == seen)


def sign_in(scene: Scene, name: str, *create: str) -> None:
    """Make an operator and sign them in with the operators' commands."""

    def say(*arguments: str, stdin: str = "") -> Any:
        command = [sys.executable, "-m", "gateway", *arguments, "--json"]
        done = subprocess.run(
            command,
            cwd=scene.programs.folder,
            env={"PATH": SEARCH_PATH, "PYTHONPATH": str(ROOT)},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    code = say("operators", "create", name, *create)["one_time_code"]
    secret = say("operators", "enrol", name, stdin=f"{code}\n{PASSWORD}\n")["totp_secret"]
    totp = code_at(base64.b32decode(secret), step_of(datetime.now(UTC)))  # noqa: TID251 - an authenticator's clock
    say("login", name, stdin=f"{PASSWORD}\n{totp}\n")


def use_the_sandbox(scene: Scene) -> None:
    """Do once, as a portal, what the guide lists as missing."""
    account = scene.sandbox
    form = {"grant_type": "client_credentials"}
    own = (account.client_id, account.client_secret or "")
    with httpx.Client(trust_env=False, timeout=30) as http:
        token = http.post(f"{account.issuer}/oauth2/token", data=form, auth=own).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}

        def call(path: str, **members: Any) -> httpx.Response:
            act = {"procedure": "khai-sinh", "dossier": "HN-1", "subject_role": "requester"}
            body = act | {"initiated_by": {"kind": "citizen"}} | members
            return http.post(f"{account.issuer}/v1{path}", json=body, headers=headers)

        receipt = call("/verifications", claim=AN).json()["receipt"]
        assert call("/prefills", receipt=receipt, fields=["full_name"]).status_code == 200
        assert call("/verifications", claim=AN, procedure="ket-hon", dossier="HN-2").status_code == 200
        wrong = AN | {"full_name": "Nguyễn Văn Bình"}
        assert call("/verifications", claim=wrong).json()["verdict"] == "not_confirmed"
        narrow = {
            "type": "citizen_enquiry",
            "procedures": ["*"],
            "subject_roles": ["*"],
            "fields": ["full_name"],
        }
        narrowed = form | {"authorization_details": json.dumps([narrow])}
        token = http.post(f"{account.issuer}/oauth2/token", data=narrowed, auth=own).json()["access_token"]
        headers["Authorization"] = f"Bearer {token}"
        assert call("/prefills", receipt=receipt, fields=["citizen_id"]).status_code == 403
        door = http.get(f"{scene.official.issuer}/v1/me", headers=headers)
        assert door.json()["code"] == "profile_mismatch"


def test_every_command_of_the_official_account_guide_prints_what_it_shows(scene: Scene) -> None:
    need_curl()
    commands = [block for block in BLOCKS if block.words in {"sh", "sh fails"}]
    assert len(commands) >= 6
    (filled,) = [block.text for block in BLOCKS if block.words == "toml"]
    for block in commands:
        done = run(block, scene)
        fails = block.words == "sh fails"
        assert done.returncode == (1 if fails else 0), (block.line, done.stderr)
        assert fails or not done.stderr, (block.line, done.stderr)
        after = next((other for other in BLOCKS if other.line > block.line), None)
        if after is not None and after.words == "json":
            assert is_shown(json.loads(after.text), json.loads(done.stdout)), (block.line, done.stdout)
        elif after is not None and after.words == "text":
            assert is_shown(after.text, done.stdout + done.stderr), (block.line, done.stdout + done.stderr)
        if "--template" in block.text:
            (scene.programs.folder / "application.toml").write_text(filled, encoding="utf-8")
        if fails:
            use_the_sandbox(scene)
            sign_in(scene, "quan.tri", "--role", "admin", "--bootstrap")
            sign_in(scene, "phuong.de", "--role", "proposer")
    secrets = httpx.get(
        f"{scene.mock.control}/accounts/dvctt-hanoi-that",
        headers={"Authorization": f"Bearer {scene.mock.control_token}"},
        trust_env=False,
    ).json()
    written = [path for path in scene.programs.folder.rglob("*") if path.is_file()]
    assert [path for path in written if secrets["secret"].encode() in path.read_bytes()] == []


def test_a_value_that_the_guide_does_not_show_is_reported() -> None:
    assert is_shown({"a": "x…", "…": "…"}, {"a": "xyz", "b": 1})
    for shown in ({"a": "y…", "…": "…"}, {"a": "x…"}, {"a": "x…", "c": 1, "…": "…"}):
        assert not is_shown(shown, {"a": "xyz", "b": 1})
