"""Guessing secrets at the three OAuth endpoints: slowed unread, alike for known and unknown, no lock-out."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import accumulate

import httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

from gateway.edge.throttle import FREE_OF_PAIR, WAITING
from tests.kit.answers_seen import SEEN
from tests.kit.scene import BASE, Portal, Scene

ENDPOINTS = ("token", "introspect", "revoke")
WAITS = (0.25, 0.5, 1.0, 2.0, 2.0, 2.0)
"""Seconds that the first slowed answers wait at least, in their order (`tests/gateway/edge/test_guesses.py`)."""
FORM = {"grant_type": "client_credentials", "token": "x"}


@pytest.fixture
async def elsewhere(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from another address than the scene's."""
    transport = httpx.ASGITransport(scene.app, client=("10.0.0.2", 4000))
    hooks = {"response": [SEEN.note]}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, event_hooks=hooks) as http:
        yield http


async def guess(
    http: httpx.AsyncClient, portal: Portal, secret: str, endpoint: str = "token"
) -> httpx.Response:
    """Try a secret for the portal's client id."""
    address = f"{portal.issuer}/oauth2/{endpoint}"
    return await http.post(address, data=FORM, auth=(portal.client_id, secret))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_threat_6_a_flood_of_wrong_secrets_is_slowed_or_refused_at_each_endpoint(
    scene: Scene, portal: Portal, elsewhere: httpx.AsyncClient, endpoint: str
) -> None:
    began, last_refused_at = time.monotonic(), 0.0

    async def try_one(number: int) -> httpx.Response:
        nonlocal last_refused_at
        answer = await guess(elsewhere, portal, f"wrong-{number}", endpoint)
        if answer.status_code == 429:
            last_refused_at = time.monotonic() - began
        return answer

    answers = await asyncio.gather(*map(try_one, range(40)))

    slowed = [answer for answer in answers if answer.status_code == 401]
    refused = [answer for answer in answers if answer.status_code == 429]
    # One waits after the other. A wait that ended while guesses still came has given its place away: on a slow machine.
    ended = sum(until <= last_refused_at for until in accumulate(WAITS))
    assert len(slowed) <= FREE_OF_PAIR + WAITING + ended
    assert len(slowed) + len(refused) == 40
    for answer in refused:
        assert answer.json()["error"] == "temporarily_unavailable"
        assert 1 <= int(answer.headers["retry-after"]) <= 8
        assert answer.headers["cache-control"] == "no-store"
    counted = {row["outcome"]: row["count"] for row in await scene.audit() if row["kind"] == "refused"}
    assert counted == {"invalid_client": len(slowed), "temporarily_unavailable": len(refused)}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_threat_6_the_right_holder_is_served_at_once_while_another_guesses(
    portal: Portal, elsewhere: httpx.AsyncClient, endpoint: str
) -> None:
    flood = asyncio.gather(*(guess(elsewhere, portal, f"wrong-{n}") for n in range(40)))
    await asyncio.sleep(0.1)
    answer = await guess(portal.http, portal, str(portal.secret), endpoint)

    assert answer.status_code == 200
    assert not flood.done()
    await flood


async def test_threat_6_the_right_secret_from_the_guessers_own_address_is_not_kept_waiting(
    portal: Portal,
) -> None:
    flood = asyncio.gather(*(guess(portal.http, portal, f"wrong-{number}") for number in range(40)))
    await asyncio.sleep(0.1)
    answer = await portal.ask_token()

    assert answer.status_code == 200
    assert not flood.done()
    await flood


async def test_threat_6_a_signed_assertion_is_never_slowed_by_wrong_secrets(scene: Scene) -> None:
    portal = await scene.portal(key=ECKey.generate_key("P-256"))
    flood = asyncio.gather(*(guess(portal.http, portal, f"wrong-{n}") for n in range(40)))
    await asyncio.sleep(0.1)
    answer = await portal.ask_token()

    assert answer.status_code == 200
    assert not flood.done()
    await flood


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


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_threat_6_an_unknown_client_costs_the_same_statements_as_a_wrong_secret(
    scene: Scene, portal: Portal, endpoint: str
) -> None:
    address = f"{portal.issuer}/oauth2/{endpoint}"
    with statements() as of_known:
        wrong = await scene.http.post(address, data=FORM, auth=(portal.client_id, "wrong"))
        await asyncio.sleep(0.1)
    with statements() as of_unknown:
        unknown = await scene.http.post(address, data=FORM, auth=("acc_nobody", "wrong"))
        await asyncio.sleep(0.1)

    assert of_unknown == of_known != []
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content)
    assert dict(unknown.headers) | {"x-request-id": ""} == dict(wrong.headers) | {"x-request-id": ""}
