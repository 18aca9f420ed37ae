"""DPoP (RFC 9449): a bound token is worth nothing without its key's proof for this very call."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.accounts.model import make_grant
from gateway.accounts.use_cases import create_account
from gateway.identifiers import Profile
from tests.kit.forging import (
    AnyKey,
    ask_by_assertion,
    call_me,
    encode,
    encode_bytes,
    read,
    refusal,
    sign,
    sign_by_secret,
)
from tests.kit.scene import AGENCY, Portal, Scene, outcome

INVALID_PROOF = (401, "dpop_proof_invalid")
INVALID_TOKEN = (401, "token_invalid")
REFUSED_PROOF = (400, "invalid_dpop_proof")


@pytest.fixture
async def bound(scene: Scene) -> Portal:
    """A sandbox portal whose token is bound to its key."""
    return await scene.portal(key=ECKey.generate_key("P-256"))


def me(portal: Portal) -> str:
    """Return the address that proofs are for."""
    return f"{portal.issuer}/v1/me"


async def test_a_bound_token_names_its_key_and_says_its_type(bound: Portal) -> None:
    _, claims = read(bound.access_token)

    assert bound.token_type == "DPoP"
    assert bound.key is not None
    assert claims["cnf"] == {"jkt": bound.key.thumbprint()}
    assert (await bound.call("GET", "/me")).status_code == 200


@pytest.mark.parametrize("key", ["EdDSA", "PS256"])
async def test_a_token_can_be_bound_to_a_key_of_each_kind(bound: Portal, key: str) -> None:
    holder: AnyKey = OKPKey.generate_key("Ed25519") if key == "EdDSA" else RSAKey.generate_key(3072)
    endpoint = f"{bound.issuer}/oauth2/token"
    answer = await bound.ask_token(DPoP=_proof(bound, "POST", endpoint, key=holder))
    token = answer.json()["access_token"]

    proof = _proof(bound, "GET", me(bound), key=holder, token=token)

    assert (await call_me(bound, token, scheme="DPoP", DPoP=proof)).status_code == 200


def _proof(
    portal: Portal, method: str, address: str, *, key: AnyKey, token: str | None = None, **header: Any
) -> str:
    _, claims = read(portal.proof(method, address, token))
    return sign(claims, key=key, **({"typ": "dpop+jwt", "jwk": key.as_dict(private=False)} | header))


async def test_threat_7_a_replayed_proof_is_refused(bound: Portal) -> None:
    proof = bound.proof("GET", me(bound), bound.access_token)

    assert (await bound.call("GET", "/me", DPoP=proof)).status_code == 200
    assert outcome(await bound.call("GET", "/me", DPoP=proof)) == INVALID_PROOF


async def test_threat_7_a_proof_spent_for_a_token_gets_no_second_one(bound: Portal) -> None:
    proof = bound.proof("POST", f"{bound.issuer}/oauth2/token")

    assert (await bound.ask_token(DPoP=proof)).status_code == 200
    assert refusal(await bound.ask_token(DPoP=proof)) == REFUSED_PROOF


async def test_threat_7_a_proof_for_anything_else_is_refused(bound: Portal) -> None:
    now, token = bound.now, bound.access_token
    wrong: list[dict[str, Any]] = [
        {"htm": "POST"},
        {"htm": "get"},
        {"htm": None},
        {"htu": f"{bound.issuer}/v1/procedures"},
        {"htu": me(bound).replace("sandbox", "official")},
        {"htu": "https://attacker.example/sandbox/v1/me"},
        {"htu": None},
        {"htu": [me(bound)]},
        {"htu": me(bound).replace("gateway.test", "gateway.test:99999")},
        {"htu": me(bound).replace("gateway.test", "gateway.test:8080")},
        {"htu": me(bound).replace("http:", "https:")},
        {"htu": me(bound) + "/"},
        {"htu": "/sandbox/v1/me"},
        {"ath": base64.urlsafe_b64encode(b"0" * 32).decode().rstrip("=")},
        {"ath": None},
        {"ath": "\ud800"},
        {"iat": now - 65},
        {"iat": now + 65},
        {"iat": str(now)},
        {"iat": None},
        {"iat": 10**18},
        {"jti": None},
        {"jti": ""},
        {"jti": "nul\x00"},
        {"jti": "\ud800"},
        {"jti": "j" * 129},
        {"jti": 7},
    ]
    for claims in wrong:
        proof = bound.proof("GET", me(bound), token, **claims)
        assert outcome(await bound.call("GET", "/me", DPoP=proof)) == INVALID_PROOF, claims


async def test_a_proof_that_differs_only_in_what_the_rfc_ignores_is_accepted(bound: Portal) -> None:
    for claims in (
        {"iat": bound.now - 55},
        {"iat": bound.now + 55},
        {"htu": me(bound) + "?a=1#b"},
        {"htu": me(bound).replace("http://gateway.test", "HTTP://GATEWAY.test:80")},
    ):
        proof = bound.proof("GET", me(bound), bound.access_token, **claims)
        assert (await bound.call("GET", "/me", DPoP=proof)).status_code == 200, claims


async def test_threat_7_a_proof_by_another_key_is_refused(bound: Portal) -> None:
    thief = ECKey.generate_key("P-256")
    proof = replace(bound, key=thief).proof("GET", me(bound), bound.access_token)

    assert outcome(await bound.call("GET", "/me", DPoP=proof)) == INVALID_PROOF


async def test_threat_7_a_proof_with_a_swapped_or_strange_key_is_refused(bound: Portal) -> None:
    own, thief = bound.key, ECKey.generate_key("P-256")
    assert own is not None
    genuine = bound.proof("GET", me(bound), bound.access_token)
    claims = read(genuine)[1]
    public = own.as_dict(private=False)
    for forged in (
        sign(claims, key=thief, typ="dpop+jwt", jwk=public),
        sign(claims, key=own, typ="dpop+jwt", jwk=own.as_dict(private=True)),
        sign(claims, key=own, typ="dpop+jwt", jwk={"keys": [public]}),
        sign(claims, key=own, typ="dpop+jwt", jwk=public | {"x": "AAAA"}),
        sign(claims, key=own, typ="dpop+jwt", jwk=public | {"x": "\ud800"}),
        sign(claims, key=own, typ="dpop+jwt", jwk=OctKey.generate_key(256).as_dict(private=True)),
        sign(claims, key=own, typ="dpop+jwt", jwk="none"),
        sign(claims, key=own, typ="dpop+jwt"),
        sign(claims, key=own, typ="JWT", jwk=public),
        sign(claims, key=own, typ="dpop+jwt", jwk=public, jku="https://attacker.example/"),
        sign_by_secret(claims, secret=json.dumps(public).encode(), typ="dpop+jwt", jwk=public),
        f"{encode({'typ': 'dpop+jwt', 'alg': 'none', 'jwk': public})}.{encode(claims)}.",
        genuine[:-8],
        "x",
    ):
        assert outcome(await bound.call("GET", "/me", DPoP=forged)) == INVALID_PROOF


async def test_what_is_wrong_with_a_proofs_header_or_signature_is_named(bound: Portal) -> None:
    own = bound.key
    assert own is not None
    genuine = bound.proof("GET", me(bound), bound.access_token)
    claims, public = read(genuine)[1], own.as_dict(private=False)
    der = encode_bytes(b"\x30\x45\x02\x21\x00" + bytes(66))
    wrong = {
        "typ in the proof's header must be dpop+jwt": sign(claims, key=own, typ="JWT", jwk=public),
        "jwk in the proof's header must be a public key for its alg": sign(claims, key=own, typ="dpop+jwt"),
        "the proof must be a JWT signed with ES256, EdDSA or PS256": "a.b",
        "an ES256 signature is r and s, 64 bytes (RFC 7518), not DER": f"{genuine.rpartition('.')[0]}.{der}",
        "the proof is not signed by the key in jwk": sign(
            claims, key=ECKey.generate_key("P-256"), typ="dpop+jwt", jwk=public
        ),
    }

    for reason, proof in wrong.items():
        answer = await bound.call("GET", "/me", DPoP=proof)
        assert outcome(answer) == INVALID_PROOF
        assert answer.json()["detail"].endswith(f" {reason}.")


async def test_threat_7_none_or_two_proofs_are_refused(bound: Portal) -> None:
    authorization = ("Authorization", f"DPoP {bound.access_token}")
    for count in (0, 2):
        proofs = [("DPoP", bound.proof("GET", me(bound), bound.access_token)) for _ in range(count)]
        answer = await bound.http.get(me(bound), headers=[authorization, *proofs])
        assert outcome(answer) == INVALID_PROOF


async def test_threat_7_a_bound_token_as_bearer_is_refused(scene: Scene, bound: Portal) -> None:
    proof = bound.proof("GET", me(bound), bound.access_token)

    assert outcome(await call_me(bound, bound.access_token)) == INVALID_TOKEN
    assert outcome(await call_me(bound, bound.access_token, DPoP=proof)) == INVALID_TOKEN


async def test_threat_7_an_unbound_token_is_no_dpop_token(scene: Scene, portal: Portal) -> None:
    key = ECKey.generate_key("P-256")
    proof = replace(portal, key=key).proof("GET", me(portal), portal.access_token)

    assert outcome(await call_me(portal, portal.access_token, scheme="DPoP", DPoP=proof)) == INVALID_TOKEN


async def test_a_token_of_the_other_scheme_is_refused_with_the_scheme_to_send(
    scene: Scene, bound: Portal, portal: Portal
) -> None:
    proof = replace(portal, key=bound.key).proof("GET", me(portal), portal.access_token)
    as_bearer = await call_me(bound, bound.access_token)
    as_dpop = await call_me(portal, portal.access_token, scheme="DPoP", DPoP=proof)

    wanted = "the token is bound to a key: send Authorization: DPoP, with a proof"
    assert as_bearer.json()["detail"] == f"Wrong: {wanted}."
    assert as_bearer.json()["detail_vi"].startswith("Sai: mã truy cập gắn với khóa")
    challenge = f'DPoP error="invalid_token", error_description="{wanted}", algs="ES256 EdDSA PS256", '
    assert as_bearer.headers["www-authenticate"].startswith(challenge)
    wanted = "the token is bound to no key: send Authorization: Bearer"
    assert as_dpop.json()["detail"] == f"Wrong: {wanted}."
    assert as_dpop.json()["detail_vi"].startswith("Sai: mã truy cập không gắn với khóa")
    assert as_dpop.headers["www-authenticate"].startswith('Bearer error="invalid_token", ')


async def test_a_refused_proof_asks_the_registry_nothing(scene: Scene, bound: Portal) -> None:
    proof = bound.proof("POST", f"{bound.issuer}/v1/verifications", bound.access_token, htm="GET")
    answer = await bound.call("POST", "/verifications", {}, DPoP=proof)

    assert outcome(answer) == INVALID_PROOF
    assert answer.headers["www-authenticate"].startswith('DPoP error="invalid_dpop_proof"')
    assert await scene.journal() == []


async def test_an_official_account_must_bind_its_token(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL, log_in=False)

    assert refusal(await ask_by_assertion(official, official.assertion())) == REFUSED_PROOF
    assert (await official.log_in()).token_type == "DPoP"


async def test_an_official_account_that_may_use_bearer_gets_such_a_token(scene: Scene) -> None:
    key = ECKey.generate_key("P-256")
    made = await create_account(
        scene.gateway.deps,
        scene.gateway.places[Profile.OFFICIAL],
        name="behind mutual TLS",
        organisation=AGENCY,
        scopes=frozenset({"verify"}),
        grants=make_grant(["*"], ["*"], ["*"]),
        public_keys=(key.as_dict(private=False),),
        bearer_allowed=True,
    )
    portal = Portal(http=scene.http, clock=scene.clock, client_id=made.client_id, issuer=made.issuer, key=key)

    answer = await ask_by_assertion(portal, portal.assertion())

    assert answer.json()["token_type"] == "Bearer"
    assert (await call_me(portal, answer.json()["access_token"])).status_code == 200


async def test_threat_7_a_wrong_proof_at_the_token_endpoint_is_refused(bound: Portal) -> None:
    endpoint = f"{bound.issuer}/oauth2/token"
    for proof in (
        bound.proof("GET", endpoint),
        bound.proof("POST", f"{bound.issuer}/oauth2/revoke"),
        bound.proof("POST", endpoint, iat=bound.now - 65),
        "x",
    ):
        assert refusal(await bound.ask_token(DPoP=proof)) == REFUSED_PROOF
