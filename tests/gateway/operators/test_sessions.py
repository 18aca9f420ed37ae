"""Signing in and out over HTTP: refusals that are equal, how long a session lasts, and that a code works once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.clock import rfc3339
from gateway.edge.throttle import FREE_OF_PAIR, WAITING, LoginThrottle
from gateway.errors.operators import LoginInvalid
from gateway.errors.requests import TokenInvalid
from gateway.operators.credentials import Passwords
from gateway.operators.model import Login, RequestSource, Role
from gateway.operators.sessions import identify, login
from gateway.operators.store import operators
from gateway.operators.use_cases import disable_operator
from tests.kit.answers_seen import SEEN
from tests.kit.operators import CHEAP, PASSWORD, SESSIONS, Person, enrolled, operator_behind, signed_in
from tests.kit.scene import BASE, Portal, Scene, another_worker
from tests.kit.stores import statements


@asynccontextmanager
async def calling(scene: Scene, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """Call the scene's application from another address."""
    transport = httpx.ASGITransport(scene.app, client=(address, 4000))
    hooks = {"response": [SEEN.note]}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, event_hooks=hooks) as http:
        yield http


WRONG = "ba con voi di lac"


@pytest.fixture
async def person(scene: Scene) -> Person:
    return await signed_in(scene, "minh.tran", Role.PROPOSER)


async def test_a_login_returns_a_token_that_every_call_accepts(scene: Scene, person: Person) -> None:
    answer = await person.try_in(totp=person.next_code())

    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "expires_at"}
    ends = datetime.fromisoformat(answer.json()["expires_at"])
    assert timedelta(hours=7, minutes=59) < ends - scene.clock.now() <= timedelta(hours=8)
    assert answer.headers["cache-control"] == "no-store"
    assert "x-test-data" not in answer.headers
    person.token = answer.json()["token"]
    listed = (await person.call("GET", "/operators")).json()
    operator = await operator_behind(scene, person)
    assert listed == {
        "operators": [
            {
                "name": "minh.tran",
                "role": "proposer",
                "state": "active",
                "created_at": rfc3339(operator.created_at),
                "created_by": "local",
                "admitted_in": None,
                "role_since": rfc3339(operator.role_since or operator.created_at),
            }
        ]
    }
    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["actor"]) == ("operator", "signed_in", "minh.tran")
    assert row["request_id"] == answer.headers["x-request-id"]


async def test_threat_42_every_failed_login_gets_the_same_answer(scene: Scene, person: Person) -> None:
    admin = await operator_behind(scene, await signed_in(scene, "lan.nguyen", Role.ADMIN))
    await enrolled(scene.gateway, "gone", Role.VIEWER)
    await disable_operator(scene.gateway, admin.name.__class__("gone"), by=admin)
    answers = [
        await person.try_in(password=WRONG, totp=person.next_code()),
        await person.try_in(totp="000000"),
        await person.try_in(name="nobody", totp=person.next_code()),
        await person.try_in(name="gone", totp=person.next_code()),
    ]

    assert {answer.status_code for answer in answers} == {401}
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert bodies[0]["code"] == "login_invalid"
    assert all(body == bodies[0] for body in bodies)
    headers = [dict(answer.headers) | {"x-request-id": ""} for answer in answers]
    assert all(each == headers[0] for each in headers)
    assert headers[0]["www-authenticate"] == "Bearer"
    refused = [row for row in await scene.audit() if row.get("outcome") == "login_invalid"]
    assert sorted((row.get("actor", ""), row["count"]) for row in refused) == [
        ("", 1),
        ("gone", 1),
        ("minh.tran", 2),
    ]


async def test_threat_42_an_unknown_name_costs_the_statements_and_the_hash_of_a_wrong_password(
    scene: Scene, person: Person
) -> None:
    spent: list[tuple[list[str], int]] = []
    for tried in (
        Login(name=person.name, password=WRONG, totp=person.next_code()),
        Login(name="nobody", password=PASSWORD, totp="123456"),
        Login(name=person.name, password=PASSWORD, totp="000000"),
    ):
        with ThreadPoolExecutor(1) as executor, statements() as sent:
            hashed = Counted(executor)
            with pytest.raises(LoginInvalid):
                await login(scene.gateway, hashed, LoginThrottle(scene.clock), tried, source=RequestSource())
            await asyncio.sleep(0.05)
        spent.append((list(sent), hashed.times))

    assert spent[0] == spent[1] == spent[2]
    assert spent[0][1] == 1


