"""`GATEWAY_METRICS_PORT` on real sockets: one page for all workers, on loopback and off unless set."""

import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.kit.commands import Commands
from tests.kit.groups import WORKERS, make_place
from tests.kit.programs import Served, find_free_ports, log_in, make_store, place_beside
from tests.kit.scene import AGENCY, AN, enquiry
from tests.kit.stores import Server


def read_metrics(port: int) -> str:
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
    assert answer.status_code == 200
    return answer.text


def test_threat_44_the_metrics_of_a_run_contain_no_person_and_no_secret(mock: Served, tmp_path: Path) -> None:
    port = find_free_ports(1)
    place = place_beside(mock, tmp_path, GATEWAY_METRICS_PORT=str(port))
    make_store(place)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        verified = portal.post("/verifications", json=enquiry()).json()
        portal.post("/verifications", json=enquiry(dossier=AN["citizen_id"]))
        portal.get(f"/verifications/{AN['citizen_id']}")
        token = portal.headers["authorization"].split()[1]
        text = read_metrics(port)
        assert httpx.get(f"{running.address}/metrics").status_code == 404
        assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 404
        assert running.end() == 0

    assert (
        'gateway_verifications_total{origin="registry",procedure="khai-sinh",profile="sandbox",verdict="confirmed"} 1'
        in text
    )
    assert 'gateway_problems_total{code="request_invalid"} 1.0' in text
    secrets = [account["client_secret"], account["client_id"], token, verified["receipt"]]
    for word in [AN["citizen_id"], AN["birth_date"], "Nguyễn", "nguyen", "HN-2022", *secrets]:
        assert word not in text


def test_no_port_for_metrics_is_open_unless_it_is_set(mock: Served, tmp_path: Path) -> None:
    port = find_free_ports(1)
    with place_beside(mock, tmp_path).serving(), pytest.raises(httpx.ConnectError):
        read_metrics(port)


def test_a_metrics_port_in_use_gives_one_line_that_names_the_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = Commands(tmp_path).program("serve", "--port", "0", GATEWAY_METRICS_PORT=port)

    assert ended.reason().startswith(f"GATEWAY_METRICS_PORT: can't listen on 127.0.0.1 port {port}")


def test_another_address_than_loopback_serves_the_metrics_only_if_it_is_set(
    mock: Served, tmp_path: Path
) -> None:
    port = find_free_ports(1)
    more = {"GATEWAY_METRICS_PORT": str(port), "GATEWAY_METRICS_HOST": "127.0.0.3"}
    with place_beside(mock, tmp_path, **more).serving():
        assert httpx.get(f"http://127.0.0.3:{port}/metrics").status_code == 200
        with pytest.raises(httpx.ConnectError):
            read_metrics(port)
    refused = Commands(tmp_path)("serve", "--port", "0", **more | {"GATEWAY_METRICS_HOST": "metrics.local"})
    assert refused.reason().startswith("GATEWAY_METRICS_HOST: an IP address of this host is expected")


@pytest.mark.postgresql
def test_all_workers_are_on_one_port_each_with_its_label(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    port = find_free_ports(1)
    place = make_place(mock, postgresql_server, tmp_path, GATEWAY_METRICS_PORT=str(port))
    with place.serving(workers=WORKERS) as running:
        for _ in range(40):
            assert httpx.get(f"{running.address}/livez").status_code == 200
        page = read_metrics(port)
        assert running.end() == 0

    figures = {
        (sample.labels["worker"], sample.name): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "gateway_build_info" or sample.labels.get("route") == "/livez"
    }
    assert {worker for worker, name in figures if name == "gateway_build_info"} == {
        str(number) for number in range(WORKERS)
    }
    assert sum(value for (_, name), value in figures.items() if name == "gateway_requests_total") == 40
