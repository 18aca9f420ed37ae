"""`gateway backup`, `restore` and `accept-older-store` on a real store."""

import errno
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
from tests.kit.disks import before_each_step, largest_file

_ORGANISATIONS = {
    "Hà Nội": "000.00.01.H26",
    "Huế": "000.00.02.H26",
    "Đà Nẵng": "000.00.03.H26",
    "Cần Thơ": "000.00.04.H26",
}


def add(gateway: Commands, *names: str) -> None:
    """Add organisations, each with an audit row."""
    for name in names:
        gateway("organisations", "add", _ORGANISATIONS[name], name)


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
    add(gateway, "Hà Nội")
    made = gateway("backup", "first.db", "--json").json()
    add(gateway, "Huế")

    restored = gateway("restore", "first.db")

    assert made["bytes"] == (tmp_path / "first.db").stat().st_size
    assert names_of(gateway) == ["Hà Nội"]
    (aside,) = (tmp_path / "var").glob("gateway.db.before-restore-*Z")
    assert f"the former store is {aside.relative_to(tmp_path)}" in restored.out
    assert restored.out.endswith("it needs the master key of its time: gateway audit verify\n")
    with closing(sqlite3.connect(aside)) as former:
        assert former.execute("SELECT count(*) FROM organisations").fetchone() == (2,)
    assert gateway("audit", "verify").out.startswith("ok: 1 row\n")


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


def test_a_restore_that_is_killed_at_any_step_leaves_a_store_under_the_stores_name(
    gateway: Commands, tmp_path: Path
) -> None:
    """Without one the next `gateway serve`, such as a supervisor's, would make an empty store."""
    add(gateway, "Hà Nội")
    gateway("backup", "first.db")
    store, seen = tmp_path / "var" / "gateway.db", []

    def look(event: str, _: object) -> None:
        if event in {"os.rename", "os.link"}:
            seen.append(store.is_file())

    with before_each_step(look):
        gateway("restore", "first.db")

    assert seen == [True] * len(seen) != []


def test_a_restore_whose_last_step_fails_gives_the_store_its_one_name_back(
    gateway: Commands, tmp_path: Path
) -> None:
    add(gateway, "Hà Nội")
    gateway("backup", "first.db")
    add(gateway, "Huế")
    store = tmp_path / "var" / "gateway.db"

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and str(arguments[1]).endswith("/gateway.db"):
            raise OSError(errno.EIO, "Input/output error")

    with before_each_step(refuse):
        refused = gateway("restore", "first.db").reason()

    assert "Input/output error): the present store stays as it is" in refused
    assert (store.stat().st_nlink, [each for each in store.parent.iterdir() if "restor" in each.name]) == (
        1,
        [],
    )
    assert names_of(gateway) == ["Hà Nội", "Huế"]


