"""Access tokens: what they say, and that nothing but a token of this place, good now, is taken for one."""

import base64
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey

from gateway.identifiers import Profile
from tests.kit.forging import call_me, encode, read, resign, sign, sign_by_secret
from tests.kit.scene import BASE, Portal, Scene, outcome

INVALID = (401, "token_invalid")
BEYOND = 10**18


def _signer(scene: Scene, profile: Profile = Profile.SANDBOX) -> tuple[str, Any]:
    return scene.gateway.places[profile].tokens.signer(scene.clock.now())


async def test_a_token_says_exactly_what_the_contract_lists(portal: Portal) -> None:
    header, claims = read(portal.access_token)

    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": header["kid"]}
    assert claims == {
        "iss": f"{BASE}/sandbox",
        "aud": f"{BASE}/sandbox/v1",
        "sub": portal.client_id,
        "client_id": portal.client_id,
        "scope": "ledger prefill verify",
        "iat": claims["iat"],
        "exp": claims["iat"] + 300,
        "jti": claims["jti"],
        "grant_epoch": 1,
    }


async def test_a_genuine_token_resigned_unchanged_is_accepted(scene: Scene, portal: Portal) -> None:
    # The forgeries below differ from this one by the one thing each names.
    assert (await call_me(portal, resign(scene, portal.access_token))).status_code == 200


async def test_threat_1_an_unsigned_token_of_alg_none_is_refused(portal: Portal) -> None:
    header, claims = read(portal.access_token)
    for name in ("none", "None", "nOnE"):
        unsigned = f"{encode(header | {'alg': name})}.{encode(claims)}."
        assert outcome(await call_me(portal, unsigned)) == INVALID


async def test_threat_1_hs256_with_the_public_key_as_secret_is_refused(scene: Scene, portal: Portal) -> None:
    kid, key = _signer(scene)
    _, claims = read(portal.access_token)
    public = key.as_dict(private=False)
    secrets = (
        key.raw_value.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        base64.urlsafe_b64decode(public["x"] + "="),
    )
    for secret in secrets:
        forged = sign_by_secret(claims, secret=secret, typ="at+jwt", kid=kid)
        assert outcome(await call_me(portal, forged)) == INVALID


async def test_threat_1_an_algorithm_other_than_the_keys_own_is_refused(portal: Portal) -> None:
    cases: list[Any] = ["ES384", "RS256", "HS512", "EdDSA", "PS256", ["ES256"], None, 7]
    for alg in cases:
        header, claims = read(portal.access_token)
        signature = portal.access_token.rpartition(".")[2]
        forged = f"{encode(header | {'alg': alg})}.{encode(claims)}.{signature}"
        assert outcome(await call_me(portal, forged)) == INVALID


async def test_threat_1_a_key_that_the_token_brings_itself_is_not_honoured(portal: Portal) -> None:
    own = ECKey.generate_key("P-256")
    _, claims = read(portal.access_token)
    for brought in (
        {"jwk": own.as_dict(private=False)},
        {"jku": "https://attacker.example/jwks.json"},
        {"x5u": "https://attacker.example/chain.pem"},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"]},
    ):
        forged = sign(claims, key=own, typ="at+jwt", kid="own", **brought)
        assert outcome(await call_me(portal, forged)) == INVALID


async def test_threat_1_a_key_pointer_beside_a_genuine_signature_is_refused(
    scene: Scene, portal: Portal
) -> None:
    kid, key = _signer(scene)
    _, claims = read(portal.access_token)
    forged = sign(claims, key=key, typ="at+jwt", kid=kid, jku="https://a.example/")

    assert outcome(await call_me(portal, forged)) == INVALID


async def test_threat_1_an_unknown_or_path_like_kid_is_refused(scene: Scene, portal: Portal) -> None:
    cases: list[Any] = [
        "key_unknown",
        "../../etc/passwd",
        "/dev/null",
        "' OR 1=1 --",
        "",
        7,
        ["key"],
        None,
        "x" * 300,
    ]
    for kid in cases:
        _, claims = read(portal.access_token)
        forged = sign(claims, key=_signer(scene)[1], typ="at+jwt", **({} if kid is None else {"kid": kid}))
        assert outcome(await call_me(portal, forged)) == INVALID


