"""Two operators in front of a gateway that runs as a program: enrolled by its commands, calling `/ops/v1`.

Their clock is the machine's, so each signs in once: a code works once in 30 s.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.clock import SystemClock
from gateway.operators.totp import code_at, step_of
from tests.mock_c06.programs import Served
from tests.sockets.programs import Place, Running, control_headers

PASSWORD = "ba con voi di choi"
PROPOSER, APPROVER, ADMIN = "phuong.de", "dung.duyet", "quan.tri"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """Enrolled operators' authenticators, by name."""

    secrets: Mapping[str, bytes] = field(repr=False)

    def sign_in(self, running: Running, name: str) -> str:
        """Return a session's token."""
        code = code_at(self.secrets[name], step_of(SystemClock().now()))
        body = {"name": name, "password": PASSWORD, "totp": code}
        answer = httpx.post(f"{running.address}/ops/v1/sessions", json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])


def enrol_operators(place: Place) -> Operators:
    """Make the first admin, who makes a proposer and an approver."""
    secrets = {ADMIN: _enrol(place, ADMIN, "admin", "--bootstrap")}
    code = code_at(secrets[ADMIN], step_of(SystemClock().now()))
    place.run("login", ADMIN, stdin=f"{PASSWORD}\n{code}\n")
    secrets[PROPOSER] = _enrol(place, PROPOSER, "proposer")
    secrets[APPROVER] = _enrol(place, APPROVER, "approver")
    return Operators(secrets=secrets)


def _enrol(place: Place, name: str, role: str, *more: str) -> bytes:
    made = place.run("operators", "create", name, "--role", role, *more)
    done = place.run("operators", "enrol", name, stdin=f"{made['one_time_code']}\n{PASSWORD}\n")
    secret: str = done["totp_secret"]
    return base64.b32decode(secret + "=" * (-len(secret) % 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A proposer and an approver, signed in at a running gateway; `tokens` outlive its restarts."""

    address: str
    tokens: Mapping[str, str] = field(repr=False)

    def call(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Call `/ops/v1` as one of them."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        return httpx.request(
            method, f"{self.address}/ops/v1{path}", json=body, headers=headers, timeout=60, trust_env=False
        )

    def ask(self, name: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call what must succeed, and return its body."""
        answer = self.call(name, method, path, body)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def propose(self, profile: str, revision: Mapping[str, Any]) -> dict[str, Any]:
        """Propose a revision."""
        body = {"kind": "activate_revision", "profile": profile, "revision": dict(revision)}
        return self.ask(PROPOSER, "POST", "/changes", body)

    def preflight(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Run the preflight."""
        return self.ask(PROPOSER, "POST", f"/changes/{change['id']}/preflight")

    def approve(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Approve the diff that stands now."""
        seen = self.look(change)
        body = {"diff_hash": seen["diff_hash"]}
        return self.ask(APPROVER, "POST", f"/changes/{change['id']}/approve", body)

    def activate(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Let it happen."""
        return self.ask(APPROVER, "POST", f"/changes/{change['id']}/activate")

    def ready(self, profile: str, revision: Mapping[str, Any]) -> dict[str, Any]:
        """Return a change that was preflighted and approved."""
        change = self.propose(profile, revision)
        found = self.preflight(change)
        assert found["passed"], json.dumps([check for check in found["checks"] if not check["passed"]])
        return self.approve(change)

    def look(self, change: Mapping[str, Any]) -> dict[str, Any]:
        """Return a change as it is now."""
        return self.ask(PROPOSER, "GET", f"/changes/{change['id']}")

    def profile(self, name: str) -> dict[str, Any]:
        """Return a profile as it stands."""
        found = self.ask(PROPOSER, "GET", "/profiles")["profiles"]
        return next(profile for profile in found if profile["profile"] == name)


def sign_in(operators: Operators, running: Running) -> Desk:
    """Sign proposer and approver in."""
    tokens = {name: operators.sign_in(running, name) for name in (PROPOSER, APPROVER)}
    return Desk(address=running.address, tokens=tokens)


def issue_account(mock: Served, name: str, environment: str = "test") -> dict[str, str]:
    """Let the mock's desk issue one more account; return it with its secrets."""
    body = {"name": name, "environment": environment}
    answer = httpx.post(f"{mock.control}/accounts", json=body, headers=control_headers(mock))
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def revision_of(account: Mapping[str, str], url: str, **members: Any) -> dict[str, Any]:
    """Return the members of a revision for an account of the mock."""
    return {
        "registry_url": url,
        "c06_user": account["user"],
        "c06_secret": account["secret"],
        "agency": account["agency"],
        "officer": "dvctt.dichvu",
    } | members
