"""The form of `Idempotency-Key`: which values pass, which are refused as a wrong shape; a value is never echoed."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.edge.requests import PATTERN, parse_key
from tests.kit.enquiries import post, rows, verify
from tests.kit.scene import AN, CITIZEN, Portal, Scene, enquiry, outcome, prefill_request

ALPHABET = string.ascii_letters + string.digits + "._-"
NUMBER = "001090000123"
RECEIPT = {"receipt": "x"}
ROUTES: dict[str, Any] = {
    "/verifications": enquiry(),
    "/verifications/ver_x/revoke": None,
    "/evaluations": {"procedure": "khai-sinh", "subject_role": "requester", "fields": ["full_name"]},
    "/receipts/check": RECEIPT,
    "/ledger": RECEIPT,
    "/prefills": prefill_request("x", ["full_name"]),
    "/discrepancies": {"prefill": "x", "field": "full_name", "note": "not so"},
}


def longest_run(text: str) -> int:
    runs = "".join(each if each.isdigit() else " " for each in text).split()
    return max(map(len, runs), default=0)


@given(st.text(st.characters(max_codepoint=0x17F) | st.sampled_from(ALPHABET), max_size=70))
def test_a_key_is_accepted_unchanged_or_is_refused(text: str) -> None:
    fits = 1 <= len(text) <= 64 and set(text) <= set(ALPHABET) and longest_run(text) < 9
    if fits:
        assert parse_key([text]) == text
    else:
        with pytest.raises(ValueError, match=r"1 to 64|nine"):
            parse_key([text])


@given(st.from_regex(PATTERN, fullmatch=True))
def test_every_key_that_matches_the_document_is_accepted(text: str) -> None:
    assert parse_key([text]) == text


@given(st.lists(st.text(ALPHABET, min_size=1, max_size=5), min_size=2))
def test_a_repeated_header_is_refused_even_with_equal_values(values: list[str]) -> None:
    with pytest.raises(ValueError, match="one header"):
        parse_key(values)


def test_a_request_without_the_header_has_no_key() -> None:
    assert parse_key([]) is None


@pytest.mark.parametrize("key", ["", "a b", "a,b", "x" * 65, NUMBER, f"a-{NUMBER}", "a/b", "khoá"])
async def test_threat_40_a_malformed_key_is_refused_by_name_and_not_echoed(
    scene: Scene, portal: Portal, key: str
) -> None:
    with capture_logs() as logs:
        answer = await verify(portal, key=key.encode())  # type: ignore[arg-type]  # httpx refuses letters beyond ASCII

    assert outcome(answer) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert not key or key not in answer.text
    assert not key or key not in str(logs)
    assert await scene.journal() == []
    assert await rows(scene) == []


@pytest.mark.parametrize("route", ROUTES)
async def test_threat_40_every_post_of_the_api_refuses_a_persons_number_as_key(
    scene: Scene, portal: Portal, route: str
) -> None:
    answer = await post(portal, route, ROUTES[route], key=NUMBER)

    assert outcome(answer) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert NUMBER not in answer.text


async def test_a_request_with_two_keys_is_refused(scene: Scene, portal: Portal) -> None:
    headers = [
        ("Authorization", f"Bearer {portal.access_token}"),
        ("Idempotency-Key", "a"),
        ("Idempotency-Key", "a"),
    ]
    answer = await portal.http.post(f"{portal.issuer}/v1/verifications", json=enquiry(), headers=headers)

    assert outcome(answer) == (422, "request_invalid")
    assert await scene.journal() == []


async def test_errors_of_body_and_key_are_listed_in_one_answer(portal: Portal) -> None:
    answer = await verify(
        portal, key="a b", claim=AN | {"citizen_id": "1"}, initiated_by=CITIZEN | {"more": 1}
    )
    claim = await verify(portal, key="a b", claim=AN | {"citizen_id": "1"})

    assert outcome(answer) == outcome(claim) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]][-1] == "Idempotency-Key"
    assert [error["field"] for error in claim.json()["errors"]] == ["claim.citizen_id", "Idempotency-Key"]


async def test_the_document_shows_the_header_on_every_post_of_the_api(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()

    kept_nowhere = "/{profile}/v1/ledger/mine"  # no copy of what every organisation asked about a citizen
    for path, operations in document["paths"].items():
        named = [each["name"] for each in operations.get("post", {}).get("parameters", [])]
        takes_a_key = "post" in operations and path.startswith("/{profile}/v1/") and path != kept_nowhere
        assert ("Idempotency-Key" in named) == takes_a_key, path
