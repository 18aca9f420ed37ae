"""What `make serve` refuses before it starts anything, and the remedy that it names."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.listeners import find_links
from demo.processes import StartFailed
from demo.serving import OPTIONS, Ports, check_kept, check_ports, locked
from demo.store import name_store
from tests.kit.programs import find_free_ports


def make_ports(gateway: int, *others: int) -> Ports:
    mock, official, control, login, portal = others
    return Ports(mock=mock, official=official, control=control, login=login, gateway=gateway, portal=portal)


def find_free(count: int) -> list[int]:
    first = find_free_ports(count)
    return list(range(first, first + count))


def test_make_serve_starts_nothing_with_a_file_of_settings_that_is_broken(tmp_path: Path) -> None:
    """It ran without the setting, while the gateway alone refuses such a file."""
    (tmp_path / ".env").write_text("broken line\n", encoding="utf-8")
    command = [sys.executable, "-m", "demo", "serve", "--folder", str(tmp_path / "kept")]
    for option, port in zip(OPTIONS.values(), find_free(len(OPTIONS)), strict=True):
        command += [option, str(port)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: .env line 1: NAME=value is expected, and a quoted value ends with its quote"
    ]


def test_only_the_options_of_taken_ports_are_named_each_with_a_free_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        gateway, portal = first.getsockname()[1], second.getsockname()[1]
        ports = make_ports(gateway, *find_free(4), portal)
        with pytest.raises(StartFailed) as refused:
            check_ports(tmp_path, ports)
        named = re.fullmatch(r'.*SERVE="--port (\d+) --portal-port (\d+)"', str(refused.value))
        assert named is not None, refused.value
        others = {int(named[1]), int(named[2])}
        assert len(others) == 2
        assert not others & set(ports.named().values())
        for port in others:
            socket.create_server(("127.0.0.1", port)).close()


def test_a_socket_is_found_in_a_process_that_closes_other_files_meanwhile(tmp_path: Path) -> None:
    """What is no link can't be read as one, like the link of a file that was closed after the folder was listed."""
    (tmp_path / "fd").mkdir()
    for number in range(10):
        (tmp_path / "fd" / f"{number}").touch()
        (tmp_path / "fd" / f"1{number}").symlink_to(f"socket:[{number}]")
    assert set(find_links(tmp_path)) == {f"socket:[{number}]" for number in range(10)}


LISTENING = "import socket, sys; a = socket.create_server(('127.0.0.1', 0)); print(a.getsockname()[1], flush=True); sys.stdin.read()"


@contextmanager
def listening(folder: Path) -> Iterator[tuple[int, int]]:
    """Keep a program running in a folder; yield its process and the port where it listens."""
    command = [sys.executable, "-c", LISTENING]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        yield program.pid, int(program.stdout.readline())
        program.communicate()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says who listens")
