"""The state that each act is judged against, kept apart from the gateway's own, and the network to both registries.

`World.act` does one act and judges what it brought to the registries: which packets, signed by whom, for which account,
and the audit's rows of them. A packet goes where its address says, whichever connection sent it, so that one with a wrong
address arrives there and is seen.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Awaitable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import httpx

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.audit.verify import verify_audit
from gateway.identifiers import Profile
from gateway.profiles.store import read_state
from gateway.registry.connection import Connection, Owner
from mock_c06.app import MockRegistry
from tests.attacks.evidence import trust_of
from tests.kit.clocks import HandClock
from tests.kit.operators import ACCOUNTS, Desk, Person, open_desk, operator_behind
from tests.kit.scene import ASSERTION_TYPE, Portal, Scene, make_mock, open_scene, settings_for


async def ask_about_token(asker: Portal, act: str, token: str) -> Any:
    """Introspect or revoke a token at the asker's own profile."""
    form = {"token": token}
    auth = None
    if asker.key is not None:
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": asker.assertion()}
    else:
        auth = (asker.client_id, str(asker.secret))
    return await asker.http.post(f"{asker.issuer}/oauth2/{act}", data=form, auth=auth)  # type: ignore[arg-type]  # httpx's own default is private


PORTS = {8100: Profile.SANDBOX, 8110: Profile.OFFICIAL}
"""The address at which each environment's registry listens."""

