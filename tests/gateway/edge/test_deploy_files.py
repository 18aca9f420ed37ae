"""`deploy/`: every metric that the rules and the dashboard name is on a gateway's page, with the labels that they use."""

import configparser
import json
import re

import httpx
import typer
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.edge.cli import build_cli
from gateway.edge.metrics import Metrics, metrics_page
from gateway.settings import read_settings
from gateway.terminal import OpenGateway
from gateway.web import build_app
from tests.kit.clocks import HandClock
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


def read_unit(*files: str) -> configparser.SectionProxy:
    """Return the section of the service, the later files over the earlier ones."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names are case-sensitive
    for file in files:
        unit.read_string((DEPLOY / file).read_text(encoding="utf-8"))
    return unit["Service"]


def test_the_systemd_unit_serves_and_stops_as_the_program_does() -> None:
    service = read_unit("gateway.service")
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


def test_the_unit_and_the_page_that_installs_it_name_the_same_paths() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    service = read_unit("gateway.service")
    for path in (service["EnvironmentFile"], service["WorkingDirectory"], service["ExecStart"].split()[0]):
        assert path in page
    assert service["ReadWritePaths"] == service["WorkingDirectory"]


def read_options(arguments: list[str]) -> dict[str, str]:
    """Return the options of a `gateway serve`, each of which the command must know."""
    assert arguments[0] == "serve"
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    serve = typer.main.get_group(build_cli(OpenGateway(HandClock()))).commands["serve"]
    known = {name for each in serve.params for name in each.opts}
    assert options.keys() <= known
    return options


def test_the_units_of_the_profiles_differ_in_profile_port_settings_and_store() -> None:
    service = read_unit("gateway.service", "gateway@.service.d/profile.conf")
    options = read_options(service["ExecStart"].split()[1:])
    assert (options["--profile"], options["--port"]) == ("%i", "${PORT}")
    # Not GATEWAY_PORT: the gateway refuses to start with a setting that it doesn't know.
    assert service["Environment"] == "GATEWAY_SERVE_PROFILE=%i"
    read_settings({"GATEWAY_SERVE_PROFILE": "official", "PORT": "8000"}, dotenv=None)
    assert service["EnvironmentFile"] == "/srv/gateway/%i.env"
    assert service["WorkingDirectory"] == "/srv/gateway/%i"
    text = (DEPLOY / "gateway@.service.d/profile.conf").read_text(encoding="utf-8")
    assert text.count("\nExecStart=") == 2  # an empty one first, else systemd would add a second command
    assert service["NoNewPrivileges"] == "yes"


def test_compose_serves_each_profile_by_a_process_of_its_own_where_that_is_asked_for() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    both, sandbox = services["gateway"], services["sandbox"]
    assert sandbox["profiles"] == ["separate"]
    options = read_options(sandbox["command"][1:])
    assert (options["--profile"], options["--port"]) == ("sandbox", "8010")
    assert "gateway serve ${SERVE:-} --host" in both["command"][-1]
    assert f"127.0.0.1:{options['--port']}:{options['--port']}" in both["ports"]
    assert sandbox["network_mode"] == "service:gateway"
    assert not sandbox["ports"]
    assert sandbox["environment"].pop("GATEWAY_PUBLIC_URL").endswith(f":{options['--port']}")
    both["environment"].pop("GATEWAY_PUBLIC_URL")
    assert sandbox["environment"] == both["environment"]
    assert sandbox["secrets"] == both["secrets"]
