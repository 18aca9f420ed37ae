"""Metadata, public keys, and what a refused caller is told in `WWW-Authenticate` (RFC 8414, 9728, 7517, 6750)."""

import pytest

from tests.kit.forging import read
from tests.kit.scene import BASE, Portal, Scene, outcome

SCOPES = ["verify", "prefill", "prefill.sensitive", "ledger", "audit.read", "reports.read"]
ALGORITHMS = ["ES256", "EdDSA", "PS256"]
METADATA = f'resource_metadata="{BASE}/.well-known/oauth-protected-resource/sandbox/v1"'


@pytest.mark.parametrize("profile", ["sandbox", "official"])
async def test_the_servers_metadata_names_its_endpoints_by_issuer(scene: Scene, profile: str) -> None:
    members = (await scene.http.get(f"/.well-known/oauth-authorization-server/{profile}")).json()

    issuer = f"{BASE}/{profile}"
    methods = ["private_key_jwt", *(["client_secret_basic"] if profile == "sandbox" else [])]
    assert members["issuer"] == issuer
    assert members["jwks_uri"] == f"{issuer}/jwks.json"
    assert members["grant_types_supported"] == ["client_credentials"]
    assert members["response_types_supported"] == []
    assert members["scopes_supported"] == SCOPES
    assert members["authorization_details_types_supported"] == ["citizen_enquiry"]
    assert members["dpop_signing_alg_values_supported"] == ALGORITHMS
    for name, path in (("token", "token"), ("introspection", "introspect"), ("revocation", "revoke")):
        assert members[f"{name}_endpoint"] == f"{issuer}/oauth2/{path}"
        assert members[f"{name}_endpoint_auth_methods_supported"] == methods
        assert members[f"{name}_endpoint_auth_signing_alg_values_supported"] == ALGORITHMS


@pytest.mark.parametrize("profile", ["sandbox", "official"])
async def test_the_resources_metadata_names_its_one_server(scene: Scene, profile: str) -> None:
    members = (await scene.http.get(f"/.well-known/oauth-protected-resource/{profile}/v1")).json()

    assert members["resource"] == f"{BASE}/{profile}/v1"
    assert members["authorization_servers"] == [f"{BASE}/{profile}"]
    assert members["scopes_supported"] == SCOPES
    assert members["bearer_methods_supported"] == ["header"]
    assert members["dpop_bound_access_tokens_required"] is (profile == "official")


async def test_an_unknown_profile_has_no_metadata_keys_or_endpoints(scene: Scene) -> None:
    for path in (
        "/.well-known/oauth-authorization-server/test",
        "/.well-known/oauth-protected-resource/test/v1",
        "/.well-known/oauth-authorization-server",
        "/test/jwks.json",
        "/SANDBOX/jwks.json",
    ):
        assert outcome(await scene.http.get(path)) == (404, "not_found")
    assert outcome(await scene.http.post("/test/oauth2/token", data={"a": "b"})) == (404, "not_found")


async def test_published_keys_are_public_and_serve_one_purpose_each(scene: Scene) -> None:
    paths = [
        f"/{profile}/{name}.json" for profile in ("sandbox", "official") for name in ("jwks", "receipt-keys")
    ]
    sets = [(await scene.http.get(path)).json()["keys"] for path in paths]

    for key in (key for keys in sets for key in keys):
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert len({key["x"] for keys in sets for key in keys}) == 4
    assert len({key["kid"] for keys in sets for key in keys}) == 4


async def test_tokens_and_receipts_name_a_key_of_their_own_set(scene: Scene, portal: Portal) -> None:
    for path, signed in (("jwks", portal.access_token), ("receipt-keys", await portal.receipt())):
        keys = (await scene.http.get(f"/sandbox/{path}.json")).json()["keys"]
        assert read(signed)[0]["kid"] in {key["kid"] for key in keys}


async def test_a_missing_token_is_challenged_without_an_error(scene: Scene) -> None:
    answer = await scene.http.get("/sandbox/v1/me")

    assert outcome(answer) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == f"Bearer {METADATA}"


async def test_a_wrong_token_is_challenged_as_invalid(scene: Scene, portal: Portal) -> None:
    for scheme in ("Bearer x", "bearer x.y.z", "Basic abc", "Bearer", "Bearer  "):
        answer = await scene.http.get("/sandbox/v1/me", headers={"Authorization": scheme})
        assert outcome(answer) == (401, "token_invalid"), scheme
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer error="invalid_token", error_description="')
        assert challenge.endswith(METADATA)


async def test_a_header_without_an_access_token_is_refused_with_the_header_to_send(portal: Portal) -> None:
    twice = [("Authorization", f"Bearer {portal.access_token}")] * 2
    for headers, wrong, wrong_vi in (
        ([("Authorization", "Basic abc")], "the scheme of Authorization is not Bearer or DPoP", "không dùng"),
        ([("Authorization", "Bearer ")], "Authorization has no access token", "không có mã truy cập"),
        (twice, "there are several Authorization headers", "chỉ gửi một"),
    ):
        answer = await portal.http.get("/sandbox/v1/me", headers=headers)
        assert answer.json()["detail"].startswith(f"Wrong: {wrong}"), headers
        assert wrong_vi in answer.json()["detail_vi"]


async def test_a_missing_scope_is_named_in_the_challenge(scene: Scene) -> None:
    portal = await scene.portal(scopes=("verify",))

    answer = await portal.prefill("x", ["full_name"])

    assert outcome(answer) == (403, "scope_missing")
    assert (
        answer.headers["www-authenticate"]
        == f'Bearer error="insufficient_scope", scope="prefill", {METADATA}'
    )
    assert answer.json()["detail"].endswith(" Needed: prefill.")
    assert answer.json()["detail_vi"].endswith(" Cần: prefill.")


async def test_the_scheme_of_a_token_is_read_in_any_case(portal: Portal) -> None:
    headers = {"Authorization": f"bEARER {portal.access_token}"}

    assert (await portal.call("GET", "/me", **headers)).status_code == 200


async def test_a_suspended_or_foreign_caller_gets_no_challenge(scene: Scene, portal: Portal) -> None:
    answer = await portal.call("GET", "/me", issuer=f"{BASE}/official")

    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers
