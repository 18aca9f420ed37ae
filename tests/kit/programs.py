"""Mock and gateway as programs on real sockets: started, called, and what a store contains afterwards.

Every port is ephemeral. A program runs in a test's own folder and is ended by its process id.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from gateway.audit.store import audit_entries
from gateway.storage.database import Transaction
from mock_c06.commands.main import app
from mock_c06.errors import MockError
from tests.kit.commands import BARE, Commands
from tests.kit.forks import Copy, start_copy
from tests.kit.scene import AGENCY
from tests.kit.stores import opened

MOCK_COMMAND = (sys.executable, "-m", "mock_c06")
ENVIRONMENT = os.environ  # noqa: TID251 - a child's environment
MOCK_BARE = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("MOCK_C06_")}
Process = subprocess.Popen[str] | Copy
EPHEMERAL = ("--port", "0", "--official-port", "0", "--control-port", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running mock, with the values that it printed."""

    process: Process
    lines: tuple[str, ...]
    test: str
    official: str
    control: str
    token: str


def run_mock(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end."""
    return subprocess.run(
        [*MOCK_COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=MOCK_BARE | environment,
        timeout=30,
        check=False,
    )


def run_mock_here(
    *arguments: str, stdin: str = "", **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command in this process, which takes a tenth of the time: unless it serves, it prints the same there."""
    bare: dict[str, str | None] = dict.fromkeys(name for name in ENVIRONMENT if name not in MOCK_BARE)
    done = CliRunner().invoke(app, arguments, input=stdin.encode(), env=bare | environment)
    reason = b""
    if isinstance(done.exception, MockError):
        reason = f"mock-c06: {done.exception}\n".encode()
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(
        arguments, done.exit_code, done.stdout_bytes, done.stderr_bytes + reason
    )


def may_copy() -> bool:
    """Return whether copies are started: a benchmark measures the real programs, and coverage counts nothing else."""
    return "PYTEST_VERSION" in ENVIRONMENT and "COVERAGE_PROCESS_CONFIG" not in ENVIRONMENT


def start_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: IO[bytes] | None = None,
    as_copy: bool,
) -> Process:
    """Start a program whose standard error goes to `log`. `as_copy`: its command is `PYTHON -m PROGRAM …`, and a copy does the same."""
    if as_copy and may_copy():
        _, _, program, *arguments = command
        number = 2 if log is None else log.fileno()
        return start_copy(program, arguments, environment=environment, folder=folder, log=number)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8", cwd=folder, env=environment
    )


@contextmanager
def serving_mock(*arguments: str, command: Sequence[str] = MOCK_COMMAND) -> Iterator[Served]:
    """Keep a mock running; end it by its process id."""
    process = start_program(
        [*command, "serve", *EPHEMERAL, *arguments],
        environment=MOCK_BARE,
        folder=Path.cwd(),
        as_copy=command == MOCK_COMMAND,
    )
    with _printed(process, 4) as lines:
        announced = dict(line.split(": ", 1) for line in lines)
        control, _, token = announced["control"].partition(" token=")
        yield Served(
            process=process,
            lines=lines,
            test=announced["test"],
            official=announced["official"],
            control=control,
            token=token,
        )


