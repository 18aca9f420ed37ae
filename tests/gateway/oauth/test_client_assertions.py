"""Client assertions (RFC 7523): each rule broken once, and what the caller is told about it."""

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state, get_account, rotate_credential
from gateway.identifiers import Profile
from gateway.web import build_app
from tests.kit.forging import (
    AnyKey,
    ask_by_assertion,
    encode,
    encode_bytes,
    read,
    refusal,
    sign,
    sign_by_secret,
)
from tests.kit.scene import BASE, Portal, Scene


def assertion_claims(portal: Portal, **claims: Any) -> dict[str, Any]:
    """Return an assertion's claims, changed; a claim given as None is left out."""
    members = {
        "iss": portal.client_id,
        "sub": portal.client_id,
        "aud": portal.issuer,
        "iat": portal.now,
        "exp": portal.now + 60,
        "jti": secrets.token_hex(8),
    } | claims
    return {name: value for name, value in members.items() if value is not None}


UNPROVEN = (401, "invalid_client")


@pytest.fixture
async def keyed(scene: Scene) -> Portal:
    """A portal that proves itself by private_key_jwt and need not bind its tokens."""
    return await scene.portal(key=ECKey.generate_key("P-256"), log_in=False)


async def _account_with(scene: Scene, key: AnyKey) -> Portal:
    portal = await scene.portal(log_in=False, key=ECKey.generate_key("P-256"))
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    account = await get_account(deps, portal.client_id)
    await rotate_credential(deps, place, account, public_keys=[key.as_dict(private=False)])
    return replace(portal, key=None)


@pytest.mark.parametrize("kind", ["ES256", "EdDSA", "PS256"])
async def test_an_assertion_of_each_algorithm_gets_a_token(scene: Scene, kind: str) -> None:
    keys: dict[str, AnyKey] = {
        "ES256": ECKey.generate_key("P-256"),
        "EdDSA": OKPKey.generate_key("Ed25519"),
        "PS256": RSAKey.generate_key(2048),
    }
    portal = await _account_with(scene, keys[kind])

    answer = await ask_by_assertion(portal, sign(assertion_claims(portal), key=keys[kind]))

    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"


async def test_an_rsa_key_is_not_accepted_with_a_weaker_algorithm(scene: Scene) -> None:
    key = RSAKey.generate_key(2048)
    portal = await _account_with(scene, key)

    for alg in ("RS256", "PS384", "PS512"):
        forged = sign(assertion_claims(portal), key=key, alg=alg)
        assert refusal(await ask_by_assertion(portal, forged)) == UNPROVEN


async def test_threat_4_each_wrong_claim_of_a_well_signed_assertion_is_named(keyed: Portal) -> None:
    now = keyed.now
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("aud", {"aud": [keyed.issuer]}),
        ("aud", {"aud": f"{keyed.issuer}/oauth2/token"}),
        ("aud", {"aud": f"{BASE}/official"}),
        ("aud", {"aud": None}),
        ("sub", {"sub": "acc_somebodyelse"}),
        ("sub", {"sub": None}),
        ("iss", {"iss": "acc_somebodyelse"}),
        ("iss", {"iss": None}),
        ("exp", {"exp": now + 200}),
        ("exp", {"exp": now - 1}),
        ("exp", {"exp": None}),
        ("exp", {"exp": str(now + 60)}),
        ("exp", {"exp": now + 60.5}),
        ("exp", {"exp": 10**18}),
        ("iat", {"iat": now + 60}),
        ("iat", {"iat": "now"}),
        ("nbf", {"nbf": now + 60}),
        ("nbf", {"nbf": "now"}),
        ("jti", {"jti": None}),
        ("jti", {"jti": ""}),
        ("jti", {"jti": 7}),
        ("jti", {"jti": "j" * 129}),
    ]
    for name, claims in wrong:
        answer = await ask_by_assertion(keyed, keyed.assertion(**claims))
        assert refusal(answer) == UNPROVEN, claims
        assert name in answer.json()["error_description"].split(), claims


async def test_threat_4_a_client_id_beside_another_accounts_assertion_is_named(keyed: Portal) -> None:
    answer = await ask_by_assertion(keyed, keyed.assertion(), client_id="acc_somebodyelse")

    assert refusal(answer) == UNPROVEN
    assert "client_id" in answer.json()["error_description"]


async def test_an_assertion_within_the_allowed_skew_is_accepted(keyed: Portal) -> None:
    claims = {"iat": keyed.now + 25, "exp": keyed.now + 118, "nbf": 0}

    assert (await ask_by_assertion(keyed, keyed.assertion(**claims))).status_code == 200


async def test_threat_4_a_replayed_assertion_is_refused(keyed: Portal) -> None:
    assertion = keyed.assertion()
    assert (await ask_by_assertion(keyed, assertion)).status_code == 200

    replayed = await ask_by_assertion(keyed, assertion)

    assert refusal(replayed) == UNPROVEN
    assert "jti" in replayed.json()["error_description"]


async def test_threat_4_a_jti_used_once_stays_used_though_the_clock_goes_back(
    scene: Scene, keyed: Portal
) -> None:
    assertion = keyed.assertion()
    assert (await ask_by_assertion(keyed, assertion)).status_code == 200
    scene.clock.advance(-20)

    assert refusal(await ask_by_assertion(keyed, assertion)) == UNPROVEN


