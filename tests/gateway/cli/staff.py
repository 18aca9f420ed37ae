"""The people who run a gateway from its host: each with a role and a sign-in of their own, and what they write down."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gateway.operators.totp import code_at, step_of
from tests.gateway.cli.commands import Commands, Done
from tests.mock_c06.programs import Served
from tests.sockets.programs import find_account

PASSWORD = "ba con voi di choi"
ACCOUNTS = {"sandbox": "dvctt-hanoi", "official": "dvctt-hanoi-official"}


def totp(secret: str) -> str:
    """Return what an authenticator shows now."""
    return code_at(base64.b32decode(secret), step_of(datetime.now(UTC)))  # noqa: TID251 - the program's own clock


def sign_in(gateway: Commands, name: str, code: str) -> Done:
    """Enrol with a one-time code, and sign in."""
    enrolled = gateway("operators", "enrol", name, "--json", stdin=f"{code}\n{PASSWORD}\n").json()
    return gateway("login", name, "--json", stdin=f"{PASSWORD}\n{totp(enrolled['totp_secret'])}\n")


@dataclass(frozen=True, slots=True)
class Person:
    """An operator who is signed in; calling one runs a command as them."""

    gateway: Commands
    settings: Mapping[str, str]
    token: str = field(repr=False)

    def __call__(self, *arguments: str, stdin: str | bytes = "", **environment: str) -> Done:
        """Run one command as this person."""
        settings = {"GATEWAY_OPERATOR_TOKEN": self.token, **self.settings}
        return self.gateway(*arguments, stdin=stdin, **settings | environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """An admin, a proposer and an approver in front of one store, beside a mock of both registries."""

    gateway: Commands
    mock: Served
    admin: Person
    proposer: Person
    approver: Person

    def at(self, gateway: Commands) -> "Staff":
        """Return the same people in front of a copy of their store."""
        people = {
            name: replace(getattr(self, name), gateway=gateway) for name in ("admin", "proposer", "approver")
        }
        return replace(self, gateway=gateway, **people)

    def members(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Return a revision that works at the mock, unless told otherwise; None leaves a member out."""
        account = find_account(self.mock, ACCOUNTS[profile])
        whole = {
            "registry_url": self.mock.test if profile == "sandbox" else self.mock.official,
            "c06_user": account["user"],
            "c06_secret": account["secret"],
            "agency": account["agency"],
            "officer": "dvctt.dichvu",
        } | changed
        return {name: value for name, value in whole.items() if value is not None}

    def write(self, profile: str, **changed: Any) -> str:
        """Write a revision's file and return its name."""
        text = json.dumps(self.members(profile, **changed))
        (self.gateway.folder / f"{profile}.json").write_text(text, encoding="utf-8")
        return f"{profile}.json"

    def propose(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Propose a revision that must be taken."""
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
        """Approve a diff by the approver."""
        found: dict[str, Any] = self.approver(
            "profiles", "approve", change, "--diff-hash", diff_hash, "--json"
        ).json()
        return found

    def switched(self, profile: str, **changed: Any) -> dict[str, Any]:
        """Return a change that happened."""
        change = self.ready(profile, **changed)
        found: dict[str, Any] = self.approver("profiles", "activate", change["id"], "--json").json()
        return found


def hire(gateway: Commands, mock: Served) -> Staff:
    """Make an admin, a proposer and an approver, and sign each in."""
    settings = {"GATEWAY_SANDBOX_NETWORKS": "127.0.0.0/8", "GATEWAY_OFFICIAL_NETWORKS": "127.0.0.0/8"}
    create = ("operators", "create")
    first = gateway(*create, "lan.nguyen", "--role", "admin", "--bootstrap", "--json").json()
    admin = Person(gateway, settings, sign_in(gateway, "lan.nguyen", first["one_time_code"]).json()["token"])
    people = []
    for name, role in (("minh.tran", "proposer"), ("hoa.le", "approver")):
        code = admin(*create, name, "--role", role, "--json").json()["one_time_code"]
        people.append(Person(gateway, settings, sign_in(gateway, name, code).json()["token"]))
    return Staff(gateway=gateway, mock=mock, admin=admin, proposer=people[0], approver=people[1])
