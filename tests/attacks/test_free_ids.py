"""Threat 40: an id that a caller chooses and the gateway stores in clear can't contain a person's number.

A run of nine digits was refused, but `0010-9000-0123` was accepted. Contract §3: no value of digits and
separators only that contains 9 or 12 digits. A UUID is accepted as an `Idempotency-Key`; officers' ids are
stored as HMACs only, and accept anything.
"""

import re
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from gateway.edge.requests import PATTERN
from gateway.identifiers import NO_LONG_NUMBER, Profile, has_long_number
from gateway.keys.jws import parse_public_keys
from tests.gateway.enquiries.test_bad_input import dump
from tests.kit.commands import Commands
from tests.kit.scene import Portal, Scene, enquiry

GROUPED = ["0010-9000-0123", "001.090.000.123", "001_090_000_123", "0-0-1-0-9-0-0-0-0-1-2-3", "123-456-789"]
TAKEN = ["HN-2022-000123", "2022-11-28", "1.001193", "10.000.001", "000.00.01.H26", "a-0010-9000-0123"]
DIGITS_ONLY_UUID = "00109000-0123-0010-9000-001090000123"


def in_dossier(number: str) -> str:
    return number.replace("_", "/")


@pytest.mark.parametrize("number", [*GROUPED, "x001090000123"])
async def test_threat_40_a_number_with_separators_as_a_dossier_is_refused_and_stored_nowhere(
    scene: Scene, portal: Portal, number: str
) -> None:
    answer = await portal.verify(dossier=in_dossier(number))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["dossier"]
    assert in_dossier(number) not in answer.text
    assert in_dossier(number) not in await dump(scene)
    assert await scene.journal() == []


@pytest.mark.parametrize("number", GROUPED)
async def test_threat_40_a_number_with_separators_as_request_id_is_ignored_and_not_refused(
    scene: Scene, portal: Portal, number: str
) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), **{"X-Request-Id": number})

    assert answer.status_code == 201
    assert all("correlation_id" not in row for row in await scene.audit())
    assert number not in await dump(scene)


@pytest.mark.parametrize("number", GROUPED)
async def test_threat_40_a_number_with_separators_as_idempotency_key_is_refused_by_name(
    scene: Scene, portal: Portal, number: str
) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), **{"Idempotency-Key": number})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert await scene.journal() == []


async def test_a_uuid_of_digits_only_is_accepted_as_idempotency_key(scene: Scene, portal: Portal) -> None:
    header = {"Idempotency-Key": DIGITS_ONLY_UUID}
    first, second = [await portal.call("POST", "/verifications", enquiry(), **header) for _ in range(2)]

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert DIGITS_ONLY_UUID not in await dump(scene)


async def test_an_asserted_authentication_with_a_separated_number_is_refused(portal: Portal) -> None:
    officer = {"kind": "officer", "id": "can.bo.01", "authentication": {"method": "0010-9000-0123"}}

    answer = await portal.verify(initiated_by=officer)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "initiated_by.authentication.method"


@pytest.mark.parametrize("number", ["001090000123", "0010-9000-0123"])
async def test_an_officers_id_may_be_a_number_because_only_its_hmac_is_stored(
    scene: Scene, number: str
) -> None:
    portal = await scene.portal(officers=[number])

    answer = await portal.verify(initiated_by={"kind": "officer", "id": number})

    # The mock has no such officer: the gateway accepted the id, asked, and stored an HMAC.
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


def test_a_public_keys_id_may_be_a_uuid_but_no_persons_number() -> None:
    key = dict(ECKey.generate_key("P-256").as_dict(private=False))

    for number in ("001090000123", "0010-9000-0123"):
        with pytest.raises(ValueError, match="person's number"):
            parse_public_keys(key | {"kid": number})
    assert parse_public_keys(key | {"kid": DIGITS_ONLY_UUID})[0]["kid"] == DIGITS_ONLY_UUID


@pytest.mark.parametrize("number", ["001090000123", "0010.9000.0123"])
def test_an_organisations_id_and_name_may_not_be_a_persons_number(tmp_path: Path, number: str) -> None:
    gateway = Commands(tmp_path)
    gateway("migrate")

    as_id = gateway("organisations", "add", number, "UBND TP Hà Nội")
    as_name = gateway("organisations", "add", "000.00.01.H26", number)

    for refused in (as_id, as_name):
        assert "person's number" in refused.reason()
        assert number not in refused.err
    assert gateway("organisations", "list", "--json").json() == []


@pytest.mark.parametrize("text", [*GROUPED, "001 090 000 123", "x123456789"])
def test_the_rule_and_its_pattern_in_the_document_refuse_the_same_values(text: str) -> None:
    assert has_long_number(text)
    assert re.match(f"^{NO_LONG_NUMBER}.*$", text) is None


@pytest.mark.parametrize("text", TAKEN)
def test_a_value_that_only_resembles_a_persons_number_is_accepted(text: str) -> None:
    assert not has_long_number(text)
    assert re.match(f"^{NO_LONG_NUMBER}.*$", text)


def test_digits_of_another_script_count_as_digits_too() -> None:
    assert has_long_number("٠٠١٠٩٠٠٠٠١٢٣")
    assert has_long_number("００１０-９０００-０１２３")


def test_the_document_says_that_a_uuid_is_accepted_as_a_key() -> None:
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
def test_threat_40_dashes_marks_and_other_digit_forms_do_not_hide_a_number(text: str) -> None:
    assert has_long_number(text)
