"""The scene of most tests: the whole gateway in-process, the real mock registry behind it, portals in front.

Nothing is patched: tests pass other dependencies (a clock that they move, transports to the mock's ASGI
apps).
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi.encoders import jsonable_encoder
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.types import ASGIApp

from gateway.accounts.model import Grants, make_grant
from gateway.accounts.use_cases import add_organisation, create_account
from gateway.app import open_gateway
from gateway.audit.store import audit_entries
from gateway.edge.throttle import Sleep
from gateway.errors.operators import AlreadyExists
from gateway.identifiers import Profile
from gateway.preflight.recorder import PreflightNetwork
from gateway.profiles.model import Gateway
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.settings import Settings
from gateway.web import build_app
from mock_c06.app import MockRegistry, build_login, build_mock
from mock_c06.control.journal_web import JournalQuery, entry_json
from mock_c06.settings import Settings as MockSettings
from tests.kit.answers_seen import SEEN
from tests.kit.clocks import HandClock

BASE = "http://gateway.test"
LOGIN_ISSUER = "http://127.0.0.1:8102"
LOGIN_CLIENT = "dvctt-portal"
AGENCY = "000.00.01.H26"
MASTER_KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
AN = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
CITIZEN = {"kind": "citizen"}


@dataclass
class Portal:
    """One account's caller. Signs and binds by hand, so that a test can make each part wrong."""

    http: httpx.AsyncClient
    clock: HandClock
    client_id: str
    issuer: str
    secret: str | None = field(default=None, repr=False)
    key: ECKey | None = field(default=None, repr=False)
    access_token: str = field(default="", repr=False)
    token_type: str = "Bearer"
    id_token: str = field(default="", repr=False)
    """Of a citizen who has signed in at the portal."""

    @property
    def now(self) -> int:
        """Return the clock's whole seconds."""
        return int(self.clock.now().timestamp())

    async def ask_token(self, form: Mapping[str, str] | None = None, **headers: str) -> httpx.Response:
        """Ask the token endpoint, with this account's own proof unless the form contains one."""
        members: dict[str, str] = {"grant_type": "client_credentials", **(form or {})}
        auth = None
        if self.key is not None:
            members.setdefault("client_assertion_type", ASSERTION_TYPE)
            members.setdefault("client_assertion", self.assertion())
        elif self.secret is not None and "authorization" not in {name.lower() for name in headers}:
            auth = (self.client_id, self.secret)
        endpoint = f"{self.issuer}/oauth2/token"
        if self.key is not None and "DPoP" not in headers:
            headers["DPoP"] = self.proof("POST", endpoint)
        return await self.http.post(endpoint, data=members, headers=headers, auth=auth)  # type: ignore[arg-type]  # httpx's own default is private

    async def log_in(self, **form: str) -> "Portal":
        """Get a token and keep it; return the portal itself."""
        answer = await self.ask_token(form)
        assert answer.status_code == 200, answer.text
        self.access_token, self.token_type = answer.json()["access_token"], answer.json()["token_type"]
        return self

    async def call(
        self, method: str, path: str, body: Any = None, *, issuer: str | None = None, **headers: str
    ) -> httpx.Response:
        """Call the API with the stored token; `issuer` names another profile."""
        address = f"{issuer or self.issuer}/v1{path}"
        headers.setdefault("Authorization", f"{self.token_type} {self.access_token}")
        if self.token_type == "DPoP":
            headers.setdefault("DPoP", self.proof(method, address, self.access_token))
        if isinstance(body, bytes):
            headers.setdefault("Content-Type", "application/json")
            return await self.http.request(method, address, content=body, headers=headers)
        return await self.http.request(method, address, json=body, headers=headers)

    async def verify(self, **members: Any) -> httpx.Response:
        """`POST /verifications` about An as the requester of khai-sinh, unless given otherwise."""
        return await self.call("POST", "/verifications", enquiry(**members))

    async def prefill(self, receipt: str, fields: Sequence[str], **members: Any) -> httpx.Response:
        """`POST /prefills` for the same enquiry."""
        return await self.call("POST", "/prefills", prefill_request(receipt, fields, **members))

    async def receipt(self, **members: Any) -> str:
        answer = await self.verify(**members)
        assert answer.status_code in {200, 201}, answer.text
        return str(answer.json()["receipt"])

    def assertion(self, **claims: Any) -> str:
        """Sign a client assertion; a claim given as None is left out."""
        members = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": self.now,
            "exp": self.now + 60,
            "jti": secrets.token_hex(8),
        } | claims
        return self.sign(
            {"typ": "JWT"}, {name: value for name, value in members.items() if value is not None}
        )

    def proof(self, method: str, address: str, access_token: str | None = None, **claims: Any) -> str:
        assert self.key is not None
        members: dict[str, Any] = {
            "htm": method,
            "htu": address,
            "iat": self.now,
            "jti": secrets.token_hex(8),
        }
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            members["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        header = {"typ": "dpop+jwt", "jwk": self.key.as_dict(private=False)}
        return self.sign(header, members | claims)

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any], *, key: ECKey | None = None) -> str:
        """Sign claims with the account's key, or another."""
        signer = key or self.key
        assert signer is not None
        payload = json.dumps(claims).encode()
        return jws.serialize_compact({"alg": "ES256", **header}, payload, signer, algorithms=["ES256"])


