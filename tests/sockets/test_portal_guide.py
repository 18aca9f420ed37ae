"""`docs/portal-developers.md` remains true: the test sends every request, compares every answer and runs every command.

The guide's own conventions, as it tells its reader:
- a block ```` ```http request ```` is sent, and the block ```` ```http answer ```` after it is the answer;
- a block ```` ```sh ```` runs in the project's folder, and a ```` ```json ```` or ```` ```text ```` right
after it is its output;
- a random id or token is shortened: `ver_gb5a…`, `eyJh…i6gA`; the same short form means the same value
throughout;
- `"…"` at the end of a list, or as a member, means more of the same;
- a time may differ; every other value is exact.
"""

import base64
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws

from demo.processes import MockAddresses, Programs
from demo.scene import Scene
from demo.serving import describe
from gateway.edge.problems import PROBLEMS
from gateway.identifiers import Profile
from gateway.profiles.places import _DEFAULTS
from portal.gateway_client import PortalAccount
from tests.kit.source import ROOT
from tests.sockets.scenes import Block, need_curl, read_blocks, run_here, serving_scene

BASE = "http://127.0.0.1:8000"


_IDENTIFIER = re.compile(r"([a-z]{3}_)([a-z2-7]{4})[a-z2-7]{21}")


_SIGNED = re.compile(r"(eyJ[\w-])[\w-]*\.[\w-]+\.[\w-]*([\w-]{4})")


_SECRET = re.compile(r"([\w-]{4})[\w-]{39}")


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")


_SHORTENED = re.compile(r"[\w-]+…(?:[\w-]{4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request or an answer: its first line, the headers that are shown, its body."""

    first: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Reader:
    """Remembers the value of each shortened form; `base` is the gateway's real address."""

    base: str
    known: dict[str, str] = field(default_factory=dict)

    def learn(self, value: str) -> None:
        """Remember a value that the guide shortens before its first use."""
        self.known[shorten(value)] = value

    def fill(self, text: str) -> str:
        """Replace shortened forms by their values; then compute `base64(…)`."""
        filled = _SHORTENED.sub(lambda found: self.known[found[0]], text.replace(BASE, self.base))
        return re.sub(r"base64\((.*?)\)", lambda found: base64.b64encode(found[1].encode()).decode(), filled)

    def differences(self, shown: Any, seen: Any, at: str = "") -> list[str]:
        """Return where an answer differs from the guide."""
        if isinstance(shown, dict) and isinstance(seen, dict):
            return self._in_objects(shown, seen, at)
        if isinstance(shown, list) and isinstance(seen, list):
            return self._in_lists(shown, seen, at)
        if isinstance(shown, str) and isinstance(seen, str):
            return [] if self._same(shown, seen) else [f"{at}: shown {shown}, seen {shorten(seen)}"]
        return [] if shown == seen and type(shown) is type(seen) else [f"{at}: shown {shown}, seen {seen}"]

    def _in_objects(self, shown: dict[str, Any], seen: dict[str, Any], at: str) -> list[str]:
        wanted = shown.keys() - {"…"}
        missing, more = wanted - seen.keys(), seen.keys() - wanted if "…" not in shown else set()
        found = [f"{at}.{name}: shown, not seen" for name in missing]
        found += [f"{at}.{name}: seen, not shown" for name in more]
        for name in wanted & seen.keys():
            found += self.differences(shown[name], seen[name], f"{at}.{name}")
        return found

    def _in_lists(self, shown: list[Any], seen: list[Any], at: str) -> list[str]:
        open_ended = shown[-1:] == ["…"]
        wanted = shown[:-1] if open_ended else shown
        if len(wanted) > len(seen) or (len(wanted) < len(seen) and not open_ended):
            return [f"{at}: shown {len(wanted)} entries, seen {len(seen)}"]
        return [
            difference
            for number, (one, other) in enumerate(zip(wanted, seen, strict=False))
            for difference in self.differences(one, other, f"{at}.{number}")
        ]

    def _same(self, shown: str, seen: str) -> bool:
        if _TIME.fullmatch(shown):
            return _TIME.fullmatch(seen) is not None
        if _SHORTENED.fullmatch(shown):
            return _kind(shown) == _kind(shorten(seen)) and self.known.setdefault(shown, seen) == seen
        return shown.replace(BASE, self.base) == seen


def shorten(text: str) -> str:
    """Return a random id, token or secret as the guide shortens it; anything else unchanged."""
    if found := _IDENTIFIER.fullmatch(text):
        return f"{found[1]}{found[2]}…"
    if found := _SIGNED.fullmatch(text):
        return f"{found[1]}…{found[2]}"
    if found := _SECRET.fullmatch(text):
        return f"{found[1]}…"
    return text


def _kind(shortened: str) -> str:
    """Return the prefix of an id, `eyJ` for a signed token, nothing for a secret; the text itself if it
    is not shortened.
    """
    if "…" not in shortened:
        return shortened
    found = re.match(r"[a-z]{3}_(?=[a-z2-7]{4}…$)|eyJ(?=.…....$)", shortened)
    return found[0] if found else ""


def read_message(text: str) -> Message:
    """Read a request or an answer in the guide's notation."""
    head, _, body = text.strip("\n").partition("\n\n")
    first, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return Message(first=first, headers=headers, body=body.strip())


def read_json(text: str) -> Any:
    """Read a body."""
    return json.loads(text)


TEXT = (ROOT / "docs" / "portal-developers.md").read_text(encoding="utf-8")
BLOCKS = read_blocks(TEXT)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """What `make serve` keeps running; its files are under `serve`, as under `var/serve` there."""
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
        login="http://127.0.0.1:8102",
    )
    printed = describe(
        Scene(
            programs=Programs(tmp_path),
            mock=mock,
            gateway=BASE,
            sandbox=PortalAccount(client_id=client_id, issuer=f"{BASE}/sandbox", client_secret=secret),
            official=PortalAccount(client_id=official, issuer=f"{BASE}/official"),
        ),
        Path("/home/lan/dancu-gateway/var/serve"),
        "http://127.0.0.1:8200",
    )
    assert f"{printed}\n" == shown


