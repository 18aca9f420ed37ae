"""A problem says in plain words, in both languages, what is wrong, what to do, and what the citizen can do."""

import re
from typing import Any

import pytest

from gateway.edge.problems import PROBLEMS
from gateway.identifiers import Profile
from tests.kit.answers_seen import read_document
from tests.kit.enquiries import verified
from tests.kit.scene import AN, Portal, Scene, enquiry

PYDANTIC = re.compile(
    r"[Ii]nput should|[Vv]alue error|[Ff]ield required|valid (string|integer|list)|Extra inputs"
)
LETTERS = re.compile(r"[à-ỹđ]", re.IGNORECASE)


def test_every_problem_has_all_of_its_texts_in_vietnamese_too() -> None:
    for kind, row in PROBLEMS.items():
        assert LETTERS.search(row.title_vi), kind
        assert LETTERS.search(row.detail_vi), kind
        assert bool(row.citizen) == bool(row.citizen_vi), kind
    of_registry = {row.citizen_vi for kind, row in PROBLEMS.items() if "registry" in kind.code}
    assert of_registry == {"Vui lòng tự khai các mục này, hoặc thử lại sau."}


@pytest.mark.parametrize(
    ("members", "field", "detail", "detail_vi"),
    [
        ({"procedure": 7}, "procedure", "a text", "một chuỗi"),
        ({"procedure": ""}, "procedure", "at least 1 characters", "ít nhất 1 ký tự"),
        ({"fresh": "yes"}, "fresh", "true or false", "true hoặc false"),
        ({"claim": []}, "claim", "a JSON object", "một đối tượng JSON"),
        ({"claim": AN | {"full_name": None}}, "claim.full_name", "a text", "một chuỗi"),
        (
            {"claim": {"citizen_id": "001090000123", "birth_year": 1990}},
            "claim.full_name",
            "this member is required",
            "thành phần này là bắt buộc",
        ),
        (
            {"claim": AN | {"citizen_id": "12"}},
            "claim.citizen_id",
            "12 digits, as printed on the card",
            "12 chữ số như trên thẻ căn cước",
        ),
        (
            {"initiated_by": {"kind": "robot"}},
            "initiated_by.kind",
            "one of 'citizen' or 'officer'",
            "một trong các giá trị 'citizen' hoặc 'officer'",
        ),
        ({"prefill": {"fields": []}}, "prefill.fields", "at least 1 items", "ít nhất 1 mục"),
        (
            {"colour": 1},
            "body.5",
            "the member at position 5 of body (counting from 0) is not known",
            "thành phần ở vị trí 5 của body (đếm từ 0) không có trong đặc tả",
        ),
        (
            {"dossier": "HN 123"},
            "dossier",
            "1 to 64 of A-Z a-z 0-9 . _ / -",
            "từ 1 đến 64 ký tự trong A-Z a-z 0-9 . _ / -",
        ),
    ],
)
async def test_a_wrong_member_is_explained_in_plain_words_in_both_languages(
    portal: Portal, members: dict[str, Any], field: str, detail: str, detail_vi: str
) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(**members))

    errors = {each["field"]: each for each in answer.json()["errors"]}
    assert (errors[field]["detail"], errors[field]["detail_vi"]) == (detail, detail_vi)
    assert PYDANTIC.search(answer.text) is None


WITHOUT_ENGLISH: dict[str, dict[str, Any]] = {
    "claim.full_name": {"claim": AN | {"full_name": "阮文安"}},
    "procedure": {"procedure": "khai_sinh"},
    "subject_role": {"subject_role": "neighbour"},
    "initiated_by.id": {"initiated_by": {"kind": "officer", "id": "nobody"}},
    "prefill.fields.0": {"prefill": {"fields": ["nme"]}},
    "initiated_by.authentication.auth_time": {
        "initiated_by": {
            "kind": "citizen",
            "authentication": {"method": "vneid", "acr": "2", "auth_time": "yesterday"},
        }
    },
}


@pytest.mark.parametrize(("field", "members"), WITHOUT_ENGLISH.items(), ids=WITHOUT_ENGLISH)
async def test_each_wrong_member_says_in_vietnamese_what_is_expected_not_only_that_it_is_wrong(
    portal: Portal, field: str, members: dict[str, Any]
) -> None:
    answer = (await portal.call("POST", "/verifications", enquiry(**members))).json()

    (found,) = (each for each in answer["errors"] if each["field"] == field)
    assert LETTERS.search(found["detail_vi"])
    assert found["detail_vi"] not in {row.title_vi for row in PROBLEMS.values()}


async def test_a_malformed_claim_says_what_the_citizen_can_do(portal: Portal) -> None:
    members = (await portal.verify(claim=AN | {"citizen_id": "12"})).json()

    assert members["detail_vi"].startswith("Sửa các trường nêu trong errors")
    assert members["citizen_vi"] == "Vui lòng kiểm tra và sửa mục được đánh dấu theo đúng thẻ căn cước."