@dataclass(frozen=True)
class Scene:
    """Everything that runs in a test."""

    gateway: Gateway
    app: ASGIApp
    mock: MockRegistry
    clock: HandClock
    http: httpx.AsyncClient
    control: httpx.AsyncClient
    settings: Settings
    preflight_network: PreflightNetwork

    async def portal(
        self,
        profile: Profile = Profile.SANDBOX,
        *,
        grants: Grants | None = None,
        scopes: Sequence[str] = ("verify", "prefill", "ledger"),
        officers: Sequence[str] = ("can.bo.01",),
        organisation: str = AGENCY,
        key: ECKey | None = None,
        log_in: bool = True,
    ) -> Portal:
        """Make an account and its caller; official ones, and those with a key, use private_key_jwt and DPoP."""
        if profile is Profile.OFFICIAL:
            key = key or ECKey.generate_key("P-256")
        made = await create_account(
            self.gateway.deps,
            self.gateway.places[profile],
            name="a portal",
            organisation=organisation,
            scopes=frozenset(scopes),
            grants=grants or make_grant(["*"], ["*"], ["*"]),
            officers=tuple(officers),
            public_keys=(key.as_dict(private=False),) if key else (),
        )
        portal = Portal(
            http=self.http,
            clock=self.clock,
            client_id=made.client_id,
            issuer=made.issuer,
            secret=made.client_secret,
            key=key,
        )
        return await portal.log_in() if log_in else portal

    async def journal(self, environment: str = "test") -> list[dict[str, Any]]:
        """Return the questions to the registry, without token calls, as the mock's control face shows them."""
        # Not over that face: it takes longer to build than most tests last.
        entries = self.mock.runs.get("default").journal.entries(JournalQuery(environment=environment))
        return [jsonable_encoder(entry_json(entry)) for entry in entries if entry.operation != "token"]

    async def set_person(self, **person: Any) -> None:
        answer = await self.control.put("/runs/default/world", json={"people": [person]})
        assert answer.status_code < 300, answer.text

    async def fault(self, kind: str, **members: Any) -> None:
        answer = await self.control.post("/runs/default/faults", json={"kind": kind, **members})
        assert answer.status_code < 300, answer.text

    async def audit(self) -> list[dict[str, Any]]:
        """Return the audit's bodies in order, including the counts of refusals."""
        await self.gateway.deps.refusals.flush(unfinished=True)
        async with self.gateway.deps.database.read() as connection:
            bodies = await connection.execute(sa.select(audit_entries.c.body).order_by(audit_entries.c.id))
            return [json.loads(body) for body in bodies.scalars()]


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a problem; of a success, no code."""
    return answer.status_code, answer.json().get("code", "")


def enquiry(**members: Any) -> dict[str, Any]:
    """Return the body of `POST /verifications`."""
    return {
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "requester",
        "claim": AN,
        "initiated_by": CITIZEN,
    } | members


def prefill_request(receipt: str, fields: Sequence[str], **members: Any) -> dict[str, Any]:
    """Return the body of `POST /prefills`."""
    return {
        "receipt": receipt,
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "requester",
        "fields": list(fields),
        "initiated_by": CITIZEN,
    } | members


def make_mock(clock: HandClock) -> MockRegistry:
    return build_mock(
        MockSettings.model_validate({"control_token": "control-token-of-this-test"}), clock=clock
    )


def settings_for(database_url: str, mock: MockRegistry, **changes: Any) -> Settings:
    """Return settings with both profiles connected to the mock's environments."""
    members: dict[str, Any] = {
        "database_url": database_url,
        "master_key": MASTER_KEY,
        "public_url": BASE,
        "sandbox": connection_settings(mock, "dvctt-hanoi", 8100),
        "official": connection_settings(mock, "dvctt-hanoi-official", 8110),
    }
    for name, change in changes.items():
        members[name] = members[name] | change if isinstance(change, dict) else change
    return Settings.model_validate(members)


