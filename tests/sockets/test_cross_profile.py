"""Threats 9, 10 and 12 from outside: everything of one profile is refused at the other, whose registry counts requests.

The gateway runs as a program. One profile is connected to the mock; behind the other is a counting registry
of this test. Each refusal is the contract's, and nobody connects to that registry; the last test shows that
it counts. It counts each connection and each request, and answers none.
"""

import base64
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.kit.clocks import HandClock
from tests.kit.programs import Place, Served, find_account, place_beside
from tests.kit.scene import AGENCY, ASSERTION_TYPE, Portal, enquiry, prefill_request, revision_of
from tests.kit.staff import APPROVER, PROPOSER, OpsClient, enrol_operators, sign_in_operators


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingRegistry:
    """Its port, its number of connections, and the account and path of each request."""

    url: str
    connections: list[Any] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def counting_registry() -> Iterator[CountingRegistry]:
    """Keep one running; it answers every request as out of service."""
    connections: list[Any] = []
    requests: list[tuple[str, str]] = []

    class Door(BaseHTTPRequestHandler):
        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            login = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic "))
            requests.append((self.path, login.decode().partition(":")[0]))
            self.send_error(503)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own word
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            yield CountingRegistry(url=url, connections=connections, requests=requests)
        finally:
            server.shutdown()
            thread.join(10)


KEY = "the-key-of-the-one-profile"
AWAY_USER = "dvctt_kho"
CROSSED = (403, "profile_mismatch")
DIRECTIONS = {"sandbox": "official", "official": "sandbox"}


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A gateway with `home` at the mock and `away` at the counting registry, and an account of each.

    `receipt`, `verification`, `prefill` and `body` are from answers to home's account, under `KEY`.
    """

    home: str
    desk: OpsClient
    there: CountingRegistry
    near: Portal
    far: Portal
    account: dict[str, str] = field(repr=False)
    registry_url: str
    body: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def away(self) -> str:
        """Return the other profile."""
        return DIRECTIONS[self.home]

    @asynccontextmanager
    async def holding(self) -> AsyncIterator[httpx.AsyncClient]:
        """Give both portals a client of this test's loop; assert at the end that the other registry had
        no connection.
        """
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
                desk=sign_in_operators(operators, running),
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
    """Get tokens, and home's receipt and ids once."""
    await fence.near.log_in()
    await fence.far.log_in()
    if not fence.made:
        body = enquiry(prefill={"fields": ["full_name"]})
        answer = await fence.near.call("POST", "/verifications", body, **{"Idempotency-Key": KEY})
        assert answer.status_code == 201, answer.text
        fence.body.update(body)
        fence.made.update(answer.json())


def outcome(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code") or answer.json().get("error")


async def test_threat_9_a_token_is_refused_as_a_mismatch_at_every_route_of_the_other_profile(
    fence: Fence,
) -> None:
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
            assert outcome(answer) == CROSSED, path


async def test_threat_9_receipt_and_ids_are_refused_to_an_account_of_the_other_profile(
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
            assert outcome(await fence.far.call("POST", path, body)) == refusal, path
        seen = await fence.far.call("GET", f"/verifications/{made['id']}")
        assert outcome(seen) == (404, "not_found")


async def test_threat_9_an_idempotency_key_replays_no_answer_of_the_other_profile(fence: Fence) -> None:
    async with fence.holding():
        await log_in_both(fence)
        crossed = await fence.near.call(
            "POST", "/verifications", fence.body, issuer=fence.far.issuer, **{"Idempotency-Key": KEY}
        )
        assert outcome(crossed) == CROSSED
        form = prefill_request(fence.made["receipt"], ["full_name"])
        kept = await fence.near.call("POST", "/prefills", form, **{"Idempotency-Key": KEY})
        assert kept.status_code == 200
        answer = await fence.far.call("POST", "/prefills", form, **{"Idempotency-Key": KEY})
        assert outcome(answer) == (422, "receipt_invalid")
        assert "idempotency-replayed" not in answer.headers


async def test_threat_9_a_token_of_the_other_profile_is_inactive_and_can_not_be_revoked(fence: Fence) -> None:
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


async def test_threat_9_an_assertion_is_refused_at_the_other_profiles_token_endpoint(fence: Fence) -> None:
    async with fence.holding() as http:
        await log_in_both(fence)
        there = replace(fence.near, issuer=fence.far.issuer)
        for form in ({}, {"client_assertion": fence.near.assertion()}):
            assert outcome(await there.ask_token(form)) == (401, "invalid_client")
        with_anothers_key = replace(fence.far, key=fence.near.key)
        assert outcome(await with_anothers_key.ask_token()) == (401, "invalid_client")
        secret = await http.post(
            f"{fence.far.issuer}/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(fence.near.client_id, "a-secret"),
        )
        assert outcome(secret) == (401, "invalid_client")


async def test_threat_10_the_other_profiles_connection_is_refused_before_any_request_to_it(
    fence: Fence,
) -> None:
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
                assert outcome(refused) == (422, "preflight_failed"), (profile, act)


async def test_threat_12_an_approval_in_one_profile_is_not_accepted_in_the_other(fence: Fence) -> None:
    async with fence.holding():
        wanted = revision_of(fence.account, fence.registry_url, deadline_ms=4000)
        one = fence.desk.propose(fence.home, wanted)
        other = fence.desk.propose(fence.away, revision_of(AWAY, fence.there.url, deadline_ms=4000))
        assert fence.desk.preflight(one)["passed"] is True
        hashed = {"diff_hash": fence.desk.look(one)["diff_hash"]}
        refused = fence.desk.call(APPROVER, "POST", f"/changes/{other['id']}/approve", hashed)
        assert outcome(refused) == (422, "preflight_failed")
        own = fence.desk.call(PROPOSER, "POST", f"/changes/{one['id']}/approve", hashed)
        assert outcome(own) == (403, "same_operator")


async def test_threat_9_a_promoted_account_is_a_new_one_and_its_old_id_is_not_accepted(fence: Fence) -> None:
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
            assert outcome(await tried.ask_token()) == (401, "invalid_client")
        await promoted.log_in()
        answer = await promoted.call("GET", "/me", issuer=sandbox.issuer)
        assert outcome(answer) == CROSSED


async def test_the_counting_registry_counts_each_request_that_reaches_it(fence: Fence) -> None:
    """Last of this file: without it, an unreachable registry would look like a refusal."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        fence.far.http = http
        await fence.far.log_in()
        answer = await fence.far.verify()
    assert outcome(answer) == (503, "registry_unavailable")
    assert [user for _, user in fence.there.requests] == [AWAY_USER]
    assert len(fence.there.connections) == 1
    fence.there.connections.clear()
    fence.there.requests.clear()
