"""A group of workers: how it starts, what it survives, and how it ends."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.kit.commands import Commands
from tests.kit.groups import WORKERS, Group, find_children, make_place, running_group
from tests.kit.programs import Served
from tests.kit.scene import MASTER_KEY
from tests.kit.stores import Server
from tests.sockets.load import steady_load


def is_running(process: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        stat = (Path("/proc") / str(process) / "stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


pytestmark = pytest.mark.postgresql

OTHER_KEY = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgISE"


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_threat_37_the_group_survives_a_killed_worker_and_stops_under_load_without_a_failed_request(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    with running_group(mock, postgresql_server, tmp_path) as group:
        supervisor = group.running.process.pid
        workers = find_children(supervisor)
        assert len(workers) == WORKERS
        assert group.running.lines[1].endswith("(connected, test data)")
        account = group.place.make_account()
        with steady_load(group.running, account) as load:
            load.wait_for(60)
            assert load.failures == []
            os.kill(victim := min(workers), signal.SIGKILL)
            load.wait_for(60)
            assert len(load.failures) <= 6  # only the requests that the killed worker was handling
            wait_until(lambda: bool(group.place.events("worker_started_again")))
            assert len(find_children(supervisor) - {victim}) == WORKERS
            failed_by_the_kill = [*load.failures]
            load.wait_for(60)
            assert group.running.end() == 0
        _check_the_end(group, load.failures[len(failed_by_the_kill) :], load.statuses())
        assert load.refusals


def _check_the_end(group: Group, failures: list[str], statuses: set[int]) -> None:
    assert failures == []
    assert statuses <= {200, 201}
    (ended,) = group.place.events("worker_ended")
    assert ended["code"] == -signal.SIGKILL
    assert len({line["worker"] for line in group.place.events("request")}) > 1
    assert group.command("audit", "verify")["ok"] is True


def test_threat_37_workers_exit_when_their_supervisor_is_killed(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    with place.serving(workers=2) as running:
        workers = find_children(running.process.pid, helpers=True)
        running.process.kill()
        running.process.wait(10)
        wait_until(lambda: not any(is_running(worker) for worker in workers))
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{running.address}/livez")
    assert len(place.events("supervisor_gone")) == 2


def test_each_log_line_of_a_worker_has_its_number_also_of_a_logger_that_the_supervisor_used(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    with place.serving():
        pass  # it makes the first revision, so that the settings are ignored from now on
    with place.serving(workers=2):
        pass
    ignored = place.events("settings_ignored")
    assert [line.get("worker") for line in ignored[:1]] == [None]  # the supervisor looks at them first
    assert {line.get("worker") for line in ignored[1:]} == {0, 1}


def test_a_group_that_can_not_start_says_why_before_it_starts_a_worker(
    postgresql_server: Server, tmp_path: Path
) -> None:
    gateway = Commands(tmp_path)
    ready, old = postgresql_server.make_database(), postgresql_server.make_database(template="template1")
    serve = ("serve", "--port", "0", "--workers", "2")
    keyed = {"GATEWAY_MASTER_KEY": MASTER_KEY}
    gateway("audit", "verify", GATEWAY_DATABASE_URL=ready, **keyed)  # makes the keys
    refused = gateway.program(*serve, GATEWAY_DATABASE_URL=old, **keyed)
    assert "run `gateway migrate` first" in refused.reason()
    refused = gateway.program(*serve, GATEWAY_DATABASE_URL=ready)
    assert refused.reason().startswith("GATEWAY_MASTER_KEY (or _FILE) is required with PostgreSQL")
    refused = gateway.program(*serve, GATEWAY_DATABASE_URL=ready, GATEWAY_MASTER_KEY=OTHER_KEY)
    assert refused.reason().startswith("the master key does not open this database's keys")


@contextmanager
def taken_port_behind_a_free_one() -> Iterator[int]:
    """Occupy a port whose lower neighbour is free: another test may listen on any port that the system gives."""
    while True:
        with socket.socket() as taken, socket.socket() as neighbour:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = int(taken.getsockname()[1])
            try:
                neighbour.bind(("127.0.0.1", port - 1))
            except OSError:
                continue
            neighbour.close()
            yield port
            return


def test_a_metrics_port_in_use_ends_the_whole_group_with_its_reason(
    postgresql_server: Server, tmp_path: Path
) -> None:
    with taken_port_behind_a_free_one() as port:
        settings = {
            "GATEWAY_DATABASE_URL": postgresql_server.make_database(),
            "GATEWAY_MASTER_KEY": MASTER_KEY,
            "GATEWAY_METRICS_PORT": str(port),
        }
        refused = Commands(tmp_path).program("serve", "--port", "0", "--workers", "2", **settings)
    assert refused.code == 1
    assert refused.err.splitlines()[-1].startswith("error: ")
    assert str(port) in refused.err.splitlines()[-1]
    assert "Traceback" not in refused.err
