"""Threat 15 on the machine: only the owner can read the folder where the gateway keeps its files.

`var/` was made 0755: any login on the machine could list it and copy a file that was readable by mistake.
"""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.processes import make_private_folder as make_for_the_demo
from demo.store import choose_store
from gateway.keys.vault import MasterFile, load_or_make_master_key
from gateway.private_files import remove_leftovers, temporary_beside
from tests.kit.commands import BARE, Commands

SERVICE = 65_534
"""The user of a service, as `gateway` in docs/deploy.md."""

SECRETS = ("gateway.db", "master.key")


@pytest.fixture(autouse=True)
def lax_umask() -> Iterator[None]:
    """A umask of zero: only the mode given at creation protects the file."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything_in(folder: Path) -> dict[str, int]:
    return {path.name: mode(path) & 0o077 for path in folder.iterdir()}


def test_threat_15_a_first_start_makes_a_folder_that_only_its_owner_can_read(tmp_path: Path) -> None:
    gateway = Commands(tmp_path)

    assert gateway("migrate").code == 0

    assert mode(tmp_path / "var") == 0o700
    found = everything_in(tmp_path / "var")
    assert set(SECRETS) <= set(found)
    assert set(found.values()) == {0}


def test_threat_15_missing_parent_folders_are_made_equally_private(tmp_path: Path) -> None:
    gateway = Commands(tmp_path)
    url = f"sqlite:///{tmp_path}/srv/dancu/store/gateway.db"

    assert gateway("migrate", GATEWAY_DATABASE_URL=url).code == 0

    for folder in ("srv", "srv/dancu", "srv/dancu/store"):
        assert mode(tmp_path / folder) == 0o700, folder


def test_threat_15_a_folder_and_files_of_an_earlier_version_become_private(tmp_path: Path) -> None:
    gateway, folder = Commands(tmp_path), tmp_path / "var"
    assert gateway("migrate").code == 0
    folder.chmod(0o755)
    for name in SECRETS:
        (folder / name).chmod(0o644)
    (folder / "operator-token").write_text("not a session\n", encoding="ascii")
    (folder / "operator-token").chmod(0o644)

    assert gateway("organisations", "list").err == ""
    gateway("profiles", "activate", "chg_none")

    assert mode(folder) == 0o700
    assert mode(folder / "master.key") == 0o600
    assert mode(folder / "operator-token") == 0o600
    assert mode(folder / "gateway.db") & 0o007 == 0


def test_threat_15_an_open_folder_named_by_a_setting_is_left_with_a_warning(tmp_path: Path) -> None:
    shared = tmp_path / "thư mục chung"
    shared.mkdir(mode=0o755)
    url = f"sqlite:///{shared}/gateway.db"

    done = Commands(tmp_path)("migrate", GATEWAY_DATABASE_URL=url)

    assert done.code == 0
    assert done.err.count("folder_open_to_others") == 1  # several files are made there
    assert f"chmod o= '{shared}'" in done.err
    assert mode(shared) == 0o755
    assert set(everything_in(shared).values()) == {0}


def test_threat_15_an_open_folder_behind_a_link_is_left_with_a_warning(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (tmp_path / "var").symlink_to(shared)

    done = Commands(tmp_path)("migrate")

    assert done.code == 0
    assert "folder_open_to_others" in done.err
    assert mode(shared) == 0o755
    assert set(everything_in(shared).values()) == {0}


def test_threat_15_a_login_is_stored_in_a_folder_that_the_command_made_private(tmp_path: Path) -> None:
    script = "from gateway.operators.sessions import write_token; write_token('a-token')"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=BARE, check=True)

    assert mode(tmp_path / "var") == 0o700
    assert mode(tmp_path / "var" / "operator-token") == 0o600


def die_at(call: str, folder: Path, script: str) -> None:
    """Run a script in a process that the kernel ends (SIGKILL) at its first call of a function of `os`."""
    dying = f"import os; os.{call} = lambda *_, **__: os.kill(os.getpid(), 9)\n{script}"
    assert subprocess.run([sys.executable, "-c", dying], cwd=folder, env=BARE, check=False).returncode == -9


@pytest.mark.parametrize("call", ["fsync", "link", "unlink"])
def test_threat_15_a_first_start_that_was_killed_leaves_no_second_copy_of_the_master_key(
    tmp_path: Path, call: str
) -> None:
    make = "from gateway.keys.vault import load_or_make_master_key as make; from pathlib import Path; make(Path('master.key'))"
    die_at(call, tmp_path, make)
    assert len(list(tmp_path.iterdir())) == (2 if call == "unlink" else 1)

    key = load_or_make_master_key(tmp_path / "master.key")

    assert set(everything_in(tmp_path)) == {"master.key"}
    assert load_or_make_master_key(tmp_path / "master.key") == key


def test_threat_15_a_rotation_that_was_killed_leaves_no_copy_of_its_key(tmp_path: Path) -> None:
    file = MasterFile(path=tmp_path / "master.key")
    present = load_or_make_master_key(file.path)
    write = "from gateway.keys.vault import MasterFile; from pathlib import Path; MasterFile(path=Path('master.key')).write_next(b'n' * 32)"
    die_at("fsync", tmp_path, write)
    assert len(list(tmp_path.iterdir())) == 2

    assert load_or_make_master_key(file.path) == present

    assert set(everything_in(tmp_path)) == {"master.key"}


def test_threat_15_a_login_that_was_killed_leaves_no_token_after_the_next_one(tmp_path: Path) -> None:
    script = "from gateway.operators.sessions import write_token; write_token('a-token')"
    die_at("fsync", tmp_path, script)
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=BARE, check=True)

    assert set(everything_in(tmp_path / "var")) == {"operator-token"}


def test_threat_15_what_a_living_process_writes_and_what_an_operator_copied_is_not_deleted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "master.key"
    copies = {"master.key_copy_01", ".master.key.tmp", ".master.key.of-2025.tmp", "master.key.next"}
    for name in copies:
        (tmp_path / name).write_text("kept", encoding="utf-8")
    with temporary_beside(path, "new") as temporary:
        remove_leftovers(path)
        assert temporary.read_text(encoding="utf-8") == "new"
        temporary.replace(path)

    assert set(everything_in(tmp_path)) == copies | {"master.key"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for another user")
def test_threat_15_what_root_makes_belongs_to_the_services_user_and_a_login_to_root(tmp_path: Path) -> None:
    gateway = Commands(tmp_path)
    gateway("migrate")
    gateway("organisations", "add", "000.00.01.H26", "UBND thành phố Hà Nội")
    var = tmp_path / "var"
    for path in (tmp_path, var, *var.iterdir()):
        os.chown(path, SERVICE, SERVICE)

    commands = (
        ("audit", "checkpoint"),
        ("keys", "rotate", "master"),
        ("backup", "kept.db"),
        ("restore", "kept.db"),
    )
    assert [gateway(*command).code for command in commands] == [0, 0, 0, 0]
    script = "from gateway.operators.sessions import write_token; write_token('a-token')"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=BARE, check=True)
    owners = {path.name: path.stat().st_uid for path in var.iterdir()}
    assert owners.pop("operator-token") == 0
    assert set(owners) >= {"master.key", "checkpoints.log", "gateway.db"}
    assert set(owners.values()) == {SERVICE}, owners


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders for another user")
def test_threat_15_a_folder_that_root_makes_belongs_to_the_services_user_too(tmp_path: Path) -> None:
    os.chown(tmp_path, SERVICE, SERVICE)
    gateway = Commands(tmp_path)

    assert gateway("migrate").code == 0
    assert gateway("migrate", GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path}/srv/store/gateway.db").code == 0

    made = [tmp_path / "var", tmp_path / "srv", *(tmp_path / "srv").rglob("*"), *(tmp_path / "var").iterdir()]
    assert {path.stat().st_uid for path in made} == {SERVICE}, made
    assert mode(tmp_path / "var") == 0o700


def test_threat_15_the_demo_keeps_its_stores_and_keys_private_too(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o755)

    chosen = choose_store(folder, {"GATEWAY_DATABASE_URL": "postgresql://127.0.0.1/none"})

    assert mode(folder) == 0o700
    assert mode(Path(chosen["GATEWAY_MASTER_KEY_FILE"])) == 0o600
    make_for_the_demo(folder / "serve")
    assert mode(folder / "serve") == 0o700


@pytest.mark.parametrize(("rights", "warned"), [(0o600, False), (0o444, True), (0o640, True)])
def test_threat_15_a_master_key_that_others_may_read_is_a_warning_when_the_gateway_starts(
    tmp_path: Path, rights: int, warned: bool
) -> None:
    gateway = Commands(tmp_path)
    assert gateway("keys", "make-master", "khóa riêng.key").code == 0
    (tmp_path / "khóa riêng.key").chmod(rights)

    served = gateway("serve", "--host", "203.0.113.1", GATEWAY_MASTER_KEY_FILE="khóa riêng.key")
    listed = gateway("organisations", "list", GATEWAY_MASTER_KEY_FILE="khóa riêng.key")

    assert served.code == 1  # not an address of this machine
    assert ("master_key_open_to_others" in served.err) is warned
    assert ("chmod go= 'khóa riêng.key'; a container's secret" in served.err) is warned
    assert "master_key_open_to_others" not in listed.err