@contextmanager
def _printed(process: Process, count: int) -> Iterator[tuple[str, ...]]:
    """Yield the first lines that a program prints; end it by its process id."""
    assert process.stdout is not None
    try:
        yield tuple(process.stdout.readline().strip() for _ in range(count))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        process.stdout.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A `gateway serve`, with the values that it printed."""

    process: Process
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
        """Run a command in this process, which is faster, and return its JSON."""
        return Commands(self.folder)(*arguments, "--json", stdin=stdin, **self.settings).json()

    @contextmanager
    def serving(
        self,
        port: int = 0,
        *,
        workers: int = 1,
        module: str = "gateway",
        within: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> Iterator[Running]:
        """Keep a gateway running; end it by its process id. Its log goes to `gateway.log`.

        `module` runs the gateway's commands: `gateway`, or a benchmark's own around it. `within`: a command that becomes
        the gateway, such as `unshare`. `options` are further ones of `serve`.
        """
        serve = ["serve", "--port", str(port), "--workers", str(workers), *options]
        # Variables that are not the gateway's may be Python's own, which a copy would not follow.
        is_usual = module == "gateway" and not within and all(map(_is_of_gateway, self.settings))
        with (self.folder / "gateway.log").open("ab") as log:
            process = start_program(
                [*within, sys.executable, "-m", module, *serve],
                environment={**BARE, **self.settings},
                folder=self.folder,
                log=log,
                as_copy=is_usual,
            )
        with _printed(process, 3) as lines:
            yield Running(process=process, address=lines[0].removeprefix("gateway: "), lines=lines)

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(encoding="utf-8")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the logged events of one name, of every worker."""
        whole, _, _ = self.log().rpartition("\n")  # a worker may be writing the last line
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if line["event"] == name]

    def make_account(self, *more: str) -> dict[str, str]:
        """Make a sandbox account with every procedure and field."""
        arguments = ["--organisation", AGENCY, "--profile", "sandbox", "--all-procedures", "--all-fields"]
        arguments += ["--scope", "verify", "--scope", "prefill", "--scope", "ledger", *more]
        made: dict[str, str] = self.run("accounts", "create", "dvctt", *arguments)
        return made


def _is_of_gateway(name: str) -> bool:
    return name.startswith("GATEWAY_")


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


def make_store(place: Place) -> None:
    """Make an embedded store and its master key, which the other commands don't; on PostgreSQL, migrate."""
    done = Commands(place.folder)("migrate", **place.settings)
    assert done.code == 0, done.err


def find_account(mock: Served, name: str) -> dict[str, str]:
    answer = httpx.get(f"{mock.control}/accounts", headers=control_headers(mock))
    return next(account for account in answer.json() if account["name"] == name)


def control_headers(mock: Served) -> dict[str, str]:
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


def find_people(mock: Served) -> list[dict[str, Any]]:
    """Return claims that the mock confirms, each about a different person."""
    answer = httpx.get(f"{mock.control}/personas", headers=control_headers(mock))
    members = ("citizen_id", "full_name", "birth_date")
    return [
        {name: person[name] for name in members}
        for person in answer.json()
        if person["expect"]["confirmed"] and person["citizen_id"] and person["birth_date"]
    ]


PATIENCE_S = 60


def store_of(place: Place) -> str:
    return place.settings.get("GATEWAY_DATABASE_URL", f"sqlite:///{place.folder}/var/gateway.db")


def read_rows(url: str) -> list[dict[str, Any]]:
    """Return the bodies of the audit's rows, in order."""

    async def work() -> list[dict[str, Any]]:
        async with opened(url) as database, database.read() as transaction:
            return await _bodies(transaction)

    return asyncio.run(work())


async def _bodies(transaction: Transaction) -> list[dict[str, Any]]:
    found = await transaction.scalars(sa.select(audit_entries.c.body).order_by(audit_entries.c.id))
    return [json.loads(body) for body in found]


def read_journal(mock: Served) -> dict[str, Mapping[str, Any]]:
    """Return the requests to the test environment, by request code."""
    answer = httpx.get(
        f"{mock.control}/runs/default/journal",
        params={"environment": "test"},
        headers=control_headers(mock),
        timeout=60,
    )
    return {entry["ma_yeu_cau"]: entry for entry in answer.json()["entries"] if entry["ma_yeu_cau"]}


def plan_fault(mock: Served, kind: str, **members: Any) -> None:
    answer = httpx.post(
        f"{mock.control}/runs/default/faults", json={"kind": kind, **members}, headers=control_headers(mock)
    )
    assert answer.status_code < 300, answer.text


def clear_faults(mock: Served) -> None:
    httpx.delete(f"{mock.control}/runs/default/faults", headers=control_headers(mock))


def wait_for(condition: Callable[[], bool]) -> None:
    """Check repeatedly until a condition is true."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)  # a condition often asks a program, beside those that start


_OF_A_WORKER = 1000


def find_free_ports(count: int) -> int:
    """Return the first of this number of free ports in a row, below the range of ephemeral ports."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")  # noqa: TID251 - set by the test runner
    lowest = 21_000 + int(worker) % 10 * _OF_A_WORKER
    for first in range(lowest, lowest + _OF_A_WORKER, 50):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    pytest.fail("no ports free")
