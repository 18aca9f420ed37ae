"""What two operators do about changes, over the API; a test says only what it is about."""

from dataclasses import dataclass
from typing import Any

import httpx

from gateway.places import Profile
from tests.gateway.operators.people import Person
from tests.gateway.scene import Scene

ACCOUNTS = {Profile.SANDBOX: ("dvctt-hanoi", 8100), Profile.OFFICIAL: ("dvctt-hanoi-official", 8110)}


@dataclass(frozen=True)
class Desk:
    """A proposer and an approver in front of one gateway."""

    scene: Scene
    proposer: Person
    approver: Person

    def revision(self, profile: Profile, **members: Any) -> dict[str, Any]:
        """Return a revision that works at the mock, unless told otherwise; None leaves a member out."""
        name, port = ACCOUNTS[profile]
        account = self.scene.mock.register.find(name)
        assert account is not None
        whole = {
            "registry_url": f"http://127.0.0.1:{port}",
            "c06_user": account.user,
            "c06_secret": account.secret,
            "agency": account.agency,
            "officer": "dvctt.dichvu",
            "deadline_ms": 4000,
        } | members
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
        """Propose a revision that must be taken."""
        return self.done(await self.try_to_propose(profile, **members), 201)

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Propose anything that must be taken."""
        return self.done(await self.proposer.call("POST", "/changes", body), 201)

    async def act(self, who: Person, change: dict[str, Any], act: str, body: Any = None) -> httpx.Response:
        """Do one act on a change."""
        return await who.call("POST", f"/changes/{change['id']}/{act}", body)

    async def preflight(self, change: dict[str, Any]) -> dict[str, Any]:
        """Run the preflight by the proposer."""
        return self.done(await self.act(self.proposer, change, "preflight"))

    async def approve(self, change: dict[str, Any]) -> httpx.Response:
        """Approve what the change is now, by the approver."""
        seen = await self.look(change)
        return await self.act(self.approver, change, "approve", {"diff_hash": seen["diff_hash"]})

    async def ready(self, profile: Profile, **members: Any) -> dict[str, Any]:
        """Return a change that was preflighted and approved."""
        change = await self.propose(profile, **members)
        assert (await self.preflight(change))["passed"]
        return self.done(await self.approve(change))

    async def switched(self, profile: Profile, **members: Any) -> dict[str, Any]:
        """Return a change that was activated."""
        return self.done(await self.act(self.approver, await self.ready(profile, **members), "activate"))

    async def look(self, change: dict[str, Any]) -> dict[str, Any]:
        """Return a change as it is now."""
        return self.done(await self.proposer.call("GET", f"/changes/{change['id']}"))

    def done(self, answer: httpx.Response, status: int = 200) -> dict[str, Any]:
        """Return the body of an answer that must be a success."""
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


def told(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a problem."""
    return answer.status_code, answer.json().get("code", "")
