"""What is counted, on whose port, and that no label is a caller's or a person's value."""

import asyncio
import base64
import re
import socket
import unicodedata
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import __version__
from gateway.edge.metrics import LOOPBACK, Metrics, merge_pages, metrics_page, serve_metrics
from gateway.enquiries.claim import fold_name
from gateway.errors.operators import StateWrong
from gateway.web import build_app
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.enquiries import store_away
from tests.kit.scene import AN, BASE, Scene, enquiry, open_scene, settings_for

SAI = "Nguyễn Văn Sai"


class Counted:
    """The scene's gateway behind an application of its own, and the page of its metrics."""

    def __init__(self, scene: Scene) -> None:
        self.metrics = Metrics()
        self.transport = httpx.ASGITransport(build_app(scene.gateway, metrics=self.metrics))

    async def text(self) -> str:
        """Read the page."""
        page = httpx.ASGITransport(metrics_page(self.metrics.registry))
        async with httpx.AsyncClient(transport=page, base_url="http://127.0.0.1:9") as http:
            answer = await http.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return answer.text

    async def value(self, name: str, **labels: str) -> float:
        """Return one figure; 0 where it was never counted."""
        for family in text_string_to_metric_families(await self.text()):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return 0.0


async def test_a_run_is_counted_by_route_problem_verdict_and_operation(scene: Scene) -> None:
    counted = Counted(scene)
    async with httpx.AsyncClient(transport=counted.transport, base_url=BASE) as http:
        portal = await scene.portal()
        portal.http = http
        await portal.verify()
        await portal.verify()
        await portal.verify(claim=AN | {"full_name": SAI})
        await portal.verify(procedure="nothing")
        await http.get("/nowhere")

    route = "/{profile}/v1/verifications"
    assert await counted.value("gateway_requests_total", route=route, method="POST", status="201") == 2
    assert await counted.value("gateway_requests_total", route=route, method="POST", status="422") == 1
    assert await counted.value("gateway_request_duration_seconds_count", route=route) == 4
    assert await counted.value("gateway_problems_total", code="procedure_unknown") == 1
    assert await counted.value("gateway_problems_total", code="not_found") == 1
    sandbox = {"profile": "sandbox"}
    for origin, verdict in (("registry", "confirmed"), ("reuse", "confirmed"), ("registry", "not_confirmed")):
        labels = sandbox | {"procedure": "khai-sinh", "origin": origin, "verdict": verdict}
        assert await counted.value("gateway_verifications_total", **labels) == 1, labels
    asked = sandbox | {"operation": "XacThucThongTinCongDan", "outcome": "answered"}
    assert await counted.value("gateway_registry_questions_total", **asked) == 2
    assert await counted.value("gateway_registry_breaker", **sandbox, state="closed") == 1
    assert await counted.value("gateway_registry_breaker", **sandbox, state="open") == 0
    operation = {"operation": "XacThucThongTinCongDan"}
    took = await counted.value("gateway_registry_duration_seconds_count", **sandbox, **operation)
    assert (
        took == await counted.value("gateway_registry_duration_seconds_bucket", **operation, le="+Inf") == 2
    )
    assert await counted.value("gateway_registry_questions_in_flight", **sandbox) == 0
    assert await counted.value("gateway_requests_in_flight") == 0
    assert await counted.value("gateway_build_info", version=__version__) == 1
    assert await counted.value("gateway_store_connections", state="limit") > 0
    assert await counted.value("gateway_audit_records_total") > 2
    assert await counted.value("gateway_audit_waiting") == 0


async def test_a_store_that_is_away_shows_with_its_cause_until_it_works_again(scene: Scene) -> None:
    counted = Counted(scene)
    portal = await scene.portal()
    assert await counted.value("gateway_store_up") == 1
    async with store_away(scene):
        await portal.verify()
        assert await counted.value("gateway_store_up") == 0
        text = await counted.text()
    assert re.search(r'gateway_store_outages_total{cause="(gone|unreachable|failed)"} [1-9]', text)
    await portal.verify()
    assert await counted.value("gateway_store_up") == 1


async def test_a_request_and_its_question_are_in_flight_until_they_are_answered(scene: Scene) -> None:
    counted = Counted(scene)
    portal = await scene.portal()
    async with httpx.AsyncClient(transport=counted.transport, base_url=BASE) as http:
        portal.http = http
        await scene.fault("latency", delay_ms=3000, times=1)
        asking = asyncio.create_task(portal.verify())
        asked = 0.0
        while not asked and not asking.done():
            await asyncio.sleep(0.02)
            asked = await counted.value("gateway_registry_questions_in_flight", profile="sandbox")
        during = await counted.value("gateway_requests_in_flight")
        await asking
    assert (during, asked) == (1, 1)


def test_the_pages_of_workers_become_one_with_a_label_of_the_worker() -> None:
    page = '# HELP a_total Help.\n# TYPE a_total counter\na_total{x="1{2"} 3.0\n# HELP b Help.\n# TYPE b gauge\nb 1.0\n'
    assert list(merge_pages({0: page, 1: page})) == [
        "# HELP a_total Help.",
        "# TYPE a_total counter",
        'a_total{worker="0",x="1{2"} 3.0',
        'a_total{worker="1",x="1{2"} 3.0',
        "# HELP b Help.",
        "# TYPE b gauge",
        'b{worker="0"} 1.0',
        'b{worker="1"} 1.0',
    ]