WRONG_PROOFS: dict[str, tuple[dict[str, Any], str]] = {
    "method": ({"htm": "PUT"}, "htm is not the method of this call"),
    "address": ({"htu": "http://gateway.test/official/v1/other"}, "htu is not the address of this call"),
    "age": ({"iat": 1}, "iat is more than 60 s from the gateway's clock, or no number"),
    "token": ({"ath": "x"}, "ath is not the hash of the access token"),
    "id": ({"jti": ""}, "jti is 1 to "),
}


@pytest.mark.parametrize(("claims", "wrong"), WRONG_PROOFS.values(), ids=WRONG_PROOFS)
async def test_a_refused_proof_names_its_wrong_claim(
    scene: Scene, claims: dict[str, Any], wrong: str
) -> None:
    portal = await scene.portal(Profile.OFFICIAL)
    proof = portal.proof("GET", f"{portal.issuer}/v1/me", portal.access_token, **claims)

    answer = await portal.call("GET", "/me", DPoP=proof)

    assert (answer.status_code, answer.json()["code"]) == (401, "dpop_proof_invalid")
    assert f"Wrong: {wrong}" in answer.json()["detail"]
    assert f"Sai: {wrong}" in answer.json()["detail_vi"]
    assert f'error_description="{wrong}' in answer.headers["www-authenticate"]


async def test_a_proof_that_is_sent_twice_is_refused_as_used(scene: Scene) -> None:
    portal = await scene.portal(Profile.OFFICIAL)
    proof = portal.proof("GET", f"{portal.issuer}/v1/me", portal.access_token)
    assert (await portal.call("GET", "/me", DPoP=proof)).status_code == 200

    answer = await portal.call("GET", "/me", DPoP=proof)

    assert "jti was used before with this key" in answer.json()["detail"]


@pytest.mark.parametrize("profile", Profile)
async def test_head_works_where_get_does_and_has_no_body(scene: Scene, profile: Profile) -> None:
    portal = await scene.portal(profile)
    whole, head = [await portal.call(method, "/procedures") for method in ("GET", "HEAD")]

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    for path in ("/livez", "/openapi.json", f"/{profile}/jwks.json"):
        answer = await scene.http.head(path)
        assert (path, answer.status_code, answer.content) == (path, 200, b"")
    assert (await portal.call("HEAD", "/verifications")).status_code == 405


async def test_an_answer_to_a_known_caller_says_how_many_calls_are_left(portal: Portal) -> None:
    first, second = [await portal.call("GET", "/me") for _ in range(2)]

    most, window = re.fullmatch(r'"account";q=(\d+);w=(\d+)', first.headers["ratelimit-policy"]).groups()  # type: ignore[union-attr]  # a miss fails the test
    left = [re.fullmatch(r'"account";r=(\d+);t=\d+', each.headers["ratelimit"]) for each in (first, second)]
    assert all(found is not None and 0 < int(found[1]) < int(most) for found in left)
    assert window == "4"
    stranger = await portal.http.get("/sandbox/v1/me")
    assert "ratelimit" not in stranger.headers


async def test_an_idempotency_key_may_be_a_uuid_with_nine_digits_in_a_row(portal: Portal) -> None:
    answer = await portal.call(
        "POST", "/verifications", enquiry(), **{"Idempotency-Key": "12345678-9012-4345-8901-123456789012"}
    )
    assert answer.status_code == 201


async def test_a_field_to_declare_has_its_type_code_list_and_whether_it_is_required(portal: Portal) -> None:
    form = (await (await verified(portal)).fill("full_name")).json()

    found = {
        each["field"]: (each["type"], each["required"], each["code_list"]) for each in form["to_declare"]
    }
    assert found["child_full_name"] == ("text", True, None)
    assert found["child_birth_date"] == ("date", True, None)
    assert found["child_gender"] == ("code", True, "gender")
    assert found["permanent_residence"] == ("address", True, None)


def test_every_member_operation_and_parameter_of_the_document_is_described() -> None:
    document = read_document()
    assert [
        f"{name}.{member}"
        for name, schema in document["components"]["schemas"].items()
        for member, found in schema.get("properties", {}).items()
        if not found.get("description")
    ] == []
    operations = [each for calls in document["paths"].values() for each in calls.values()]
    assert [each["operationId"] for each in operations if not each["description"]] == []
    parameters = [each for operation in operations for each in operation["parameters"]]
    assert [each["name"] for each in parameters if not each.get("description")] == []
    named = {each["name"] for each in document["tags"]}
    assert named == {"portals", "operators", "everybody"} == {each["tags"][0] for each in operations}


def test_the_document_has_no_constant_and_no_intersection_that_a_generator_drops() -> None:
    text = str(read_document())
    assert "'const'" not in text
    assert "'allOf'" not in text
