"""The operators of a gateway that runs as a program: `Staff` types its commands, `OpsClient` calls `/ops/v1`.

They use the machine's clock. A TOTP code works once in 30 s, so each of them signs in once.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from gateway.operators.credentials import code_at, step_of
from tests.kit.commands import Commands, Done
from tests.kit.operators import PASSWORD
from tests.kit.programs import Place, Running, Served, control_headers, find_account
from tests.kit.scene import revision_of

ACCOUNTS = {"sandbox": "dvctt-hanoi", "official": "dvctt-hanoi-official"}


def totp(secret: str) -> str:
    return code_at(base64.b32decode(secret), step_of(datetime.now(UTC)))  # noqa: TID251 - the program's own clock


def sign_in(gateway: Commands, name: str, code: str) -> Done:
    """Enrol with a one-time code, and sign in."""
    enrolled = gateway("operators", "enrol", name, "--json", stdin=f"{code}\n{PASSWORD}\n").json()
    return gateway("login", name, "--json", stdin=f"{PASSWORD}\n{totp(enrolled['totp_secret'])}\n")


@dataclass(frozen=True, slots=True)
class StaffMember:
    """An operator who is signed in; a call runs a command as this operator."""

    gateway: Commands
    settings: Mapping[str, str]
    token: str = field(repr=False)

    def __call__(self, *arguments: str, stdin: str | bytes = "", **environment: str) -> Done:
        """Run one command as this person."""
        settings = {"GATEWAY_OPERATOR_TOKEN": self.token, **self.settings}
        return self.gateway(*arguments, stdin=stdin, **settings | environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """An admin, a proposer and an approver of one store, with a mock of both registries."""

    gateway: Commands
    mock: Served
    admin: StaffMember
    proposer: StaffMember
    approver: StaffMember

    def at(self, gateway: Commands) -> "Staff":
        """Return the same people with a copy of their store."""
        people = {
            name: replace(getattr(self, name), gateway=gateway) for name in ("admin", "proposer", "approver")
        }
        return replace(self, gateway=gateway, **people)

    def members(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Return a revision that works at the mock, unless given otherwise; None leaves a member out."""
        url = self.mock.test if profile == "sandbox" else self.mock.official
        whole = revision_of(find_account(self.mock, ACCOUNTS[profile]), url, **changed)
        return {name: value for name, value in whole.items() if value is not None}

    def write(self, profile: str, **changed: Any) -> str:
        """Write a revision's file and return its name."""
        text = json.dumps(self.members(profile, **changed))
        (self.gateway.folder / f"{profile}.json").write_text(text, encoding="utf-8")
        return f"{profile}.json"

    def propose(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Propose a revision; it must be accepted."""
        file = self.write(profile, **changed)
        proposed = self.proposer("profiles", "propose", profile, "--file", file, "--json")
        found: dict[str, Any] = proposed.json()
        return found

    def ready(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Return a change that passed its preflight and was approved."""
        change = self.propose(profile, **changed)
        seen = self.proposer("profiles", "preflight", change["id"], "--json").json()
        assert seen["passed"], [check for check in seen["checks"] if not check["passed"]]
        return self.approve(change["id"], seen["diff_hash"])

    def approve(self, change: str, diff_hash: str) -> dict[str, Any]:
        """Approve a diff as the approver."""
        found: dict[str, Any] = self.approver(
            "profiles", "approve", change, "--diff-hash", diff_hash, "--json"
        ).json()
        return found

    def switched(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Return a change that was activated."""
        change = self.ready(profile, **changed)
        found: dict[str, Any] = self.approver("profiles", "activate", change["id"], "--json").json()
        return found


def hire(gateway: Commands, mock: Served) -> Staff:
    """Make an admin, a proposer and an approver, and sign each in."""
    settings = {"GATEWAY_SANDBOX_NETWORKS": "127.0.0.0/8", "GATEWAY_OFFICIAL_NETWORKS": "127.0.0.0/8"}
    create = ("operators", "create")
    first = gateway(*create, "lan.nguyen", "--role", "admin", "--bootstrap", "--json").json()
    admin = StaffMember(
        gateway, settings, sign_in(gateway, "lan.nguyen", first["one_time_code"]).json()["token"]
    )
    people = []
    for name, role in (("minh.tran", "proposer"), ("hoa.le", "approver")):
        code = admin(*create, name, "--role", role, "--json").json()["one_time_code"]
        people.append(StaffMember(gateway, settings, sign_in(gateway, name, code).json()["token"]))
    return Staff(gateway=gateway, mock=mock, admin=admin, proposer=people[0], approver=people[1])


PROPOSER, APPROVER, ADMIN = "phuong.de", "dung.duyet", "quan.tri"


def enrol_operators(place: Place) -> dict[str, str]:
    """Make the first admin, who makes a proposer and an approver; return their TOTP secrets."""
    secrets = {ADMIN: _enrol(place, ADMIN, "admin", "--bootstrap")}
    place.run("login", ADMIN, stdin=f"{PASSWORD}\n{totp(secrets[ADMIN])}\n")
    return secrets | {
        PROPOSER: _enrol(place, PROPOSER, "proposer"),
        APPROVER: _enrol(place, APPROVER, "approver"),
    }


def _enrol(place: Place, name: str, role: str, *more: str) -> str:
    made = place.run("operators", "create", name, "--role", role, *more)
    done = place.run("operators", "enrol", name, stdin=f"{made['one_time_code']}\n{PASSWORD}\n")
    return str(done["totp_secret"])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsClient:
    """A proposer and an approver, signed in at a running gateway; `tokens` remain valid after its restarts."""

    address: str
    tokens: Mapping[str, str] = field(repr=False)

    def call(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Call `/ops/v1` as one of them."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        return httpx.request(
            method, f"{self.address}/ops/v1{path}", json=body, headers=headers, timeout=60, trust_env=False
        )

    def ask(self, name: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a call that must succeed, and return its body."""
        answer = self.call(name, method, path, body)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def propose(self, profile: str, revision: Mapping[str, Any]) -> dict[str, Any]:
        """Propose a revision."""
        body = {"kind": "activate_revision", "profile": profile, "revision": dict(revision)}
        return self.ask(PROPOSER, "POST", "/changes", body)

    def preflight(self, change: Mapping[str, Any]) -> dict[str, Any]:
        return self.ask(PROPOSER, "POST", f"/changes/{change['id']}/preflight")

    def approve(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Approve the current diff."""
        seen = self.look(change)
        body = {"diff_hash": seen["diff_hash"]}
        return self.ask(APPROVER, "POST", f"/changes/{change['id']}/approve", body)

    def activate(self, change: Mapping[str, Any]) -> dict[str, Any]:
        return self.ask(APPROVER, "POST", f"/changes/{change['id']}/activate")

    def ready(self, profile: str, revision: Mapping[str, Any]) -> dict[str, Any]:
        """Return a change that was preflighted and approved."""
        change = self.propose(profile, revision)
        found = self.preflight(change)
        assert found["passed"], json.dumps([check for check in found["checks"] if not check["passed"]])
        return self.approve(change)

    def look(self, change: Mapping[str, Any]) -> dict[str, Any]:
        return self.ask(PROPOSER, "GET", f"/changes/{change['id']}")

    def profile(self, name: str) -> dict[str, Any]:
        found = self.ask(PROPOSER, "GET", "/profiles")["profiles"]
        return next(profile for profile in found if profile["profile"] == name)


def sign_in_operators(secrets: Mapping[str, str], running: Running) -> OpsClient:
    """Sign proposer and approver in."""
    tokens = {}
    for name in (PROPOSER, APPROVER):
        body = {"name": name, "password": PASSWORD, "totp": totp(secrets[name])}
        answer = httpx.post(f"{running.address}/ops/v1/sessions", json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        tokens[name] = str(answer.json()["token"])
    return OpsClient(address=running.address, tokens=tokens)


def issue_account(mock: Served, name: str) -> dict[str, str]:
    """Let the mock's desk issue one more test account; return it with its secrets."""
    body = {"name": name, "environment": "test"}
    answer = httpx.post(f"{mock.control}/accounts", json=body, headers=control_headers(mock))
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found
