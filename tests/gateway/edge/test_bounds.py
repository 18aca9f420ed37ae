"""The outermost edge: ids, headers, bounds, and what nobody foresaw."""

import re

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.kit.edge import Echo, calling, edge_around
from tests.kit.scene import BASE, Portal, Scene


async def fail_with_a_persons_data(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise what must never leave."""
    raise ValueError("Nguyễn Văn An 001090000123")


def http_scope(path: str = "/", **members: object) -> Scope:
    """Return a scope as a server hands it in."""
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    } | members


async def call_raw(app: ASGIApp, scope: Scope, *messages: Message) -> list[Message]:
    """Call with these messages and return what was sent."""
    waiting = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await edge_around(app)(scope, receive, send)
    return sent


MEMBERS = {"type", "title", "title_vi", "status", "detail", "detail_vi", "code", "request_id"}


async def test_each_answer_has_an_id_of_its_own_that_holds_no_number() -> None:
    async with calling(Echo()) as http:
        ids = {(await http.get("/")).headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"req_[a-z2-7]{25}", found) for found in ids)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("portal-7f3a.b_c", "portal-7f3a.b_c"),
        ("12345678", "12345678"),
        ("a" * 64, "a" * 64),
        ("short", None),
        ("a" * 65, None),
        ("with space", None),
        ("semi;colon;x", None),
        ("001090000123", None),
        ("portal-001090000", None),
        ("", None),
    ],
)
async def test_threat_40_a_callers_id_is_kept_beside_ours_only_by_the_rules(
    sent: str, kept: str | None
) -> None:
    echo = Echo()
    async with calling(echo) as http:
        answer = await http.get("/", headers={"X-Request-Id": sent})
    assert answer.status_code == 200
    assert echo.correlation_ids == [kept]
    assert answer.headers["x-request-id"] != sent


async def test_a_profile_of_test_data_says_so_and_is_never_cached() -> None:
    async with calling(Echo()) as http:
        sandbox, official, open_page = [
            (await http.get(path)).headers for path in ("/sandbox/v1/me", "/official/v1/me", "/livez")
        ]
    assert (sandbox["x-test-data"], sandbox["cache-control"]) == ("true", "no-store")
    assert (official.get("x-test-data"), official["cache-control"]) == (None, "no-store")
    assert "x-test-data" not in open_page
    assert {headers["x-content-type-options"] for headers in (sandbox, official, open_page)} == {"nosniff"}


async def test_a_header_that_the_route_set_is_not_sent_twice() -> None:
    async with calling(Echo()) as http:
        answer = await http.get("/sandbox/cached")
        refused = await http.post("/sandbox/v1/x", content=b"x" * 70_000)
    assert answer.headers.get_list("cache-control") == ["max-age=60"]
    assert refused.headers.get_list("cache-control") == ["no-store"]


async def test_threat_36_64_kib_pass_and_one_byte_more_is_refused() -> None:
    echo = Echo()
    async with calling(echo) as http:
        assert (await http.post("/", content=b"x" * 65_536)).status_code == 200
        refused = await http.post("/", content=b"x" * 65_537)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert refused.headers["connection"] == "close"
    assert [len(body) for body in echo.bodies] == [65_536]


async def test_threat_36_a_body_without_a_declared_length_is_counted_as_it_comes() -> None:
    pieces = [{"type": "http.request", "body": b"x" * 30_000, "more_body": True} for _ in range(3)]
    sent = await call_raw(Echo(), http_scope(), *pieces)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("length", [b"9" * 5000, b"1073741824"])
async def test_threat_36_a_huge_declared_length_is_refused_unread(length: bytes) -> None:
    sent = await call_raw(Echo(), http_scope(headers=[(b"content-length", length)]))
    assert sent[0]["status"] == 413


async def test_a_caller_that_leaves_in_mid_body_reaches_no_route() -> None:
    echo = Echo()
    half = {"type": "http.request", "body": b"grant_type=client_", "more_body": True}
    assert await call_raw(echo, http_scope(), half, {"type": "http.disconnect"}) == []
    assert echo.bodies == []


@pytest.mark.parametrize("where", ["headers", "target"])
async def test_threat_36_headers_over_32_kib_are_refused(where: str) -> None:
    async with calling(Echo()) as http:
        if where == "headers":
            answer = await http.get("/", headers={f"X-{n}": "x" * 4000 for n in range(9)})
        else:
            answer = await http.get(f"/livez?{'x' * 33_000}")
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "a" * 300, "x, y", "", "[::1"])
async def test_threat_36_an_odd_host_changes_no_address_in_an_answer(scene: Scene, host: str) -> None:
    path = "/.well-known/oauth-authorization-server/sandbox"
    answer = await scene.http.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["issuer"]) == (200, f"{BASE}/sandbox")
    refused = await scene.http.get("/sandbox/v1/me", headers={"Host": host})
    assert refused.json()["type"] == f"{BASE}/problems/token_missing"


@pytest.mark.parametrize("path", ["*", "", "/", "//", "/sandbox"])
async def test_an_odd_path_is_answered_like_any_other(path: str) -> None:
    sent = await call_raw(Echo(), http_scope(path), {"type": "http.request", "body": b""})
    assert sent[0]["status"] == 200


async def test_what_nobody_foresaw_answers_only_the_request_id() -> None:
    async with calling(fail_with_a_persons_data) as http:
        answer = await http.post("/sandbox/v1/verifications", json={})
    assert answer.status_code == 500
    members = answer.json()
    assert set(members) == MEMBERS | {"citizen_vi", "citizen"}
    assert (members["code"], members["request_id"]) == ("internal", answer.headers["x-request-id"])
    assert "Nguyễn" not in answer.text


async def test_a_failing_route_of_the_application_answers_the_same_problem(
    scene: Scene, portal: Portal
) -> None:
    """The framework would answer plain text by itself: a table taken away is what nobody foresaw."""
    async with scene.gateway.deps.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE verifications RENAME TO gone")
    answer = await portal.verify()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"internal", "store_unavailable"}
    assert "verifications" not in answer.text.replace("/problems/", "")
    assert await scene.journal() == []


async def test_a_problem_has_exactly_the_members_of_the_contract(scene: Scene, portal: Portal) -> None:
    refused = await portal.call("POST", "/verifications", {"procedure": 7})
    assert refused.headers["content-type"] == "application/problem+json"
    members = refused.json()
    assert set(members) == MEMBERS | {"errors"}
    assert members["type"] == f"{BASE}/problems/{members['code']}"
    assert members["status"] == refused.status_code == 422
    assert members["request_id"] == refused.headers["x-request-id"]
    assert all(set(error) == {"field", "code", "detail", "detail_vi"} for error in members["errors"])
    missing = await scene.http.get("/nowhere")
    assert set(missing.json()) == MEMBERS


async def test_the_middleware_leaves_alone_what_is_not_http() -> None:
    seen: list[str] = []

    async def application(scope: object, receive: object, send: object) -> None:
        seen.append("reached")

    await edge_around(application)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # never called
    assert seen == ["reached"]
