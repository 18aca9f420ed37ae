"""Threat 40, the family: an id that a caller chooses and the gateway keeps in clear can't hold a person's number.

A run of nine digits was refused, and `0010-9000-0123` was taken. Contract §3: nor digits and separators alone that hold
9 or 12 digits. A UUID is taken as an `Idempotency-Key`; officers' ids are kept as HMACs only, and take anything.
"""

import re
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.public_keys import parse_public_keys
from gateway.edge.idempotency_key import PATTERN
from gateway.identifiers import NO_LONG_NUMBER, has_long_number
from gateway.places import Profile
from tests.gateway.cli.commands import Commands
from tests.gateway.scene import Portal, Scene, enquiry
from tests.gateway.verifications.test_bad_input import dump

GROUPED = ["0010-9000-0123", "001.090.000.123", "001_090_000_123", "0-0-1-0-9-0-0-0-0-1-2-3", "123-456-789"]
TAKEN = ["HN-2022-000123", "2022-11-28", "1.001193", "10.000.001", "000.00.01.H26", "a-0010-9000-0123"]
DIGITS_ONLY_UUID = "00109000-0123-0010-9000-001090000123"


def in_dossier(number: str) -> str:
    return number.replace("_", "/")


@pytest.mark.parametrize("number", [*GROUPED, "x001090000123"])
async def test_threat_40_a_grouped_number_as_a_dossier_is_refused_and_kept_nowhere(
    scene: Scene, portal: Portal, number: str
) -> None:
    answer = await portal.verify(dossier=in_dossier(number))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["dossier"]
    assert in_dossier(number) not in answer.text
    assert in_dossier(number) not in await dump(scene)
    assert await scene.journal() == []


@pytest.mark.parametrize("number", GROUPED)
async def test_threat_40_a_grouped_number_as_request_id_is_ignored_not_refused(
    scene: Scene, portal: Portal, number: str
) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), **{"X-Request-Id": number})

    assert answer.status_code == 201
    assert all("correlation_id" not in row for row in await scene.audit())
    assert number not in await dump(scene)


@pytest.mark.parametrize("number", GROUPED)
async def test_threat_40_a_grouped_number_as_idempotency_key_is_refused_by_name(
    scene: Scene, portal: Portal, number: str
) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), **{"Idempotency-Key": number})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert await scene.journal() == []


async def test_a_uuid_of_digits_alone_is_taken_as_idempotency_key(scene: Scene, portal: Portal) -> None:
    header = {"Idempotency-Key": DIGITS_ONLY_UUID}
    first, second = [await portal.call("POST", "/verifications", enquiry(), **header) for _ in range(2)]

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert DIGITS_ONLY_UUID not in await dump(scene)


async def test_an_asserted_authentication_holds_no_grouped_number(portal: Portal) -> None:
    officer = {"kind": "officer", "id": "can.bo.01", "authentication": {"method": "0010-9000-0123"}}

    answer = await portal.verify(initiated_by=officer)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "initiated_by.authentication.method"


@pytest.mark.parametrize("number", ["001090000123", "0010-9000-0123"])
async def test_an_officers_id_may_be_a_number_since_only_its_hmac_is_kept(scene: Scene, number: str) -> None:
    portal = await scene.portal(officers=[number])

    answer = await portal.verify(initiated_by={"kind": "officer", "id": number})

    # The mock knows no such officer: the gateway took the id, asked, and kept an HMAC.
    assert (answer.status_code, answer.json()["code"]) == (502, "registry_refused")
    assert len(await scene.journal()) == 1
    assert number not in await dump(scene)


@pytest.mark.parametrize("number", ["001090000123", "0010-9000-0123"])
async def test_threat_40_a_number_as_the_id_of_an_assertion_or_proof_is_not_stored(
    scene: Scene, number: str
) -> None:
    portal = await scene.portal(Profile.OFFICIAL, log_in=False)
    form = {"client_assertion": portal.assertion(jti=number)}
    proof = {"DPoP": portal.proof("POST", f"{portal.issuer}/oauth2/token", jti=number)}

    first = await portal.ask_token(form, **proof)
    again = await portal.ask_token(form)

    assert (first.status_code, again.status_code) == (200, 401)
    assert number not in await dump(scene)


def test_a_public_keys_id_is_no_persons_number_but_may_be_a_uuid() -> None:
    key = dict(ECKey.generate_key("P-256").as_dict(private=False))

    for number in ("001090000123", "0010-9000-0123"):
        with pytest.raises(ValueError, match="person's number"):
            parse_public_keys(key | {"kid": number})
    assert parse_public_keys(key | {"kid": DIGITS_ONLY_UUID})[0]["kid"] == DIGITS_ONLY_UUID


@pytest.mark.parametrize("number", ["001090000123", "0010.9000.0123"])
def test_an_organisations_id_and_name_are_no_persons_number(tmp_path: Path, number: str) -> None:
    gateway = Commands(tmp_path)

    as_id = gateway("organisations", "add", number, "UBND TP Hà Nội")
    as_name = gateway("organisations", "add", "000.00.01.H26", number)

    for refused in (as_id, as_name):
        assert "person's number" in refused.reason()
        assert number not in refused.err
    assert gateway("organisations", "list", "--json").json() == []


@pytest.mark.parametrize("text", [*GROUPED, "001 090 000 123", "x123456789"])
def test_the_rule_and_its_pattern_in_the_document_refuse_the_same(text: str) -> None:
    assert has_long_number(text)
    assert re.match(f"^{NO_LONG_NUMBER}.*$", text) is None


@pytest.mark.parametrize("text", TAKEN)
def test_what_only_looks_a_little_like_a_number_is_taken(text: str) -> None:
    assert not has_long_number(text)
    assert re.match(f"^{NO_LONG_NUMBER}.*$", text)


def test_digits_of_another_script_count_as_digits_too() -> None:
    assert has_long_number("٠٠١٠٩٠٠٠٠١٢٣")
    assert has_long_number("００１０-９０００-０１２３")


def test_the_document_says_that_a_uuid_is_taken_as_a_key() -> None:
    assert re.match(PATTERN, DIGITS_ONLY_UUID)
    assert not any(re.match(PATTERN, number) for number in GROUPED)


@pytest.mark.parametrize(
    "text",
    [
        "001–090–000–123",
        "(001) 090 (000) 123",
        "001·090·000·123",
        "0\u0332" * 12,
        "⁰⁰¹⁰⁹⁰⁰⁰⁰¹²³",
        "①②③-④⑤⑥-⑦⑧⑨",
    ],
)
def test_threat_40_no_dash_mark_or_form_of_digits_makes_another_text_of_a_number(text: str) -> None:
    assert has_long_number(text)