class Counted(Passwords):
    """Counts what it verified."""

    times = 0

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__(executor, cost=CHEAP)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Verify and count."""
        self.times += 1
        return await super().verify(password, hashed)


class Changing(Passwords):
    """Changes a row after the password was verified, before the session is opened."""

    def __init__(self, executor: ThreadPoolExecutor, scene: Scene, values: dict[str, str]) -> None:
        super().__init__(executor, cost=CHEAP)
        self._scene = scene
        self._values = values

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Verify, then change the row."""
        matched = await super().verify(password, hashed)
        async with self._scene.gateway.deps.database.write() as transaction:
            change = sa.update(operators).values(self._values)
            await transaction.execute(change.execution_options(unrecorded="a test's own hand"))
        return matched


@pytest.mark.parametrize(
    ("values", "let_in"),
    [({"state": "active"}, True), ({"state": "disabled"}, False), ({"password_hash": "another"}, False)],
    ids=["nothing", "state", "password"],
)
async def test_threat_42_a_login_checks_the_operator_again_after_the_password_is_hashed(
    scene: Scene, person: Person, values: dict[str, str], let_in: bool
) -> None:
    tried = Login(name=person.name, password=PASSWORD, totp=person.next_code())
    with ThreadPoolExecutor(1) as executor:
        passwords = Changing(executor, scene, values)
        trying = login(scene.gateway, passwords, LoginThrottle(scene.clock), tried, source=RequestSource())
        if let_in:
            assert (await trying).token
            return
        with pytest.raises(LoginInvalid):
            await trying


async def test_threat_42_a_code_works_once_and_none_before_it_works_after(person: Person) -> None:
    code = person.next_code()
    assert (await person.try_in(totp=code)).status_code == 201
    assert (await person.try_in(totp=code)).json()["code"] == "login_invalid"

    earlier = person.next_code()
    assert (await person.try_in(totp=person.next_code())).status_code == 201
    assert (await person.try_in(totp=earlier)).status_code == 401


async def test_threat_42_a_code_sent_to_two_workers_at_once_opens_one_session(
    scene: Scene, person: Person
) -> None:
    code = person.next_code()
    async with another_worker(scene) as http:
        elsewhere = replace(person, http=http)
        tries = (each.try_in(totp=code) for _ in range(3) for each in (person, elsewhere))
        answers = await asyncio.gather(*tries)
        assert sorted(answer.status_code for answer in answers) == [201] + [401] * 5
        person.token = next(answer.json()["token"] for answer in answers if answer.status_code == 201)
        elsewhere.token = person.token
        assert (await elsewhere.call("GET", "/operators")).status_code == 200


async def test_a_session_ends_half_an_hour_after_its_last_call(scene: Scene, person: Person) -> None:
    for _ in range(3):
        scene.clock.advance(29 * 60)
        assert (await person.call("GET", "/operators")).status_code == 200
    scene.clock.advance(30 * 60)
    answer = await person.call("GET", "/operators")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_a_session_in_constant_use_ends_after_eight_hours(scene: Scene, person: Person) -> None:
    for _ in range(23):
        scene.clock.advance(20 * 60)
        assert (await person.call("GET", "/operators")).status_code == 200
    scene.clock.advance(20 * 60)
    assert (await person.call("GET", "/operators")).json()["code"] == "token_invalid"
    await person.sign_in()
    async with scene.gateway.deps.database.read() as transaction:
        kept = await transaction.execute(sa.text("SELECT count(*) FROM operator_sessions"))
        assert kept.scalar_one() == 1


@pytest.mark.parametrize("ahead", [3600, 365 * 86_400])
async def test_threat_41_a_session_of_a_clock_that_was_ahead_is_over_once_it_is_set_right(
    scene: Scene, person: Person, ahead: float
) -> None:
    scene.clock.advance(ahead)
    await person.sign_in()
    assert (await person.call("GET", "/operators")).status_code == 200
    scene.clock.advance(-ahead)
    assert (await person.call("GET", "/operators")).json()["code"] == "token_invalid"


async def test_a_session_lasts_though_the_clock_is_corrected_by_a_minute(
    scene: Scene, person: Person
) -> None:
    scene.clock.advance(-60)
    assert (await person.call("GET", "/operators")).status_code == 200