def connection_settings(mock: MockRegistry, name: str, port: int) -> dict[str, Any]:
    """Return one profile's settings for an account of the mock, and for its login of citizens."""
    return revision_of(
        asdict(mock.register.get(name)),
        f"http://127.0.0.1:{port}",
        citizen_issuer=LOGIN_ISSUER,
        citizen_audience=(LOGIN_CLIENT,),
        networks=("127.0.0.0/8",),
        deadline_ms=20_000,
    )


def revision_of(account: Mapping[str, Any], url: str, **members: Any) -> dict[str, Any]:
    """Return the members of a revision for an account of the mock."""
    return {
        "registry_url": url,
        "c06_user": account["user"],
        "c06_secret": account["secret"],
        "agency": account["agency"],
        "officer": "dvctt.dichvu",
    } | members


@asynccontextmanager
async def open_scene(
    settings: Settings,
    mock: MockRegistry,
    clock: HandClock,
    *,
    connect: Callable[[Connection], RegistryClient] | None = None,
    network: Callable[[Connection], httpx.AsyncBaseTransport] | None = None,
    login: Callable[[], httpx.AsyncBaseTransport] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncIterator[Scene]:
    """Open the gateway in front of the mock, in-process; `connect` puts another registry there.

    `network` sends requests by their address; without one, each profile uses its own environment of the mock. `login` leads
    to the citizens' login, by default the mock's. `sleep` is how the answer to a wrong secret waits.
    """

    def lead_to_mock(connection: Connection) -> httpx.AsyncBaseTransport:
        if network is not None:
            return network(connection)
        return httpx.ASGITransport(mock.test if connection.profile is Profile.SANDBOX else mock.official)

    def connect_mock(connection: Connection) -> RegistryClient:
        return open_registry(connection, transport=lead_to_mock(connection), clock=clock)

    preflight_network = PreflightNetwork(open_transport=lead_to_mock)

    async with (
        open_gateway(settings, clock=clock, open_registry=connect or connect_mock) as gateway,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(
                app := build_app(
                    gateway,
                    preflight_network=preflight_network,
                    trusted_proxies=settings.trusted_proxies,
                    login_transport=login
                    or (lambda: httpx.ASGITransport(build_login(mock, issuer=LOGIN_ISSUER))),
                    sleep=sleep,
                )
            ),
            base_url=BASE,
            event_hooks={"response": [SEEN.note]},
        ) as http,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(mock.control),
            base_url="http://control.test",
            headers={"Authorization": f"Bearer {mock.control_token}"},
        ) as control,
    ):
        with suppress(AlreadyExists):  # a test may open a store twice
            await add_organisation(gateway.deps, AGENCY, "UBND thành phố Hà Nội")
        yield Scene(
            gateway=gateway,
            app=app,
            mock=mock,
            clock=clock,
            http=http,
            control=control,
            settings=settings,
            preflight_network=preflight_network,
        )


@asynccontextmanager
async def another_worker(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Open a second gateway on the scene's store and registries; yield a client of it."""
    async with open_scene(scene.settings, scene.mock, scene.clock) as worker:
        yield worker.http
