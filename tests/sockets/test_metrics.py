"""`GATEWAY_METRICS_PORT` on real sockets: a port of its own on loopback, one for each worker, off unless set."""

import socket
from pathlib import Path

import httpx
import pytest

from tests.gateway.cli.commands import Commands
from tests.mock_c06.programs import Served
from tests.postgresql import Server
from tests.sockets.groups import WORKERS, make_place
from tests.sockets.ports import find_free_ports
from tests.sockets.programs import AGENCY, AN, enquiry, log_in, place_beside


def read_metrics(port: int) -> str:
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
    assert answer.status_code == 200
    return answer.text


def test_threat_44_a_served_run_is_counted_without_person_or_secret(mock: Served, tmp_path: Path) -> None:
    port = find_free_ports(1)
    place = place_beside(mock, tmp_path, GATEWAY_METRICS_PORT=str(port))
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        verified = portal.post("/verifications", json=enquiry()).json()
        portal.post("/verifications", json=enquiry(dossier=AN["citizen_id"]))
        portal.get(f"/verifications/{AN['citizen_id']}")
        token = portal.headers["authorization"].split()[1]
        told = read_metrics(port)
        assert httpx.get(f"{running.address}/metrics").status_code == 404
        assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 404
        assert running.end() == 0

    assert 'gateway_verifications_total{origin="registry",profile="sandbox",verdict="confirmed"} 1.0' in told
    assert 'gateway_problems_total{code="request_invalid"} 1.0' in told
    secrets = [account["client_secret"], account["client_id"], token, verified["receipt"]]
    for word in [AN["citizen_id"], AN["birth_date"], "Nguyễn", "nguyen", "HN-2022", *secrets]:
        assert word not in told


def test_nothing_listens_for_metrics_unless_a_port_is_set(mock: Served, tmp_path: Path) -> None:
    port = find_free_ports(1)
    with place_beside(mock, tmp_path).serving(), pytest.raises(httpx.ConnectError):
        read_metrics(port)


def test_a_metrics_port_that_is_taken_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = Commands(tmp_path).program("serve", "--port", "0", GATEWAY_METRICS_PORT=port)

    assert ended.reason().startswith(f"GATEWAY_METRICS_PORT: can't listen on 127.0.0.1 port {port}")


@pytest.mark.postgresql
def test_each_worker_tells_its_own_figures_on_the_next_port(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    first = find_free_ports(WORKERS)
    place = make_place(mock, postgresql_server, tmp_path, GATEWAY_METRICS_PORT=str(first))
    with place.serving(workers=WORKERS) as running:
        for _ in range(40):
            assert httpx.get(f"{running.address}/livez").status_code == 200
        pages = [read_metrics(first + number) for number in range(WORKERS)]

    counted = [
        float(line.rpartition(" ")[2])
        for page in pages
        for line in page.splitlines()
        if line.startswith('gateway_requests_total{method="GET",route="/livez"')
    ]
    assert sum(counted) == 40
