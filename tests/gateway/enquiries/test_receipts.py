"""Receipts (threats 20 and 21): what they contain, and each way in which one is refused."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.identifiers import Profile
from gateway.keys.jws import sign_jws
from tests.kit.scene import Portal, Scene

Forge = Callable[[Scene, Portal, str], str]


def claims_of(receipt: str) -> dict[str, Any]:
    return part(receipt, 1)


def part(receipt: str, number: int) -> dict[str, Any]:
    text = receipt.split(".")[number]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def encoded(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


async def check(portal: Portal, receipt: str) -> tuple[int, dict[str, Any]]:
    answer = await portal.call("POST", "/receipts/check", {"receipt": receipt})
    return answer.status_code, answer.json()


async def test_a_receipt_contains_the_contracts_members_and_no_personal_data(portal: Portal) -> None:
    root = (await portal.verify()).json()
    derived = (await portal.verify(procedure="ket-hon")).json()

    claims = claims_of(root["receipt"])
    assert set(claims) == {
        "iss", "aud", "jti", "iat", "exp", "procedure", "dossier", "subject_role", "sub", "derived_from", "leaf",
    }  # fmt: skip
    assert part(root["receipt"], 0).items() >= {"alg": "ES256", "typ": "receipt+jwt"}.items()
    assert (claims["iss"], claims["aud"]) == (portal.issuer, portal.client_id)
    assert (claims["jti"], claims["derived_from"]) == (root["id"], None)
    assert claims_of(derived["receipt"])["derived_from"] == root["id"]
    assert claims_of(derived["receipt"])["sub"] == claims["sub"]
    for word in ("001090000123", "1990", "Nguy"):
        assert word not in json.dumps(claims, ensure_ascii=False)


async def test_a_genuine_receipt_is_checked_as_valid(portal: Portal) -> None:
    members = (await portal.verify()).json()

    status, checked = await check(portal, members["receipt"])

    assert status == 200
    assert checked == {
        "valid": True,
        "reason": None,
        "verification": members["id"],
        **{
            name: members[name]
            for name in ("procedure", "dossier", "subject_role", "verified_at", "expires_at")
        },
    }


async def test_an_expired_receipt_is_checked_as_expired(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    scene.clock.advance(1801)
    await portal.log_in()

    status, checked = await check(portal, receipt)

    assert (status, checked["valid"], checked["reason"]) == (200, False, "expired")


async def test_a_receipt_of_an_ended_verification_is_checked_as_invalidated(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    await scene.set_person(citizen_id="001090000123", alive=False)
    await portal.prefill(receipt, ["full_name"])

    status, checked = await check(portal, receipt)

    assert (status, checked["valid"], checked["reason"]) == (200, False, "invalidated")


def altered(scene: Scene, portal: Portal, receipt: str) -> str:
    header, _, signature = receipt.split(".")
    return f"{header}.{encoded(claims_of(receipt) | {'dossier': 'X'})}.{signature}"


def resigned_with_the_tokens_key(scene: Scene, portal: Portal, receipt: str) -> str:
    place = scene.gateway.places[Profile.SANDBOX]
    kid, key = place.tokens.signer(scene.clock.now())
    return sign_jws(claims_of(receipt), key=key, kid=kid, typ="receipt+jwt")


def tokens_key_under_the_receipts_name(scene: Scene, portal: Portal, receipt: str) -> str:
    place = scene.gateway.places[Profile.SANDBOX]
    kid, _ = place.receipts.signer(scene.clock.now())
    _, key = place.tokens.signer(scene.clock.now())
    return sign_jws(claims_of(receipt), key=key, kid=kid, typ="receipt+jwt")


def official_receipt_key(scene: Scene, portal: Portal, receipt: str) -> str:
    place = scene.gateway.places[Profile.OFFICIAL]
    kid, key = place.receipts.signer(scene.clock.now())
    return sign_jws(claims_of(receipt), key=key, kid=kid, typ="receipt+jwt")


def of_another_type(scene: Scene, portal: Portal, receipt: str) -> str:
    place = scene.gateway.places[Profile.SANDBOX]
    kid, key = place.receipts.signer(scene.clock.now())
    return sign_jws(claims_of(receipt), key=key, kid=kid, typ="JWT")


def of_another_issuer(scene: Scene, portal: Portal, receipt: str) -> str:
    place = scene.gateway.places[Profile.SANDBOX]
    kid, key = place.receipts.signer(scene.clock.now())
    claims = claims_of(receipt) | {"iss": scene.gateway.places[Profile.OFFICIAL].issuer}
    return sign_jws(claims, key=key, kid=kid, typ="receipt+jwt")


def unsigned(scene: Scene, portal: Portal, receipt: str) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'receipt+jwt'})}.{receipt.split('.')[1]}."


FORGERIES: dict[str, Forge] = {
    "altered": altered,
    "truncated": lambda scene, portal, receipt: receipt[:-4],
    "without signature": lambda scene, portal, receipt: receipt.rpartition(".")[0] + ".",
    "resigned with the token's key": resigned_with_the_tokens_key,
    "the token's key under the receipt key's name": tokens_key_under_the_receipts_name,
    "another profile's key": official_receipt_key,
    "another type": of_another_type,
    "another issuer": of_another_issuer,
    "alg none": unsigned,
    "an access token": lambda scene, portal, receipt: portal.access_token,
    "a word": lambda scene, portal, receipt: "receipt",
    "dots": lambda scene, portal, receipt: "..",
    "not ascii": lambda scene, portal, receipt: "á.ß.\u0000",
    "very long": lambda scene, portal, receipt: "a" * 4000 + "." + "b" * 4000 + ".c",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_threat_21_every_token_that_is_no_receipt_of_the_gateway_gets_the_same_refusal(
    scene: Scene, portal: Portal, forge: Forge
) -> None:
    forged = forge(scene, portal, await portal.receipt())
    asked = len(await scene.journal())

    status, checked = await check(portal, forged)
    prefilled = await portal.prefill(forged, ["full_name"])
    ledger = await (await scene.portal()).call("POST", "/ledger", {"receipt": forged})

    for code, members in (
        (status, checked),
        (prefilled.status_code, prefilled.json()),
        (ledger.status_code, ledger.json()),
    ):
        assert (code, members["code"]) == (422, "receipt_invalid")
        assert [error["field"] for error in members["errors"]] == ["receipt"]
    assert len(await scene.journal()) == asked


async def test_threat_20_another_accounts_receipt_is_refused_in_either_profile(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()

    for stranger in (await scene.portal(), await scene.portal(Profile.OFFICIAL)):
        status, checked = await check(stranger, receipt)
        prefilled = await stranger.prefill(receipt, ["full_name"])
        assert (status, checked["code"]) == (422, "receipt_invalid")
        assert prefilled.json()["code"] == "receipt_invalid"
        # A forgery is refused with the same errors, so that they don't say that the receipt is genuine.
        _, forged = await check(stranger, "forged")
        assert checked["errors"] == prefilled.json()["errors"] == forged["errors"]
    assert len(await scene.journal()) == 1


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"subject_role": "mother"}, ["full_name"]),
        ({"dossier": "HN-2022-000124"}, ["full_name"]),
        ({"procedure": "lien-thong-khai-sinh"}, ["full_name"]),
        ({"subject_role": "mother", "dossier": "HN-2022-000124"}, ["full_name"]),
    ],
)
async def test_threat_20_a_receipt_for_a_father_is_refused_for_other_use_and_the_field_is_named(
    scene: Scene, portal: Portal, change: dict[str, str], fields: list[str]
) -> None:
    members = (await portal.verify(subject_role="father")).json()

    by_receipt = await portal.prefill(members["receipt"], fields, **{"subject_role": "father"} | change)
    body = {
        "verification": members["id"],
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "father",
        "fields": fields,
        "initiated_by": {"kind": "citizen"},
    }
    by_id = await portal.call("POST", "/prefills", body | change)

    for answer in (by_receipt, by_id):
        assert (answer.status_code, answer.json()["code"]) == (422, "receipt_invalid")
        assert {error["field"] for error in answer.json()["errors"]} == set(change)
    assert len(await scene.journal()) == 1


async def test_threat_21_an_expired_receipt_fills_no_form(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    scene.clock.advance(1801)
    await portal.log_in()

    answer = await portal.prefill(receipt, ["full_name"])

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_expired")
    assert len(await scene.journal()) == 1
    assert ((await scene.audit())[-1]["outcome"]) == "verification_expired"


async def test_threat_21_a_receipt_of_an_invalidated_verification_fills_no_form(
    scene: Scene, portal: Portal
) -> None:
    members = (await portal.verify()).json()
    await scene.fault("empty", times=1)
    await portal.prefill(members["receipt"], ["full_name"])

    answer = await portal.prefill(members["receipt"], ["full_name"])

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_invalidated")
    assert answer.json()["verification"] == members["id"]
    assert len(await scene.journal()) == 2


async def test_a_verification_that_was_not_confirmed_fills_no_form(portal: Portal) -> None:
    wrong = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn Sai", "birth_date": "1990-01-31"}
    members = (await portal.verify(claim=wrong)).json()
    body = {
        "verification": members["id"],
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "requester",
        "fields": ["full_name"],
        "initiated_by": {"kind": "citizen"},
    }

    answer = await portal.call("POST", "/prefills", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_not_confirmed")
