"""A problem says in plain words, in both languages, what is wrong, what to do, and what the citizen can do."""

import re
from typing import Any

import pytest

from gateway.edge.problems import PROBLEMS
from gateway.errors import GatewayError, requests
from gateway.identifiers import Profile
from tests.kit.answers_seen import read_document
from tests.kit.enquiries import verified
from tests.kit.scene import AN, Portal, Scene, enquiry

PYDANTIC = re.compile(
    r"[Ii]nput should|[Vv]alue error|[Ff]ield required|valid (string|integer|list)|Extra inputs"
)
LETTERS = re.compile(r"[à-ỹđ]", re.IGNORECASE)


def test_every_failure_of_the_registry_says_in_both_languages_that_the_citizen_declares() -> None:
    failures = {
        kind: row
        for kind, row in PROBLEMS.items()
        if issubclass(kind, requests.RegistryError | requests.ProfileError)
    }
    assert len(failures) == 7
    for kind, row in failures.items():
        assert "et the citizen declare" in row.detail, kind
        assert "ể công dân tự khai" in row.detail_vi, kind


@pytest.mark.parametrize(
    ("kind", "said", "said_vi"),
    [
        (requests.NotFound, "The address is wrong", "Địa chỉ không đúng"),
        (requests.ProfileMismatch, "this profile's token endpoint", "lấy mã truy cập của môi trường này"),
        (requests.ProcedureNotGranted, "GET me shows its grants", "GET me cho biết quyền đã cấp"),
        (requests.SubjectRoleNotGranted, "GET me shows its grants", "GET me cho biết quyền đã cấp"),
    ],
)
def test_a_refusal_says_what_to_do_in_both_languages(
    kind: type[GatewayError], said: str, said_vi: str
) -> None:
    assert said in PROBLEMS[kind].detail
    assert said_vi in PROBLEMS[kind].detail_vi


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
        ({"procedure": ""}, "procedure", "at least 1 character", "ít nhất 1 ký tự"),
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
        ({"prefill": {"fields": []}}, "prefill.fields", "at least 1 item", "ít nhất 1 mục"),
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


@pytest.mark.parametrize(("limit", "wanted"), [("0", "từ 1 trở lên"), ("101", "từ 100 trở xuống")])
async def test_a_limit_out_of_bounds_says_its_bound_in_vietnamese(
    portal: Portal, limit: str, wanted: str
) -> None:
    answer = (await portal.call("GET", f"/discrepancies?limit={limit}")).json()

    assert [each["detail_vi"] for each in answer["errors"]] == [wanted]


async def test_a_malformed_claim_says_what_the_citizen_can_do(portal: Portal) -> None:
    members = (await portal.verify(claim=AN | {"citizen_id": "12"})).json()

    assert members["detail_vi"].startswith("Sửa các trường nêu trong errors")
    assert members["citizen_vi"] == "Vui lòng kiểm tra và sửa mục được đánh dấu theo đúng thẻ căn cước."


WRONG_PROOFS: dict[str, tuple[dict[str, Any], str, str]] = {
    "method": (
        {"htm": "PUT"},
        "htm is not the method of this call",
        "htm không phải là phương thức của cuộc gọi này",
    ),
    "address": (
        {"htu": "http://gateway.test/official/v1/other"},
        "htu is not the address of this call",
        "htu không phải là địa chỉ của cuộc gọi này",
    ),
    "age": (
        {"iat": 1},
        "iat is more than 60 s from the gateway's clock, or no number",
        "iat không phải là số, hoặc lệch đồng hồ của gateway hơn 60 giây",
    ),
    "token": (
        {"ath": "x"},
        "ath is not the hash of the access token",
        "ath không phải là giá trị băm của mã truy cập",
    ),
    "id": ({"jti": ""}, "jti is 1 to 128 printable characters", "jti phải có từ 1 đến 128 ký tự in được"),
}


@pytest.mark.parametrize(("claims", "wrong", "wrong_vi"), WRONG_PROOFS.values(), ids=WRONG_PROOFS)
async def test_a_refused_proof_names_its_wrong_claim_in_both_languages(
    scene: Scene, claims: dict[str, Any], wrong: str, wrong_vi: str
) -> None:
    portal = await scene.portal(Profile.OFFICIAL)
    proof = portal.proof("GET", f"{portal.issuer}/v1/me", portal.access_token, **claims)

    answer = await portal.call("GET", "/me", DPoP=proof)

    assert (answer.status_code, answer.json()["code"]) == (401, "dpop_proof_invalid")
    assert f"Wrong: {wrong}" in answer.json()["detail"]
    assert f"Sai: {wrong_vi}." in answer.json()["detail_vi"]
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
    assert [
        f"{path}: {member}"
        for path, calls in document["paths"].items()
        for call in calls.values()
        for media in call.get("requestBody", {}).get("content", {}).values()
        for member, found in media["schema"].get("properties", {}).items()
        if not found.get("description")
    ] == []
    operations = [each for calls in document["paths"].values() for each in calls.values()]
    assert [each["operationId"] for each in operations if not each["description"]] == []
    parameters = [each for operation in operations for each in operation["parameters"]]
    assert [each["name"] for each in parameters if not each.get("description")] == []
    named = {each["name"] for each in document["tags"]}
    assert named == {"portals", "operators", "everybody"} == {each["tags"][0] for each in operations}


def test_a_parameter_that_the_gateway_refuses_to_miss_is_required_in_the_document() -> None:
    calls = read_document()["paths"]
    required = {
        name: {each["name"]: each["required"] for each in calls[path]["get"]["parameters"] if each["in"] == "query"}
        for name, path in (
            ("inclusion", "/{profile}/v1/audit/proofs/inclusion"),
            ("consistency", "/{profile}/v1/audit/proofs/consistency"),
            ("discrepancies", "/{profile}/v1/discrepancies"),
        )
    }  # fmt: skip
    assert required == {
        "inclusion": {"row": True, "tree_size": False},
        "consistency": {"from": True, "to": True},
        "discrepancies": {"state": False, "limit": False, "after": False},
    }


def test_the_document_has_no_constant_and_no_intersection_that_a_generator_drops() -> None:
    text = str(read_document())
    assert "'const'" not in text
    assert "'allOf'" not in text