def test_a_restore_for_which_the_disk_has_no_room_says_so_and_leaves_the_store(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway("backup", "first.db")
    add(gateway, "Hà Nội")
    with largest_file(100_000):
        refused = gateway("restore", "first.db").reason()

    assert "the restore failed (SQLITE_" in refused
    assert sorted(path.name for path in (tmp_path / "var").iterdir() if "restor" in path.name) == []
    assert names_of(gateway) == ["Hà Nội"]


def test_a_restore_that_can_not_make_its_file_says_so_in_one_line(gateway: Commands, tmp_path: Path) -> None:
    """As on a full disk, which takes no new file."""
    gateway("backup", "first.db")
    add(gateway, "Hà Nội")
    (tmp_path / "var" / "gateway.db.restoring").mkdir()

    refused = gateway("restore", "first.db").reason()

    assert refused.startswith("the restore failed (")
    assert refused.endswith("): the present store stays as it is")
    assert names_of(gateway) == ["Hà Nội"]


def test_a_restore_that_can_not_complete_the_present_store_does_not_call_it_in_use(
    gateway: Commands, tmp_path: Path
) -> None:
    """A killed server leaves a journal; a full disk has no room for what it has to add to the store."""
    gateway("backup", "first.db")
    store, size = tmp_path / "var" / "gateway.db", (tmp_path / "first.db").stat().st_size
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("INSERT INTO deployment VALUES ('long', hex(randomblob(200000)))")
        left = {path: path.read_bytes() for path in (store, store.with_name("gateway.db-wal"))}
    for path, content in left.items():
        path.write_bytes(content)
    with largest_file(size + 50_000):
        refused = gateway("restore", "first.db").reason()

    assert "the restore failed (SQLITE_" in refused
    assert "in use" not in refused
    with closing(sqlite3.connect(store)) as present:
        assert present.execute("SELECT count(*) FROM deployment WHERE name = 'long'").fetchone() == (1,)


def test_a_backup_that_fails_leaves_no_file_beside_it(gateway: Commands, tmp_path: Path) -> None:
    """SQLite makes files beside the copy, and a full disk may take one of them and not the next."""
    (tmp_path / "copy.db.part-shm").mkdir()

    refused = gateway("backup", "copy.db").reason()

    assert refused.startswith("the backup failed (SQLITE_")
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db.part-shm"]


def test_a_backup_that_can_not_be_read_is_not_called_another_file(gateway: Commands, tmp_path: Path) -> None:
    gateway("backup", "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        copy.execute("PRAGMA journal_mode = WAL")
    (tmp_path / "copy.db-wal").mkdir()
    assert gateway("restore", "copy.db").reason() == "copy.db: can't be read (SQLITE_CANTOPEN)"


def test_a_journal_that_a_lost_store_left_is_not_applied_to_the_backup(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway("backup", "first.db")
    store, journal = tmp_path / "var" / "gateway.db", tmp_path / "var" / "gateway.db-wal"
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("INSERT INTO deployment VALUES ('later', 'than the backup')")
        left = journal.read_bytes()
    store.unlink()
    journal.write_bytes(left)

    assert gateway("restore", "first.db").code == 0

    with closing(sqlite3.connect(store)) as restored:
        assert restored.execute("SELECT * FROM deployment WHERE name = 'later'").fetchall() == []
    (kept,) = (tmp_path / "var").glob("gateway.db.before-restore-*Z-wal")
    assert kept.read_bytes() == left


def test_two_restores_in_one_second_keep_both_stores_that_they_replaced(
    gateway: Commands, tmp_path: Path
) -> None:
    """A rename replaces what has the name: the second restore deleted the store that the first one had kept."""
    gateway("backup", "empty.db")
    add(gateway, "Hà Nội")
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
    add(gateway, "Hà Nội")
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
    add(gateway, "Hà Nội")
    gateway("backup", "first.db")
    add(gateway, "Huế")
    head = head_of(gateway)
    kept = tmp_path / "var" / "gateway.db.audit-head"
    kept.write_text(json.dumps(head), encoding="utf-8")
    gateway("restore", "first.db")
    add(gateway, "Đà Nẵng", "Cần Thơ")  # as many rows again, but others

    refused = gateway.program("serve", "--port", "0").reason()
    accepted = gateway("accept-older-store", "--reason", "disk lost, letter 12")

    assert "the store went back in time" in refused
    assert "gateway accept-older-store --reason TEXT" in refused
    assert accepted.out.startswith("accepted at row ")
    assert json.loads(kept.read_text(encoding="utf-8"))["rows"] < int(str(head["rows"])) + 2
    with closing(sqlite3.connect(tmp_path / "var" / "gateway.db")) as store:
        (body,) = store.execute("SELECT body FROM audit_entries ORDER BY id DESC LIMIT 1").fetchone()
    assert json.loads(body)["outcome"] == "older_store_accepted: disk lost, letter 12"


def test_after_an_older_store_is_accepted_the_copies_of_newer_checkpoints_are_named(
    gateway: Commands, tmp_path: Path
) -> None:
    """`audit verify` fails as long as the file is there, since its checkpoints have more rows than the store."""
    add(gateway, "Hà Nội")
    gateway("backup", "first.db")
    add(gateway, "Huế", "Đà Nẵng")
    assert gateway("audit", "checkpoint").code == 0
    (tmp_path / "var" / "gateway.db.audit-head").write_text(json.dumps(head_of(gateway)), encoding="utf-8")
    gateway("restore", "first.db")

    accepted = gateway("accept-older-store", "--reason", "disk lost, letter 12")

    copies = tmp_path / "var" / "checkpoints.log"
    assert "missing, the checkpoint has 3 rows" in gateway("audit", "verify").reason()
    assert f"move {copies.relative_to(tmp_path)} aside and keep it as evidence" in accepted.out
    copies.rename(tmp_path / "kept.log")
    assert gateway("audit", "verify").code == 0


@pytest.mark.parametrize("served", [True, False])
def test_a_store_that_is_not_older_is_not_accepted_and_nothing_is_written(
    gateway: Commands, tmp_path: Path, *, served: bool
) -> None:
    add(gateway, "Hà Nội")
    before, kept = head_of(gateway), tmp_path / "var" / "gateway.db.audit-head"
    if served:
        kept.write_text(json.dumps(before), encoding="utf-8")

    refused = gateway("accept-older-store", "--reason", "a drill").reason()

    assert refused == (
        f"nothing to accept: this store is not older than the head in {kept}; gateway serve starts with it"
    )
    assert (head_of(gateway), kept.exists()) == (before, served)


def test_a_head_file_that_holds_no_head_is_named_and_not_overwritten(
    gateway: Commands, tmp_path: Path
) -> None:
    kept = tmp_path / "var" / "gateway.db.audit-head"
    kept.write_text("{", encoding="utf-8")
    assert f"{kept} holds no audit head" in gateway.program("serve", "--port", "0").reason()
    assert kept.read_text(encoding="utf-8") == "{"


def test_the_head_is_in_the_file_that_the_setting_names(gateway: Commands, tmp_path: Path) -> None:
    """Such as a volume, where the master key is in a folder that can't be written."""
    add(gateway, "Hà Nội")
    head = head_of(gateway)
    kept = tmp_path / "evidence" / "head"
    kept.parent.mkdir()
    kept.write_text(json.dumps({**head, "rows": int(str(head["rows"])) + 4}), encoding="utf-8")
    named = {"GATEWAY_AUDIT_HEAD_FILE": "evidence/head"}
    refused = gateway.program("serve", "--port", "0", **named)
    assert f"{kept} has seen" in refused.reason()
    assert not (tmp_path / "var" / "gateway.db.audit-head").exists()


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("var/gateway.db", "holds no audit head"),
        ("var/master.key", "holds no audit head"),
        ("nowhere/head", "can't be written (No such file or directory)"),
    ],
)
def test_an_acceptance_that_the_head_file_cant_take_changes_nothing(
    gateway: Commands, tmp_path: Path, file: str, reason: str
) -> None:
    add(gateway, "Hà Nội")
    before, key = head_of(gateway), (tmp_path / "var" / "master.key").read_bytes()

    refused = gateway("accept-older-store", "--reason", "disk lost", GATEWAY_AUDIT_HEAD_FILE=file)

    assert refused.reason().startswith(f"{tmp_path / file}")
    assert reason in refused.err
    assert (head_of(gateway), (tmp_path / "var" / "master.key").read_bytes()) == (before, key)


def test_an_acceptance_needs_a_reason_without_a_persons_number(gateway: Commands) -> None:
    assert "person's number" in gateway("accept-older-store", "--reason", "001090000123").reason()
    assert gateway("accept-older-store").code == 2


def test_a_moved_folder_keeps_its_head(gateway: Commands, tmp_path: Path) -> None:
    add(gateway, "Hà Nội")
    kept = tmp_path / "var" / "gateway.db.audit-head"
    kept.write_text(json.dumps({"rows": 5, "leaf": "0" * 64}), encoding="utf-8")
    shutil.copytree(tmp_path / "var", tmp_path / "elsewhere" / "var")
    moved = Commands(tmp_path / "elsewhere")
    assert "has seen 5 audit rows, the store has 1" in moved.program("serve", "--port", "0").reason()
