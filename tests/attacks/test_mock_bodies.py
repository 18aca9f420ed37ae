"""Threat 36 at the mock: no face stores a body of unlimited size, and no face redirects to the caller's `Host`.

The control face read 300 MB into memory before it checked the token; `/runs/` redirected to any `Host`.
"""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from mock_c06.control.body_limit import MAX_BYTES
from tests.kit.programs import Served, serving_mock
from tests.kit.scene import AN, Scene

MIB = 1024 * 1024
EVIL = {"Host": "evil.example"}
PATHS = ("/runs/", "/runs/default/world/", "/personas/", "/accounts/", "/openapi.json/")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving_mock() as running:
        yield running


def spaces(size: int) -> Iterator[bytes]:
    """Send a body in pieces, without a declared length."""
    for _ in range(size // MIB):
        yield b" " * MIB


def peak_kib(served: Served) -> int:
    """Return the mock's peak memory, in KiB."""
    with open(f"/proc/{served.process.pid}/status", encoding="ascii") as status:  # noqa: PTH123 - a file of the kernel
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


@pytest.mark.sockets
@pytest.mark.parametrize("token", [True, False], ids=["with the token", "without it"])
def test_threat_36_the_control_face_does_not_keep_a_huge_body_in_memory(served: Served, token: bool) -> None:
    headers = {"Authorization": f"Bearer {served.token}"} if token else {}
    httpx.get(f"{served.control}/runs", headers=headers)
    before = peak_kib(served)
    refused = 0
    for _ in range(4):
        try:
            answer = httpx.put(
                f"{served.control}/runs/default/world", content=spaces(64 * MIB), headers=headers, timeout=60
            )
            refused += answer.status_code == 413
        except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            refused += 1  # the server closed the connection while this side was writing
    assert refused == 4
    assert peak_kib(served) - before < 48 * 1024
    assert httpx.get(f"{served.control}/runs", headers=headers).status_code == (200 if token else 401)


@pytest.mark.parametrize("declared", [MAX_BYTES + 1, 10**20])
async def test_threat_36_a_body_with_a_declared_length_over_the_limit_is_refused_unread(
    scene: Scene, declared: int
) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await scene.control.put(
        "/runs/default/world", content=unread(), headers={"Content-Length": str(declared)}
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-test-data"] == "true"


async def test_threat_36_a_body_of_unlimited_length_is_refused_soon_after_the_limit(scene: Scene) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += MIB
            yield b" " * MIB

    answer = await scene.control.put("/runs/default/world", content=endless())
    assert answer.status_code == 413
    assert sent <= MAX_BYTES + 2 * MIB


async def test_a_world_of_thousands_of_people_is_still_accepted(scene: Scene) -> None:
    people = [
        {
            "citizen_id": f"001090{n:06}",
            "full_name": "NGUYỄN VĂN AN",
            "birth_date": "1990-01-31",
            "gender": "1",
        }
        for n in range(500_000, 502_000)
    ]
    padded = json.dumps({"people": people}).encode() + b" " * MIB
    answer = await scene.control.put(
        "/runs/default/world", content=padded, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "member",
    [{"household": "\ud800"}, {"native_place": {"detail": "\udfff"}}, {"relation_to_head": "\ud800"}],
)
async def test_threat_28_half_a_surrogate_pair_is_refused_and_leaves_the_world_readable(
    scene: Scene, member: dict[str, object]
) -> None:
    person = {"citizen_id": "001090000777", "full_name": "Nguyễn Văn B", "birth_year": 1990}
    body = json.dumps({"people": [person | member]})
    answer = await scene.control.put(
        "/runs/default/world", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert (await scene.control.get("/runs/default/world")).status_code == 200


@pytest.mark.parametrize("member", ["secret", "ngsp_key", "ngsp_secret"])
async def test_threat_28_half_a_surrogate_pair_as_a_secret_is_refused_and_leaves_the_accounts_readable(
    scene: Scene, member: str
) -> None:
    answer = await scene.control.post(
        "/accounts",
        content=json.dumps({"name": "half", member: "\ud800"}),
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 422
    assert (await scene.control.get("/accounts")).status_code == 200


async def test_threat_36_the_mocks_token_endpoint_refuses_a_long_form_before_parsing(scene: Scene) -> None:
    transport = httpx.ASGITransport(scene.mock.test)
    async with httpx.AsyncClient(transport=transport, base_url="http://mock.test") as http:
        answer = await http.post("/token", content=b"grant_type=client_credentials&" + b"a=b&" * 20_000)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("path", PATHS)
async def test_the_mock_does_not_redirect_to_the_host_in_the_request(scene: Scene, path: str) -> None:
    answer = await scene.control.get(path, headers=EVIL)

    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    "path", ["/livez/", "/docs/", "/sandbox/v1/me/", "/sandbox/oauth2/token/", "/ops/v1/changes/"]
)
async def test_the_gateway_does_not_redirect_to_the_host_in_the_request(scene: Scene, path: str) -> None:
    answer = await scene.http.get(path, headers=EVIL)

    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/runs", {f"k{number}": 1 for number in range(50_000)}),
        ("/runs/default/world", {"people": [{}] * 50_000}),
        ("/runs/default/switches", {f"k{number}": 1 for number in range(50_000)}),
        ("/runs/default/clock", {f"k{number}": 1 for number in range(1_000)}),
    ],
    ids=["many members", "many people", "many switches", "fewer members"],
)
async def test_threat_46_a_body_with_many_wrong_members_is_refused_naming_a_hundred_at_most(
    scene: Scene, path: str, body: object
) -> None:
    method = "PUT" if path.endswith(("world", "switches")) else "POST"
    refused = await scene.control.request(method, path, json=body)
    assert refused.status_code == 422
    assert 0 < len(refused.json()["errors"]) <= 100
    assert len(refused.content) < 20_000


@pytest.mark.parametrize("year", ["0001", "1899", "2200", "9999"])
async def test_an_event_outside_a_runs_years_is_refused(scene: Scene, year: str) -> None:
    event = {"kind": "death", "citizen_id": AN["citizen_id"], "at": f"{year}-12-31T23:59:59Z"}
    refused = await scene.control.post("/runs/default/events", json=event)
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["field"] == "at"