async def test_threat_1_a_token_with_one_character_changed_is_refused(portal: Portal) -> None:
    header, claims, signature = portal.access_token.split(".")
    for changed in (
        f"{header}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{header}.{claims}.{signature}.{signature}",
        f"{header}.{encode(read(portal.access_token)[1] | {'scope': 'verify audit.read'})}.{signature}",
        "..",
        "a b.c.d",
    ):
        assert outcome(await call_me(portal, changed)) == INVALID


async def test_threat_2_another_issuer_or_audience_is_refused(scene: Scene, portal: Portal) -> None:
    cases: list[Any] = [
        {"iss": f"{BASE}/official"},
        {"iss": "https://other.example/sandbox"},
        {"iss": [f"{BASE}/sandbox"]},
        {"iss": None},
        {"aud": f"{BASE}/official/v1"},
        {"aud": f"{BASE}/sandbox"},
        {"aud": [f"{BASE}/sandbox/v1"]},
        {"aud": None},
    ]
    for claims in cases:
        assert outcome(await call_me(portal, resign(scene, portal.access_token, **claims))) == INVALID


async def test_threat_2_a_token_of_another_type_is_refused(scene: Scene, portal: Portal) -> None:
    cases: list[Any] = ["receipt+jwt", "JWT", "dpop+jwt", "AT+JWT ", "application/jwt", 7]
    for typ in cases:
        assert outcome(await call_me(portal, resign(scene, portal.access_token, typ=typ))) == INVALID


async def test_threat_2_a_receipt_is_refused_as_an_access_token(portal: Portal) -> None:
    receipt = await portal.receipt()

    assert outcome(await call_me(portal, receipt)) == INVALID


async def test_threat_2_a_client_assertion_is_refused_as_an_access_token(scene: Scene) -> None:
    keyed = await scene.portal(key=ECKey.generate_key("P-256"))

    assert outcome(await call_me(keyed, keyed.assertion(aud=f"{keyed.issuer}/v1"))) == INVALID


async def test_threat_2_an_account_of_the_other_profile_is_refused_here(scene: Scene, portal: Portal) -> None:
    # Signed by sandbox's own key for sandbox, about an account that lives on official.
    official = await scene.portal(Profile.OFFICIAL)
    forged = resign(scene, portal.access_token, sub=official.client_id, client_id=official.client_id)

    assert outcome(await call_me(portal, forged)) == INVALID


async def test_threat_3_an_exp_that_is_no_plain_number_of_seconds_is_refused(
    scene: Scene, portal: Portal
) -> None:
    cases: list[Any] = [None, "1893456000", 1893456000.0, BEYOND, -1, True, [1893456000], {}]
    for exp in cases:
        assert outcome(await call_me(portal, resign(scene, portal.access_token, exp=exp))) == INVALID


async def test_threat_3_a_token_for_longer_than_we_ever_issue_is_refused(
    scene: Scene, portal: Portal
) -> None:
    assert (
        outcome(await call_me(portal, resign(scene, portal.access_token, exp=portal.now + 3600))) == INVALID
    )


async def test_threat_3_an_expired_token_is_refused_as_expired(scene: Scene, portal: Portal) -> None:
    scene.clock.advance(298)
    assert (await portal.call("GET", "/me")).status_code == 200
    scene.clock.advance(3)

    assert outcome(await portal.call("GET", "/me")) == (401, "token_expired")


async def test_threat_3_a_token_issued_beyond_thirty_seconds_ahead_is_refused(
    scene: Scene, portal: Portal
) -> None:
    near = resign(scene, portal.access_token, iat=portal.now + 25, exp=portal.now + 300)
    ahead = resign(scene, portal.access_token, iat=portal.now + 60, exp=portal.now + 300)

    assert (await call_me(portal, near)).status_code == 200
    assert outcome(await call_me(portal, ahead)) == INVALID


async def test_threat_3_an_iat_that_is_no_plain_number_is_refused(scene: Scene, portal: Portal) -> None:
    cases: list[Any] = [None, "1", 1.5, BEYOND, True]
    for iat in cases:
        assert outcome(await call_me(portal, resign(scene, portal.access_token, iat=iat))) == INVALID


async def test_a_refused_token_asks_the_registry_nothing(scene: Scene, portal: Portal) -> None:
    portal.access_token = resign(scene, portal.access_token, aud="https://other.example")

    assert outcome(await portal.verify()) == INVALID
    assert await scene.journal() == []