async def test_a_token_is_over_after_signing_out_on_every_worker(scene: Scene, person: Person) -> None:
    other = await replace(person).sign_in()
    answer = await person.call("DELETE", "/sessions/current")

    assert (answer.status_code, answer.content) == (204, b"")
    async with another_worker(scene) as http:
        assert (await replace(person, http=http).call("GET", "/operators")).status_code == 401
    assert (await person.call("DELETE", "/sessions/current")).json()["code"] == "token_invalid"
    assert (await other.call("GET", "/operators")).status_code == 200
    signed_out = [row for row in await scene.audit() if row.get("outcome") == "signed_out"]
    assert [row["actor"] for row in signed_out] == ["minh.tran"]


async def test_threat_42_a_disabled_operator_is_out_at_once_on_every_worker(
    scene: Scene, person: Person
) -> None:
    admin = await signed_in(scene, "lan.nguyen", Role.ADMIN)
    async with another_worker(scene) as http:
        elsewhere = replace(person, http=http)
        assert (await elsewhere.call("GET", "/operators")).status_code == 200
        name = (await operator_behind(scene, person)).name
        await disable_operator(scene.gateway, name, by=await operator_behind(scene, admin))
        for each in (person, elsewhere):
            assert (await each.call("GET", "/operators")).json()["code"] == "token_invalid"
    assert (await person.try_in(totp=person.next_code())).status_code == 401


async def test_threat_41_each_login_makes_a_new_token_and_no_other_is_accepted(
    scene: Scene, person: Person
) -> None:
    first = person.token
    await person.sign_in()
    assert person.token != first
    for token in ("x", "", first[:-1], first + "x", first.upper()):
        with pytest.raises(TokenInvalid):
            await identify(scene.gateway, token)


async def test_a_portal_token_is_no_operator_token_nor_the_reverse(person: Person, portal: Portal) -> None:
    answer = await person.call("GET", "/operators", Authorization=f"Bearer {portal.access_token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    answer = await portal.call("GET", "/me", Authorization=f"Bearer {person.token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "token_missing"),
        ([("Authorization", "Bearer ")], "token_invalid"),
        ([("Authorization", "Basic {}")], "token_invalid"),
        ([("Authorization", "DPoP {}")], "token_invalid"),
        ([("Authorization", "Bearer {}"), ("Authorization", "Bearer {}")], "token_invalid"),
    ],
)
async def test_a_call_needs_one_authorization_header_with_a_bearer_token(
    person: Person, headers: list[tuple[str, str]], code: str
) -> None:
    sent = [(name, value.format(person.token)) for name, value in headers]
    answer = await person.http.get("/ops/v1/operators", headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"name": "Lan"}, "name"),
        ({"name": 7}, "name"),
        ({"password": ""}, "password"),
        ({"password": "x" * 513}, "password"),
        ({"totp": 123456}, "totp"),
        ({"totp": "12345"}, "totp"),
        ({"totp": "1234567"}, "totp"),
        ({"more": 1}, "body.3"),
    ],
)
async def test_a_login_of_another_shape_is_refused_naming_only_the_member(
    scene: Scene, person: Person, members: dict[str, Any], field: str
) -> None:
    answer = await person.try_in(**members)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert PASSWORD not in answer.text
    assert (await scene.audit())[-1]["outcome"] == "signed_in"


@pytest.fixture
async def elsewhere(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(scene, "10.0.0.2") as http:
        yield http


async def test_threat_42_a_flood_of_guesses_is_slowed_or_refused_and_locks_nobody_out(
    person: Person, elsewhere: httpx.AsyncClient
) -> None:
    body = {"name": person.name, "password": WRONG, "totp": "000000"}
    flood = asyncio.gather(*(elsewhere.post(SESSIONS, json=body) for _ in range(40)))
    await asyncio.sleep(0.1)
    holder = await person.try_in(totp=person.next_code())
    served_meanwhile = not flood.done()
    answers = await flood

    assert (holder.status_code, served_meanwhile) == (201, True)
    found = Counter(answer.json()["code"] for answer in answers)
    # At any moment; on a slow machine some end while others still start.
    assert found["login_invalid"] <= 2 * (FREE_OF_PAIR + WAITING)
    assert found.total() == found["login_invalid"] + found["rate_limited"] == 40
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 8
