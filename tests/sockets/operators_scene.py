"""The scene of `docs/operators.md`: a mock, a folder with the gateway's settings and store, and its people."""

import re
import shlex
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from tests.gateway.cli.commands import Commands
from tests.gateway.cli.staff import PASSWORD, totp
from tests.mock_c06.programs import Served
from tests.sockets.operators_guide import File, Reader, Step
from tests.sockets.programs import Place, control_headers, enquiry, find_account

WRITTEN_ON = date(2026, 11, 26)
"""The day that the page's own dates are counted from: files that name days are moved to today."""

FOLLOWED = 1.5
"""Seconds after which a running gateway has followed a switch: it does within one."""

NAMES = {"lan": "lan.nguyen", "minh": "minh.tran", "hoa": "hoa.le", "tu": "tu.pham"}


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything that a run of the page needs; a context of its own ends the gateway."""

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
        """Put down a file of the page, with real addresses and its days moved to today."""
        moved = (datetime.now(UTC) + timedelta(hours=7)).date() - WRITTEN_ON  # noqa: TID251 - the program's own clock
        text = re.sub(
            r"\d{4}-\d{2}-\d{2}",
            lambda day: str(date.fromisoformat(day[0]) + moved),
            self.reader.fill(file.text),
        )
        (self.folder / file.name).write_text(text, encoding="utf-8")

    def type(self, step: Step) -> tuple[int, str]:
        """Type a command as the page says; return its exit code and what it printed."""
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
        """Return what the command itself says that it asks for."""
        refused = Commands(self.folder)(*shlex.split(step.command)[1:]).reason()
        return tuple(f"{name}:" for name in refused.partition("are expected: ")[2].split(", "))

    def issue(self, name: str, environment: str) -> None:
        """C06 issues an account; its secret comes in a file."""
        if name not in {"dvctt-hanoi", "dvctt-hanoi-official"}:
            twin = find_account(self.mock, "dvctt-hanoi" if environment == "test" else "dvctt-hanoi-official")
            kept = ("agency", "officers", "procedures", "operations", "fields")
            body = {member: twin[member] for member in kept} | {
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
        """Ask as the portal does; return the status."""
        base = self.reader.addresses["http://127.0.0.1:8000"]
        form = {"grant_type": "client_credentials"}
        token = httpx.post(f"{base}/sandbox/oauth2/token", data=form, auth=self.portal)
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        body = enquiry(fresh=True)
        return httpx.post(f"{base}/sandbox/v1/verifications", json=body, headers=headers).status_code

    def keep_asking(self) -> None:
        """Let the portal ask again and again beside what follows."""
        pool = ThreadPoolExecutor(1)
        self.running.callback(pool.shutdown)
        self.running.callback(self.enough.set)
        self.asking = pool.submit(self._ask_until_enough)

    def stop_asking(self) -> list[int]:
        """Return the statuses of what was asked, some of it after every worker has followed."""
        assert self.asking is not None
        time.sleep(FOLLOWED)
        self.enough.set()
        return self.asking.result()

    def last_account(self) -> str:
        """Return who asked the test registry last."""
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
