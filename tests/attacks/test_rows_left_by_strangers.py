"""Threat 50: the number of rows that strangers, or one account's refusals, leave in the store is bounded."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

from gateway.audit.refusals import OWN_ROWS
from gateway.cleanup import clean_up
from gateway.edge.forwarded import class_of
from gateway.edge.logs import UVICORN_LOG
from gateway.edge.metrics import Metrics
from gateway.edge.middleware import MAX_UNKNOWN_CALLER_LINES
from gateway.identifiers import Profile
from gateway.oauth.store import spent_ids
from gateway.operators.model import Role
from gateway.web import build_app
from tests.attacks.raw import ask, listening
from tests.kit.clocks import HandClock
from tests.kit.edge import Echo
from tests.kit.operators import SESSIONS, signed_in
from tests.kit.scene import ASSERTION_TYPE, BASE, Portal, Scene

NONSENSE = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a.b.c"}
FORM = {"grant_type": "client_credentials"}


async def rows(scene: Scene) -> int:
    """Return the number of rows, before counted refusals are written."""
    async with scene.gateway.deps.database.read() as connection:
        counted = await connection.execute(sa.text("SELECT count(*) FROM audit_entries"))
        return int(counted.scalar_one())


async def refusals(scene: Scene) -> list[dict[str, Any]]:
    """Return the rows of refusals, including the counted ones."""
    return [row for row in await scene.audit() if row["kind"] == "refused"]


async def spent(scene: Scene) -> int:
    """Return how many ids of proofs and assertions are stored."""
    async with scene.gateway.deps.database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(spent_ids))).scalar_one())


@pytest.fixture(autouse=True)
def whole_minute(clock: HandClock) -> None:
    """Begin at the first second of a minute: refusals are counted by the minute."""
    clock.advance(60 - clock.now().second)


async def test_threat_50_refused_token_requests_leave_one_row_per_minute_and_kind(scene: Scene) -> None:
    before = await rows(scene)
    for number in range(60):
        form = FORM | (NONSENSE if number % 2 else {})
        assert (await scene.http.post("/sandbox/oauth2/token", data=form)).status_code == 401
    assert await rows(scene) == before

    (row,) = await refusals(scene)
    assert (row["outcome"], row["profile"], row["count"]) == ("invalid_client", "sandbox", 60)
    assert row["address_class"] == "loopback"


async def test_threat_50_the_cleanup_writes_the_counts_of_past_minutes(scene: Scene) -> None:
    before = await rows(scene)
    await scene.http.post("/sandbox/oauth2/token", data=FORM)
    scene.clock.advance(61)
    await scene.http.post("/sandbox/oauth2/token", data=FORM)
    await clean_up(scene.gateway.deps)
    assert await rows(scene) == before + 1
    scene.clock.advance(61)
    await clean_up(scene.gateway.deps)
    assert await rows(scene) == before + 2
    assert [row["count"] for row in await refusals(scene)] == [1, 1]


async def test_threat_50_callers_without_a_good_token_are_counted_by_profile_class_and_kind(
    scene: Scene, portal: Portal
) -> None:
    before = await rows(scene)
    expected: Counter[tuple[str | None, str, str]] = Counter()
    for number in range(24):
        address, sort = [("10.0.0.9", "private"), ("8.8.8.8", "public_v4"), ("2a00::9", "public_v6")][
            number % 3
        ]
        path, profile = [
            ("/sandbox/v1/me", "sandbox"),
            ("/official/v1/me", "official"),
            ("/ops/v1/operators", None),
        ][number % 2 + (number % 4 == 0)]
        headers = {"Authorization": "Bearer x"} if number % 5 else {}
        transport = httpx.ASGITransport(scene.app, client=(address, 4000 + number))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            code = (await http.get(path, headers=headers)).json()["code"]
        expected[profile, sort, code] += 1
    assert await rows(scene) == before
    found = await refusals(scene)
    assert {
        (row.get("profile"), row["address_class"], row["outcome"]): row["count"] for row in found
    } == expected
    assert "8.8.8.8" not in json.dumps(found)


async def test_threat_50_wrong_logins_of_operators_are_counted_and_not_recorded_one_by_one(
    scene: Scene,
) -> None:
    person = await signed_in(scene, "lan.nguyen", Role.VIEWER)
    before = await rows(scene)
    for number in range(12):
        name = person.name if number % 2 else f"nobody{number}"
        transport = httpx.ASGITransport(scene.app, client=(f"10.0.0.{number}", 4000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            await http.post(SESSIONS, json={"name": name, "password": "x" * 12, "totp": "000000"})
    assert await rows(scene) == before
    assert {(row.get("actor"), row["outcome"], row["count"]) for row in await refusals(scene)} == {
        (person.name, "login_invalid", 6),
        (None, "login_invalid", 6),
    }


async def test_threat_50_refusals_before_the_rate_limit_leave_few_rows_and_use_no_call_of_the_account(
    scene: Scene,
) -> None:
    portal = await scene.portal(scopes=("verify",))
    foreign = await scene.portal(Profile.OFFICIAL, scopes=("verify",))
    before = await rows(scene)
    for _ in range(30):
        answer = await portal.call("POST", "/ledger", {})
        assert answer.json()["code"] == "scope_missing"
        answer = await foreign.call("GET", "/me", issuer=portal.issuer)
        assert answer.json()["code"] == "profile_mismatch"
    assert await rows(scene) == before + 2 * OWN_ROWS
    assert (await portal.call("GET", "/me")).status_code == 200
    counted = {
        (row["client_id"], row["outcome"]): row["count"] for row in await refusals(scene) if "count" in row
    }
    assert counted == {
        (portal.client_id, "scope_missing"): 30 - OWN_ROWS,
        (foreign.client_id, "profile_mismatch"): 30 - OWN_ROWS,
    }


async def test_threat_50_an_operator_without_the_role_leaves_few_rows_and_then_a_count(scene: Scene) -> None:
    viewer = await signed_in(scene, "hoa.xem", Role.VIEWER)
    before = await rows(scene)
    for _ in range(20):
        answer = await viewer.call("POST", "/changes", {"kind": "resume_profile", "profile": "sandbox"})
        assert answer.json()["code"] == "role_missing"
    assert await rows(scene) == before + OWN_ROWS
    assert [row["count"] for row in await refusals(scene) if "count" in row] == [20 - OWN_ROWS]


async def test_threat_50_a_refused_call_stores_no_id_of_its_proof(scene: Scene) -> None:
    portal = await scene.portal(Profile.OFFICIAL, scopes=("verify",))
    before = await spent(scene)
    for _ in range(5):
        assert (await portal.call("POST", "/ledger", {})).json()["code"] == "scope_missing"
        answer = await portal.call("GET", "/me", issuer=f"{BASE}/sandbox")
        assert answer.json()["code"] == "profile_mismatch"
    assert await spent(scene) == before
    assert (await portal.call("GET", "/me")).status_code == 200
    assert await spent(scene) == before + 1


async def test_threat_7_a_reused_proof_is_refused_before_scope_and_rate_are_checked(scene: Scene) -> None:
    portal = await scene.portal(Profile.OFFICIAL, scopes=("verify",))
    proof = portal.proof("GET", f"{portal.issuer}/v1/me", portal.access_token)
    assert (await portal.call("GET", "/me", DPoP=proof)).status_code == 200
    assert (await portal.call("GET", "/me", DPoP=proof)).json()["code"] == "dpop_proof_invalid"


async def test_threat_50_a_strangers_request_does_not_use_a_clients_rate_of_token_requests(
    scene: Scene,
) -> None:
    portal = await scene.portal(key=ECKey.generate_key("P-256"), log_in=False)
    stranger = ECKey.generate_key("P-256")
    claims = {"iss": portal.client_id, "sub": portal.client_id, "aud": portal.issuer, "jti": "j"}
    before = await spent(scene)
    for _ in range(20):
        raw = portal.sign({"typ": "JWT"}, claims, key=stranger)
        form = FORM | NONSENSE | {"client_assertion": raw}
        assert (await portal.http.post(f"{portal.issuer}/oauth2/token", data=form)).status_code == 401
    assert await spent(scene) == before
    assert (await portal.ask_token()).status_code == 200


async def test_threat_50_no_label_of_a_metric_contains_what_strangers_send(scene: Scene) -> None:
    metrics = Metrics()
    app = build_app(scene.gateway, metrics=metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        for number in range(40):
            await http.request(f"X{number}", f"/p{number}")
            await http.get(f"/profile{number}/v1/me")
            await http.get(f"/sandbox/v1/verifications/ver_{number}")
            await http.get(f"/problems/code{number}")
    labels = {
        tuple(sample.labels.values())
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.name == "gateway_requests"
    }
    assert len(labels) <= 8


async def test_threat_50_requests_of_strangers_leave_a_bounded_number_of_log_lines(
    scene: Scene, portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes = {0.0, 1.0}
    while len(minutes) > 1:  # once more if a minute ended meanwhile, since each has lines of its own
        capsys.readouterr()
        minutes = {scene.clock.monotonic() // 60}
        for _ in range(MAX_UNKNOWN_CALLER_LINES + 40):
            await scene.http.get("/nothing")
        minutes.add(scene.clock.monotonic() // 60)
    assert (await portal.call("GET", "/me")).status_code == 200
    printed = capsys.readouterr().out
    assert printed.count("route=unmatched") <= MAX_UNKNOWN_CALLER_LINES
    assert printed.count("/me ") == 1


async def test_threat_50_the_servers_messages_about_malformed_requests_go_to_the_silent_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`tests/gateway/edge/test_logs.py` shows that this logger is silent."""
    async with listening(Echo()) as port:
        for _ in range(5):
            await ask(port, b"nonsense\r\n\r\n")
    assert {record.name for record in caplog.records} == {UVICORN_LOG}


@pytest.mark.parametrize(
    ("address", "sort"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "private"),
        ("fe80::1%eth0", "private"),
        ("203.162.4.190", "public_v4"),
        ("::ffff:203.162.4.190", "public_v4"),
        ("2001:ee0::1", "public_v6"),
        ("", "unknown"),
        ("a socket", "unknown"),
    ],
)
def test_an_address_is_stored_as_one_of_five_classes_only(address: str, sort: str) -> None:
    assert class_of(address) == sort
