"""Direct routes: which they are, and that what they leave to FastAPI is answered as before."""

import pytest

from gateway.edge.metrics import Metrics
from gateway.edge.middleware import find_direct_routes
from gateway.edge.problem_answers import problem_response
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.oauth.tokens import verify_token
from gateway.web import build_routes
from tests.kit.forging import read, resign
from tests.kit.keys import rotate
from tests.kit.scene import BASE, Portal, Scene, outcome

HOT = {
    ("POST", "verifications"), ("POST", "prefills"), ("POST", "evaluations"), ("POST", "receipts/check"),
    ("POST", "ledger"), ("POST", "ledger/mine"), ("POST", "discrepancies"), ("GET", "discrepancies"), ("GET", "me"), ("GET", "procedures"),
    ("GET", "audit/checkpoints/latest"), ("GET", "audit/proofs/inclusion"), ("GET", "audit/proofs/consistency"),
}  # fmt: skip


def test_every_hot_route_of_both_profiles_is_direct(scene: Scene) -> None:
    routes = build_routes(scene.gateway, Metrics())
    found = find_direct_routes(
        routes, lambda request, error: problem_response(error, base=BASE, request_id="")
    )

    expected = {(method, f"/{profile.value}/v1/{path}") for method, path in HOT for profile in Profile}
    expected |= {
        ("POST", f"/{profile.value}/oauth2/{endpoint}")
        for endpoint in ("token", "introspect", "revoke")
        for profile in Profile
    }
    assert set(found) == expected


@pytest.mark.parametrize("path", ["/me", "/verifications", "/procedures"])
async def test_another_method_of_a_direct_path_is_405_and_names_the_right_one(
    portal: Portal, path: str
) -> None:
    answer = await portal.call("DELETE", path)

    assert outcome(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] in {"GET, HEAD", "POST"}


async def test_a_direct_path_with_a_slash_more_or_of_no_profile_is_not_found(portal: Portal) -> None:
    for path in ("/me/", "//me"):
        assert outcome(await portal.call("GET", path)) == (404, "not_found")
    assert outcome(await portal.http.get(f"{BASE}/staging/v1/me")) == (404, "not_found")


async def test_threat_3_a_kept_token_is_refused_after_its_end_and_before_its_time(
    scene: Scene, portal: Portal
) -> None:
    assert (await portal.call("GET", "/me")).status_code == 200

    scene.clock.advance(-3600)
    assert outcome(await portal.call("GET", "/me")) == (401, "token_invalid")
    scene.clock.advance(3600 + 301)
    assert outcome(await portal.call("GET", "/me")) == (401, "token_expired")


async def test_threat_1_a_kept_token_is_refused_once_its_key_is_not_accepted(
    scene: Scene, portal: Portal
) -> None:
    ring = scene.gateway.places[Profile.SANDBOX].tokens
    claims = verify_token(scene.gateway.places[Profile.SANDBOX], portal.access_token, now=scene.clock.now())
    assert ring.find_kept(portal.access_token, now=scene.clock.now()) == claims

    await rotate(scene, Purpose.TOKEN)

    former = scene.gateway.places[Profile.SANDBOX].tokens
    assert former is not ring
    scene.clock.advance(86_400)
    assert former.find_kept(portal.access_token, now=scene.clock.now()) is None


async def test_threat_1_a_kept_token_with_another_signature_is_another_token(
    scene: Scene, portal: Portal
) -> None:
    assert (await portal.call("GET", "/me")).status_code == 200
    head, members, signature = portal.access_token.split(".")
    wider = resign(scene, portal.access_token, scope="verify audit.read").split(".")[1]

    for forged in (f"{head}.{members}.{signature[::-1]}", f"{head}.{wider}.{signature}"):
        answer = await portal.call("GET", "/me", Authorization=f"Bearer {forged}")
        assert outcome(answer) == (401, "token_invalid")
    assert read(portal.access_token)[1]["scope"] == "ledger prefill verify"
