"""Pages outside the profiles: health, what a problem means, the API's document."""

import html
import json
import re
import shutil
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import validate

from gateway.console.open_web import ShownProblem, list_problems
from gateway.edge.problems import PROBLEMS
from gateway.identifiers import Profile
from gateway.settings import ProfileSettings
from gateway.web import build_document
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import BASE, Scene, open_scene, settings_for

CODES = sorted(kind.code for kind in PROBLEMS)


async def test_livez_answers_200_without_the_store(scene: Scene) -> None:
    await scene.gateway.deps.database.close()
    answer = await scene.http.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readyz_tells_the_state_of_each_profile(scene: Scene) -> None:
    answer = await scene.http.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "profiles": {"sandbox": "ready", "official": "ready"},
        "credential_days_left": {"sandbox": None, "official": None},
        "credential_warnings": {"sandbox": None, "official": None},
        "enquiry_warnings": {"sandbox": None, "official": None},
    }


async def test_readyz_tells_a_profile_without_a_connection(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock).model_copy(update={"official": ProfileSettings()})
    async with open_scene(settings, mock, clock) as scene:
        answer = await scene.http.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["profiles"] == {"sandbox": "ready", "official": "unconfigured"}


async def test_readyz_says_503_while_the_store_is_gone(
    tmp_path: Path, mock: MockRegistry, clock: HandClock
) -> None:
    folder = tmp_path / "store"
    async with open_scene(settings_for(f"sqlite:///{folder}/gateway.db", mock), mock, clock) as scene:
        shutil.move(folder, tmp_path / "away")
        gone = await scene.http.get("/readyz")
        shutil.move(tmp_path / "away", folder)
        back = await scene.http.get("/readyz")
    assert (gone.status_code, gone.json()["status"], gone.json()["cause"]) == (
        503,
        "store_unavailable",
        "gone",
    )
    assert back.status_code == 200


async def test_threat_35_a_gone_store_refuses_before_anything_is_asked(
    tmp_path: Path, mock: MockRegistry, clock: HandClock
) -> None:
    folder = tmp_path / "store"
    async with open_scene(settings_for(f"sqlite:///{folder}/gateway.db", mock), mock, clock) as scene:
        portal = await scene.portal()
        shutil.move(folder, tmp_path / "away")
        refused = await portal.verify()
        shutil.move(tmp_path / "away", folder)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert await scene.journal() == []
        assert (await portal.verify()).status_code == 201


async def test_every_code_has_a_page_in_both_languages(scene: Scene) -> None:
    for kind, problem in PROBLEMS.items():
        answer = await scene.http.get(f"/problems/{kind.code}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        for words in (kind.code, problem.title, problem.title_vi, str(problem.status)):
            assert words in answer.text


@pytest.mark.parametrize("shown", [each for each in list_problems(BASE) if each.problem.status in {403, 422}])
def test_the_example_of_a_refused_field_says_what_is_wrong_and_not_the_title_again(
    shown: ShownProblem,
) -> None:
    for error in json.loads(shown.example)["errors"]:
        assert error["code"] == shown.code
        assert error["detail"] not in {shown.problem.title, shown.problem.detail}
        assert error["detail_vi"] not in {shown.problem.title_vi, shown.problem.detail_vi}


@pytest.mark.parametrize("code", ["nothing", "<script>", "..x", "INTERNAL", "a%2Fb"])
async def test_an_unknown_code_is_not_found_and_not_echoed(scene: Scene, code: str) -> None:
    answer = await scene.http.get(f"/problems/{code}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/problems/nothing", 404, "not_found"),
        ("GET", "/console/nowhere", 404, "not_found"),
        ("GET", "/console/logout", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("POST", "/console/login", 415, "media_type_unsupported"),
    ],
)
async def test_a_browser_gets_a_problem_as_a_page_and_a_program_as_json(
    scene: Scene, method: str, path: str, status: int, code: str
) -> None:
    browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page = await scene.http.request(method, path, headers={"Accept": browsers})
    told = await scene.http.request(method, path)

    problem = told.json()
    assert told.headers["content-type"] == "application/problem+json"
    assert (told.status_code, problem["code"]) == (status, code)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert page.headers.get("allow") == told.headers.get("allow")
    assert page.headers["vary"] == told.headers["vary"] == "Accept"
    for text in ("title", "title_vi", "detail", "detail_vi"):
        assert html.escape(problem[text]) in page.text
    assert f"/problems/{code}" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/sandbox/v1/verifications", "/ops/v1/accounts", "/.well-known/nothing"])
async def test_paths_of_programs_answer_json_whatever_the_caller_accepts(scene: Scene, path: str) -> None:
    refused = await scene.http.get(path, headers={"Accept": "text/html"})
    assert refused.headers["content-type"] == "application/problem+json"


def test_every_code_of_the_contract_has_a_row() -> None:
    named = [
        "json_invalid",
        "token_missing",
        "token_invalid",
        "token_expired",
        "dpop_proof_invalid",
        "scope_missing",
        "procedure_not_granted",
        "subject_role_not_granted",
        "field_not_granted",
        "officer_not_granted",
        "profile_mismatch",
        "account_suspended",
        "not_found",
        "method_not_allowed",
        "not_acceptable",
        "verification_expired",
        "verification_not_confirmed",
        "verification_invalidated",
        "body_too_large",
        "media_type_unsupported",
        "request_invalid",
        "claim_invalid",
        "field_unknown",
        "field_not_in_procedure",
        "procedure_unknown",
        "subject_role_unknown",
        "receipt_invalid",
        "rate_limited",
        "enquiry_budget_spent",
        "headers_too_large",
        "internal",
        "registry_refused",
        "registry_answer_invalid",
        "registry_credentials_rejected",
        "registry_unavailable",
        "profile_suspended",
        "profile_unconfigured",
        "overloaded",
        "store_unavailable",
        "registry_timeout",
    ]
    assert set(named) <= set(CODES)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in CODES)


async def test_the_document_served_is_the_document_built(scene: Scene) -> None:
    served = (await scene.http.get("/openapi.json")).json()
    assert served == build_document(scene.gateway)
    validate(served)


async def test_the_document_names_its_server_bodies_and_problems(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()
    assert document["servers"] == [{"url": BASE}]
    verify = document["paths"]["/{profile}/v1/verifications"]["post"]
    schema = verify["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/VerificationBody"}
    assert "field_not_granted" in verify["responses"]["403"]["description"]
    assert "HTTPValidationError" not in str(document)


async def test_open_pages_show_no_version_of_the_server(scene: Scene) -> None:
    answers: list[httpx.Response] = [
        await scene.http.get(path) for path in ("/livez", "/readyz", "/nowhere", "/problems/internal")
    ]
    assert all("server" not in answer.headers for answer in answers)
    assert {place.profile for place in scene.gateway.places.values()} == set(Profile)


@pytest.mark.parametrize("profile", ["sandbox", "official"])
async def test_another_method_at_the_metadata_of_a_profile_gets_the_allowed_ones(
    scene: Scene, profile: str
) -> None:
    answer = await scene.http.post(f"/.well-known/oauth-authorization-server/{profile}")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
