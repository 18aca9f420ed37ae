"""`gateway backup`, `restore` and `accept-older-store` on a real store."""

import fcntl
import json
import shutil
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.storage.backups import restore
from tests.kit.commands import Commands


def names_of(gateway: Commands) -> list[str]:
    return [account["name"] for account in gateway("organisations", "list", "--json").json()]


def head_of(gateway: Commands) -> dict[str, Any]:
    """Let every entry have its row, as a serving gateway does, and return the last row."""
    assert gateway("audit", "checkpoint").code == 0
    with closing(sqlite3.connect(gateway.folder / "var" / "gateway.db")) as store:
        row, leaf = store.execute("SELECT row, leaf FROM audit_rows ORDER BY row DESC LIMIT 1").fetchone()
    return {"rows": row, "leaf": leaf}


def test_a_backup_brings_back_what_was_there_and_keeps_the_store_it_replaced(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    made = gateway("backup", "first.db", "--json").json()
    gateway("organisations", "add", "000.00.02.H26", "Huế")

    restored = gateway("restore", "first.db")

    assert made["bytes"] == (tmp_path / "first.db").stat().st_size
    assert names_of(gateway) == ["Hà Nội"]
    (aside,) = (tmp_path / "var").glob("gateway.db.before-restore-*Z")
    assert f"the former store is {aside.relative_to(tmp_path)}" in restored.out
    with closing(sqlite3.connect(aside)) as former:
        assert former.execute("SELECT count(*) FROM organisations").fetchone() == (2,)
    assert gateway("audit", "verify").out.startswith("ok: 1 rows")


def test_a_backup_is_whole_while_another_connection_writes_and_is_its_owners_only(
    gateway: Commands, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "var" / "gateway.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO deployment VALUES ('never', 'committed')")
        done = gateway("backup", "copy.db")
        other.execute("ROLLBACK")
    assert done.code == 0, done.err
    copy = tmp_path / "copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.execute("SELECT count(*) FROM deployment WHERE name = 'never'").fetchone() == (0,)
    assert not list(tmp_path.glob("copy.db-*")) + list(tmp_path.glob("*.part"))


def test_a_backup_never_replaces_a_file_that_exists(gateway: Commands, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("something else", encoding="utf-8")
    assert "copy.db exists" in gateway("backup", "copy.db").reason()
    assert (tmp_path / "copy.db").read_text(encoding="utf-8") == "something else"


def test_a_store_that_a_program_has_open_is_not_replaced(gateway: Commands, tmp_path: Path) -> None:
    gateway("backup", "copy.db")
    with closing(sqlite3.connect(tmp_path / "var" / "gateway.db")) as other:
        other.execute("SELECT count(*) FROM deployment").fetchone()
        assert "is in use: stop the gateway first" in gateway("restore", "copy.db").reason()
    assert sorted(path.name for path in (tmp_path / "var").iterdir() if "restor" in path.name) == []


def test_two_restores_in_one_second_keep_both_stores_that_they_replaced(
    gateway: Commands, tmp_path: Path
) -> None:
    """A rename replaces what has the name: the second restore deleted the store that the first one had kept."""
    gateway("backup", "empty.db")
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    url, now = f"sqlite:///{tmp_path / 'var' / 'gateway.db'}", datetime(2026, 11, 28, tzinfo=UTC)
    moved = [restore(url, tmp_path / "empty.db", now=now).moved_to for _ in range(2)]
    assert moved[0] is not None
    with closing(sqlite3.connect(moved[0])) as former:
        assert former.execute("SELECT count(*) FROM organisations").fetchone() == (1,)
    assert len(set(moved)) == 2


def test_a_store_is_not_replaced_while_only_the_next_master_key_may_open_it(
    gateway: Commands, tmp_path: Path
) -> None:
    """A rotation that was killed after its commit: a start on the backup would delete the key of the store that was kept."""
    gateway("backup", "first.db")
    former = (tmp_path / "var" / "master.key").read_bytes()
    assert gateway("keys", "rotate", "master").code == 0
    (tmp_path / "var" / "master.key").rename(tmp_path / "var" / "master.key.next")
    (tmp_path / "var" / "master.key").write_bytes(former)

    refused = gateway("restore", "first.db").reason()

    assert "master.key.next may be the only key that opens the present store" in refused
    assert gateway("keys", "list").code == 0  # which completes the rotation
    assert not (tmp_path / "var" / "master.key.next").exists()
    assert gateway("restore", "first.db").code == 0


def test_threat_56_a_store_is_not_replaced_while_it_is_served_or_restored(
    gateway: Commands, tmp_path: Path
) -> None:
    """A server between its start and its first query has no file open, and neither has a restore between two steps."""
    gateway("backup", "copy.db")
    with (tmp_path / "var" / "gateway.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is in use: stop the gateway first" in gateway("restore", "copy.db").reason()
    assert gateway("restore", "copy.db").code == 0


@pytest.mark.parametrize("content", [b"", b"not a store", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_backup_is_not_restored(gateway: Commands, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "copy.db").write_bytes(content)
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    assert "copy.db: not a backup of a gateway's store" in gateway("restore", "copy.db").reason()
    assert names_of(gateway) == ["Hà Nội"]


def test_on_postgresql_each_command_names_the_program_without_a_password(gateway: Commands) -> None:
    url = "postgresql://gateway:s3cret@db.internal:5433/gateway?sslmode=require"
    dump = gateway("backup", "copy.dump", GATEWAY_DATABASE_URL=url).reason()
    back = gateway("restore", "copy.dump", GATEWAY_DATABASE_URL=url).reason()
    assert (
        "pg_dump --format=custom --no-owner --file='copy.dump' 'postgresql://gateway@db.internal:5433/gateway?sslmode=require'"
        in dump
    )
    assert "pg_restore --no-owner" in back
    assert "s3cret" not in dump + back


def test_an_older_store_is_not_served_until_an_operator_accepts_it_with_a_reason(
    gateway: Commands, tmp_path: Path
) -> None:
    """The head is what a serving gateway keeps beside the master key."""
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    gateway("backup", "first.db")
    gateway("organisations", "add", "000.00.02.H26", "Huế")
    head = head_of(gateway)
    kept = tmp_path / "var" / "gateway.db.audit-head"
    kept.write_text(json.dumps(head), encoding="utf-8")
    gateway("restore", "first.db")
    gateway("organisations", "add", "000.00.03.H26", "Đà Nẵng")  # as many rows again, but others
    gateway("organisations", "add", "000.00.04.H26", "Cần Thơ")

    refused = gateway.program("serve", "--port", "0").reason()
    accepted = gateway("accept-older-store", "--reason", "disk lost, letter 12")

    assert "the store went back in time" in refused
    assert "gateway accept-older-store --reason TEXT" in refused
    assert accepted.out.startswith("accepted at row ")
    assert json.loads(kept.read_text(encoding="utf-8"))["rows"] < int(str(head["rows"])) + 2
    with closing(sqlite3.connect(tmp_path / "var" / "gateway.db")) as store:
        (body,) = store.execute("SELECT body FROM audit_entries ORDER BY id DESC LIMIT 1").fetchone()
    assert json.loads(body)["outcome"] == "older_store_accepted: disk lost, letter 12"


def test_a_head_file_that_holds_no_head_is_named_and_not_overwritten(
    gateway: Commands, tmp_path: Path
) -> None:
    kept = tmp_path / "var" / "gateway.db.audit-head"
    kept.write_text("{", encoding="utf-8")
    assert f"{kept} holds no audit head" in gateway.program("serve", "--port", "0").reason()
    assert kept.read_text(encoding="utf-8") == "{"


def test_an_acceptance_needs_a_reason_without_a_persons_number(gateway: Commands) -> None:
    assert "person's number" in gateway("accept-older-store", "--reason", "001090000123").reason()
    assert gateway("accept-older-store").code == 2


def test_a_moved_folder_keeps_its_head(gateway: Commands, tmp_path: Path) -> None:
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    kept = tmp_path / "var" / "gateway.db.audit-head"
    kept.write_text(json.dumps({"rows": 5, "leaf": "0" * 64}), encoding="utf-8")
    shutil.copytree(tmp_path / "var", tmp_path / "elsewhere" / "var")
    moved = Commands(tmp_path / "elsewhere")
    assert "has seen 5 audit rows, the store has 1" in moved.program("serve", "--port", "0").reason()
