"""Threats 9, 10 and 12 from outside: every artefact of one profile, tried at the other, whose registry counts packets.

The gateway runs as a program. One profile is connected to the mock; behind the other stands a registry of the test's
own. Each refusal is the contract's, and nobody ever connects to that registry; at the end it is shown that it counts.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.gateway.scene import ASSERTION_TYPE, HandClock, Portal, enquiry, prefill_request
from tests.mock_c06.programs import Served
from tests.sockets.counting import CountingRegistry, counting_registry
from tests.sockets.desk import APPROVER, PROPOSER, Desk, enrol_operators, revision_of, sign_in
from tests.sockets.programs import AGENCY, Place, find_account, place_beside

KEY = "the-key-of-the-one-profile"
AWAY_USER = "dvctt_kho"
CROSSED = (403, "profile_mismatch")
DIRECTIONS = {"sandbox": "official", "official": "sandbox"}


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A gateway with `home` at the mock and `away` at the counting registry, and an account of each.

    `receipt`, `verification`, `prefill` and `body` are what home's account was given, under `KEY`.
    """

    home: str
    desk: Desk
    there: CountingRegistry
    near: Portal
    far: Portal
    account: dict[str, str] = field(repr=False)
    registry_url: str
    body: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def away(self) -> str:
        """Return the profile on the other side."""
        return DIRECTIONS[self.home]

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[httpx.AsyncClient]:
        """Hand both portals a client of this test's loop; nobody may have come to the other registry."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            self.near.http = self.far.http = http
            yield http
        assert self.there.connections == []


@pytest.fixture(scope="module", params=DIRECTIONS)
def fence(
    request: pytest.FixtureRequest, mock: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fence]:
    home: str = request.param
    folder = tmp_path_factory.mktemp(home)
    with counting_registry() as there:
        account = find_account(mock, "dvctt-hanoi" if home == "sandbox" else "dvctt-hanoi-official")
        url = mock.test if home == "sandbox" else mock.official
        place = place_beside(
            mock, folder, **settings(home, url, account), **settings(DIRECTIONS[home], there.url, AWAY)
        )
        place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
        portals = {profile: make_portal(place, profile) for profile in DIRECTIONS}
        operators = enrol_operators(place)
        with place.serving() as running:
            for profile, portal in portals.items():
                portal.issuer = f"{running.address}/{profile}"
            yield Fence(
                home=home,
                desk=sign_in(operators, running),
                there=there,
                near=portals[home],
                far=portals[DIRECTIONS[home]],
                account=account,
                registry_url=url,
            )
        assert place.run("audit", "verify")["ok"] is True


AWAY = {"user": AWAY_USER, "secret": "the-secret-of-the-counting-registry", "agency": AGENCY}


def settings(profile: str, url: str, account: dict[str, str]) -> dict[str, str]:
    members = {
        "REGISTRY_URL": url,
        "C06_USER": account["user"],
        "C06_SECRET": account["secret"],
        "AGENCY": account["agency"],
        "OFFICER": "dvctt.dichvu",
        "NETWORKS": "127.0.0.0/8",
        "DEADLINE_MS": "5000",
    }
    return {f"GATEWAY_{profile.upper()}_{name}": value for name, value in members.items()}


def make_portal(place: Place, profile: str) -> Portal:
    key = ECKey.generate_key("P-256")
    public = place.folder / f"{profile}.jwk.json"
    public.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
    arguments = ["accounts", "create", profile, "--organisation", AGENCY, "--profile", profile]
    arguments += ["--all-procedures", "--all-fields", "--public-key", str(public)]
    for scope in ("verify", "prefill", "ledger"):
        arguments += ["--scope", scope]
    made = place.run(*arguments)
    return Portal(
        http=httpx.AsyncClient(),
        clock=HandClock(),
        client_id=made["client_id"],
        issuer=made["issuer"],
        key=key,
    )


async def log_in_both(fence: Fence) -> None:
    """Get tokens, and home's artefacts once."""
    await fence.near.log_in()
    await fence.far.log_in()
    if not fence.made:
        body = enquiry(prefill={"fields": ["full_name"]})
        answer = await fence.near.call("POST", "/verifications", body, **{"Idempotency-Key": KEY})
        assert answer.status_code == 201, answer.text
        fence.body.update(body)
        fence.made.update(answer.json())


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code") or answer.json().get("error")


