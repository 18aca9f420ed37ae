"""Signing in and out over HTTP: what is refused alike, how long a session lives, and that a code works once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.clock import rfc3339
from gateway.edge.guesses import FREE_OF_PAIR, WAITING, Guesses
from gateway.errors.callers import TokenInvalid
from gateway.errors.operators import LoginInvalid
from gateway.operators.model import Arrival, Login, Role
from gateway.operators.passwords import Passwords
from gateway.operators.sessions import identify, login
from gateway.operators.store import operators
from gateway.operators.use_cases import disable_operator
from tests.gateway.operators.people import (
    CHEAP,
    PASSWORD,
    SESSIONS,
    Person,
    another_worker,
    calling,
    enrolled,
    operator_behind,
    signed_in,
)
from tests.gateway.scene import Portal, Scene

WRONG = "ba con voi di lac"


@pytest.fixture
async def person(scene: Scene) -> Person:
    return await signed_in(scene, "minh.tran", Role.PROPOSER)


async def test_a_login_gives_a_token_that_every_call_is_made_with(scene: Scene, person: Person) -> None:
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


async def test_threat_42_whatever_is_wrong_with_a_login_is_answered_alike(
    scene: Scene, person: Person
) -> None:
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


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is sent to any database."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


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
                await login(scene.gateway, hashed, Guesses(scene.clock), tried, arrival=Arrival())
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
    """Lets a row be changed after the password was found right, before anything is decided."""

    def __init__(self, executor: ThreadPoolExecutor, scene: Scene, values: dict[str, str]) -> None:
        super().__init__(executor, cost=CHEAP)
        self._scene = scene
        self._values = values

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Verify, then change the row."""
        matched = await super().verify(password, hashed)
        async with self._scene.gateway.parts.database.write() as transaction:
            change = sa.update(operators).values(self._values)
            await transaction.execute(change.execution_options(unrecorded="a test's own hand"))
        return matched


@pytest.mark.parametrize(
    ("values", "let_in"),
    [({"state": "active"}, True), ({"state": "disabled"}, False), ({"password_hash": "another"}, False)],
    ids=["nothing", "state", "password"],
)
async def test_threat_42_who_was_changed_while_the_password_was_hashed_is_judged_as_they_are_now(
    scene: Scene, person: Person, values: dict[str, str], let_in: bool
) -> None:
    tried = Login(name=person.name, password=PASSWORD, totp=person.next_code())
    with ThreadPoolExecutor(1) as executor:
        passwords = Changing(executor, scene, values)
        trying = login(scene.gateway, passwords, Guesses(scene.clock), tried, arrival=Arrival())
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


async def test_threat_42_a_code_sent_to_two_workers_at_once_lets_one_in(scene: Scene, person: Person) -> None:
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


async def test_a_session_in_use_ends_after_eight_hours_all_the_same(scene: Scene, person: Person) -> None:
    for _ in range(23):
        scene.clock.advance(20 * 60)
        assert (await person.call("GET", "/operators")).status_code == 200
    scene.clock.advance(20 * 60)
    assert (await person.call("GET", "/operators")).json()["code"] == "token_invalid"
    await person.sign_in()
    async with scene.gateway.parts.database.read() as transaction:
        kept = await transaction.execute(sa.text("SELECT count(*) FROM operator_sessions"))
        assert kept.scalar_one() == 1


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


async def test_threat_41_a_session_is_known_by_a_token_of_its_own_made_at_login(
    scene: Scene, person: Person
) -> None:
    first = person.token
    await person.sign_in()
    assert person.token != first
    for token in ("x", "", first[:-1], first + "x", first.upper()):
        with pytest.raises(TokenInvalid):
            await identify(scene.gateway, token)


async def test_a_portals_token_is_no_operators_nor_the_reverse(person: Person, portal: Portal) -> None:
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
async def test_a_token_comes_once_and_as_bearer(
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
async def test_a_login_of_another_shape_is_refused_naming_the_member_only(
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
    # At any moment; on a slow machine some leave their places while others still arrive.
    assert found["login_invalid"] <= 2 * (FREE_OF_PAIR + WAITING)
    assert found.total() == found["login_invalid"] + found["rate_limited"] == 40
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 8