_REQUEST_CODE = re.compile(rb"MaYeuCau>([^<]+)<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet as a registry received it; `sender` is whose connection it left by."""

    door: Profile
    sender: Owner
    url: str
    user: str
    digest: str
    timestamp: str
    request_code: str

    def is_signed_with(self, secret: str) -> bool:
        """Return whether its login was made with this secret of its user."""
        made = hashlib.sha256(f"{self.url}{self.user}{self.timestamp}{secret}".encode()).hexdigest()
        return made == self.digest


class Network:
    """Both registries by their addresses, and what they received, in order."""

    def __init__(self, mock: MockRegistry) -> None:
        self.packets: list[Packet] = []
        self._doors = {
            Profile.SANDBOX: httpx.ASGITransport(mock.test),
            Profile.OFFICIAL: httpx.ASGITransport(mock.official),
        }

    def open(self, connection: Connection) -> httpx.AsyncBaseTransport:
        """Return the transport of one connection."""
        return _Line(self, connection.owner)

    async def carry(self, sender: Owner, request: httpx.Request) -> httpx.Response:
        """Deliver a packet to the registry at its address."""
        door = PORTS.get(request.url.port or 80)
        if door is None:
            raise httpx.ConnectError("nobody listens there")
        self.packets.append(_read(door, sender, request))
        return await self._doors[door].handle_async_request(request)


class _Line(httpx.AsyncBaseTransport):
    def __init__(self, network: Network, sender: Owner) -> None:
        self._network = network
        self._sender = sender

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.carry(self._sender, request)


def _read(door: Profile, sender: Owner, request: httpx.Request) -> Packet:
    login = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    user, _, digest = login.partition(":")
    code = _REQUEST_CODE.search(request.content)
    return Packet(
        door=door,
        sender=sender,
        url=str(request.url),
        user=user,
        digest=digest,
        timestamp=request.headers["timestamp"],
        request_code=code[1].decode() if code else "",
    )


T = TypeVar("T")
TOKEN_SECONDS = 200
SESSION_SECONDS = 1200


def other(profile: Profile) -> Profile:
    return Profile.OFFICIAL if profile is Profile.SANDBOX else Profile.SANDBOX


@dataclass(eq=False)
class Caller:
    """An account and its portal."""

    portal: Portal
    profile: Profile
    state: AccountState = AccountState.ACTIVE
    since: datetime | None = None


@dataclass(eq=False, frozen=True)
class Kept:
    """A confirmed verification and the request that brought it."""

    owner: Caller
    verification: str
    receipt: str
    key: str
    body: dict[str, Any]


@dataclass(frozen=True)
class AllowedPackets:
    """What an act may send: packets to one profile's registry (None: to neither), for these accounts or this change.

    `revisions` are those whose credentials a preflight may carry; `switches` says that the profile may stand elsewhere
    afterwards.
    """

    profile: Profile | None = None
    accounts: Collection[str] = ()
    change: str | None = None
    revisions: Collection[int] = ()
    switches: bool = False


NOWHERE = AllowedPackets()


@dataclass(eq=False, frozen=True)
class Proposed:
    """A change of a connection, by its credentials: `good`, `wrong secret`, or `pasted` from the other profile."""

    change: dict[str, Any]
    owner: Owner
    kind: str

    def tried(self) -> AllowedPackets:
        """Return what its preflight may send."""
        return AllowedPackets(
            profile=self.owner.profile, change=self.change["id"], revisions={self.owner.revision}
        )


@dataclass
class World:
    """One gateway on one store in front of both registries."""

    url: str
    clock: HandClock = field(default_factory=HandClock)
    secrets_of: dict[Owner, tuple[str, str]] = field(default_factory=dict)
    callers: list[Caller] = field(default_factory=list)

    async def open(self) -> None:
        """Start everything, with two operators and an account of each profile."""
        self.mock = make_mock(self.clock)
        self.network = Network(self.mock)
        self.suspended: set[Profile] = set()
        for profile, (name, _) in ACCOUNTS.items():
            account = self.mock.register.get(name)
            self.secrets_of[Owner(profile, 1)] = (account.user, account.secret)
        await self._start()
        for profile in Profile:  # the official one before there are operators; later ones come by promotion
            await self.make_caller(profile)
        desk = await open_desk(self.scene)
        self._keep_desk(desk.proposer, desk.approver)
        self.active = await self._read_active()

    async def close(self) -> None:
        """End everything; the evidence must be whole, and the registries have received only the network's packets."""
        head = await verify_audit(self.scene.gateway.deps.database, trust=await trust_of(self.scene))
        assert head.rows == len(await self.scene.audit())
        for profile, environment in ((Profile.SANDBOX, "test"), (Profile.OFFICIAL, "official")):
            met = await self.scene.journal(environment)
            assert len(met) == sum(packet.door is profile for packet in self.network.packets)
        await self._stack.aclose()

    async def restart(self) -> None:
        """Restart the gateway on the same store: whoever was signed in still is."""
        await self._stack.aclose()
        await self._start()
        people = (self.desk.proposer, self.desk.approver)
        for person in people:
            person.http = self.scene.http
        for caller in self.callers:
            caller.portal.http = self.scene.http
        self._keep_desk(*people)

    async def make_caller(self, profile: Profile) -> Caller:
        return self.know(await self.scene.portal(profile, log_in=False), profile)

    def know(self, portal: Portal, profile: Profile) -> Caller:
        self.callers.append(caller := Caller(portal=portal, profile=profile))
        return caller

    async def put_into(self, caller: Caller, state: AccountState) -> None:
        """Suspend, resume or revoke an account; with operators an official one is resumed by two people."""
        client_id = caller.portal.client_id
        desk = await self.keep_signed_in()
        if caller.profile is Profile.OFFICIAL and state is AccountState.ACTIVE:
            change = await desk.ask({"kind": "resume_account", "client_id": client_id})
            await desk.carry_out(change)
            return
        revoked = caller.profile is Profile.OFFICIAL and state is AccountState.REVOKED
        by = await operator_behind(self.scene, desk.approver) if revoked else None
        await change_state(self.scene.gateway.deps, client_id, state, by=by)

    async def refresh(self, caller: Caller) -> Portal:
        """Return a caller's portal with a token that is still valid, where it can have one."""
        now = self.clock.now()
        stale = caller.since is None or (now - caller.since).total_seconds() > TOKEN_SECONDS
        if stale and caller.state is AccountState.ACTIVE:
            await caller.portal.log_in()
            caller.since = now
        return caller.portal

    async def keep_signed_in(self) -> Desk:
        """Return the desk, its people signed in for long enough."""
        if (self.clock.now() - self._signed_in).total_seconds() > SESSION_SECONDS:
            self._keep_desk(await self.desk.proposer.sign_in(), await self.desk.approver.sign_in())
        return self.desk

    def register_at_desk(self, profile: Profile) -> tuple[str, str]:
        """Let the registry issue one more account in a profile's environment; return user and secret."""
        name = secrets.token_hex(4)
        user, secret = f"dvctt_{name}", secrets.token_urlsafe(24)
        template = self.mock.register.get(ACCOUNTS[profile][0])
        self.mock.register.put(replace(template, name=name, user=user, secret=secret))
        return user, secret

    def may_ask(self, caller: Caller) -> bool:
        """Return whether a caller's own questions reach its registry now."""
        return caller.state is AccountState.ACTIVE and caller.profile not in self.suspended

    def reach_of(self, caller: Caller) -> AllowedPackets:
        """Return what a caller's question at its own profile may send."""
        if not self.may_ask(caller):
            return NOWHERE
        return AllowedPackets(profile=caller.profile, accounts={caller.portal.client_id})

    async def act(self, work: Awaitable[T], allowed: AllowedPackets) -> T:
        """Do one thing, and judge what it sent."""
        packets, rows = len(self.network.packets), len(await self.scene.audit())
        before = self.active
        result = await work
        self.active = await self._read_active()
        for profile in Profile:
            if not (allowed.switches and profile is allowed.profile):
                assert self.active[profile] == before[profile], f"{profile} was switched by another act"
        served = {before[profile] for profile in Profile} | {self.active[profile] for profile in Profile}
        new = (await self.scene.audit())[rows:]
        self._judge(self.network.packets[packets:], new, allowed, served)
        return result

    def _judge(
        self,
        packets: Sequence[Packet],
        rows: Sequence[dict[str, Any]],
        allowed: AllowedPackets,
        served: Collection[Owner],
    ) -> None:
        intended = {row["request_code"]: row for row in rows if row["kind"] == "intended"}
        codes = [packet.request_code for packet in packets]
        assert len(set(codes)) == len(codes), "a request code went out twice"
        for packet in packets:
            assert packet.door is packet.sender.profile is allowed.profile, (
                "a packet went to the other profile"
            )
            user, secret = self.secrets_of[packet.sender]
            assert packet.user == user, "another revision's credential"
            assert packet.is_signed_with(secret), "another revision's secret"
            row = intended[packet.request_code]
            assert row["profile"] == packet.door.value
            if row["origin"] == "preflight":
                assert row["act"] == allowed.change
                assert packet.sender.revision in allowed.revisions
            else:
                assert row["client_id"] in allowed.accounts, "caused by nobody of this profile"
                assert packet.sender in served, "neither the revision of then nor of now"

    async def _start(self) -> None:
        self._stack = AsyncExitStack()
        scene = open_scene(
            settings_for(self.url, self.mock), self.mock, self.clock, network=self.network.open
        )
        self.scene: Scene = await self._stack.enter_async_context(scene)

    def _keep_desk(self, proposer: Person, approver: Person) -> None:
        self.desk = Desk(scene=self.scene, proposer=proposer, approver=approver)
        self._signed_in = self.clock.now()

    async def _read_active(self) -> dict[Profile, Owner]:
        async with self.scene.gateway.deps.database.read() as transaction:
            found = {profile: await read_state(transaction, profile) for profile in Profile}
        return {profile: Owner(profile, state.active or 0) for profile, state in found.items()}