async def test_threat_9_a_token_is_a_mismatch_at_every_route_of_the_other_place(fence: Fence) -> None:
    async with fence.holding():
        await log_in_both(fence)
        receipt = fence.made["receipt"]
        for method, path, body in (
            ("POST", "/verifications", enquiry(fresh=True)),
            ("POST", "/prefills", prefill_request(receipt, ["full_name"])),
            ("POST", "/receipts/check", {"receipt": receipt}),
            ("POST", "/ledger", {"receipt": receipt}),
            ("POST", "/evaluations", None),
            ("GET", f"/verifications/{fence.made['id']}", None),
            ("GET", "/procedures", None),
            ("GET", "/me", None),
        ):
            answer = await fence.near.call(method, path, body, issuer=fence.far.issuer)
            assert told(answer) == CROSSED, path


async def test_threat_9_receipt_and_ids_are_worth_nothing_to_an_account_of_the_other_place(
    fence: Fence,
) -> None:
    async with fence.holding():
        await log_in_both(fence)
        receipt, made = fence.made["receipt"], fence.made
        by_id = prefill_request("", ["full_name"]) | {"verification": made["id"]}
        del by_id["receipt"]
        disputed = {"prefill": made["prefill"]["id"], "field": "full_name", "note": "sai"}
        for path, body, refusal in (
            ("/prefills", prefill_request(receipt, ["full_name"]), (422, "receipt_invalid")),
            ("/receipts/check", {"receipt": receipt}, (422, "receipt_invalid")),
            ("/ledger", {"receipt": receipt}, (422, "receipt_invalid")),
            ("/prefills", by_id, (404, "not_found")),
            ("/discrepancies", disputed, (404, "not_found")),
            (f"/verifications/{made['id']}/revoke", None, (404, "not_found")),
        ):
            assert told(await fence.far.call("POST", path, body)) == refusal, path
        seen = await fence.far.call("GET", f"/verifications/{made['id']}")
        assert told(seen) == (404, "not_found")


async def test_threat_9_an_idempotency_key_brings_no_answer_of_the_other_place(fence: Fence) -> None:
    async with fence.holding():
        await log_in_both(fence)
        crossed = await fence.near.call(
            "POST", "/verifications", fence.body, issuer=fence.far.issuer, **{"Idempotency-Key": KEY}
        )
        assert told(crossed) == CROSSED
        form = prefill_request(fence.made["receipt"], ["full_name"])
        kept = await fence.near.call("POST", "/prefills", form, **{"Idempotency-Key": KEY})
        assert kept.status_code == 200
        answer = await fence.far.call("POST", "/prefills", form, **{"Idempotency-Key": KEY})
        assert told(answer) == (422, "receipt_invalid")
        assert "idempotency-replayed" not in answer.headers


async def test_threat_9_a_foreign_token_is_inactive_and_is_not_revoked(fence: Fence) -> None:
    async with fence.holding() as http:
        await log_in_both(fence)

        async def ask(act: str) -> httpx.Response:
            form = {
                "token": fence.near.access_token,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": fence.far.assertion(),
            }
            return await http.post(f"{fence.far.issuer}/oauth2/{act}", data=form)

        assert (await ask("introspect")).json() == {"active": False}
        assert (await ask("revoke")).status_code == 200
        assert (await fence.near.call("GET", "/me")).status_code == 200


async def test_threat_9_no_assertion_opens_the_other_places_token_endpoint(fence: Fence) -> None:
    async with fence.holding() as http:
        await log_in_both(fence)
        there = replace(fence.near, issuer=fence.far.issuer)
        for form in ({}, {"client_assertion": fence.near.assertion()}):
            assert told(await there.ask_token(form)) == (401, "invalid_client")
        with_anothers_key = replace(fence.far, key=fence.near.key)
        assert told(await with_anothers_key.ask_token()) == (401, "invalid_client")
        secret = await http.post(
            f"{fence.far.issuer}/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(fence.near.client_id, "a-secret"),
        )
        assert told(secret) == (401, "invalid_client")


