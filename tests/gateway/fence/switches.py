"""What operators do beside the portals: propose, try, approve, switch, return, suspend, promote; and restarts."""

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from gateway.accounts.model import AccountState
from gateway.changes.watching import look
from gateway.places import Profile
from gateway.registry.connection import Owner
from tests.gateway.fence.network import PORTS
from tests.gateway.fence.portals import PROFILES, Portals
from tests.gateway.fence.world import Caller, Proposed, Reach, new_key, other
from tests.gateway.scene import Portal, enquiry

IN_FLIGHT = 6


class Fence(Portals):
    """Both sides of the fence, and those who may move it."""

    changes = Bundle("changes")

    @rule(target=changes, profile=PROFILES, kind=st.sampled_from(["good", "good", "wrong secret", "pasted"]))
    def propose(self, profile: Profile, kind: str) -> Any:
        return self.draw_up(profile, kind)

    def draw_up(self, profile: Profile, kind: str) -> Proposed:
        """Propose a revision of an account that the registry has just issued, or of what goes wrong."""
        user, secret = self.world.register_at_desk(profile)
        members: dict[str, Any] = {"c06_user": user, "c06_secret": secret}
        if kind == "wrong secret":
            secret = members["c06_secret"] = "not-the-one-that-was-issued"
        elif kind == "pasted":
            members = self.paste(other(profile))

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.propose(profile, **members)

        change = self.act(work())
        owner = Owner(profile, change["revision"])
        self.world.secrets_of[owner] = (user, secret)
        return Proposed(change=change, owner=owner, kind=kind)

    def paste(self, profile: Profile) -> dict[str, Any]:
        """Return what a profile's active connection is made of."""
        user, secret = self.world.secrets_of[self.world.standing[profile]]
        port = next(port for port, door in PORTS.items() if door is profile)
        return {"registry_url": f"http://127.0.0.1:{port}", "c06_user": user, "c06_secret": secret}

    @rule(what=changes)
    def preflight(self, what: Proposed) -> None:
        reach = Reach() if what.kind == "pasted" else what.tried()
        answer = self.operate("preflight", what.change, reach)
        if answer.status_code == 200:
            assert answer.json()["passed"] is (what.kind == "good")

    @rule(what=changes)
    def approve(self, what: Proposed) -> None:
        assert self.approve_seen(what.change).status_code in {200, 409, 422}

    @rule(what=changes, act=st.sampled_from(["activate", "activate", "rollback", "reject"]))
    def settle(self, what: Proposed, act: str) -> None:
        reach = Reach(profile=what.owner.profile, switches=act != "reject")
        answer = self.operate(act, what.change, reach)
        if what.kind != "good" and act == "activate":
            assert answer.status_code in {409, 422}

    def approve_seen(self, change: dict[str, Any]) -> Any:
        """Let the approver approve a change as it is now."""

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.approve(change)

        return self.act(work())

    def operate(self, act: str, change: dict[str, Any], reach: Reach) -> Any:
        """Let the approver act on a change."""

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.act(desk.approver, change, act)

        return self.act(work(), reach)

    @rule(caller=Portals.callers)
    def switch_with_questions_in_flight(self, caller: Caller) -> None:
        if self.world.may_ask(caller):
            self.switch(caller)

    def switch(self, caller: Caller) -> Proposed:
        """Activate a revision while the account's questions are on their way: none fails."""
        what = self.draw_up(caller.profile, "good")
        assert self.operate("preflight", what.change, what.tried()).json()["passed"]
        assert self.approve_seen(what.change).status_code == 200

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            portal = await self.world.refresh(caller)
            bodies = [enquiry(fresh=True, dossier=f"HN-{self.number()}") for _ in range(IN_FLIGHT)]
            asked = [portal.call("POST", "/verifications", body) for body in bodies]
            switch = desk.act(desk.approver, what.change, "activate")
            return await asyncio.gather(*asked[:3], switch, *asked[3:])

        reach = Reach(profile=caller.profile, accounts={caller.portal.client_id}, switches=True)
        answers = self.act(work(), reach)
        assert {answer.status_code for answer in answers} <= {200, 201}
        assert self.world.standing[caller.profile] == what.owner
        return what

    @rule(caller=Portals.callers)
    def return_by_itself_from_refused_logins(self, caller: Caller) -> None:
        if not self.world.may_ask(caller):
            return
        former = self.world.standing[caller.profile]
        what = self.switch(caller)
        self.act(self.world.scene.fault("unauthorised_once", times=2))
        for _ in range(2):
            body = enquiry(fresh=True, dossier=f"HN-{self.number()}")
            assert self.ask(caller, body, f"key-{self.number()}").status_code == 502
        scene = self.world.scene
        reach = Reach(
            profile=caller.profile,
            change=what.change["id"],
            revisions={former.revision},
            switches=True,
        )
        self.act(look(scene.gateway, scene.way_out), reach)
        assert self.world.standing[caller.profile] == former

    @rule()
    def let_a_watch_end(self) -> None:
        scene = self.world.scene
        self.world.clock.advance(301)
        self.act(look(scene.gateway, scene.way_out))

    @rule()
    def restart(self) -> None:
        self.act(self.world.restart())

    @rule(profile=PROFILES)
    def suspend(self, profile: Profile) -> None:
        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.approver.call("POST", f"/profiles/{profile.value}/suspend")

        answer = self.act(work())
        assert answer.status_code == (409 if profile in self.world.suspended else 200)
        self.world.suspended.add(profile)

    @rule(profile=PROFILES)
    def resume(self, profile: Profile) -> None:
        if profile not in self.world.suspended:
            return

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.ask({"kind": "resume_profile", "profile": profile.value})

        change = self.act(work())
        what = Proposed(change=change, owner=self.world.standing[profile], kind="good")
        assert self.operate("preflight", change, what.tried()).json()["passed"]
        assert self.approve_seen(change).status_code == 200
        assert self.operate("activate", change, Reach()).status_code == 200
        self.world.suspended.discard(profile)

    @rule(target=Portals.callers, caller=Portals.callers)
    def promote(self, caller: Caller) -> Any:
        if caller.profile is not Profile.SANDBOX or caller.state is not AccountState.ACTIVE:
            return multiple()
        key = new_key()
        body = {"kind": "promote_account", "client_id": caller.portal.client_id}

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            change = await desk.ask(body | {"public_key": key.as_dict(private=False)})
            await desk.preflight(change)
            desk.done(await desk.approve(change))
            return desk.done(await desk.act(desk.approver, change, "activate"))["shown_once"]

        made = self.act(work())
        made["http"], made["clock"], made["key"] = caller.portal.http, caller.portal.clock, key
        former = Portal(**made | {"client_id": caller.portal.client_id})
        refused = self.act(former.ask_token())
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        return self.world.know(Portal(**made), Profile.OFFICIAL)
