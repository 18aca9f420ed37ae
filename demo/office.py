"""The operators of the demo: an admin, a proposer and an approver, each with a password and an authenticator.

The same commands that a person types create them, and they act over `/ops/v1`. Secrets go by stdin, a token by the
environment, never by argv.
"""

import base64
import hashlib
import hmac
import json
import secrets
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from demo.processes import Programs

ADMIN, PROPOSER, APPROVER = "quan.tri", "phuong.de", "dung.duyet"


class ActRefused(Exception):
    """An act of an operator was refused: status and code."""

    def __init__(self, status: int, members: dict[str, Any]) -> None:
        super().__init__(f"{status} {members.get('code', '')}".strip())
        self.code = members.get("code", "")
        self.members = members


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The session tokens of the operators, and their acts."""

    gateway: str
    proposer: str = field(repr=False)
    approver: str = field(repr=False)
    http: httpx.AsyncClient = field(repr=False)

    async def __aenter__(self) -> Self:
        """Open the HTTP client."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the HTTP client."""
        await self.http.aclose()

    async def propose(self, **members: Any) -> dict[str, Any]:
        """Propose a change. Raises `ActRefused` like every act here."""
        return await self._post(self.proposer, "/changes", members)

    async def preflight(self, change: dict[str, Any]) -> dict[str, Any]:
        """Run a change's preflight, as its proposer."""
        return await self._post(self.proposer, f"/changes/{change['id']}/preflight")

    async def approve(self, change: dict[str, Any], *, by: str) -> dict[str, Any]:
        """Approve the present diff of the change."""
        seen = await self.look(change)
        return await self._post(by, f"/changes/{change['id']}/approve", {"diff_hash": seen["diff_hash"]})

    async def activate(self, change: dict[str, Any]) -> dict[str, Any]:
        """Activate a change, as the approver."""
        return await self._post(self.approver, f"/changes/{change['id']}/activate")

    async def look(self, change: dict[str, Any]) -> dict[str, Any]:
        """Return the present state of a change."""
        return await self._send("GET", self.proposer, f"/changes/{change['id']}", None)

    async def _post(self, token: str, path: str, body: Any = None) -> dict[str, Any]:
        return await self._send("POST", token, path, body)

    async def _send(self, method: str, token: str, path: str, body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.http.request(method, f"{self.gateway}/ops/v1{path}", json=body, headers=headers)
        members: dict[str, Any] = answer.json()
        if answer.status_code >= 400:
            raise ActRefused(answer.status_code, members)
        return members


def open_office(programs: Programs, gateway: str) -> Office:
    """Create the three operators and sign in two of them, concurrently if possible."""
    made = programs.gateway("operators", "create", ADMIN, "--role", "admin", "--bootstrap")
    admin = _sign_in(programs, gateway, ADMIN, made["one_time_code"])

    def enter(name: str, role: str) -> str:
        invited = programs.gateway("operators", "create", name, "--role", role, token=admin)
        return _sign_in(programs, gateway, name, invited["one_time_code"])

    with ThreadPoolExecutor() as beside:
        proposer = beside.submit(enter, PROPOSER, "proposer")
        approver = beside.submit(enter, APPROVER, "approver")
        return Office(
            gateway=gateway,
            proposer=proposer.result(),
            approver=approver.result(),
            http=httpx.AsyncClient(timeout=60, trust_env=False),
        )


def _sign_in(programs: Programs, gateway: str, name: str, code: str) -> str:
    """Enrol with a one-time code and sign in; return the session's token."""
    password = secrets.token_urlsafe(18)
    enrolled = programs.gateway("operators", "enrol", name, said=f"{code}\n{password}\n")
    login = {"name": name, "password": password, "totp": totp(enrolled["totp_secret"], time.time())}  # noqa: TID251 - an authenticator uses the machine's clock
    answer = httpx.post(f"{gateway}/ops/v1/sessions", json=login, trust_env=False, timeout=30)
    if answer.status_code != 201:
        raise ActRefused(answer.status_code, json.loads(answer.text))
    token: str = answer.json()["token"]
    return token


def totp(secret: str, at: float) -> str:
    """Return the code of an authenticator (RFC 6238: SHA-1, 30 s, 6 digits)."""
    step = struct.pack(">Q", int(at) // 30)
    digest = hmac.new(base64.b32decode(secret), step, hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
