"""The scene that the demo and `make serve` play in: two registries, one gateway, two accounts."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from demo.processes import MockAddresses, Programs, StartFailed
from demo.store import is_server
from portal.gateway_client import PortalAccount

AGENCY = "000.00.01.H26"
FIELDS = ("full_name", "birth_date", "gender", "nationality", "permanent_residence", "current_residence")
AT_ONCE = "100"
"""Each question in flight holds a place in the budget of wrong claims until it is confirmed; official's own is 30."""

OUTSIDE_GRANT = "citizen_id"
LOOPBACK = "127.0.0.0/8"
NETWORKS = ("GATEWAY_SANDBOX_NETWORKS", "GATEWAY_OFFICIAL_NETWORKS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that runs, and who may call."""

    programs: Programs
    mock: MockAddresses
    gateway: str
    sandbox: PortalAccount
    official: PortalAccount


def set_up(
    programs: Programs, store: Mapping[str, str], *, ports: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> Scene:
    """Start everything and make the accounts, through the same commands an operator types.

    What needs nothing of each other runs at once: most of a command's time goes to loading it.
    """
    port, official_port, control_port, gateway_port = ports
    settings = {"GATEWAY_LOG_FORMAT": "json", **store}
    with ThreadPoolExecutor() as beside:
        prepared = beside.submit(_prepare_store, programs, settings)
        mock = programs.start_mock(port=port, official_port=official_port, control_port=control_port)
        registry = _list_accounts(mock)
        prepared.result()
        settings |= _connection("SANDBOX", mock.test, registry["dvctt-hanoi"])
        settings |= _connection("OFFICIAL", mock.official, registry["dvctt-hanoi-official"])
        settings["GATEWAY_OFFICIAL_BUDGET_ACCOUNT_HOUR"] = AT_ONCE
        # For commands that people type there: where a profile may connect is no part of the store.
        _write(programs.folder / ".env", "".join(f"{name}={LOOPBACK}\n" for name in NETWORKS))
        address = programs.start_gateway(settings, port=gateway_port)
        sandbox = beside.submit(_make_account, programs, "sandbox")
        official = beside.submit(_make_account, programs, "official", key=ECKey.generate_key("P-256"))
        return Scene(
            programs=programs,
            mock=mock,
            gateway=address,
            sandbox=sandbox.result(),
            official=official.result(),
        )


def _list_accounts(mock: MockAddresses) -> Mapping[str, Mapping[str, Any]]:
    """Return the mock's ready-made accounts by name; its control face says what `mock-c06 accounts` prints."""
    headers = {"Authorization": f"Bearer {mock.control_token}"}
    answer = httpx.get(f"{mock.control}/accounts", headers=headers, trust_env=False, timeout=30)
    answer.raise_for_status()
    return {account["name"]: account for account in answer.json()}


def _prepare_store(programs: Programs, settings: Mapping[str, str]) -> None:
    """Bring the store to the newest schema, and the agency into it unless an earlier run did."""
    programs.settle(settings)
    if is_server(settings):
        programs.gateway_says("migrate")
    try:
        programs.gateway("organisations", "add", AGENCY, "UBND thành phố Hà Nội (dữ liệu thử nghiệm)")
    except StartFailed as refused:
        if "exists already" not in str(refused):
            raise


def _connection(profile: str, url: str, account: Mapping[str, Any]) -> dict[str, str]:
    members = {
        "REGISTRY_URL": url,
        "DIALECT": "soap",
        "C06_USER": account["user"],
        "C06_SECRET": account["secret"],
        "AGENCY": account["agency"],
        "OFFICER": "dvctt.dichvu",
        "NETWORKS": LOOPBACK,
    }
    return {f"GATEWAY_{profile}_{name}": value for name, value in members.items()}


def _make_account(programs: Programs, profile: str, *, key: ECKey | None = None) -> PortalAccount:
    arguments = ["accounts", "create", f"dvctt-{profile}", "--organisation", AGENCY, "--profile", profile]
    arguments += ["--procedure", "khai-sinh", "--procedure", "ket-hon"]
    for scope in ("verify", "prefill", "ledger"):
        arguments += ["--scope", scope]
    for field in FIELDS:
        arguments += ["--field", field]
    officers = _write(programs.folder / f"{profile}.officers.txt", "can.bo.01\n")
    arguments += ["--officers-file", str(officers)]
    if key is not None:
        public = json.dumps(key.as_dict(private=False))
        arguments += ["--public-key", str(_write(programs.folder / f"{profile}.jwk.json", public))]
    made = programs.gateway(*arguments)
    return PortalAccount(
        client_id=made["client_id"],
        issuer=made["issuer"],
        client_secret=made.get("client_secret"),
        key=key,
    )


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
