"""Mock and gateway as their users run them, in a folder of the test's own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.mock_c06.programs import Served

AGENCY = "000.00.01.H26"
AN = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
BARE = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}  # noqa: TID251 - a child's environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A `gateway serve`, as its own lines announce it."""

    process: "subprocess.Popen[str]"
    address: str
    lines: tuple[str, ...]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder with its settings, in which the gateway's commands run."""

    folder: Path
    settings: Mapping[str, str]

    def run(self, *arguments: str, stdin: str = "") -> Any:
        """Run a command and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "--json"],
            input=stdin.encode(),
            capture_output=True,
            cwd=self.folder,
            env={**BARE, **self.settings},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, port: int = 0, *, workers: int = 1) -> Iterator[Running]:
        """Keep a gateway running; it is ended by its own id. Its log goes to `gateway.log`."""
        with (self.folder / "gateway.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", str(workers)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                cwd=self.folder,
                env={**BARE, **self.settings},
            )
        try:
            assert process.stdout is not None
            lines = tuple(process.stdout.readline().strip() for _ in range(3))
            yield Running(process=process, address=lines[0].removeprefix("gateway: "), lines=lines)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            if process.stdout is not None:
                process.stdout.close()

    def log(self) -> str:
        """Return what the gateway logged so far."""
        return (self.folder / "gateway.log").read_text(encoding="utf-8")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of one name that were logged so far, by whichever worker."""
        lines = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in lines if line["event"] == name]

    def make_account(self, *more: str) -> dict[str, str]:
        """Make a sandbox account with every procedure and field."""
        arguments = ["--organisation", AGENCY, "--profile", "sandbox", "--all-procedures", "--all-fields"]
        arguments += ["--scope", "verify", "--scope", "prefill", "--scope", "ledger", *more]
        made: dict[str, str] = self.run("accounts", "create", "dvctt", *arguments)
        return made


def place_beside(mock: Served, folder: Path, **more: str) -> Place:
    """Return a place whose sandbox is connected to a running mock."""
    account = find_account(mock, "dvctt-hanoi")
    settings = {
        "GATEWAY_LOG_FORMAT": "json",
        "GATEWAY_SANDBOX_REGISTRY_URL": mock.test,
        "GATEWAY_SANDBOX_C06_USER": account["user"],
        "GATEWAY_SANDBOX_C06_SECRET": account["secret"],
        "GATEWAY_SANDBOX_AGENCY": account["agency"],
        "GATEWAY_SANDBOX_OFFICER": "dvctt.dichvu",
        "GATEWAY_SANDBOX_NETWORKS": "127.0.0.0/8",
    }
    return Place(folder=folder, settings=settings | more)


def find_account(mock: Served, name: str) -> dict[str, str]:
    """Return one of the mock's ready-made accounts."""
    answer = httpx.get(f"{mock.control}/accounts", headers=control_headers(mock))
    return next(account for account in answer.json() if account["name"] == name)


def control_headers(mock: Served) -> dict[str, str]:
    """Return what opens the control face."""
    return {"Authorization": f"Bearer {mock.token}"}


def log_in(running: Running, account: Mapping[str, str]) -> httpx.Client:
    """Return a client with a fresh token of the account."""
    answer = httpx.post(
        f"{running.address}/sandbox/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(account["client_id"], account["client_secret"]),
    )
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.Client(base_url=f"{running.address}/sandbox/v1", headers=headers, timeout=30)


def enquiry(**members: Any) -> dict[str, Any]:
    """Return the body of `POST /verifications` about An."""
    return {
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "requester",
        "claim": AN,
        "initiated_by": {"kind": "citizen"},
    } | members
