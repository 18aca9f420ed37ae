"""The order of guards at the edge: size before route, route before caller, caller before form."""

import pytest

from tests.kit.scene import Portal, Scene, enquiry

BIG = b'"' + b"x" * 70_000 + b'"'
JSON = {"Content-Type": "application/json"}


async def test_a_body_too_large_comes_before_an_unknown_route(scene: Scene) -> None:
    answer = await scene.http.post("/nowhere", content=BIG, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_headers_too_large_come_before_an_unknown_route(scene: Scene) -> None:
    answer = await scene.http.get("/nowhere", headers={"X-Filler": "x" * 40_000})
    assert answer.json()["code"] == "headers_too_large"


UNKNOWN = (
    "/nowhere",
    "/nowhere/v1/verifications",
    "/sandbox",
    "/sandbox/v1",
    "/sandbox/v1/nothing",
    "/sandbox/v1/verifications/",
    "/sandbox/v1/a%00b",
    "/Sandbox/v1/me",
    "/sandbox//v1/me",
    "/sandbox/v2/verifications",
)
ALLOWED = (
    ("GET", "/sandbox/v1/verifications", "POST"),
    ("DELETE", "/sandbox/v1/verifications", "POST"),
    ("POST", "/sandbox/v1/me", "GET, HEAD"),
    ("GET", "/official/oauth2/token", "POST"),
    ("POST", "/livez", "GET, HEAD"),
    ("PUT", "/openapi.json", "GET, HEAD"),
    ("TRACE", "/readyz", "GET, HEAD"),
)


async def test_an_unknown_route_comes_before_a_missing_token(scene: Scene) -> None:
    for path in UNKNOWN:
        for answer in (await scene.http.get(path), await scene.http.post(path, content=b"{", headers=JSON)):
            assert (path, answer.status_code, answer.json()["code"]) == (path, 404, "not_found")


async def test_another_method_is_refused_before_the_caller_with_allow(scene: Scene) -> None:
    for method, path, allowed in ALLOWED:
        answer = await scene.http.request(method, path)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


async def test_a_missing_token_comes_before_a_wrong_media_type(scene: Scene) -> None:
    answer = await scene.http.post("/sandbox/v1/verifications", content=b"<xml/>")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "application/xml"}, 415, "media_type_unsupported"),
        ({"Content-Type": "application/json; charset=utf-16"}, 415, "media_type_unsupported"),
        ({"Content-Encoding": "gzip"}, 415, "media_type_unsupported"),
        ({"Accept": "text/html"}, 406, "not_acceptable"),
    ],
)
async def test_media_types_come_before_malformed_json(
    portal: Portal, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await portal.call("POST", "/verifications", b"{", **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/*", "application/json;q=0.9, text/html", "application/problem+json"]
)
async def test_a_caller_that_accepts_json_is_served(portal: Portal, accept: str) -> None:
    answer = await portal.call("POST", "/verifications", enquiry(), Accept=accept)
    assert answer.status_code == 201, answer.text


async def test_malformed_json_comes_before_its_shape(scene: Scene, portal: Portal) -> None:
    answer = await portal.call("POST", "/verifications", b'{"procedure": 1,')
    assert (answer.status_code, answer.json()["code"]) == (400, "json_invalid")
    assert await scene.journal() == []