def sign(block: Block, scene: Scene, **claims: Any) -> str:
    """Sign the token that the guide shows decoded, with the values of this portal."""
    assert scene.official.key is not None
    header, payload = block.text.split("\n.\n")
    members = read_json(header) | (
        {"jwk": scene.official.key.as_dict(private=False)} if "jwk" in header else {}
    )
    content = read_json(payload.replace(BASE, scene.gateway)) | claims
    return jws.serialize_compact(members, json.dumps(content).encode(), scene.official.key)


def test_the_assertion_and_proof_in_the_guide_are_accepted_at_official(scene: Scene) -> None:
    now = int(time.time())  # noqa: TID251 - a portal uses the machine's clock
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


def test_the_guide_names_every_call_that_a_portal_has() -> None:
    document = json.loads((ROOT / "openapi" / "gateway.json").read_text(encoding="utf-8"))
    calls = [
        path.replace("/{profile}", "")
        for path, operations in document["paths"].items()
        if any("portals" in operation["tags"] for operation in operations.values())
    ]
    assert len(calls) > 15
    for call in calls:
        pattern = r"[^\s`]+".join(re.escape(part) for part in re.split(r"\{\w+\}", call.removeprefix("/v1")))
        assert re.search(pattern, TEXT), call


def test_every_problem_in_the_guide_has_its_right_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ((?:`\w+`,? ?)+) \|", TEXT, re.MULTILINE)
    statuses = {kind.code: problem.status for kind, problem in PROBLEMS.items()}
    shown = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert len(shown) >= 25
    assert {code: statuses.get(code) for code in shown} == shown


def test_the_limits_in_the_guide_are_the_current_ones() -> None:
    rows = re.findall(r"^\| `(policy|budgets)\.(\w+)` \| (\S+) \| (\S+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 6
    for kind, name, *shown in rows:
        attribute = name if kind == "policy" else f"budget_{name}"
        assert shown == [str(getattr(_DEFAULTS[profile], attribute)) for profile in Profile], name


def test_a_changed_member_of_an_answer_is_reported_as_different() -> None:
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