async def test_threat_4_an_assertion_spent_at_one_endpoint_is_spent_at_all(keyed: Portal) -> None:
    assertion = keyed.assertion()
    assert (await ask_by_assertion(keyed, assertion)).status_code == 200

    answer = await keyed.http.post(
        f"{keyed.issuer}/oauth2/introspect",
        data={
            "token": "x",
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )

    assert refusal(answer) == UNPROVEN


async def test_threat_4_an_assertion_by_a_retired_key_is_refused(scene: Scene, keyed: Portal) -> None:
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    account = await get_account(deps, keyed.client_id)
    new = ECKey.generate_key("P-256")
    await rotate_credential(deps, place, account, public_keys=[new.as_dict(private=False)])

    assert refusal(await ask_by_assertion(keyed, keyed.assertion())) == UNPROVEN
    assert (await ask_by_assertion(keyed, sign(assertion_claims(keyed), key=new))).status_code == 200


async def test_threat_4_another_accounts_key_proves_nothing_here(scene: Scene, keyed: Portal) -> None:
    other = await scene.portal(key=ECKey.generate_key("P-256"), log_in=False)

    forged = sign(assertion_claims(keyed), key=other.key or ECKey.generate_key("P-256"))

    assert refusal(await ask_by_assertion(keyed, forged)) == UNPROVEN


async def test_threat_4_a_caller_without_a_key_learns_no_reason_of_the_refusal(keyed: Portal) -> None:
    stranger = ECKey.generate_key("P-256")
    answers = [
        await ask_by_assertion(keyed, sign(assertion_claims(keyed, aud="elsewhere"), key=stranger)),
        await ask_by_assertion(keyed, sign(assertion_claims(keyed, iss="a", sub="a"), key=stranger)),
    ]

    assert [answer.json() for answer in answers] == [{"error": "invalid_client"}] * 2
    assert len({answer.status_code for answer in answers}) == 1


async def test_threat_1_an_assertion_signed_without_the_accounts_key_is_refused(keyed: Portal) -> None:
    key = keyed.key
    assert key is not None
    own = ECKey.generate_key("P-256")
    claims = assertion_claims(keyed)
    signature = keyed.assertion().rpartition(".")[2]
    for forged in (
        f"{encode({'alg': 'none'})}.{encode(claims)}.",
        f"{encode({'alg': 'ES256'})}.{encode(claims)}.{signature}",
        sign_by_secret(claims, secret=str(key.as_dict(private=False)).encode()),
        sign(claims, key=own, jwk=own.as_dict(private=False)),
        sign(claims, key=key, jku="https://attacker.example/jwks.json"),
        sign(claims, key=key, kid="../../etc/passwd"),
        sign(claims, key=key, typ="at+jwt"),
        sign(claims, key=key, typ=7),
        "a.b",
        "..",
    ):
        assert refusal(await ask_by_assertion(keyed, forged)) == UNPROVEN


async def test_threat_4_what_no_key_could_have_signed_is_named_before_any_key_is_looked_up(
    keyed: Portal,
) -> None:
    head, claims, signature = keyed.assertion().split(".")
    der = encode_bytes(b"\x30\x45\x02\x21\x00" + bytes(66))
    unsigned = encode({"alg": "none"})
    wrong = {
        f"{head}.{claims}.{der}": "an ES256 signature is r and s, 64 bytes (RFC 7518), not DER",
        f"{unsigned}.{claims}.{signature}": "client_assertion must be a JWT signed with ES256, EdDSA or PS256",
        "a.b": "client_assertion must be a JWT signed with ES256, EdDSA or PS256",
        sign(
            {"aud": keyed.issuer}, key=ECKey.generate_key("P-256")
        ): "iss and sub must both be the client_id",
        sign(
            assertion_claims(keyed), key=ECKey.generate_key("P-256"), typ="at+jwt"
        ): "the assertion's typ must be JWT or client-authentication+jwt, or absent",
    }

    for assertion, reason in wrong.items():
        answer = await ask_by_assertion(keyed, assertion)
        assert refusal(answer) == UNPROVEN
        assert answer.json()["error_description"] == reason


async def test_an_assertion_that_no_store_could_hold_is_refused_not_failed(keyed: Portal) -> None:
    key = keyed.key
    assert key is not None
    deep = f"{encode({'alg': 'ES256'})}.{encode(_nested(700))}.AAAA"
    hostile = [
        deep,
        keyed.assertion(jti="nul\x00"),
        keyed.assertion(jti="half \ud800"),
        keyed.assertion(iss="nul\x00", sub="nul\x00"),
        keyed.assertion(iss="\ud800", sub="\ud800"),
        keyed.assertion(iss=["a"], sub={"a": 1}),
        sign(assertion_claims(keyed), key=key, kid="\ud800"),
    ]
    for assertion in hostile:
        assert refusal(await ask_by_assertion(keyed, assertion)) == UNPROVEN, read(assertion)


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


async def test_threat_4_two_workers_let_one_assertion_through_once(scene: Scene, keyed: Portal) -> None:
    # A second application around the same store shares nothing else with the first.
    assertion = keyed.assertion()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app(scene.gateway)), base_url=BASE
    ) as second:
        other = replace(keyed, http=second)
        doors = [keyed, other] * 4
        answers = await asyncio.gather(*(ask_by_assertion(door, assertion) for door in doors))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


async def test_a_suspended_accounts_good_assertion_is_refused_without_a_reason(
    scene: Scene, keyed: Portal
) -> None:
    await change_state(scene.gateway.deps, keyed.client_id, AccountState.SUSPENDED)

    answer = await ask_by_assertion(keyed, keyed.assertion())

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
