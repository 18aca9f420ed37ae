"""The set-up of the demo and `make serve`: two registries, one gateway, two accounts."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from demo.processes import MockAddresses, Programs, StartFailed
from portal.gateway_client import PortalAccount

AGENCY = "000.00.01.H26"
FIELDS = ("full_name", "birth_date", "gender", "nationality", "permanent_residence", "current_residence")
AT_ONCE = "100"
"""Each question under way reserves one wrong claim until it is confirmed; official's default budget is 30."""

OUTSIDE_GRANT = "citizen_id"
LOGIN_CLIENT = "dvctt-portal"
LOOPBACK = "127.0.0.0/8"
NETWORKS = ("GATEWAY_SANDBOX_NETWORKS", "GATEWAY_OFFICIAL_NETWORKS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The running programs and the accounts."""

    programs: Programs
    mock: MockAddresses
    gateway: str
    sandbox: PortalAccount
    official: PortalAccount


MakeAccounts = Callable[[Programs], tuple[PortalAccount, PortalAccount]]
"""Returns the sandbox and the official account of a gateway that runs."""


def make_accounts(programs: Programs) -> tuple[PortalAccount, PortalAccount]:
    """Create an account at each profile, for two procedures and a few fields."""
    with ThreadPoolExecutor() as beside:
        sandbox = beside.submit(make_account, programs, "sandbox")
        official = beside.submit(make_account, programs, "official", key=ECKey.generate_key("P-256"))
        return sandbox.result(), official.result()


def set_up(
    programs: Programs,
    store: Mapping[str, str],
    *,
    ports: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0),
    accounts: MakeAccounts = make_accounts,
) -> Scene:
    """Start everything and create the accounts, with the same commands that an operator types.

    Independent commands run concurrently, since most of a command's time is loading. What `store` sets has precedence.
    """
    port, official_port, control_port, login_port, gateway_port = ports
    settings = {"GATEWAY_LOG_FORMAT": "json", **store}
    programs.say("starting the mock registry and preparing the store")
    with ThreadPoolExecutor() as beside:
        prepared = beside.submit(_prepare_store, programs, settings)
        mock = programs.start_mock(
            port=port, official_port=official_port, control_port=control_port, login_port=login_port
        )
        registry = _list_accounts(mock)
        prepared.result()
        settings |= _connection("SANDBOX", mock.test, registry["dvctt-hanoi"])
        settings |= _connection("OFFICIAL", mock.official, registry["dvctt-hanoi-official"])
        settings["GATEWAY_OFFICIAL_BUDGET_ACCOUNT_HOUR"] = AT_ONCE
        for profile in ("SANDBOX", "OFFICIAL"):
            settings[f"GATEWAY_{profile}_CITIZEN_ISSUER"] = mock.login
            settings[f"GATEWAY_{profile}_CITIZEN_AUDIENCE"] = LOGIN_CLIENT
        settings |= store
        # For commands that people type there: the networks of a profile are settings and not in the store.
        _write(programs.folder / ".env", "".join(f"{name}={LOOPBACK}\n" for name in NETWORKS))
        programs.say("starting the gateway")
        address = programs.start_gateway(settings, port=gateway_port)
        programs.say("looking up the accounts, making those that are missing")
        sandbox, official = accounts(programs)
        return Scene(programs=programs, mock=mock, gateway=address, sandbox=sandbox, official=official)


def _list_accounts(mock: MockAddresses) -> Mapping[str, Mapping[str, Any]]:
    """Return the mock's ready-made accounts by name, from its control face."""
    headers = {"Authorization": f"Bearer {mock.control_token}"}
    answer = httpx.get(f"{mock.control}/accounts", headers=headers, trust_env=False, timeout=30)
    answer.raise_for_status()
    return {account["name"]: account for account in answer.json()}


def _prepare_store(programs: Programs, settings: Mapping[str, str]) -> None:
    """Make the store or migrate it to the newest schema, and add the agency unless an earlier run did."""
    programs.settle(settings)
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


def make_account(
    programs: Programs,
    profile: str,
    *,
    key: ECKey | None = None,
    wide: bool = False,
    scopes: Sequence[str] = ("verify", "prefill", "ledger"),
) -> PortalAccount:
    """Create an account; a `wide` one has every procedure and field, except the sensitive ones."""
    arguments = ["accounts", "create", f"dvctt-{profile}", "--organisation", AGENCY, "--profile", profile]
    if wide:
        arguments += ["--all-procedures", "--all-fields"]
    else:
        arguments += ["--procedure", "khai-sinh", "--procedure", "ket-hon"]
        arguments += [word for field in FIELDS for word in ("--field", field)]
    for scope in scopes:
        arguments += ["--scope", scope]
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
