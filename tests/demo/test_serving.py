"""What `make serve` refuses before it starts anything, and the remedy that it names."""

import json
import re
import socket
from pathlib import Path

import pytest

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
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "theirs.txt").write_text("not of make serve", encoding="utf-8")
    with (
        pytest.raises(StartFailed, match=r"name a new --folder, or close this one: chmod 700 "),
        locked(shared),
    ):
        pass
    assert shared.stat().st_mode & 0o777 == 0o755

    shared.chmod(0o700)
    with locked(shared):
        assert (shared / "serve.lock").exists()
