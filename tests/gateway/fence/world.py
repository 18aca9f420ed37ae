"""Who is there and what they were told: the state that the fence is judged against, kept apart from the gateway's own.

`act` does one thing and judges what it brought to the registries: which packets, signed by whom, for which account,
and which rows stand for them.
"""

import secrets
from collections.abc import Awaitable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from joserfc.jwk import ECKey

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.audit.use_cases import verify_audit
from gateway.operators.model import Role
from gateway.places import Profile
from gateway.profiles.store import read_standing
from gateway.registry.connection import Owner
from mock_c06.app import MockRegistry, build_mock
from mock_c06.settings import Settings as MockSettings
from tests.gateway.changes.desk import ACCOUNTS, Desk
from tests.gateway.fence.network import Network, Packet
from tests.gateway.operators.people import Person, operator_behind, signed_in
from tests.gateway.scene import HandClock, Portal, Scene, open_scene, settings_for

T = TypeVar("T")
TOKEN_SECONDS = 200
SESSION_SECONDS = 1200


def other(profile: Profile) -> Profile:
    """Return the profile on the other side."""
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
class Reach:
    """What an act may bring: packets to one profile's registry (None: to neither), for these accounts or this change.

    `revisions` are those whose credentials a preflight may carry; `switches` says that the profile may stand elsewhere
    afterwards.
    """

    profile: Profile | None = None
    accounts: Collection[str] = ()
    change: str | None = None
    revisions: Collection[int] = ()
    switches: bool = False


NOWHERE = Reach()


@dataclass(eq=False, frozen=True)
class Proposed:
    """A change of a connection, and what it is made of: `good`, `wrong secret`, or `pasted` from the other profile."""

    change: dict[str, Any]
    owner: Owner
    kind: str

    def tried(self) -> Reach:
        """Return what its preflight may bring."""
        return Reach(profile=self.owner.profile, change=self.change["id"], revisions={self.owner.revision})


@dataclass
class World:
    """One gateway on one store in front of both registries."""

    url: str
    clock: HandClock = field(default_factory=HandClock)
    secrets_of: dict[Owner, tuple[str, str]] = field(default_factory=dict)
    callers: list[Caller] = field(default_factory=list)

    async def open(self) -> None:
        """Start everything, with two operators and an account of each profile."""
        settings = MockSettings.model_validate({"control_token": "control-token-of-this-test"})
        self.mock: MockRegistry = build_mock(settings, clock=self.clock)
        self.network = Network(self.mock)
        self.suspended: set[Profile] = set()
        for profile, (name, _) in ACCOUNTS.items():
            account = self.mock.register.get(name)
            self.secrets_of[Owner(profile, 1)] = (account.user, account.secret)
        await self._start()
        for profile in Profile:  # the official one before there are operators; later ones come by promotion
            await self.make_caller(profile)
        self._keep_desk(
            await signed_in(self.scene, "phuong.de", Role.PROPOSER),
            await signed_in(self.scene, "dung.duyet", Role.APPROVER),
        )
        self.standing = await self._read_standings()

    async def close(self) -> None:
        """End everything; the evidence must be whole, and the registries have met nobody but the network's packets."""
        head = await verify_audit(self.scene.gateway.parts.database)
        assert head.rows == len(await self.scene.audit())
        for profile, environment in ((Profile.SANDBOX, "test"), (Profile.OFFICIAL, "official")):
            met = await self.scene.journal(environment)
            assert len(met) == sum(packet.door is profile for packet in self.network.packets)
        await self._stack.aclose()

    async def restart(self) -> None:
        """End the gateway and start it anew on the same store: whoever was signed in still is."""
        await self._stack.aclose()
        await self._start()
        people = (self.desk.proposer, self.desk.approver)
        for person in people:
            person.http = self.scene.http
        for caller in self.callers:
            caller.portal.http = self.scene.http
        self._keep_desk(*people)

    async def make_caller(self, profile: Profile) -> Caller:
        """Make an account with a portal."""
        return self.know(await self.scene.portal(profile, log_in=False), profile)

    def know(self, portal: Portal, profile: Profile) -> Caller:
        """Remember an account."""
        self.callers.append(caller := Caller(portal=portal, profile=profile))
        return caller

    async def put_into(self, caller: Caller, state: AccountState) -> None:
        """Suspend, resume or revoke an account; with operators an official one is resumed by two people."""
        client_id = caller.portal.client_id
        desk = await self.keep_signed_in()
        if caller.profile is Profile.OFFICIAL and state is AccountState.ACTIVE:
            change = await desk.ask({"kind": "resume_account", "client_id": client_id})
            await desk.preflight(change)
            desk.done(await desk.approve(change))
            desk.done(await desk.act(desk.approver, change, "activate"))
            return
        revoked = caller.profile is Profile.OFFICIAL and state is AccountState.REVOKED
        by = await operator_behind(self.scene, desk.approver) if revoked else None
        await change_state(self.scene.gateway.parts, client_id, state, by=by)

    async def refresh(self, caller: Caller) -> Portal:
        """Return a caller's portal with a token that is still good, where it can have one."""
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
        """Say whether a caller's own questions reach its registry now."""
        return caller.state is AccountState.ACTIVE and caller.profile not in self.suspended

    def reach_of(self, caller: Caller) -> Reach:
        """Return what a caller's question at its own place may bring."""
        if not self.may_ask(caller):
            return NOWHERE
        return Reach(profile=caller.profile, accounts={caller.portal.client_id})

    async def act(self, work: Awaitable[T], reach: Reach) -> T:
        """Do one thing, and judge what it brought."""
        packets, rows = len(self.network.packets), len(await self.scene.audit())
        before = self.standing
        result = await work
        self.standing = await self._read_standings()
        for profile in Profile:
            if not (reach.switches and profile is reach.profile):
                assert self.standing[profile] == before[profile], f"{profile} was switched by another act"
        served = {before[profile] for profile in Profile} | {self.standing[profile] for profile in Profile}
        new = (await self.scene.audit())[rows:]
        self._judge(self.network.packets[packets:], new, reach, served)
        return result

    def _judge(
        self,
        packets: Sequence[Packet],
        rows: Sequence[dict[str, Any]],
        reach: Reach,
        served: Collection[Owner],
    ) -> None:
        intended = {row["request_code"]: row for row in rows if row["kind"] == "intended"}
        codes = [packet.request_code for packet in packets]
        assert len(set(codes)) == len(codes), "a request code went out twice"
        for packet in packets:
            assert packet.door is packet.sender.profile is reach.profile, "a packet crossed the fence"
            user, secret = self.secrets_of[packet.sender]
            assert packet.user == user, "another revision's credential"
            assert packet.is_signed_with(secret), "another revision's secret"
            row = intended[packet.request_code]
            assert row["profile"] == packet.door.value
            if row["origin"] == "preflight":
                assert row["act"] == reach.change
                assert packet.sender.revision in reach.revisions
            else:
                assert row["client_id"] in reach.accounts, "caused by nobody of this profile"
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

    async def _read_standings(self) -> dict[Profile, Owner]:
        async with self.scene.gateway.parts.database.read() as transaction:
            found = {profile: await read_standing(transaction, profile) for profile in Profile}
        return {profile: Owner(profile, standing.active or 0) for profile, standing in found.items()}


def new_key() -> ECKey:
    """Return a portal's own key."""
    return ECKey.generate_key("P-256")
