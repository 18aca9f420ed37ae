"""The operators of a gateway in this process: enrolled by the use cases, signed in over HTTP or by a browser; two of them
decide about changes.

Their passwords are hashed with a low cost. The hash contains its cost, so the application verifies these
cheaply too; a name of no operator takes the full cost.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
from lxml import html

from gateway.audit.model import LOCAL
from gateway.identifiers import Profile
from gateway.operators.credentials import STEP_S, Cost, Passwords, code_at, parse_new_password, step_of
from gateway.operators.model import Operator, Role, operator_entry, parse_name
from gateway.operators.sessions import identify
from gateway.operators.use_cases import admit_operator, create_operator, disable_operator, enrol
from gateway.profiles.model import Gateway
from tests.kit.answers_seen import SEEN
from tests.kit.clocks import HandClock
from tests.kit.scene import BASE, Scene, revision_of

PASSWORD = "ba con voi di choi"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
SESSIONS = "/ops/v1/sessions"


@dataclass
class Person:
    """An enrolled operator and their authenticator."""

    http: httpx.AsyncClient
    clock: HandClock
    name: str
    secret: bytes = field(repr=False)
    token: str = field(default="", repr=False)

    def code(self) -> str:
        return code_at(self.secret, step_of(self.clock.now()))

    def next_code(self) -> str:
        """Wait for the authenticator's next code: each code works once."""
        self.clock.advance(STEP_S)
        return self.code()

    async def try_in(self, **members: Any) -> httpx.Response:
        """`POST /ops/v1/sessions` with the right values, unless given otherwise."""
        body = {"name": self.name, "password": PASSWORD, "totp": self.code()} | members
        return await self.http.post(SESSIONS, json=body)

    async def sign_in(self) -> "Person":
        """Sign in and keep the token; return the person itself."""
        answer = await self.try_in(totp=self.next_code())
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        return self

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Call `/ops/v1` with the stored token."""
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return await self.http.request(method, f"/ops/v1{path}", json=body, headers=headers)


async def invite(gateway: Gateway, name: str, role: Role, *, by: str = LOCAL) -> str:
    """Invite an operator without any check, and return the one-time code."""

    async def decide(transaction: Any) -> tuple[list[Any], str]:
        code = await admit_operator(transaction, gateway, parse_name(name), role, by=by)
        return [operator_entry(gateway.deps, f"operator_admitted:{name}", actor=by)], code

    return await gateway.deps.audit.commit(decide)


async def enrolled(gateway: Gateway, name: str, role: Role) -> bytes:
    """Make an active operator, and return the TOTP secret."""
    return await _enrol(gateway, name, await invite(gateway, name, role))


async def _enrol(gateway: Gateway, name: str, code: str) -> bytes:
    with ThreadPoolExecutor(1) as executor:
        password = parse_new_password(PASSWORD, name=name)
        passwords = Passwords(executor, cost=CHEAP)
        secret = await enrol(gateway, passwords, parse_name(name), code=code, password=password)
    return base64.b32decode(secret)


async def signed_in(scene: Scene, name: str, role: Role) -> Person:
    """Make an operator and sign them in over HTTP."""
    return await take_up(scene, name, await invite(scene.gateway, name, role))


async def take_up(scene: Scene, name: str, code: str) -> Person:
    """Enrol with a one-time code and sign in."""
    secret = await _enrol(scene.gateway, name, code)
    return await Person(http=scene.http, clock=scene.clock, name=name, secret=secret).sign_in()


async def operator_behind(scene: Scene, person: Person) -> Operator:
    """Return the operator of a person's session."""
    return await identify(scene.gateway, person.token)


ACCOUNTS = {Profile.SANDBOX: ("dvctt-hanoi", 8100), Profile.OFFICIAL: ("dvctt-hanoi-official", 8110)}


