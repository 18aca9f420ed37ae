"""`docs/portal-developers.md` stays true: every request of it is sent, every answer compared, every command run."""

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws

from demo.__main__ import _describe
from demo.processes import MockAddresses, Programs
from demo.scene import Scene
from gateway.edge.problems import PROBLEMS
from gateway.places import Profile
from gateway.profiles.connections import _DEFAULTS
from portal.gateway_client import PortalAccount
from tests.shape.source import ROOT
from tests.sockets.guide import BASE, Block, Message, Reader, read_blocks, read_json, read_message
from tests.sockets.scenes import need_curl, run_here, serving_scene

TEXT = (ROOT / "docs" / "portal-developers.md").read_text(encoding="utf-8")
BLOCKS = read_blocks(TEXT)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """What `make serve` keeps up, its files under `serve` as there under `var/serve`."""
    with serving_scene(tmp_path / "serve") as running:
        yield running


@pytest.fixture
def reader(scene: Scene) -> Reader:
    made = Reader(base=scene.gateway)
    shown = find_block("console").text
    account = re.search(r"sandbox account +(\S+)  secret (\S+)", shown)
    assert account
    assert scene.sandbox.client_secret
    made.known |= {account[1]: scene.sandbox.client_id, account[2]: scene.sandbox.client_secret}
    return made


def find_block(words: str) -> Block:
    return next(block for block in BLOCKS if block.words == words)


def send(message: Message, reader: Reader) -> httpx.Response:
    method, path, _ = message.first.split()
    headers = {name: reader.fill(value) for name, value in message.headers.items()}
    body = reader.fill(message.body).encode()
    return httpx.request(method, reader.base + reader.fill(path), headers=headers, content=body, timeout=30)


def compare(shown: Message, seen: httpx.Response, reader: Reader) -> list[str]:
    found = reader.differences(shown.first.split()[1], str(seen.status_code), "status")
    for name, value in shown.headers.items():
        found += reader.differences(value, seen.headers.get(name), name)
    return found + reader.differences(read_json(shown.body), seen.json(), "body")


def split_words(lines: list[str]) -> list[list[str]]:
    return [re.split(r"([ ,]+)", line) for line in lines]


def test_every_request_of_the_guide_gets_the_answer_it_shows(reader: Reader) -> None:
    pairs = list(pairwise(BLOCKS))
    requests = [(one, other) for one, other in pairs if one.words == "http request"]
    assert len(requests) >= 15
    assert [other.words for _, other in requests] == ["http answer"] * len(requests)
    assert sum(block.words == "http answer" for block in BLOCKS) == len(requests)
    for request, answer in requests:
        seen = send(read_message(request.text), reader)
        assert compare(read_message(answer.text), seen, reader) == [], f"line {request.line}"


def test_every_command_of_the_guide_prints_what_it_shows(reader: Reader, tmp_path: Path) -> None:
    need_curl()
    bash = shutil.which("bash")
    assert bash
    commands = [block for block in BLOCKS if block.words == "sh"]
    assert len(commands) >= 4
    for block in commands:
        there = reader.fill(block.text).replace("../../.venv/bin/", "").replace(".venv/bin/", "")
        done = run_here([bash, "-euc", re.sub(r"(?<![\w/])var/", f"{tmp_path}/", there)])
        assert (done.returncode, done.stderr) == (0, ""), f"line {block.line}"
        after = next((other for other in BLOCKS if other.line > block.line), None)
        if after and after.words == "json":
            assert reader.differences(read_json(after.text), json.loads(done.stdout)) == []
        elif after and after.words == "text":
            shown, seen = after.text.splitlines(), done.stdout.splitlines()
            assert reader.differences(split_words(shown), split_words(seen)) == [], f"line {after.line}"


def test_the_start_is_shown_as_make_serve_prints_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = find_block("console").text.removeprefix("$ make serve\n")
    token, client_id, secret, official = re.findall(r"(?:token|account|secret) +(\S+…)", shown)
    mock = MockAddresses(
        test="http://127.0.0.1:8100",
        official="http://127.0.0.1:8110",
        control="http://127.0.0.1:8101",
        control_token=token,
    )
    _describe(
        Scene(
            programs=Programs(tmp_path),
            mock=mock,
            gateway=BASE,
            sandbox=PortalAccount(client_id=client_id, issuer=f"{BASE}/sandbox", client_secret=secret),
            official=PortalAccount(client_id=official, issuer=f"{BASE}/official"),
        )
    )
    assert capsys.readouterr().out == shown


def sign(block: Block, scene: Scene, **claims: Any) -> str:
    """Sign what the guide shows decoded, with the values that are each portal's own."""
    assert scene.official.key is not None
    header, payload = block.text.split("\n.\n")
    members = read_json(header) | (
        {"jwk": scene.official.key.as_dict(private=False)} if "jwk" in header else {}
    )
    content = read_json(payload.replace(BASE, scene.gateway)) | claims
    return jws.serialize_compact(members, json.dumps(content).encode(), scene.official.key)


def test_the_assertion_and_proof_that_are_shown_open_official(scene: Scene) -> None:
    now = int(time.time())  # noqa: TID251 - a portal has the machine's clock
    own = {"iss": scene.official.client_id, "sub": scene.official.client_id}
    fresh = {"iat": now, "jti": secrets.token_urlsafe(16)}
    assertion = sign(find_block("json assertion"), scene, **own, **fresh, exp=now + 60)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": assertion,
    }
    proof = sign(find_block("json proof"), scene, **fresh)
    address = f"{scene.official.issuer}/oauth2/token"
    answer = httpx.post(address, data=form, headers={"DPoP": proof})
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    form["client_assertion"] = sign(find_block("json assertion"), scene, **own, iat=now, exp=now + 60)
    bearer = httpx.post(address, data=form)
    assert bearer.json()["error"] == "invalid_dpop_proof"


def test_every_problem_in_the_guide_has_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ((?:`\w+`,? ?)+) \|", TEXT, re.MULTILINE)
    statuses = {problem.code: problem.status for problem in PROBLEMS.values()}
    shown = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert len(shown) >= 25
    assert {code: statuses.get(code) for code in shown} == shown


def test_the_limits_in_the_guide_are_those_in_force() -> None:
    rows = re.findall(r"^\| `(policy|budgets)\.(\w+)` \| (\S+) \| (\S+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 6
    for kind, name, *shown in rows:
        attribute = name if kind == "policy" else f"budget_{name}"
        assert shown == [str(getattr(_DEFAULTS[profile], attribute)) for profile in Profile], name


def test_a_changed_member_of_an_answer_is_a_difference() -> None:
    reader = Reader(base="http://127.0.0.1:1")
    shown = {"id": "ver_gb5a…", "at": "2026-11-24T10:00:00Z", "list": [1, "…"], "type": f"{BASE}/x"}
    seen = {
        "id": f"ver_{'a' * 25}",
        "at": "2030-01-01T00:00:00.5Z",
        "list": [1, 2],
        "type": "http://127.0.0.1:1/x",
    }
    assert reader.differences(shown, seen) == []
    assert reader.differences(shown, seen | {"id": f"ver_{'b' * 25}"}) != []
    for name in shown:
        assert reader.differences(shown, seen | {name: "other"}) != []
        assert reader.differences(shown, {key: value for key, value in seen.items() if key != name}) != []
    assert reader.differences(shown, seen | {"new": 1}) == [".new: seen, not shown"]