async def test_an_outage_shows_in_the_breaker_and_in_the_outcomes(scene: Scene) -> None:
    counted = Counted(scene)
    portal = await scene.portal()
    await scene.fault("unavailable")
    for number in range(20):
        await portal.verify(dossier=f"HN-{number}", fresh=True)

    labels = {"profile": "sandbox", "outcome": "registry_unavailable"}
    assert await counted.value("gateway_registry_questions_total", **labels) == 20
    assert await counted.value("gateway_registry_breaker", profile="sandbox", state="open") == 1


async def test_threat_6_slowed_and_refused_guesses_show_in_the_metrics(scene: Scene) -> None:
    counted = Counted(scene)
    portal = await scene.portal()
    async with httpx.AsyncClient(transport=counted.transport, base_url=BASE) as http:
        form = {"grant_type": "client_credentials"}
        address = f"{portal.issuer}/oauth2/token"
        tries = (http.post(address, data=form, auth=(portal.client_id, f"wrong-{n}")) for n in range(20))
        answers = await asyncio.gather(*tries)

    refused = [answer for answer in answers if answer.status_code == 429]
    assert await counted.value("gateway_secret_guesses_total", outcome="refused") == len(refused) > 0
    assert await counted.value("gateway_secret_guesses_total", outcome="waited") > 0


async def test_refusals_by_rate_show_by_profile(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, sandbox={"rate_per_second": 1})
    async with open_scene(settings, mock, clock) as scene:
        counted = Counted(scene)
        portal = await scene.portal()
        async with httpx.AsyncClient(transport=counted.transport, base_url=BASE) as http:
            portal.http = http
            answers = await asyncio.gather(*(portal.call("GET", "/me") for _ in range(30)))

    refused = sum(answer.status_code == 429 for answer in answers)
    assert await counted.value("gateway_rate_limited_total", profile="sandbox") == refused > 0
    assert await counted.value("gateway_rate_limited_total", profile="official") == 0


async def test_threat_44_no_person_secret_or_callers_value_is_in_the_metrics(scene: Scene) -> None:
    counted = Counted(scene)
    portal = await scene.portal()
    async with httpx.AsyncClient(transport=counted.transport, base_url=BASE) as http:
        portal.http = http
        await portal.log_in()
        receipt = await portal.receipt()
        await portal.prefill(receipt, ["full_name", "permanent_residence"])
        await portal.verify(claim=AN | {"full_name": SAI})
        await portal.verify(dossier=AN["citizen_id"])
        await portal.call("GET", f"/verifications/{AN['citizen_id']}", **{"X-Request-Id": AN["citizen_id"]})
        await portal.call("POST", f"/{AN['citizen_id']}", enquiry())
        await http.request(f"GET{AN['citizen_id']}", f"/{quote(SAI)}?number={AN['citizen_id']}")
        await http.post(
            f"/{AN['citizen_id']}/oauth2/token", content=b"x", auth=(AN["citizen_id"], str(portal.secret))
        )
    # Without the figures: seconds and bytes may well hold the digits of a year.
    told = "\n".join(line.rpartition(" ")[0] for line in (await counted.text()).splitlines())

    private = [AN["citizen_id"], AN["birth_date"], "1990", "HN-2022-000123", portal.client_id]
    for name in (AN["full_name"], SAI):
        private += [name, unicodedata.normalize("NFD", name), quote(name), fold_name(name), "Sai", 'An"']
    private += [str(portal.secret), portal.access_token, receipt, receipt.split(".")[2], "can.bo"]
    private.append(base64.b64encode(f"{portal.client_id}:{portal.secret}".encode()).decode())
    assert 'method="other"' in told
    for word in private:
        assert word not in told


async def test_two_applications_count_each_for_itself(scene: Scene) -> None:
    first, second = Counted(scene), Counted(scene)
    async with httpx.AsyncClient(transport=first.transport, base_url=BASE) as http:
        await http.get("/livez")

    assert await first.value("gateway_requests_total", route="/livez") == 1
    assert await second.value("gateway_requests_total", route="/livez") == 0


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


async def test_the_page_is_served_on_loopback_and_nothing_else_is(free_port: int) -> None:
    metrics = Metrics()
    async with serve_metrics(metrics_page(metrics.registry), free_port), httpx.AsyncClient() as http:
        base = f"http://{LOOPBACK}:{free_port}"
        assert "gateway_requests" in (await http.get(f"{base}/metrics")).text
        for path in ("/", "/metrics/", "/metrics/x", "/livez"):
            assert (await http.get(f"{base}{path}")).status_code == 404
        posted = await http.post(f"{base}/metrics")
        assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
        assert "server" not in posted.headers
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.2:{free_port}/metrics")
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{base}/metrics")


async def test_without_a_port_nothing_is_served() -> None:
    before = asyncio.all_tasks()
    async with serve_metrics(metrics_page(Metrics().registry), None):
        assert asyncio.all_tasks() == before


async def test_a_port_that_is_taken_or_none_stops_with_its_setting_named() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        for port in (taken.getsockname()[1], 70_000):
            with pytest.raises(StateWrong, match="GATEWAY_METRICS_PORT"):
                async with serve_metrics(metrics_page(Metrics().registry), port):
                    pytest.fail("served")
