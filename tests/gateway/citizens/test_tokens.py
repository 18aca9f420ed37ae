"""The header `Citizen-Token`: what makes an ID token invalid, when it is judged, and what happens without the issuer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.citizens.login import END_S, MAX_ANSWER, REFRESH_S, RETRY_S
from gateway.errors.operators import SettingInvalid
from gateway.settings import read_settings
from mock_c06.app import MockRegistry
from tests.kit.citizens import OwnIssuer, sign_in
from tests.kit.clocks import CounterClock, HandClock
from tests.kit.scene import LOGIN_ISSUER, Portal, Scene, enquiry, open_scene, outcome, settings_for

PATH = "/ledger/mine"


@pytest.fixture
def clock() -> HandClock:
    return CounterClock()


@pytest.fixture
def issuer(clock: HandClock) -> OwnIssuer:
    return OwnIssuer(clock)


@pytest.fixture
async def scene(
    database_url: str, mock: MockRegistry, clock: HandClock, issuer: OwnIssuer
) -> AsyncIterator[Scene]:
    settings = settings_for(database_url, mock)
    async with open_scene(settings, mock, clock, login=issuer.transport) as opened:
        yield opened


async def show(portal: Portal, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Citizen-Token": token}
    return await portal.call("POST", PATH, **headers)


async def test_the_id_token_of_the_mocks_login_is_accepted(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock) as scene:
        answer = await show(await scene.portal(), await sign_in(mock))

    assert (answer.status_code, answer.json()) == (200, {"entries": []})


async def test_without_the_header_the_problem_says_what_to_send(portal: Portal) -> None:
    answer = await show(portal, None)

    assert outcome(answer) == (401, "citizen_token_missing")
    assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
    assert answer.json()["citizen_vi"]


@pytest.mark.parametrize(
    ("wrong", "claims"),
    [
        ("iss", {"iss": "http://127.0.0.1:8103"}),
        ("iss", {"iss": f"{LOGIN_ISSUER}/"}),
        ("aud", {"aud": "another-portal"}),
        ("aud", {"aud": ["dvctt-portal", "another-portal"]}),
        ("aud", {"aud": None}),
        ("exp", {"exp": 1}),
        ("exp", {"exp": None}),
        ("iat", {"iat": 2**32}),
        ("nonce", {"nonce": None}),
        ("nonce", {"nonce": ""}),
        ("auth_time", {"auth_time": None}),
        ("auth_time", {"auth_time": 2**32}),
        ("auth_time", {"auth_time": "1"}),
        ("citizen_id", {"citizen_id": None}),
        ("citizen_id", {"citizen_id": "12345678"}),
        ("citizen_id", {"citizen_id": 1090000123}),
        ("citizen_id", {"citizen_id": None, "officer_id": "can.bo.01"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_threat_59_an_id_token_with_a_wrong_claim_is_refused_and_the_claim_is_named(
    portal: Portal, issuer: OwnIssuer, wrong: str, claims: dict[str, Any]
) -> None:
    answer = await show(portal, issuer.token(**claims))

    assert outcome(answer) == (401, "citizen_token_invalid")
    assert f"Wrong: {wrong}." in answer.json()["detail"]


async def test_threat_59_a_sign_in_of_more_than_fifteen_minutes_ago_is_refused(
    scene: Scene, portal: Portal, issuer: OwnIssuer
) -> None:
    now = int(scene.clock.now().timestamp())
    assert (await show(portal, issuer.token(auth_time=now - 890))).status_code == 200

    answer = await show(portal, issuer.token(auth_time=now - 901))

    assert "Wrong: auth_time." in answer.json()["detail"]
    assert "Sai: auth_time." in answer.json()["detail_vi"]


async def test_threat_59_a_token_signed_by_another_key_or_with_another_algorithm_is_refused(
    portal: Portal, issuer: OwnIssuer
) -> None:
    other = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    secret = OctKey.generate_key(256)
    rsa = RSAKey.generate_key(2048, parameters={"kid": "k1"})
    unsigned = issuer.token().rpartition(".")[0] + "."
    tokens = [
        issuer.token(key=other),
        issuer.token(header={"alg": "HS256"}, key=secret),
        issuer.token(header={"alg": "PS256"}, key=rsa),
        issuer.token(header={"kid": "k2"}),
        issuer.token(header={"typ": "at+jwt"}),
        issuer.token(header={"jwk": other.as_dict(private=False)}),
        unsigned,
        "not.a.token",
        "x" * 9000,
    ]

    for token in tokens:
        assert outcome(await show(portal, token)) == (401, "citizen_token_invalid")


async def test_threat_59_the_accounts_own_access_token_is_no_id_token(portal: Portal) -> None:
    assert outcome(await show(portal, portal.access_token)) == (401, "citizen_token_invalid")


async def test_threat_59_two_headers_are_refused(portal: Portal, issuer: OwnIssuer) -> None:
    headers = [
        ("Authorization", f"Bearer {portal.access_token}"),
        ("Citizen-Token", issuer.token()),
        ("Citizen-Token", issuer.token()),
    ]
    answer = await portal.http.post(f"{portal.issuer}/v1{PATH}", headers=headers)

    assert outcome(answer) == (401, "citizen_token_invalid")


async def test_an_rs256_token_is_accepted_from_an_issuer_with_an_rsa_key(
    portal: Portal, issuer: OwnIssuer
) -> None:
    rsa = RSAKey.generate_key(2048, parameters={"kid": "k9"})
    issuer.published = {"keys": [rsa.as_dict(private=False, use="sig", alg="RS256")]}

    answer = await show(portal, issuer.token(header={"alg": "RS256", "kid": "k9"}, key=rsa))
    assert answer.status_code == 200
    other = await show(portal, issuer.token(header={"alg": "PS256", "kid": "k9"}, key=rsa))
    assert outcome(other) == (401, "citizen_token_invalid")


async def test_an_issuers_key_for_another_algorithm_does_not_end_its_other_keys(
    portal: Portal, issuer: OwnIssuer
) -> None:
    other = RSAKey.generate_key(2048, parameters={"kid": "k2"}).as_dict(private=False, use="sig", alg="RS512")
    issuer.published["keys"].append(other)

    assert (await show(portal, issuer.token())).status_code == 200


async def test_a_profile_without_a_login_accepts_no_id_token(
    database_url: str, mock: MockRegistry, clock: HandClock, issuer: OwnIssuer
) -> None:
    unset = settings_for(database_url, mock, sandbox={"citizen_issuer": None, "citizen_audience": ()})
    async with open_scene(unset, mock, clock, login=issuer.transport) as scene:
        answer = await show(await scene.portal(), issuer.token())

    assert outcome(answer) == (401, "citizen_token_invalid")
    assert issuer.asked == []


def fails(name: str) -> httpx.Response:
    answers = {
        "redirect": httpx.Response(302, headers={"Location": "http://127.0.0.1:1/"}),
        "error": httpx.Response(500),
        "no JSON": httpx.Response(200, text="<html>"),
        "too large": httpx.Response(200, content=b" " * (MAX_ANSWER + 1)),
        "another issuer": httpx.Response(200, json={"issuer": "http://127.0.0.1:1", "jwks_uri": ""}),
        "another origin": httpx.Response(
            200, json={"issuer": LOGIN_ISSUER, "jwks_uri": "http://169.254.169.254/jwks.json"}
        ),
        "no host": httpx.Response(200, json={"issuer": LOGIN_ISSUER, "jwks_uri": "http://xn--0/"}),
        "no keys": httpx.Response(
            200, json={"issuer": LOGIN_ISSUER, "jwks_uri": f"{LOGIN_ISSUER}/", "keys": []}
        ),
    }
    return answers[name]


@pytest.mark.parametrize(
    "failure",
    ["redirect", "error", "no JSON", "too large", "another issuer", "another origin", "no host", "no keys"],
)
async def test_threat_59_without_the_issuers_keys_no_token_is_accepted_and_retry_after_is_given(
    portal: Portal, issuer: OwnIssuer, failure: str
) -> None:
    issuer.answer = lambda request: fails(failure)

    answer = await show(portal, issuer.token())
    verified = await portal.call("POST", "/verifications", enquiry(), **{"Citizen-Token": issuer.token()})

    for each in (answer, verified):
        assert outcome(each) == (503, "citizen_login_unavailable")
        assert 1 <= int(each.headers["retry-after"]) <= RETRY_S


async def test_threat_59_kept_keys_outlive_a_short_outage_of_the_issuer_and_end_after_a_long_one(
    clock: CounterClock, portal: Portal, issuer: OwnIssuer
) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    assert (await show(portal, issuer.token())).status_code == 200
    issuer.answer = unreachable

    clock.counter += REFRESH_S + 1
    assert (await show(portal, issuer.token())).status_code == 200
    clock.counter += END_S - REFRESH_S
    assert outcome(await show(portal, issuer.token())) == (503, "citizen_login_unavailable")


async def test_threat_59_the_issuer_is_asked_once_and_for_unknown_keys_once_in_ten_seconds(
    clock: CounterClock, portal: Portal, issuer: OwnIssuer
) -> None:
    for _ in range(3):
        assert (await show(portal, issuer.token())).status_code == 200
        await show(portal, issuer.token(header={"kid": "invented"}))
    assert len(issuer.asked) == 2  # the metadata and the keys

    new = ECKey.generate_key("P-256", parameters={"kid": "k2"})
    issuer.published["keys"].append(new.as_dict(private=False, use="sig", alg="ES256"))
    clock.counter += RETRY_S
    assert (await show(portal, issuer.token(header={"kid": "k2"}, key=new))).status_code == 200


@pytest.mark.parametrize(
    ("issuer_setting", "audience"),
    [
        ("http://login.example.vn", "dvctt-portal"),
        ("https://login.example.vn/", "dvctt-portal"),
        ("https://user@login.example.vn", "dvctt-portal"),
        ("https://login.example.vn?x=1", "dvctt-portal"),
        ("https://login.example.vn", ""),
    ],
)
def test_a_login_that_cannot_work_stops_the_start_and_names_the_setting(
    issuer_setting: str, audience: str
) -> None:
    variables = {
        "GATEWAY_SANDBOX_CITIZEN_ISSUER": issuer_setting,
        "GATEWAY_SANDBOX_CITIZEN_AUDIENCE": audience,
    }
    with pytest.raises(SettingInvalid, match="CITIZEN_"):
        read_settings(variables, dotenv=None)


def test_a_login_on_loopback_or_with_tls_is_read_with_its_list_of_clients() -> None:
    for address in ("http://127.0.0.1:8102", "https://login.example.vn/realms/citizens"):
        variables = {
            "GATEWAY_OFFICIAL_CITIZEN_ISSUER": address,
            "GATEWAY_OFFICIAL_CITIZEN_AUDIENCE": "dvctt-portal, dvctt-mobile",
        }
        own = read_settings(variables, dotenv=None).official
        assert (own.citizen_issuer, own.citizen_audience) == (address, ("dvctt-portal", "dvctt-mobile"))
