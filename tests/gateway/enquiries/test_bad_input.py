"""Bad input gets a problem that names the field; nothing is asked, stored or echoed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.clock import today
from gateway.errors.validation import in_vietnamese
from gateway.storage.database import metadata
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, Portal, Scene, enquiry

NUMBER = "001090000123"
TIMELESS = {"full_name": AN["full_name"], "citizen_id": NUMBER}
LONG = {"full_name": AN["full_name"], "birth_date": AN["birth_date"]}

CLAIMS: dict[str, tuple[Any, str]] = {
    "null": (None, "claim"),
    "text": ("An", "claim"),
    "a list": ([], "claim"),
    "both numbers": (AN | {"id_card_number": "012345678"}, "claim"),
    "no number": (LONG, "claim"),
    "no name": ({"citizen_id": NUMBER, "birth_date": "1990-01-31"}, "claim.full_name"),
    "both births": (AN | {"birth_year": 1990}, "claim"),
    "no birth": (TIMELESS, "claim"),
    "eleven digits": (AN | {"citizen_id": "00109000012"}, "claim.citizen_id"),
    "thirteen digits": (AN | {"citizen_id": NUMBER + "4"}, "claim.citizen_id"),
    "a line feed behind": (AN | {"citizen_id": NUMBER + "\n"}, "claim.citizen_id"),
    "arabic digits": (AN | {"citizen_id": "٠٠١٠٩٠٠٠٠١٢٣"}, "claim.citizen_id"),
    "full-width digits": (AN | {"citizen_id": "００１０９００００１２３"}, "claim.citizen_id"),
    "spaces in the number": (AN | {"citizen_id": "0010 9000 0123"}, "claim.citizen_id"),
    "a number as number": (AN | {"citizen_id": 1090000123}, "claim.citizen_id"),
    "a null name": (AN | {"full_name": None}, "claim.full_name"),
    "a list for a name": (AN | {"full_name": ["An"]}, "claim.full_name"),
    "ten digits of a card": (LONG | {"id_card_number": "0123456789"}, "claim.id_card_number"),
    "31 February": (AN | {"birth_date": "1990-02-31"}, "claim.birth_date"),
    "29 February of no leap year": (AN | {"birth_date": "1990-02-29"}, "claim.birth_date"),
    "month 13": (AN | {"birth_date": "1990-13-01"}, "claim.birth_date"),
    "day first": (AN | {"birth_date": "31-01-1990"}, "claim.birth_date"),
    "compact": (AN | {"birth_date": "19900131"}, "claim.birth_date"),
    "week date": (AN | {"birth_date": "1990-W05-3"}, "claim.birth_date"),
    "with a time": (AN | {"birth_date": "1990-01-31T00:00:00Z"}, "claim.birth_date"),
    "an empty date": (AN | {"birth_date": ""}, "claim.birth_date"),
    "far future": (AN | {"birth_date": "2999-01-01"}, "claim.birth_date"),
    "far past": (AN | {"birth_date": "1800-01-01"}, "claim.birth_date"),
    "year zero": (AN | {"birth_date": "0000-01-01"}, "claim.birth_date"),
    "a future year": (TIMELESS | {"birth_year": 2999}, "claim.birth_year"),
    "a year as text": (TIMELESS | {"birth_year": "1990"}, "claim.birth_year"),
    "a year with a fraction": (TIMELESS | {"birth_year": 1990.0}, "claim.birth_year"),
    "a true year": (TIMELESS | {"birth_year": True}, "claim.birth_year"),
    "a negative year": (TIMELESS | {"birth_year": -1990}, "claim.birth_year"),
}

MEMBERS: dict[str, tuple[dict[str, Any], str]] = {
    "an empty dossier": ({"dossier": ""}, "dossier"),
    "a long dossier": ({"dossier": "x" * 65}, "dossier"),
    "a dossier with a space": ({"dossier": "HN 1"}, "dossier"),
    "a dossier in Vietnamese": ({"dossier": "Hồ-sơ"}, "dossier"),
    "a dossier as number": ({"dossier": 123}, "dossier"),
    "a dossier with a line feed": ({"dossier": "HN-1\n"}, "dossier"),
    "a number as dossier": ({"dossier": NUMBER}, "dossier"),
    "a number within a dossier": ({"dossier": f"HN-{NUMBER}-1"}, "dossier"),
    "nine digits within a dossier": ({"dossier": "HN-012345678"}, "dossier"),
    "an empty procedure": ({"procedure": ""}, "procedure"),
    "a long procedure": ({"procedure": "x" * 65}, "procedure"),
    "a list of procedures": ({"procedure": ["khai-sinh"]}, "procedure"),
    "no role": ({"subject_role": None}, "subject_role"),
    "fresh as text": ({"fresh": "true"}, "fresh"),
    "fresh as number": ({"fresh": 1}, "fresh"),
    "nobody started it": ({"initiated_by": None}, "initiated_by"),
}


async def dump(scene: Scene) -> str:
    """Return everything in the store, as text."""
    rows = []
    async with scene.gateway.deps.database.read() as connection:
        for table in metadata.sorted_tables:
            rows += [str(tuple(row)) for row in await connection.execute(sa.select(table))]
    return "\n".join(rows)


async def refuse(scene: Scene, portal: Portal, body: Any) -> dict[str, Any]:
    """Send a body that must be refused before any question or row; return the problem."""
    before = await dump(scene)
    answer = await portal.call("POST", "/verifications", body)
    assert answer.status_code in {400, 413, 422}, answer.text
    assert await scene.journal() == []
    assert await dump(scene) == before
    members: dict[str, Any] = answer.json()
    return members


@pytest.mark.parametrize(("claim", "field"), CLAIMS.values(), ids=CLAIMS.keys())
async def test_a_malformed_claim_is_refused_naming_the_field(
    scene: Scene, portal: Portal, claim: dict[str, Any], field: str
) -> None:
    problem = await refuse(scene, portal, enquiry(claim=claim))

    assert (problem["status"], problem["code"]) == (422, "claim_invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert NUMBER not in json.dumps(problem)


@pytest.mark.parametrize(("members", "field"), MEMBERS.values(), ids=MEMBERS.keys())
async def test_a_member_of_the_wrong_form_is_refused_by_its_name(
    scene: Scene, portal: Portal, members: dict[str, Any], field: str
) -> None:
    problem = await refuse(scene, portal, enquiry(**members))

    assert (problem["status"], problem["code"]) == (422, "request_invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert "012345678" not in json.dumps(problem)
    assert NUMBER not in json.dumps(problem)


async def test_every_member_with_an_error_is_listed(scene: Scene, portal: Portal) -> None:
    problem = await refuse(scene, portal, {"claim": {"full_name": ""}, "dossier": "", "fresh": "x"})

    assert {error["field"] for error in problem["errors"]} >= {
        "procedure", "dossier", "subject_role", "initiated_by", "fresh", "claim.full_name",
    }  # fmt: skip


ONE_NUMBER = ("claim", "exactly one of citizen_id and id_card_number")
ONE_BIRTH = ("claim", "exactly one of birth_date and birth_year")
CARD_TOO = {"id_card_number": "012345678"}


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({}, [("claim.full_name", "this member is required"), ONE_NUMBER, ONE_BIRTH]),
        ({"full_name": "An"}, [ONE_NUMBER, ONE_BIRTH]),
        (AN | CARD_TOO | {"birth_year": 1990}, [ONE_NUMBER, ONE_BIRTH]),
        (
            LONG | CARD_TOO | {"citizen_id": "1"},
            [("claim.citizen_id", "12 digits, as printed on the card"), ONE_NUMBER],
        ),
        (
            TIMELESS | {"birth_day": 31},
            [("claim.2", "the member at position 2 of claim (counting from 0) is not known"), ONE_BIRTH],
        ),
    ],
)
async def test_every_error_of_a_claim_is_listed(
    scene: Scene, portal: Portal, claim: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    problem = await refuse(scene, portal, enquiry(claim=claim))

    assert [(error["field"], error["detail"]) for error in problem["errors"]] == expected
    said_vi = [error["detail_vi"] for error in problem["errors"]]
    assert said_vi == [in_vietnamese(detail) for _, detail in expected]
    assert None not in said_vi


async def test_a_missing_reference_and_a_missing_officer_are_listed_with_the_others(portal: Portal) -> None:
    body = {"procedure": "khai-sinh", "dossier": "", "subject_role": "father", "fields": ["full_name"]}
    officer = {"kind": "officer", "authentication": {"method": ""}}

    answer = await portal.call("POST", "/prefills", body | {"initiated_by": officer})

    fields = [error["field"] for error in answer.json()["errors"]]
    assert fields == ["dossier", "initiated_by.authentication.method", "initiated_by", "body"]


BODIES = {
    "nothing": b"",
    "broken utf-8": b'{"procedure": "\xff"}',
    "utf-16": json.dumps(enquiry()).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(enquiry()).encode(),
    "not closed": b'{"procedure": "khai-sinh"',
    "two documents": b"{}{}",
    "a comment": b"{} // x",
    "single quotes": b"{'procedure': 'khai-sinh'}",
    "a repeated name": b'{"fresh": true, "fresh": false}',
    "a repeated name spelt otherwise": b'{"fresh": true, "\\u0066resh": false}',
    "a repeated name inside": b'{"claim": {"full_name": "An", "full_name": "Binh"}}',
    "NaN": b'{"fresh": NaN}',
    "infinity": b'{"fresh": -Infinity}',
    "half a character": b'{"procedure": "\\ud83d"}',
    "half a character as name": b'{"\\ud83d": 1}',
    "nested deep": b'{"a":' * 40 + b"1" + b"}" * 40,
    "nested very deep": b"[" * 60_000,
    "a number of 5000 digits": b'{"fresh": ' + b"9" * 5000 + b"}",
    "control character": b'{"procedure": "khai\n-sinh"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_not_one_plain_json_object_is_refused(
    scene: Scene, portal: Portal, body: bytes
) -> None:
    problem = await refuse(scene, portal, body)

    assert (problem["status"], problem["code"]) == (400, "json_invalid")


@pytest.mark.parametrize(
    ("body", "wrong", "wrong_vi"),
    [
        (b"", "the body is empty", "phần thân trống"),
        (b"\xef\xbb\xbf{}", "the body begins with a byte order mark", "dấu BOM"),
        (b'{"a": 1,\n "b" 2}', "not well-formed JSON at line 2, column 6", "tại dòng 2, cột 6"),
        (b'{"a": 1, "a": 2}', "a member is there twice", "xuất hiện hai lần"),
        (b'{"a": "\xff"}', "the body is not in UTF-8", "không ở dạng UTF-8"),
        (b'{"a": NaN}', "a number is not finite", "có số không hữu hạn"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper than 16 levels", "sâu hơn 16 mức"),
        (b'{"a": "\\ud83d"}', "a text has half of a surrogate pair", "surrogate"),
    ],
)
async def test_a_body_that_is_no_json_is_told_what_is_wrong(
    scene: Scene, portal: Portal, body: bytes, wrong: str, wrong_vi: str
) -> None:
    problem = await refuse(scene, portal, body)

    assert problem["detail"].endswith(f" Wrong: {wrong}.")
    assert wrong_vi in problem["detail_vi"].partition(" Sai: ")[2]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"khai-sinh"'], ids=["a list", "null", "a word"])
async def test_json_that_is_not_an_object_has_the_wrong_shape(
    scene: Scene, portal: Portal, body: bytes
) -> None:
    problem = await refuse(scene, portal, body)

    assert (problem["status"], problem["code"]) == (422, "request_invalid")
    assert [error["field"] for error in problem["errors"]] == ["body"]


async def test_a_body_over_64_kib_is_refused_and_a_smaller_one_is_read(scene: Scene, portal: Portal) -> None:
    text = json.dumps(enquiry()).encode()

    problem = await refuse(scene, portal, text + b" " * (64 * 1024 - len(text) + 1))
    assert (problem["status"], problem["code"]) == (413, "body_too_large")

    fits = await portal.call("POST", "/verifications", text + b" " * (64 * 1024 - len(text)))
    assert fits.status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**enquiry(), NUMBER: 1}, "body.5"),
        ({NUMBER: 1, **enquiry()}, "body.0"),
        (enquiry(claim=AN | {NUMBER: "x"}), "claim.3"),
        (enquiry(initiated_by={"kind": "citizen", NUMBER: None}), "initiated_by.1"),
        (
            enquiry(initiated_by={"kind": "citizen", "authentication": {"acr": "x", NUMBER: 1}}),
            "initiated_by.authentication.1",
        ),
    ],
)
async def test_threat_40_an_unknown_member_is_named_only_by_parent_and_position(
    scene: Scene, portal: Portal, body: dict[str, Any], field: str
) -> None:
    problem = await refuse(scene, portal, body)

    assert (problem["status"], problem["code"]) == (422, "request_invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert NUMBER not in json.dumps(problem)


async def test_threat_36_thousands_of_wrong_members_give_one_error_for_the_body(portal: Portal) -> None:
    answer = await portal.call("POST", "/verifications", {f"x{number}": 1 for number in range(6000)})

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["body"]


async def test_threat_36_hundreds_of_wrong_members_give_a_hundred_errors(
    scene: Scene, portal: Portal
) -> None:
    answer = await portal.call("POST", "/verifications", {f"x{number}": 1 for number in range(250)})

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert len(answer.json()["errors"]) == 100
    assert len(answer.content) < 32 * 1024
    assert await scene.journal() == []


async def test_threat_36_hundreds_of_wrong_parameters_and_members_give_a_hundred_errors(
    portal: Portal,
) -> None:
    address = "/verifications?" + "&".join(f"a{number}" for number in range(250))
    answer = await portal.call("POST", address, {f"x{number}": 1 for number in range(250)})

    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert len(answer.json()["errors"]) == 100


@pytest.mark.parametrize("member", ["procedure", "subject_role", "dossier"])
async def test_threat_40_a_number_in_place_of_a_name_is_not_echoed(
    scene: Scene, portal: Portal, member: str
) -> None:
    answer = await portal.verify(**{member: NUMBER})

    assert answer.status_code == 422
    assert NUMBER not in answer.text
    assert NUMBER not in await dump(scene)
    assert await scene.journal() == []


async def test_threat_40_a_number_as_request_id_is_ignored_and_not_echoed(
    scene: Scene, portal: Portal
) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), **{"X-Request-Id": NUMBER})

    assert answer.status_code == 201
    assert NUMBER not in str(answer.headers)
    assert NUMBER not in await dump(scene)
    assert all("correlation_id" not in row for row in await scene.audit())


async def test_a_valid_request_id_is_recorded_next_to_the_gateways_own(scene: Scene, portal: Portal) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), **{"X-Request-Id": "portal-req-0001"})

    row = (await scene.audit())[-1]
    assert (row["correlation_id"], row["request_id"]) == ("portal-req-0001", answer.headers["x-request-id"])


async def test_a_birth_date_is_checked_against_the_current_day_in_vietnam(
    scene: Scene, portal: Portal, clock: HandClock
) -> None:
    now = clock.now()
    late_evening = datetime(now.year, now.month, now.day, 18, tzinfo=UTC) + timedelta(days=1)
    clock.advance((late_evening - now).total_seconds())
    await portal.log_in()
    day = today(clock)
    assert day == (clock.now() + timedelta(hours=7)).date() != clock.now().date()

    born_today = await portal.verify(claim=AN | {"birth_date": day.isoformat()})
    tomorrow = await portal.verify(claim=AN | {"birth_date": (day + timedelta(days=1)).isoformat()})

    assert (born_today.status_code, tomorrow.status_code) == (201, 422)
    assert tomorrow.json()["errors"][0]["field"] == "claim.birth_date"
