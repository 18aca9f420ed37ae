"""The operators' pages remain true: the test runs every command in the pages' order and compares every output.

The scene of `docs/deploy.md`, `go-official.md` and `operations.md`: a mock, a folder with the gateway's settings and store, and its people.
"""

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.preflight.report import BEFORE_LOGIN, LOGIN, QUESTIONS
from gateway.profiles.model import Watch
from tests.kit.commands import Commands
from tests.kit.operators import PASSWORD
from tests.kit.programs import Place, Served, control_headers, find_account
from tests.kit.scene import enquiry
from tests.kit.source import ROOT
from tests.kit.staff import totp
from tests.sockets.operators_guide import File, Meanwhile, Reader, Step, read_script

WRITTEN_ON = date(2026, 11, 26)
"""The day that the page's own dates are counted from: files that name days are moved to today."""

FOLLOWED = 1.5
"""Seconds after which a running gateway has followed a switch: it does within one."""

NAMES = {"lan": "lan.nguyen", "minh": "minh.tran", "hoa": "hoa.le", "tu": "tu.pham"}


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything that a run of the page needs; leaving its context ends the gateway."""

    mock: Served
    folder: Path
    reader: Reader
    running: ExitStack
    codes: dict[str, str] = field(default_factory=dict)
    authenticators: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    portal: tuple[str, str] = ("", "")
    enough: Event = field(default_factory=Event)
    asking: Future[list[int]] | None = None

    def write(self, file: File) -> None:
        """Write a file of the page, with real addresses and with its days moved to today."""
        moved = (datetime.now(UTC) + timedelta(hours=7)).date() - WRITTEN_ON  # noqa: TID251 - the program's own clock
        text = re.sub(
            r"\d{4}-\d{2}-\d{2}",
            lambda day: str(date.fromisoformat(day[0]) + moved),
            self.reader.fill(file.text),
        )
        (self.folder / file.name).write_text(text, encoding="utf-8")

    def type(self, step: Step) -> tuple[int, str]:
        """Run a command of the page; return its exit code and its output."""
        words, _, file = self.reader.fill(step.command).partition(" < ")
        program, *arguments = shlex.split(words)
        assert program == "gateway", f"line {step.line}"
        if arguments == ["serve"]:
            return 0, self._serve()
        stdin = (self.folder / file).read_text(encoding="utf-8") if file else ""
        if step.prompts:
            stdin = "".join(f"{self._answer(step, asked)}\n" for asked in step.prompts)
        commands = Commands(self.folder)
        token = self.tokens.get(step.who)
        environment = {"GATEWAY_OPERATOR_TOKEN": token} if token else {}
        done = commands(*arguments, stdin=stdin, **environment)
        self._take_down(arguments, step, done.out)
        return done.code, done.out + done.err

    def asked_at(self, step: Step) -> tuple[str, ...]:
        """Return the command's own questions at the terminal."""
        refused = Commands(self.folder)(*shlex.split(step.command)[1:]).reason()
        return tuple(f"{name}:" for name in refused.partition("are expected: ")[2].split(", "))

    def issue(self, name: str, environment: str) -> None:
        """C06 issues an account; a file contains its secret."""
        if name not in {"dvctt-hanoi", "dvctt-hanoi-official"}:
            template = find_account(
                self.mock, "dvctt-hanoi" if environment == "test" else "dvctt-hanoi-official"
            )
            kept = ("agency", "officers", "procedures", "operations", "fields")
            body = {member: template[member] for member in kept} | {
                "name": name,
                "user": name,
                "environment": environment,
            }
            self.control("POST", "/accounts", body)
        secret = find_account(self.mock, name)["secret"]
        (self.folder / f"{name}.secret").write_text(f"{secret}\n", encoding="utf-8")

    def control(self, method: str, path: str, body: Any) -> Any:
        """Call the mock's control face."""
        answer = httpx.request(
            method, f"{self.mock.control}{path}", json=body, headers=control_headers(self.mock)
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def ask(self) -> int:
        """Enquire as the portal does; return the status."""
        base = self.reader.addresses["http://127.0.0.1:8000"]
        form = {"grant_type": "client_credentials"}
        token = httpx.post(f"{base}/sandbox/oauth2/token", data=form, auth=self.portal)
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        body = enquiry(fresh=True)
        return httpx.post(f"{base}/sandbox/v1/verifications", json=body, headers=headers).status_code

    def keep_asking(self) -> None:
        """Let the portal ask repeatedly during the following steps."""
        pool = ThreadPoolExecutor(1)
        self.running.callback(pool.shutdown)
        self.running.callback(self.enough.set)
        self.asking = pool.submit(self._ask_until_enough)

    def stop_asking(self) -> list[int]:
        """Return the statuses of these enquiries; some came after every worker had followed."""
        assert self.asking is not None
        time.sleep(FOLLOWED)
        self.enough.set()
        return self.asking.result()

    def last_account(self) -> str:
        """Return the account of the last request to the test registry."""
        entries = self.control("GET", "/runs/default/journal?environment=test", None)["entries"]
        account: str = entries[-1]["account"]
        return account

    def _ask_until_enough(self) -> list[int]:
        answers = []
        while not self.enough.wait(0.05):
            answers.append(self.ask())
        return answers

    def _serve(self) -> str:
        self.running.close()
        place = Place(folder=self.folder, settings={})
        gateway = self.running.enter_context(place.serving())
        self.reader.addresses["http://127.0.0.1:8000"] = gateway.address
        return "\n".join(gateway.lines)

    def _answer(self, step: Step, asked: str) -> str:
        name = NAMES[step.who]
        match asked:
            case "one-time code:":
                return self.codes[name]
            case "TOTP code:":
                return totp(self.authenticators[name])
        return PASSWORD

    def _take_down(self, arguments: list[str], step: Step, out: str) -> None:
        """Keep what a person writes down or photographs."""
        if code := re.search(r"^one_time_code: (\S+)", out, re.MULTILINE):
            name = re.search(r"^name: (\S+)", out, re.MULTILINE) or re.search(r"operator\.(\S+):", out)
            assert name
            self.codes[name[1]] = code[1]
        if secret := re.search(r"^totp_secret: (\S+)", out, re.MULTILINE):
            self.authenticators[NAMES[step.who]] = secret[1]
        if arguments[:2] == ["accounts", "create"]:
            client_id, secret = re.findall(r"^client_(?:id|secret): (\S+)", out, re.MULTILINE)
            self.portal = (client_id, secret)
        if arguments[:1] == ["login"]:
            self.tokens[step.who] = (self.folder / "var" / "operator-token").read_text().strip()


PAGES = ("deploy", "go-official", "operations")
"""The operators' pages, in the order in which they are typed."""

TEXT = "\n".join((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in PAGES)
SCRIPT = list(read_script(TEXT))


@pytest.fixture
def stage(mock: Served, tmp_path: Path) -> Iterator[Stage]:
    addresses = {"http://127.0.0.1:8100": mock.test, "http://127.0.0.1:8110": mock.official}
    with ExitStack() as running:
        yield Stage(mock=mock, folder=tmp_path, reader=Reader(addresses=addresses), running=running)


def issue(stage: Stage, name: str, environment: str) -> None:
    stage.issue(name, environment)


def suspend(stage: Stage, name: str) -> None:
    stage.control("PATCH", f"/accounts/{name}", {"status": "suspended"})


def resume(stage: Stage, name: str) -> None:
    stage.control("PATCH", f"/accounts/{name}", {"status": "active"})


def ask(stage: Stage) -> None:
    assert stage.ask() == 201


def ask_again_and_again(stage: Stage) -> None:
    stage.keep_asking()


def count_answers(stage: Stage, name: str) -> None:
    answers = stage.stop_asking()
    assert len(answers) > 2
    assert set(answers) == {201}
    assert stage.last_account() == name


def ask_and_wait(stage: Stage, name: str) -> None:
    suspend(stage, name)
    time.sleep(FOLLOWED)
    assert [stage.ask(), stage.ask()] == [502, 502]
    until = time.monotonic() + 30
    history = ("profiles", "history", "sandbox", "--json")
    while Commands(stage.folder)(*history).json()[0]["ended_by"] is None:
        assert time.monotonic() < until, "the gateway did not return"
        time.sleep(0.2)


def hand_over(stage: Stage) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    (stage.folder / "official.jwk.json").write_text(json.dumps(key), encoding="utf-8")
    (stage.folder / "officers.txt").write_text("can.bo.01\ncan.bo.02\n", encoding="utf-8")


def hand_over_another(stage: Stage) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    (stage.folder / "official-2.jwk.json").write_text(json.dumps(key), encoding="utf-8")


def lose_key(stage: Stage) -> None:
    stage.running.close()
    (stage.folder / "var" / "master.key").rename(stage.folder / "master.copy")


def find_key(stage: Stage) -> None:
    (stage.folder / "master.copy").replace(stage.folder / "var" / "master.key")


EVENTS: dict[str, Callable[..., None]] = {
    r"C06 issues (\S+) for (test|official)": issue,
    r"C06 suspends (\S+)": suspend,
    r"C06 resumes (\S+)": resume,
    r"the portal asks and is answered": ask,
    r"C06 suspends (\S+), and two questions are refused": ask_and_wait,
    r"the portal asks again and again": ask_again_and_again,
    r"every question was answered, the last ones by (\S+)": count_answers,
    r"the portal hands over official.jwk.json and officers.txt": hand_over,
    r"the portal hands over official-2.jwk.json": hand_over_another,
    r"the master key is lost": lose_key,
    r"a copy of the master key is found": find_key,
}


def happen(stage: Stage, event: Meanwhile) -> None:
    """Do what the page says that others do in between."""
    for pattern, act in EVENTS.items():
        if found := re.fullmatch(pattern, event.what):
            act(stage, *found.groups())
            return
    pytest.fail(f"nobody knows how: {event.what}")


def exit_code_of(step: Step) -> int:
    """Return the exit code of a command with this output: a refusal or a failure, if the output says so."""
    return int(any(line.startswith(("error: ", "FAIL  ")) for line in step.shown.splitlines()))


def test_every_command_of_the_page_prints_what_it_shows(stage: Stage) -> None:
    for part in SCRIPT:
        match part:
            case File():
                stage.write(part)
            case Meanwhile():
                happen(stage, part)
            case Step():
                if part.prompts:
                    assert stage.asked_at(part) == part.prompts, f"line {part.line}"
                code, printed = stage.type(part)
                assert stage.reader.difference(part.shown, printed) is None, f"line {part.line}"
                assert code == exit_code_of(part), f"line {part.line}"


def test_the_page_shows_every_action_on_a_change_and_fits_80_columns() -> None:
    steps = [part for part in SCRIPT if isinstance(part, Step)]
    acts = {part.command.split()[2] for part in steps if part.command.startswith("gateway profiles ")}
    assert acts == {
        *("list", "show", "history", "propose", "set-policy", "preflight", "approve", "activate"),
        *("reject", "rollback", "suspend", "resume"),
    }
    assert all(part.shown for part in steps)
    lines = [line for part in steps for line in part.shown.splitlines() if not line.startswith("error: ")]
    assert max(map(len, lines)) <= 80


def test_the_page_explains_every_line_of_a_preflight() -> None:
    rows = {
        name
        for row in re.findall(r"^\| (`.*?`) \|", TEXT, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    between = {f"operation_0{number}" for number in (37, 38, 39)}
    assert {*BEFORE_LOGIN, *LOGIN, *QUESTIONS} - between <= rows


def test_the_thresholds_on_the_page_are_the_current_ones() -> None:
    found = re.search(
        r"For (\d+) s each worker .*?: (\d+) refused logins, (\d+) invalid answers or (\d+) failures", TEXT
    )
    assert found
    watch = Watch()
    in_force = (watch.seconds, watch.refused_logins, watch.invalid_answers, watch.failures)
    assert tuple(map(int, found.groups())) == in_force


@pytest.mark.parametrize(
    ("shown", "seen", "same"),
    [
        ("change: chg_gb5a… ok", f"change: chg_{'a' * 25} ok", True),
        ("change: chg_gb5a… chg_gb5a…", f"change: chg_{'a' * 25} chg_{'b' * 25}", False),
        ("at 2026-11-25T10:00:00Z (3 ms)", "at 2030-01-01T00:00:00Z (17 ms)", True),
        ("first\n…\nlast", "first between last", True),
        ("first\n…\nlast", "first last more", False),
        ("first\n…", "first and more", True),
        ("first", "first and more", False),
        ("…\nlast", "before last", True),
        ("first third", "first second", False),
        ("", "anything", False),
    ],
)
def test_a_difference_in_an_output_is_reported(shown: str, seen: str, *, same: bool) -> None:
    assert (Reader().difference(shown, seen) is None) is same
