"""One combination in this process: a mock with its switches, a gateway before it, a portal's account."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.parity.combinations import ACCOUNTS, DIALECT, settings_of, switches_of
from benchmarks.parity.pairwise import Row
from gateway.accounts.model import make_grant
from gateway.accounts.use_cases import add_organisation, create_account
from gateway.app import open_gateway
from gateway.clock import SystemClock
from gateway.identifiers import Profile
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.settings import Settings
from gateway.web import build_app
from mock_c06.accounts.model import AS_BUILT, Account, Dialect, flip
from mock_c06.app import MockRegistry, build_mock
from mock_c06.settings import Settings as MockSettings
from portal.gateway_client import GatewayClient, PortalAccount

BASE = "http://gateway.test"
AGENCY = "000.00.01.H26"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The clients of the main job. `account` is the gateway's account at the mock."""

    portal: GatewayClient
    control: httpx.AsyncClient
    account: str
    row: Row


@asynccontextmanager
async def open_scene(row: Row, folder: Path) -> AsyncIterator[Scene]:
    """Set up one combination; afterwards only the store's file is left."""
    mock = build_mock(MockSettings(_env_file=None), switches=flip(AS_BUILT, switches_of(row)))
    account = mock.register.get(ACCOUNTS[Dialect(str(row[DIALECT]))])
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder / 'gateway.db'}",
            "master_key": base64.urlsafe_b64encode(b"k" * 32).decode(),
            "public_url": BASE,
            "sandbox": _connection(account) | settings_of(row),
        }
    )

    def connect(connection: Connection) -> RegistryClient:
        return open_registry(connection, transport=httpx.ASGITransport(mock.test), clock=SystemClock())

    async with open_gateway(settings, clock=SystemClock(), open_registry=connect) as gateway:
        await add_organisation(gateway.deps, AGENCY, "UBND thành phố Hà Nội (dữ liệu thử nghiệm)")
        made = await create_account(
            gateway.deps,
            gateway.places[Profile.SANDBOX],
            name="parity",
            organisation=AGENCY,
            scopes=frozenset({"verify", "prefill"}),
            grants=make_grant(["*"], ["*"], ["*"]),
        )
        portal = PortalAccount(client_id=made.client_id, issuer=made.issuer, client_secret=made.client_secret)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE)
        async with GatewayClient(portal, http=http) as client, _control(mock) as control:
            yield Scene(portal=client, control=control, account=account.name, row=row)


def _control(mock: MockRegistry) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(mock.control),
        base_url="http://control.test",
        headers={"Authorization": f"Bearer {mock.control_token}"},
    )


def _connection(account: Account) -> dict[str, Any]:
    platform = {"ngsp_key": account.ngsp_key, "ngsp_secret": account.ngsp_secret}
    return {
        "registry_url": "http://127.0.0.1:8100",
        "dialect": account.dialect.value,
        "c06_user": account.user,
        "c06_secret": account.secret,
        **(platform if account.ngsp_key else {}),
        **({"adapter": asdict(account.adapter)} if account.adapter else {}),
        "agency": account.agency,
        "officer": "dvctt.dichvu",
        "networks": ("127.0.0.0/8",),
    }