async def test_threat_10_the_other_places_connection_is_refused_before_a_packet(fence: Fence) -> None:
    """Host, then account, of each profile proposed for the other."""
    there = {"user": AWAY_USER, "secret": AWAY["secret"], "agency": AGENCY}
    async with fence.holding():
        for profile, revision in (
            (fence.home, revision_of(fence.account, fence.there.url)),
            (fence.home, revision_of(there, fence.registry_url)),
            (fence.away, revision_of(fence.account, fence.there.url)),
            (fence.away, revision_of(there, fence.registry_url)),
        ):
            change = fence.desk.propose(profile, revision)
            found = fence.desk.preflight(change)
            failed = [check["name"] for check in found["checks"] if not check["passed"]]
            assert "not_the_other_profile" in failed
            for name, act, body in (
                (APPROVER, "approve", {"diff_hash": change["diff_hash"]}),
                (APPROVER, "activate", None),
            ):
                refused = fence.desk.call(name, "POST", f"/changes/{change['id']}/{act}", body)
                assert told(refused) == (422, "preflight_failed"), (profile, act)


async def test_threat_12_an_approval_of_one_profile_opens_nothing_at_the_other(fence: Fence) -> None:
    async with fence.holding():
        wanted = revision_of(fence.account, fence.registry_url, deadline_ms=4000)
        one = fence.desk.propose(fence.home, wanted)
        other = fence.desk.propose(fence.away, revision_of(AWAY, fence.there.url, deadline_ms=4000))
        assert fence.desk.preflight(one)["passed"] is True
        hashed = {"diff_hash": fence.desk.look(one)["diff_hash"]}
        refused = fence.desk.call(APPROVER, "POST", f"/changes/{other['id']}/approve", hashed)
        assert told(refused) == (422, "preflight_failed")
        own = fence.desk.call(PROPOSER, "POST", f"/changes/{one['id']}/approve", hashed)
        assert told(own) == (403, "same_operator")


async def test_threat_9_a_promoted_account_is_another_one_whose_old_id_opens_nothing(fence: Fence) -> None:
    sandbox, official = (fence.near, fence.far) if fence.home == "sandbox" else (fence.far, fence.near)
    key = ECKey.generate_key("P-256")
    async with fence.holding() as http:
        body = {"kind": "promote_account", "client_id": sandbox.client_id}
        change = fence.desk.ask(
            PROPOSER, "POST", "/changes", body | {"public_key": key.as_dict(private=False)}
        )
        fence.desk.preflight(change)
        fence.desk.approve(change)
        made = fence.desk.activate(change)["shown_once"]
        assert made["client_id"] != sandbox.client_id
        promoted = replace(official, http=http, client_id=made["client_id"], key=key)
        for tried in (
            replace(promoted, client_id=sandbox.client_id),
            replace(promoted, client_id=sandbox.client_id, key=sandbox.key),
            replace(promoted, key=sandbox.key),
            replace(promoted, issuer=sandbox.issuer),
        ):
            assert told(await tried.ask_token()) == (401, "invalid_client")
        await promoted.log_in()
        answer = await promoted.call("GET", "/me", issuer=sandbox.issuer)
        assert told(answer) == CROSSED


async def test_the_counting_registry_counts_who_really_comes(fence: Fence) -> None:
    """Last of this file: without it nobody could tell a fence from a registry that can't be reached."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        fence.far.http = http
        await fence.far.log_in()
        answer = await fence.far.verify()
    assert told(answer) == (503, "registry_unavailable")
    assert [user for _, user in fence.there.packets] == [AWAY_USER]
    assert len(fence.there.connections) == 1
    fence.there.connections.clear()
    fence.there.packets.clear()