def test_who_holds_a_port_is_named_with_its_folder(tmp_path: Path) -> None:
    with listening(tmp_path) as (process, taken), pytest.raises(StartFailed) as refused:
        check_ports(tmp_path / "mine", make_ports(taken, *find_free(5)))
    shown = re.search(
        rf"port {taken} \(gateway\), by process {process} in {re.escape(str(tmp_path))} \((.*?)\); end that program",
        str(refused.value),
    )
    assert shown is not None, refused.value
    assert shown[1].startswith(f"{sys.executable} -c ")
    assert shown[1].endswith("…"), "a long command line is cut, and shows that it is"


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says who listens")
@pytest.mark.parametrize("name", ["", "link"])
def test_programs_that_a_killed_start_left_are_named_with_the_command_that_ends_them(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    folder = tmp_path / name
    with (
        listening(tmp_path) as (first, gateway),
        listening(tmp_path) as (second, portal),
        pytest.raises(StartFailed) as refused,
    ):
        check_ports(folder, make_ports(gateway, *find_free(4), portal))
    reason = str(refused.value)
    assert reason.startswith(
        f"programs of a make serve that was killed still run in {folder}: {min(first, second)} ("
    )
    assert reason.endswith(f"; end them, then start again: kill {min(first, second)} {max(first, second)}")


def test_a_refused_start_leaves_no_folder_behind_and_keeps_one_that_was_there(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o700)
    for folder in (tmp_path / "new", kept):
        with pytest.raises(StartFailed), locked(folder):
            raise StartFailed("used ports")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_another_registry_port_is_named_with_another_folder_where_a_store_is_kept(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text('{"mock_ports": [1, 2]}', encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway, *others = find_free(5)
        ports = make_ports(gateway, taken.getsockname()[1], *others)
        with pytest.raises(StartFailed, match=r'SERVE="--folder var/second --mock-port \d+"$'):
            check_ports(tmp_path, ports)


def test_two_equal_ports_are_refused_by_the_names_of_their_options(tmp_path: Path) -> None:
    ports = make_ports(9000, 9001, 9002, 9003, 9000, 9004)
    with pytest.raises(StartFailed, match=r"^--port and --login-port are both 9000: "):
        check_ports(tmp_path, ports)


def test_each_port_has_the_option_that_the_command_has() -> None:
    named = make_ports(1, 2, 3, 4, 5, 6).named()
    assert {OPTIONS[what]: port for what, port in named.items()} == {
        "--port": 1,
        "--mock-port": 2,
        "--official-port": 3,
        "--control-port": 4,
        "--login-port": 5,
        "--portal-port": 6,
    }


def test_the_ports_of_a_kept_store_are_named_as_options(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text(json.dumps({"mock_ports": [8100, 8110]}), encoding="utf-8")
    with pytest.raises(
        StartFailed, match="use --mock-port 8100 --official-port 8110, another --folder, or remove"
    ):
        check_kept(tmp_path, make_ports(1, 2, 3, 4, 5, 6), "/kept/gateway.db")


def test_the_accounts_of_another_store_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "accounts.json").write_text(json.dumps({"store": "/kept/gateway.db"}), encoding="utf-8")
    check_kept(tmp_path, make_ports(1, 2, 3, 4, 5, 6), "/kept/gateway.db")
    with pytest.raises(
        StartFailed,
        match=r"the accounts of /kept/gateway.db, and not of localhost/city: use that store, or a",
    ):
        check_kept(tmp_path, make_ports(1, 2, 3, 4, 5, 6), "localhost/city")


def test_a_store_is_named_without_its_user_and_password(tmp_path: Path) -> None:
    server = {"GATEWAY_DATABASE_URL": "postgresql://ai:secret@db.example:5433/city?sslmode=require"}
    assert name_store(server, tmp_path) == "db.example:5433/city"
    own = tmp_path / "var" / "gateway.db"
    assert (
        name_store({}, tmp_path)
        == name_store({"GATEWAY_DATABASE_URL": f"sqlite:///{own}"}, tmp_path)
        == str(own)
    )


@pytest.mark.parametrize("damaged", ["{", "[]", "7"])
def test_a_damaged_file_of_accounts_is_named_with_the_remedy(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "accounts.json").write_text(damaged, encoding="utf-8")
    with pytest.raises(
        StartFailed, match=f"^{tmp_path}/accounts.json can't be read as JSON: .*remove {tmp_path} "
    ):
        check_kept(tmp_path, make_ports(1, 2, 3, 4, 5, 6), "/kept/gateway.db")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/x"])
def test_a_folder_that_can_not_be_made_is_refused_with_its_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder = tmp_path / place
    with pytest.raises(StartFailed, match=f"^{folder} can't be made .*: name another one$"), locked(folder):
        pass


def test_a_folder_whose_lock_can_not_be_written_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "serve.lock").mkdir()
    with (
        pytest.raises(
            StartFailed, match=f"^{tmp_path}/serve.lock can't be written .*: use another --folder$"
        ),
        locked(tmp_path),
    ):
        pass


def test_a_folder_with_files_that_others_may_use_is_refused_and_stays_open(tmp_path: Path) -> None:
    shared = tmp_path / "thư mục chung"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "theirs.txt").write_text("not of make serve", encoding="utf-8")
    with (
        pytest.raises(StartFailed, match=r"name a new --folder, or close this one: chmod 700 '/.*'$"),
        locked(shared),
    ):
        pass
    assert shared.stat().st_mode & 0o777 == 0o755

    shared.chmod(0o700)
    with locked(shared):
        assert (shared / "serve.lock").exists()
