"""`--dry-run` of the commands that touch files and keys: it says what would be done, changes nothing, and exits with 0."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.gateway.cli.test_every_command import LEAVES, ROOT
from tests.kit.commands import Commands

READS = {
    *(
        "accounts list",
        "accounts officers list",
        "accounts show",
        "audit affected",
        "audit proof",
        "audit witness",
        "audit reconcile",
    ),
    *("audit search", "audit verify", "discrepancies list", "keys list", "openapi", "operators list"),
    *("organisations list", "privacy report", "procedures lint", "procedures list", "procedures show"),
    *("profiles history", "profiles list", "profiles show", "report weekly"),
}
"""Commands that write nothing but their output."""

NOT_REHEARSED = {
    "serve": "it runs until it is stopped",
    "audit checkpoint": "it signs the rows that there are; its copies only grow",
    "audit export": "it writes one new folder, and never into an old one",
    "audit ledger": "the evidence has to record the reading, which a rehearsal would avoid",
    "discrepancies show": "the evidence has to record the reading, which a rehearsal would avoid",
    "keys make-master": "it prints a key or makes one new file, and changes no store",
    "login": "a rehearsal would try a password without the counter of failures",
    "logout": "it ends the caller's own session alone",
    "operators enrol": "a rehearsal would try a one-time code without spending it",
    "profiles preflight": "it is the rehearsal of a change itself",
}
"""Commands that write, each with the reason why it has no `--dry-run`."""


def has_dry_run(path: Sequence[str]) -> bool:
    return "--dry-run" in CliRunner().invoke(ROOT, [*path, "--help"], terminal_width=80).output


def test_every_command_that_writes_has_a_dry_run_or_a_reason_why_not() -> None:
    without = {" ".join(path) for path in LEAVES if not has_dry_run(path)}
    assert without == READS | set(NOT_REHEARSED)


def content_of(folder: Path) -> dict[str, object]:
    """Return every file below a folder with its content; of a store its rows, since SQLite's own files change by reading."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(("-wal", "-shm")) or not path.is_file():
            continue
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as store:
                found[str(path)] = list(store.iterdump())
        else:
            found[str(path)] = path.read_bytes()
    return found


def write_later_head(gateway: Commands) -> None:
    """Make the store an older one, which can be accepted."""
    head = gateway.folder / "var" / "gateway.db.audit-head"
    head.write_text('{"rows": 900, "leaf": "00"}', encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("backup second.db", "var/gateway.db would be copied to second.db"),
        ("restore first.db", ") is intact and would become the store once the gateway is stopped"),
        ("accept-older-store --reason drill", "older_store_accepted: drill"),
        ("keys rotate master", "master_key_rotated"),
        ("keys rotate token", "token_key_rotated"),
        ("audit erase", "0 entries from before"),
        ("official application --no-preflight", "missing: "),
    ],
)
def test_a_dry_run_says_what_would_be_done_and_changes_no_file_and_no_row(
    gateway: Commands, arguments: str, said: str
) -> None:
    assert gateway("keys", "list").code == 0  # makes the keys
    assert gateway("organisations", "add", "000.00.01.H26", "Hà Nội").code == 0
    assert gateway("backup", "first.db").code == 0
    assert gateway("audit", "checkpoint").code == 0
    write_later_head(gateway)
    before = content_of(gateway.folder)

    done = gateway(*arguments.split(), "--dry-run", GATEWAY_AUDIT_RETENTION_MONTHS="12")

    assert (done.code, done.err) == (0, "")
    assert said in " ".join(done.out.split())
    assert done.out.endswith("dry run: nothing is written\n")
    assert content_of(gateway.folder) == before


@pytest.mark.parametrize(
    "arguments",
    [
        "backup second.db",
        "restore first.db",
        "migrate",
        "accept-older-store --reason drill",
        "keys rotate master",
        "keys rotate token",
        "audit erase",
        "organisations add 000.00.02.H26 Another",
        "operators create lan.nguyen --role admin --bootstrap",
        "official application --no-preflight",
    ],
)
def test_a_dry_run_with_json_prints_json_alone_and_says_that_it_is_a_dry_run(
    gateway: Commands, arguments: str
) -> None:
    write_later_head(gateway)
    assert gateway("backup", "first.db").code == 0
    done = gateway(*arguments.split(), "--dry-run", "--json", GATEWAY_AUDIT_RETENTION_MONTHS="12")
    assert (done.code, done.json()["dry_run"]) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("backup first.db", "first.db exists: name a new file"),
        ("backup nowhere/second.db", "nowhere/second.db: can't be made (no such folder)"),
        ("restore second.db", "second.db: no such file"),
        ("keys rotate master --new-key-file missing.key", "missing.key: can't be read"),
    ],
)
def test_a_dry_run_refuses_what_the_command_would_refuse(
    gateway: Commands, arguments: str, reason: str
) -> None:
    assert gateway("backup", "first.db").code == 0
    assert reason in gateway(*arguments.split(), "--dry-run").reason()