@dataclass(frozen=True)
class Desk:
    """A proposer and an approver at one gateway."""

    scene: Scene
    proposer: Person
    approver: Person

    def revision(self, profile: Profile, **members: Any) -> dict[str, Any]:
        """Return a revision that works at the mock, unless given otherwise; None leaves a member out."""
        name, port = ACCOUNTS[profile]
        account = asdict(self.scene.mock.register.get(name))
        whole = revision_of(account, f"http://127.0.0.1:{port}", deadline_ms=4000) | members
        return {member: value for member, value in whole.items() if value is not None}

    async def try_to_propose(self, profile: Profile, **members: Any) -> httpx.Response:
        """`POST /changes` of a revision by the proposer."""
        body = {
            "kind": "activate_revision",
            "profile": profile.value,
            "revision": self.revision(profile, **members),
        }
        return await self.proposer.call("POST", "/changes", body)

    async def propose(self, profile: Profile = Profile.SANDBOX, **members: Any) -> dict[str, Any]:
        """Propose a revision that must be accepted."""
        return self.done(await self.try_to_propose(profile, **members), 201)

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Propose any change that must be accepted."""
        return self.done(await self.proposer.call("POST", "/changes", body), 201)

    async def act(self, who: Person, change: dict[str, Any], act: str, body: Any = None) -> httpx.Response:
        return await who.call("POST", f"/changes/{change['id']}/{act}", body)

    async def preflight(self, change: dict[str, Any]) -> dict[str, Any]:
        """Run the preflight as the proposer."""
        return self.done(await self.act(self.proposer, change, "preflight"))

    async def approve(self, change: dict[str, Any]) -> httpx.Response:
        """Approve the change's current state as the approver."""
        seen = await self.look(change)
        return await self.act(self.approver, change, "approve", {"diff_hash": seen["diff_hash"]})

    async def ready(self, profile: Profile, **members: Any) -> dict[str, Any]:
        """Return a change that was preflighted and approved."""
        change = await self.propose(profile, **members)
        found = await self.preflight(change)
        assert found["passed"], [check for check in found["checks"] if not check["passed"]]
        return self.done(await self.approve(change))

    async def switched(self, profile: Profile, **members: Any) -> dict[str, Any]:
        """Return a change that was activated."""
        return await self.carry_out(await self.propose(profile, **members))

    async def carry_out(self, change: dict[str, Any]) -> dict[str, Any]:
        """Preflight, approve and activate a change; return it, with the secrets that are shown once."""
        await self.preflight(change)
        self.done(await self.approve(change))
        return self.done(await self.act(self.approver, change, "activate"))

    async def look(self, change: dict[str, Any]) -> dict[str, Any]:
        return self.done(await self.proposer.call("GET", f"/changes/{change['id']}"))

    def done(self, answer: httpx.Response, status: int = 200) -> dict[str, Any]:
        """Return the body of an answer that must be a success."""
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def open_desk(scene: Scene) -> Desk:
    """Sign a proposer and an approver in; make official accounts before, later ones need a promotion."""
    return Desk(
        scene=scene,
        proposer=await signed_in(scene, "phuong.de", Role.PROPOSER),
        approver=await signed_in(scene, "dung.duyet", Role.APPROVER),
    )


@dataclass(frozen=True)
class Office:
    """Lan, an admin, who made Minh, a proposer, and Hoa, an approver, as the contract allows."""

    scene: Scene
    lan: Person
    minh: Person
    hoa: Person

    @property
    def desk(self) -> Desk:
        return Desk(scene=self.scene, proposer=self.minh, approver=self.hoa)

    async def create(self, name: str, role: Role) -> str:
        """Let Lan invite an operator alone, and return the one-time code."""
        return await invited_by(self.scene, self.lan, name, role)

    async def disable(self, person: Person) -> None:
        name = parse_name(person.name)
        await disable_operator(self.scene.gateway, name, by=await operator_behind(self.scene, self.lan))

    async def carry_out(
        self, body: dict[str, Any], proposer: Person | None = None, approver: Person | None = None
    ) -> dict[str, Any]:
        """Propose, preflight, approve and activate by two people; return the change, with the secrets
        that are shown once.
        """
        desk = Desk(scene=self.scene, proposer=proposer or self.minh, approver=approver or self.hoa)
        return await desk.carry_out(await desk.ask(body))

    async def admit(self, name: str, role: Role, **people: Person) -> Person:
        """Admit an operator by a change, of Minh and Hoa unless given otherwise, and sign them in."""
        done = await self.carry_out({"kind": "operator", "name": name, "role": role.value}, **people)
        return await take_up(self.scene, name, done["shown_once"]["one_time_code"])

    async def give_role(self, name: str, role: Role, **people: Person) -> None:
        """Give an operator another role by a change."""
        await self.carry_out({"kind": "operator", "name": name, "role": role.value}, **people)

    async def operator(self, person: Person) -> Operator:
        return await operator_behind(self.scene, person)


async def open_office(scene: Scene) -> Office:
    """Set up an instance as `docs/deploy.md` says."""
    lan = await signed_in(scene, "lan.nguyen", Role.ADMIN)
    codes = {
        name: await invited_by(scene, lan, name, role)
        for name, role in (("minh.tran", Role.PROPOSER), ("hoa.le", Role.APPROVER))
    }
    minh, hoa = [await take_up(scene, name, code) for name, code in codes.items()]
    return Office(scene=scene, lan=lan, minh=minh, hoa=hoa)


async def invited_by(scene: Scene, admin: Person, name: str, role: Role) -> str:
    """Let an admin invite an operator alone, and return the one-time code."""
    return await create_operator(
        scene.gateway,
        parse_name(name),
        role,
        by=await operator_behind(scene, admin),
    )


ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass
class Browser:
    """A browser without JavaScript at the gateway's pages: keeps cookies, follows redirects, fills the sign-in."""

    http: httpx.AsyncClient

    async def open(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def sign_in(self, person: Person, **fields: str) -> httpx.Response:
        """Fill the form of `/console/login` with the right values, unless given otherwise."""
        page = await self.http.get("/console/login")
        return await self.send(
            page, {"name": person.name, "password": PASSWORD, "totp": person.next_code()} | fields
        )

    async def send(self, page: httpx.Response, fields: Mapping[str, str]) -> httpx.Response:
        """Send the only form of a page with these fields."""
        form = html.fromstring(page.content).forms[0]
        values = {name: str(value or "") for name, value in form.form_values()} | dict(fields)
        return await self.http.post(form.get("action", ""), data=values)


@asynccontextmanager
async def open_browser(scene: Scene, *, base: str = BASE) -> AsyncIterator[Browser]:
    members: dict[str, Any] = {"event_hooks": {"response": [SEEN.note]}}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(scene.app), base_url=base, follow_redirects=True, headers={"Accept": ACCEPT},
        **members,
    ) as http:  # fmt: skip
        yield Browser(http=http)
