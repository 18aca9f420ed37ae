"""`deploy/`: every metric that the rules and the dashboard name is on a gateway's page, with the labels that they use."""

import configparser
import json
import re

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.edge.metrics import Metrics, metrics_page
from gateway.web import build_app
from tests.kit.scene import BASE, Scene
from tests.kit.source import ROOT

OF_PROMETHEUS = {"up"}
"""Made by Prometheus itself."""

DEPLOY = ROOT / "deploy"


def expressions_of_rules() -> list[str]:
    groups = yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def expressions_of_dashboard() -> list[str]:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bgateway_\w+|\bup\b", expression))


async def test_every_metric_of_rules_and_dashboard_is_on_the_page(scene: Scene) -> None:
    metrics = Metrics()
    transport = httpx.ASGITransport(build_app(scene.gateway, metrics=metrics))
    page = httpx.ASGITransport(metrics_page(metrics.registry))
    portal = await scene.portal()
    async with (
        httpx.AsyncClient(transport=transport, base_url=BASE) as http,
        httpx.AsyncClient(transport=page, base_url="http://127.0.0.1:9") as scraper,
    ):
        portal.http = http
        await portal.verify()
        await portal.verify(procedure="nothing")
        text = (await scraper.get("/metrics")).text
    families = list(text_string_to_metric_families(text))
    shown = {sample.name for family in families for sample in family.samples} | OF_PROMETHEUS
    shown |= {f"{family.name}_total" for family in families if family.type == "counter"} | {
        family.name for family in families
    }
    for expression in expressions_of_rules() + expressions_of_dashboard():
        assert names_in(expression), expression
        assert names_in(expression) <= shown, expression


def test_the_dashboard_shows_every_metric_of_the_gateways_own(scene: Scene) -> None:
    """A new metric gets a panel or an alert, or a reason here."""
    metrics = Metrics()
    build_app(scene.gateway, metrics=metrics)
    reasons = {
        "gateway_connections_ended": "callers' broken connections: for a search, not for a wall",
        "gateway_rate_limited": "among the problems, as rate_limited",
    }
    named = set().union(*(names_in(each) for each in expressions_of_rules() + expressions_of_dashboard()))
    missing = [
        family.name
        for family in metrics.registry.collect()
        if family.name.startswith("gateway_")
        and not any(name.startswith(family.name) for name in named)
        and family.name not in reasons
    ]
    assert missing == []


def test_the_systemd_unit_serves_and_stops_as_the_program_does() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names are case-sensitive
    unit.read_string((DEPLOY / "gateway.service").read_text(encoding="utf-8"))
    service = unit["Service"]
    assert service["ExecStart"].split()[1:] == [
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "8000",
        "--workers",
        "2",
    ]
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > 1 + 20
    assert service["NoNewPrivileges"] == "yes"
    assert "GATEWAY_MASTER_KEY=" not in (DEPLOY / "gateway.service").read_text(encoding="utf-8")
