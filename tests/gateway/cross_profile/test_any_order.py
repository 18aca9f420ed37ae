"""One invariant over any order of acts: no packet reaches a registry with another profile's credential, for another
profile's account, or under a revision that neither was nor is the active one. `World.act` judges each act.
"""

import asyncio
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from joserfc.jwk import ECKey

from gateway.accounts.model import AccountState
from gateway.changes.watch import check_watched
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.registry.connection import Owner
from tests.gateway.cross_profile.world import (
    NOWHERE,
    PORTS,
    AllowedPackets,
    Caller,
    Kept,
    Proposed,
    World,
    ask_about_token,
    other,
)
from tests.kit.scene import AN, BASE, Portal, enquiry, outcome, prefill_request
from tests.kit.stores import BOTH, fresh_store

PROFILES = st.sampled_from(list(Profile))
DUNG = {"citizen_id": "001192000124", "full_name": "Lê Thị Dung", "birth_date": "1992-03-08"}


class PortalsAndOperators(RuleBasedStateMachine):
    """`url` is a fresh store's address."""

    callers = Bundle("callers")
    kept = Bundle("kept")
    changes = Bundle("changes")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.world = World(url)
        self.numbers = 0

    def teardown(self) -> None:
        try:
            self.loop.run(self.world.close())
        finally:
            self.loop.close()

    def act(self, work: Any, allowed: AllowedPackets = NOWHERE) -> Any:
        """Do one thing to its end; unless told otherwise it may send nothing to any registry."""
        return self.loop.run(self.world.act(work, allowed))

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    @initialize(target=callers)
    def start(self) -> Any:
        self.loop.run(self.world.open())
        return multiple(*self.world.callers)

    @rule(target=callers, profile=PROFILES)
    def make_account(self, profile: Profile) -> Any:
        if profile is Profile.SANDBOX:
            return self.act(self.world.make_caller(profile))
        with pytest.raises(StateWrong, match="promotion"):
            self.act(self.world.make_caller(profile))
        return multiple()

    @rule(caller=callers, state=st.sampled_from(list(AccountState)))
    def change_account(self, caller: Caller, state: AccountState) -> None:
        if caller.state in {AccountState.REVOKED, state}:
            return
        self.act(self.world.put_into(caller, state))
        caller.state, caller.since = state, None

    @rule(target=kept, caller=callers, person=st.sampled_from([AN, DUNG]), filled=st.booleans())
    def verify(self, caller: Caller, person: dict[str, Any], filled: bool) -> Any:
        key = f"key-{self.number()}"
        body = enquiry(claim=person, fresh=True, dossier=f"HN-{self.number()}")
        if filled:
            body["prefill"] = {"fields": ["full_name", "gender"]}
        answer = self.ask(caller, body, key)
        if not self.world.may_ask(caller):
            assert answer.status_code in {401, 403, 503}
            return multiple()
        found = answer.json()
        assert (answer.status_code, found.get("verdict")) == (201, "confirmed"), answer.text
        return Kept(owner=caller, verification=found["id"], receipt=found["receipt"], key=key, body=body)

    def ask(self, caller: Caller, body: dict[str, Any], key: str) -> Any:
        """Verify at the caller's own profile."""

        async def work() -> Any:
            portal = await self.world.refresh(caller)
            return await portal.call("POST", "/verifications", body, **{"Idempotency-Key": key})

        return self.act(work(), self.world.reach_of(caller))

    @rule(what=kept)
    def fill_a_form(self, what: Kept) -> None:
        async def work() -> Any:
            portal = await self.world.refresh(what.owner)
            return await portal.prefill(what.receipt, ["full_name"], dossier=what.body["dossier"])

        answer = self.act(work(), self.world.reach_of(what.owner))
        assert (answer.status_code == 200) <= self.world.may_ask(what.owner)

    @rule(what=kept)
    def ask_again_with_the_same_key(self, what: Kept) -> None:
        async def work() -> Any:
            portal = await self.world.refresh(what.owner)
            return await portal.call("POST", "/verifications", what.body, **{"Idempotency-Key": what.key})

        assert self.act(work()).json().get("id", what.verification) == what.verification

    @rule(caller=callers)
    def knock_at_the_other_door(self, caller: Caller) -> None:
        issuer = f"{BASE}/{other(caller.profile).value}"

        async def work() -> Any:
            portal = await self.world.refresh(caller)
            posts = (
                ("/verifications", enquiry(fresh=True)),
                ("/prefills", prefill_request("x.y.z", ["full_name"])),
            )
            return [outcome(await portal.call("POST", path, body, issuer=issuer)) for path, body in posts]

        active = caller.state is AccountState.ACTIVE
        refused = (403, "profile_mismatch") if active else (401, "token_invalid")
        assert self.act(work()) == [refused] * 2

    @rule(caller=callers)
    def log_in_at_the_other_door(self, caller: Caller) -> None:
        portal = caller.portal
        there = replace(portal, issuer=f"{BASE}/{other(caller.profile).value}")
        forms: list[dict[str, str]] = [{}]
        if portal.key is not None:
            forms.append({"client_assertion": portal.assertion()})  # meant for its own issuer
        for form in forms:
            answer = self.act(there.ask_token(form))
            refusal = (answer.status_code, answer.json()["error"])
            assert refusal in {(401, "invalid_client"), (429, "temporarily_unavailable")}

    @rule(what=kept, caller=callers)
    def carry_it_across(self, what: Kept, caller: Caller) -> None:
        """Present receipt, id and key of one account with another's good token."""
        if caller is what.owner or not self.world.may_ask(caller):
            return
        dossier = what.body["dossier"]
        by_id = prefill_request("", ["full_name"], dossier=dossier) | {"verification": what.verification}
        del by_id["receipt"]
        posts = (
            ("/prefills", prefill_request(what.receipt, ["full_name"], dossier=dossier), "receipt_invalid"),
            ("/receipts/check", {"receipt": what.receipt}, "receipt_invalid"),
            ("/ledger", {"receipt": what.receipt}, "receipt_invalid"),
            ("/prefills", by_id, "not_found"),
            (f"/verifications/{what.verification}/revoke", None, "not_found"),
        )

        async def work() -> Any:
            portal = await self.world.refresh(caller)
            seen = await portal.call("GET", f"/verifications/{what.verification}")
            return [
                outcome(seen)[1],
                *[outcome(await portal.call("POST", path, body))[1] for path, body, _ in posts],
            ]

        seen = self.act(work())
        assert seen == ["not_found", *(code for *_, code in posts)]
        # Its key is one that this account never used: its own question, at its own profile.
        answer = self.ask(caller, what.body, what.key)
        assert answer.json().get("id") != what.verification

    @rule(one=callers, two=callers)
    def ask_about_a_foreign_token(self, one: Caller, two: Caller) -> None:
        if one is two or {one.state, two.state} != {AccountState.ACTIVE}:
            return

        async def work() -> Any:
            asker, holder = await self.world.refresh(one), await self.world.refresh(two)
            answers = [
                await ask_about_token(asker, act, holder.access_token) for act in ("introspect", "revoke")
            ]
            still = await holder.call("GET", "/me")
            return answers[0].json(), answers[1].status_code, still.status_code

        assert self.act(work()) == ({"active": False}, 200, 200)

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
        """Return the credentials of a profile's active connection."""
        user, secret = self.world.secrets_of[self.world.active[profile]]
        port = next(port for port, door in PORTS.items() if door is profile)
        return {"registry_url": f"http://127.0.0.1:{port}", "c06_user": user, "c06_secret": secret}

    @rule(what=changes)
    def preflight(self, what: Proposed) -> None:
        allowed = AllowedPackets() if what.kind == "pasted" else what.tried()
        answer = self.operate("preflight", what.change, allowed)
        if answer.status_code == 200:
            assert answer.json()["passed"] is (what.kind == "good")

    @rule(what=changes)
    def approve(self, what: Proposed) -> None:
        assert self.approve_seen(what.change).status_code in {200, 409, 422}

    @rule(what=changes, act=st.sampled_from(["activate", "activate", "rollback", "reject"]))
    def settle(self, what: Proposed, act: str) -> None:
        allowed = AllowedPackets(profile=what.owner.profile, switches=act != "reject")
        answer = self.operate(act, what.change, allowed)
        if what.kind != "good" and act == "activate":
            assert answer.status_code in {409, 422}

    def approve_seen(self, change: dict[str, Any]) -> Any:
        """Let the approver approve a change as it is now."""

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.approve(change)

        return self.act(work())

    def operate(self, act: str, change: dict[str, Any], allowed: AllowedPackets) -> Any:
        """Let the approver act on a change."""

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            return await desk.act(desk.approver, change, act)

        return self.act(work(), allowed)

    @rule(caller=callers)
    def switch_with_questions_in_flight(self, caller: Caller) -> None:
        if self.world.may_ask(caller):
            self.switch(caller)

    def switch(self, caller: Caller) -> Proposed:
        """Activate a revision while the account's questions are under way: none fails."""
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

        allowed = AllowedPackets(profile=caller.profile, accounts={caller.portal.client_id}, switches=True)
        answers = self.act(work(), allowed)
        assert {answer.status_code for answer in answers} <= {200, 201}
        assert self.world.active[caller.profile] == what.owner
        return what

    @rule(caller=callers)
    def return_by_itself_from_refused_logins(self, caller: Caller) -> None:
        if not self.world.may_ask(caller):
            return
        former = self.world.active[caller.profile]
        what = self.switch(caller)
        self.act(self.world.scene.fault("unauthorised_once", times=2))
        for _ in range(2):
            body = enquiry(fresh=True, dossier=f"HN-{self.number()}")
            assert self.ask(caller, body, f"key-{self.number()}").status_code == 502
        scene = self.world.scene
        allowed = AllowedPackets(
            profile=caller.profile,
            change=what.change["id"],
            revisions={former.revision},
            switches=True,
        )
        self.act(check_watched(scene.gateway, scene.preflight_network), allowed)
        assert self.world.active[caller.profile] == former

    @rule()
    def let_a_watch_end(self) -> None:
        scene = self.world.scene
        self.world.clock.advance(301)
        self.act(check_watched(scene.gateway, scene.preflight_network))

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
        what = Proposed(change=change, owner=self.world.active[profile], kind="good")
        assert self.operate("preflight", change, what.tried()).json()["passed"]
        assert self.approve_seen(change).status_code == 200
        assert self.operate("activate", change, AllowedPackets()).status_code == 200
        self.world.suspended.discard(profile)

    @rule(target=callers, caller=callers)
    def promote(self, caller: Caller) -> Any:
        if caller.profile is not Profile.SANDBOX or caller.state is not AccountState.ACTIVE:
            return multiple()
        key = ECKey.generate_key("P-256")
        body = {"kind": "promote_account", "client_id": caller.portal.client_id}

        async def work() -> Any:
            desk = await self.world.keep_signed_in()
            change = await desk.ask(body | {"public_key": key.as_dict(private=False)})
            return (await desk.carry_out(change))["shown_once"]

        made = self.act(work())
        made["http"], made["clock"], made["key"] = caller.portal.http, caller.portal.clock, key
        former = Portal(**made | {"client_id": caller.portal.client_id})
        refused = self.act(former.ask_token())
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        return self.world.know(Portal(**made), Profile.OFFICIAL)


IN_FLIGHT = 6


EXAMPLES = {"sqlite": 7, "postgresql": 2}


@pytest.mark.parametrize("kind", BOTH)
def test_threat_9_no_order_of_acts_sends_a_question_to_the_other_profile(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    numbers = count()

    def make() -> PortalsAndOperators:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return PortalsAndOperators(fresh_store(request, kind, folder))

    run_state_machine_as_test(
        make,  # type: ignore[arg-type]  # whatever makes a machine will do
        settings=settings(
            max_examples=EXAMPLES[kind],
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # to shrink would take longer than to read the steps
            suppress_health_check=list(HealthCheck),
        ),
    )
