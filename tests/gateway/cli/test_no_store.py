"""A command in the wrong folder: it says where it looked, exits 1, and makes nothing."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit.commands import Commands

READING: list[tuple[str, ...]] = [
    ("audit", "verify"),
    ("audit", "checkpoint"),
    ("accounts", "list"),
    ("accounts", "show", "acc_nobody"),
    ("organisations", "list"),
    ("operators", "list"),
    ("profiles", "list"),
    ("profiles", "history", "sandbox"),
    ("keys", "list"),
    ("discrepancies", "list"),
]
WRITING: list[tuple[str, ...]] = [
    ("accounts", "suspend", "acc_nobody"),
    ("login", "lan.nguyen"),
    ("operators", "enrol", "lan.nguyen"),
    ("keys", "rotate", "token"),
]


@pytest.mark.parametrize("arguments", READING + WRITING, ids=" ".join)
def test_a_command_in_a_folder_without_a_store_says_where_it_looked_and_makes_nothing(
    tmp_path: Path, arguments: Sequence[str]
) -> None:
    reason = Commands(tmp_path)(*arguments).reason()
    assert f"no store at {tmp_path}/var/gateway.db" in reason
    assert "gateway serve" in reason
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("organisations", "add", "000.00.01.H26", "UBND"),
        ("operators", "create", "lan.nguyen", "--role", "admin", "--bootstrap"),
    ],
    ids=" ".join,
)
def test_what_begins_a_store_makes_it_with_its_master_key(tmp_path: Path, arguments: Sequence[str]) -> None:
    assert Commands(tmp_path)(*arguments).code == 0
    assert (tmp_path / "var" / "master.key").exists()


def test_a_command_that_begins_a_store_says_where_and_the_next_one_says_nothing(tmp_path: Path) -> None:
    gateway = Commands(tmp_path)
    first = gateway("organisations", "add", "000.00.01.H26", "UBND")
    assert first.out == "added 000.00.01.H26\n"
    assert first.err == f"there was no store here: {tmp_path}/var/gateway.db is a new one\n"
    assert gateway("organisations", "add", "000.00.02.H26", "UBND").err == ""


def test_an_empty_file_is_no_store_and_stays_empty(tmp_path: Path) -> None:
    file = tmp_path / "another.db"
    file.touch()
    url = f"sqlite:///{file}"
    assert f"no store at {file}" in Commands(tmp_path)("audit", "verify", GATEWAY_DATABASE_URL=url).reason()
    assert file.stat().st_size == 0
    assert [path.name for path in tmp_path.iterdir()] == ["another.db"]


def test_a_store_without_its_master_key_gets_no_new_one(gateway: Commands, tmp_path: Path) -> None:
    key = tmp_path / "var" / "master.key"
    key.unlink()
    assert "no master key at var/master.key" in gateway("keys", "list").reason()
    assert gateway("accounts", "list", "--json").json() == []  # a list opens no key
    assert not key.exists()


@pytest.mark.parametrize(
    "words",
    [
        "migrate",
        "organisations add 000.00.02.H26 Another",
        "operators create lan.nguyen --role admin --bootstrap",
    ],
)
def test_what_begins_a_store_makes_no_second_key_for_one_that_lost_its_key(
    gateway: Commands, tmp_path: Path, words: str
) -> None:
    assert gateway("migrate").code == 0
    key = tmp_path / "var" / "master.key"
    key.unlink()
    assert "no master key at var/master.key" in gateway(*words.split()).reason()
    assert not key.exists()


def test_migrate_makes_the_store_and_its_master_key(tmp_path: Path) -> None:
    assert Commands(tmp_path)("migrate").code == 0
    assert (tmp_path / "var" / "master.key").exists()
    with closing(sqlite3.connect(tmp_path / "var" / "gateway.db")) as store:
        assert store.execute("SELECT count(*) FROM audit_entries").fetchone() == (0,)
    assert Commands(tmp_path)("accounts", "list", "--json").json() == []


def test_migrate_refuses_a_malformed_master_key_before_it_makes_a_store(tmp_path: Path) -> None:
    assert "GATEWAY_MASTER_KEY" in Commands(tmp_path)("migrate", GATEWAY_MASTER_KEY="short").reason()
    assert list(tmp_path.iterdir()) == []
