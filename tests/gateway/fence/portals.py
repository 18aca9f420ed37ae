"""What portals do, at their own place and at the other: any order of it, each step judged by `World.act`.

A step says beforehand which registry it may bring packets to, and for whom.
"""

import asyncio
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from gateway.accounts.model import AccountState
from gateway.errors.commands import StateWrong
from gateway.places import Profile
from tests.gateway.changes.desk import told
from tests.gateway.fence.world import NOWHERE, Caller, Kept, Reach, World, other
from tests.gateway.scene import ASSERTION_TYPE, BASE, Portal, enquiry, prefill_request

PROFILES = st.sampled_from(list(Profile))
PEOPLE = [
    {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"},
    {"citizen_id": "001192000124", "full_name": "Lê Thị Dung", "birth_date": "1992-03-08"},
]


class Portals(RuleBasedStateMachine):
    """`url` is a fresh store's address."""

    callers = Bundle("callers")
    kept = Bundle("kept")

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

    def act(self, work: Any, reach: Reach = NOWHERE) -> Any:
        """Do one thing to its end; unless said otherwise it may bring nothing to any registry."""
        return self.loop.run(self.world.act(work, reach))

    def number(self) -> int:
        """Return the next number of this run."""
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

    @rule(target=kept, caller=callers, person=st.sampled_from(PEOPLE), filled=st.booleans())
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
        """Verify at the caller's own place."""

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
            return [told(await portal.call("POST", path, body, issuer=issuer)) for path, body in posts]

        active = caller.state is AccountState.ACTIVE
        refused = (403, "profile_mismatch") if active else (401, "token_invalid")
        assert self.act(work()) == [refused] * 2

    @rule(caller=callers)
    def log_in_at_the_other_door(self, caller: Caller) -> None:
        portal = caller.portal
        there = Portal(
            http=portal.http,
            clock=portal.clock,
            client_id=portal.client_id,
            issuer=f"{BASE}/{other(caller.profile).value}",
            secret=portal.secret,
            key=portal.key,
        )
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
                told(seen)[1],
                *[told(await portal.call("POST", path, body))[1] for path, body, _ in posts],
            ]

        seen = self.act(work())
        assert seen == ["not_found", *(code for *_, code in posts)]
        # Its key is one that this account never used: an own question, at its own place.
        answer = self.ask(caller, what.body, what.key)
        assert answer.json().get("id") != what.verification

    @rule(one=callers, two=callers)
    def ask_about_a_foreign_token(self, one: Caller, two: Caller) -> None:
        if one is two or {one.state, two.state} != {AccountState.ACTIVE}:
            return

        async def work() -> Any:
            asker, holder = await self.world.refresh(one), await self.world.refresh(two)
            answers = [await _ask_about(asker, act, holder.access_token) for act in ("introspect", "revoke")]
            still = await holder.call("GET", "/me")
            return answers[0].json(), answers[1].status_code, still.status_code

        assert self.act(work()) == ({"active": False}, 200, 200)


async def _ask_about(asker: Portal, act: str, token: str) -> Any:
    """Introspect or revoke a token at the asker's own place."""
    form = {"token": token}
    auth = None
    if asker.key is not None:
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": asker.assertion()}
    else:
        auth = (asker.client_id, str(asker.secret))
    return await asker.http.post(f"{asker.issuer}/oauth2/{act}", data=form, auth=auth)  # type: ignore[arg-type]  # httpx's own default is private
