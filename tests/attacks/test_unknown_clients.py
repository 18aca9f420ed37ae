"""Threat 6: the duration of a token request does not show which clients exist; measured in work, not in time."""

import statistics
from time import process_time
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.accounts.model import AccountKey, Credentials
from gateway.identifiers import Profile
from gateway.keys.jws import verify_jws
from gateway.oauth.proofs import (
    ASSERTION_TYPE,
    TRIES_WITHOUT_KID,
    ClientNotAuthenticated,
    parse_proof,
    verify_signature,
)
from tests.kit.scene import BASE, Portal, Scene
from tests.kit.stores import statements

Header = dict[str, str]
KEYS: dict[str, ECKey | OKPKey] = {
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
}
STRANGER = ECKey.generate_key("P-256")
NAMED: list[Header] = [{"typ": "JWT"}, {"typ": "JWT", "kid": "one"}, {"typ": "JWT", "kid": "another"}]


class Verifying:
    """Verifies signatures, and records the kinds of the keys."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def __call__(self, raw: str, *, key: ECKey | OKPKey | RSAKey, algorithm: str) -> dict[str, Any]:
        """Verify and record."""
        self.kinds.append(key.key_type)
        return verify_jws(raw, key=key, algorithm=algorithm)


def verified(portal: Portal, header: Header, keys: list[tuple[str, ECKey | OKPKey]]) -> list[str]:
    """Return the kinds of keys that verify a stranger's assertion for a client with these keys."""
    raw = portal.sign(header, {"iss": portal.client_id, "sub": portal.client_id}, key=STRANGER)
    proof = parse_proof([], {"client_assertion_type": ASSERTION_TYPE, "client_assertion": raw})
    held = tuple(
        AccountKey(jwk=key.as_dict(private=False) | {"kid": kid}, added_at=portal.clock.now())
        for kid, key in keys
    )
    candidates = {portal.client_id: Credentials(public_keys=held)}
    verifying = Verifying()
    with pytest.raises(ClientNotAuthenticated):
        verify_signature(proof, candidates, verify=verifying)  # type: ignore[arg-type]  # a client secret has no assertion and so no claimants
    return verifying.kinds


@pytest.mark.parametrize("header", NAMED, ids=["no kid", "its kid", "another kid"])
@pytest.mark.parametrize("having", [["ES256"], ["EdDSA"], ["ES256", "EdDSA"]], ids=" ".join)
async def test_threat_6_a_wrong_assertion_needs_as_many_signature_checks_as_an_unknown_clients(
    portal: Portal, header: Header, having: list[str]
) -> None:
    known = verified(portal, header, [("one", KEYS[algorithm]) for algorithm in having])
    unknown = verified(portal, header, [])
    assert known == unknown == ["EC"] * (1 if "kid" in header else TRIES_WITHOUT_KID)


async def ask(portal: Portal, header: Header, *, named: str) -> tuple[int, bytes]:
    """Ask for a token with a stranger's signature under a client's name."""
    claims = {"iss": named, "sub": named, "aud": portal.issuer, "exp": portal.now + 60, "jti": "j"}
    raw = portal.sign(header, claims, key=STRANGER)
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": raw}
    answer = await portal.http.post(
        f"{portal.issuer}/oauth2/token", data={"grant_type": "client_credentials"} | form
    )
    return answer.status_code, answer.content


@pytest.mark.parametrize("header", NAMED, ids=["no kid", "its kid", "another kid"])
async def test_threat_6_an_unknown_clients_assertion_runs_the_same_statements_and_gets_the_same_answer(
    scene: Scene, header: Header
) -> None:
    portal = await scene.portal(Profile.OFFICIAL, log_in=False)
    with statements() as of_known:
        known = await ask(portal, header, named=portal.client_id)
    with statements() as of_unknown:
        unknown = await ask(portal, header, named="acc_nobody")
    assert known == unknown
    assert of_known == of_unknown != []


async def test_threat_6_a_client_of_the_other_profile_costs_as_much_as_an_unknown_one(
    scene: Scene, portal: Portal
) -> None:
    official = await scene.portal(Profile.OFFICIAL, log_in=False)
    with statements() as of_foreign:
        foreign = await ask(portal, {"typ": "JWT"}, named=official.client_id)
    with statements() as of_unknown:
        unknown = await ask(portal, {"typ": "JWT"}, named="acc_nobody")
    assert foreign == unknown
    assert of_foreign == of_unknown != []


@pytest.mark.parametrize("secret", [True, False], ids=["secret", "assertion"])
async def test_threat_6_an_unknown_client_costs_as_much_cpu_time_as_a_known_one(
    scene: Scene, portal: Portal, secret: bool
) -> None:
    """The test compares medians; each guess has a different address, so the throttle slows none."""
    signing = await scene.portal(key=ECKey.generate_key("P-256"), log_in=False)

    async def guess(number: int, named: str) -> float:
        form = {"grant_type": "client_credentials"}
        claims = {"iss": named, "sub": named, "exp": signing.now + 60, "jti": "j"}
        raw = signing.sign({"typ": "JWT"}, claims, key=STRANGER)
        proven = {} if secret else {"client_assertion_type": ASSERTION_TYPE, "client_assertion": raw}
        auth = (named, "wrong") if secret else None
        transport = httpx.ASGITransport(scene.app, client=(f"10.0.{number // 200}.{number % 200}", 4000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            request = http.build_request("POST", f"{portal.issuer}/oauth2/token", data=form | proven)
            began = process_time()
            answer = await http.send(request, auth=auth)
            spent = process_time() - began
        assert answer.status_code == 401
        return spent

    known, unknown = (portal if secret else signing).client_id, "acc_nobody_that_is_there"
    spent: dict[str, list[float]] = {known: [], unknown: []}
    for number in range(150):
        for named in (known, unknown) if number % 2 else (unknown, known):
            spent[named].append(await guess(number, named))
    ratio = statistics.median(spent[known]) / statistics.median(spent[unknown])
    assert 1 / 1.2 < ratio < 1.2
