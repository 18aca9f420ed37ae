"""The wire answers every failed login alike; the journal, the report card and `explain` say why it failed."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from mock_c06.login.reasons import REMEDIES, LoginFailure
from tests.kit.clocks import StillClock
from tests.kit.programs import run_mock_here
from tests.mock_c06.callers import PlatformClient, SoapPortal, envelope

OPERATION = "XacThucThongTinCongDan"
URL = f"http://registry.test/{OPERATION}"


def written(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def signed(account: dict[str, Any], timestamp: str, url: str = URL, **changes: str) -> str:
    members = account | changes
    text = f"{url}{members['user']}{timestamp}{members['secret']}"
    return written(members["user"], hashlib.sha256(text.encode()).hexdigest())


async def reason_of(control: httpx.AsyncClient) -> tuple[str, str | None]:
    entry = (await control.get("/runs/default/journal")).json()["entries"][-1]
    assert entry["status"] == 401
    return entry["reason"], entry["reason_detail"]


@pytest.fixture
def now(clock: StillClock) -> str:
    return str(int(clock.now().timestamp() * 1000))


async def send(portal: SoapPortal, timestamp: str, authorization: str) -> httpx.Response:
    body = envelope(OPERATION, portal.fields(OPERATION))
    return await portal.send(body, timestamp=timestamp, Authorization=authorization)


@pytest.mark.parametrize(
    ("changes", "reason"), [({"secret": "wrong"}, "secret"), ({"user": "nobody"}, "unknown_user")]
)
async def test_a_wrong_secret_and_an_unknown_user_are_told_apart_in_the_journal_alone(
    portal: SoapPortal, control: httpx.AsyncClient, now: str, changes: dict[str, str], reason: str
) -> None:
    answer = await send(portal, now, signed(dict(portal.account), now, **changes))
    assert (answer.status_code, answer.content) == (401, b"401 Unauthorized")
    assert (await reason_of(control))[0] == reason


@pytest.mark.parametrize(
    "hashed",
    [
        *("", f"/{OPERATION}", "http://registry.test", "http://registry.test/soap", f"{URL}/", f"{URL}?wsdl"),
        *(f"https://registry.test/{OPERATION}", f"http://registry.test:80/{OPERATION}"),
        *(f"http://registry.test:8110/{OPERATION}", f"http://127.0.0.1/{OPERATION}"),
        *("http://registry.test/TraCuuThongTinCongDan", f"registry.test/{OPERATION}"),
    ],
)
async def test_the_journal_says_which_other_url_was_hashed(
    portal: SoapPortal, control: httpx.AsyncClient, now: str, hashed: str
) -> None:
    await send(portal, now, signed(dict(portal.account), now, hashed))
    assert await reason_of(control) == ("url", f"hashed {hashed or 'no URL'}, called {URL}")


async def test_a_url_that_was_called_and_hashed_with_its_query_is_recognised(
    portal: SoapPortal, control: httpx.AsyncClient, now: str
) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    hashed = f"{URL}?v=2"
    await portal.send(
        body, f"/{OPERATION}?v=2", timestamp=now, Authorization=signed(dict(portal.account), now, hashed)
    )
    assert await reason_of(control) == ("url", f"hashed {hashed}, called {URL}")
    sent = {"url": hashed, "authorization": signed(dict(portal.account), now, hashed), "timestamp": now}
    answer = (await control.post("/runs/default/explain/login", json=sent)).json()
    assert (answer["reason"], answer["reason_detail"]) == ("url", f"hashed {hashed}, called {URL}")


async def test_a_url_without_the_run_is_recognised(
    portal: SoapPortal, control: httpx.AsyncClient, now: str
) -> None:
    await control.post("/runs", json={"name": "mine"})
    body = envelope(OPERATION, portal.fields(OPERATION))
    headers = {"timestamp": now, "Authorization": signed(dict(portal.account), now)}
    await portal.send(body, f"/r/mine/{OPERATION}", **headers)
    entry = (await control.get("/runs/mine/journal")).json()["entries"][0]
    assert entry["reason_detail"] == f"hashed {URL}, called http://registry.test/r/mine/{OPERATION}"


async def test_capitals_in_the_digest_are_named(
    portal: SoapPortal, control: httpx.AsyncClient, now: str
) -> None:
    text = f"{URL}{portal.account['user']}{now}{portal.account['secret']}"
    capitals = hashlib.sha256(text.encode()).hexdigest().upper()
    await send(portal, now, written(portal.account["user"], capitals))
    assert (await reason_of(control))[0] == "hash_case"


async def test_the_reasons_of_time_are_named(
    portal: SoapPortal, control: httpx.AsyncClient, clock: StillClock, now: str
) -> None:
    seconds, stale = now[:-3], str(int(now) - 301_000)
    found = []
    for timestamp in (seconds, stale, "soon"):
        await send(portal, timestamp, signed(dict(portal.account), timestamp))
        found.append(await reason_of(control))
    await send(portal, now, signed(dict(portal.account), seconds))
    found.append(await reason_of(control))
    await portal.http.post(URL, headers={"Authorization": signed(dict(portal.account), now)})
    found.append(await reason_of(control))
    await portal.http.post(URL, headers={"Timestamp": now})
    found.append(await reason_of(control))
    assert found == [
        ("seconds", None),
        ("stale", "301 s before the server's time"),
        ("stale", "Timestamp is no number"),
        ("seconds", "the digest counts in another unit"),
        ("no_timestamp", None),
        ("no_login", None),
    ]


async def test_milliseconds_are_named_where_the_account_counts_seconds(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.put("/runs/default/switches", json={"seconds": True})
    await portal.verdict()
    assert (await reason_of(control))[0] == "milliseconds"


async def test_a_replay_and_a_lock_are_named(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    body = envelope(OPERATION, portal.fields(OPERATION))
    for _ in range(2):
        await portal.send(body)
    assert (await reason_of(control))[0] == "replayed"
    right = portal.account
    portal.account = {**right, "secret": "wrong"}
    for _ in range(5):
        await portal.verdict()
    portal.account = right
    await portal.verdict()
    assert (await reason_of(control))[0] == "locked"


async def test_an_account_of_the_other_environment_is_named(
    portal: SoapPortal, control: httpx.AsyncClient, accounts: dict[str, dict[str, Any]]
) -> None:
    portal.account = accounts["dvctt-hanoi-official"]
    await portal.verdict()
    assert (await reason_of(control))[0] == "environment"


@pytest.mark.parametrize("status", ["suspended", "revoked"])
async def test_an_account_that_may_not_call_is_named_by_its_status(
    portal: SoapPortal, control: httpx.AsyncClient, status: str
) -> None:
    own = {"name": portal.account["name"], "status": status}
    await control.post("/runs/default/accounts", json=own)
    await portal.verdict()
    entry = (await control.get(f"/runs/default/journal?reason={status}")).json()["entries"][0]
    assert (entry["outcome"], entry["code"], entry["status"]) == ("refused", "403", 403)


async def test_the_reasons_of_a_platform_are_named(
    platform: Callable[[str], PlatformClient], control: httpx.AsyncClient, accounts: dict[str, dict[str, Any]]
) -> None:
    camel, found = platform("camel"), []

    async def note(call: Any) -> None:
        await call
        found.append((await reason_of(control))[0])

    await note(camel.log_in(secret="wrong"))
    await note(camel.log_in(adapter=camel.adapter(secret_key="wrong")))
    right = camel.account
    camel.account = {**right, "ngsp_key": "nobody"}
    await note(camel.log_in())
    camel.account = right
    await note(camel.ask(OPERATION, {}))
    camel.token = "nobody's"
    await note(camel.ask(OPERATION, {}))
    await camel.log_in()
    await control.post("/runs/default/clock", json={"advance_s": 3600})
    await note(camel.ask(OPERATION, {}))
    assert found == [
        *("secret", "adapter", "unknown_user"),
        *("no_login", "token_unknown", "token_expired"),
    ]


async def test_the_control_face_explains_a_login_without_a_call(
    portal: SoapPortal, control: httpx.AsyncClient, now: str
) -> None:
    right = {"url": URL, "authorization": signed(dict(portal.account), now), "timestamp": now}
    wrong = right | {"url": f"{URL}/"}
    answers = [
        (await control.post("/runs/default/explain/login", json=sent)).json() for sent in (right, wrong)
    ]
    assert answers[0] == {"reason": None, "reason_detail": None, "remedy": None}
    assert (answers[1]["reason"], answers[1]["reason_detail"]) == ("url", f"hashed {URL}, called {URL}/")
    assert (await control.get("/runs/default/journal")).json()["entries"] == []


def test_the_command_explains_a_login_from_its_input(accounts: dict[str, dict[str, Any]]) -> None:
    login = {
        "url": "http://127.0.0.1:8100/soap",
        "authorization": signed(accounts["dvctt-hanoi"], "1650990000123", "http://127.0.0.1:8100/soap"),
        "timestamp": "1650990000123",
    }
    ended = run_mock_here("explain", stdin=json.dumps(login))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.decode().splitlines()[0] == "login: stale"
    as_json = run_mock_here("explain", "--json", stdin=json.dumps(login | {"timestamp": "1650990000124"}))
    assert json.loads(as_json.stdout)["reason"] == "secret"


def test_every_reason_has_a_remedy_in_both_languages() -> None:
    assert set(REMEDIES) == set(LoginFailure)
    assert all(vi and en for vi, en in REMEDIES.values())
