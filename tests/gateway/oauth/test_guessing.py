"""Guessing secrets at the three OAuth endpoints: slowed unread, alike for known and unknown, no lock-out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import islice

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.edge.throttle import FREE_OF_PAIR, WAITING
from mock_c06.app import MockRegistry
from tests.kit.answers_seen import SEEN
from tests.kit.clocks import HandClock
from tests.kit.scene import BASE, Portal, Scene, open_scene, settings_for
from tests.kit.stores import statements

ENDPOINTS = ("token", "introspect", "revoke")
FORM = {"grant_type": "client_credentials", "token": "x"}


def call_from_elsewhere(scene: Scene) -> httpx.AsyncClient:
    """Return a caller from another address than the scene's."""
    transport = httpx.ASGITransport(scene.app, client=("10.0.0.2", 4000))
    hooks = {"response": [SEEN.note]}
    return httpx.AsyncClient(transport=transport, base_url=BASE, event_hooks=hooks)


@pytest.fixture
async def elsewhere(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    async with call_from_elsewhere(scene) as http:
        yield http


async def guess(
    http: httpx.AsyncClient, portal: Portal, secret: str, endpoint: str = "token"
) -> httpx.Response:
    """Try a secret for the portal's client id."""
    address = f"{portal.issuer}/oauth2/{endpoint}"
    return await http.post(address, data=FORM, auth=(portal.client_id, secret))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_threat_6_a_flood_of_wrong_secrets_is_slowed_or_refused_at_each_endpoint(
    database_url: str, mock: MockRegistry, clock: HandClock, endpoint: str
) -> None:
    all_came = asyncio.Event()

    async def hold(_: float) -> None:
        await all_came.wait()

    async with (
        open_scene(settings_for(database_url, mock), mock, clock, sleep=hold) as scene,
        call_from_elsewhere(scene) as http,
    ):
        portal = await scene.portal()
        guesses = [asyncio.create_task(guess(http, portal, f"wrong-{n}", endpoint)) for n in range(40)]
        for ended in islice(
            asyncio.as_completed(guesses, timeout=60), 40 - WAITING
        ):  # those that wait are held
            await ended
        all_came.set()
        answers = await asyncio.gather(*guesses)
        rows = await scene.audit()

    slowed = [answer for answer in answers if answer.status_code == 401]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(slowed) == FREE_OF_PAIR + WAITING
    assert len(slowed) + len(refused) == 40
    for answer in refused:
        assert answer.json()["error"] == "temporarily_unavailable"
        assert 1 <= int(answer.headers["retry-after"]) <= 8
        assert answer.headers["cache-control"] == "no-store"
    counted = Counter[str]()  # rows are per minute, and a minute may end during the test
    for row in rows:
        counted[row["outcome"]] += row["count"] if row["kind"] == "refused" else 0
    assert +counted == {"invalid_client": len(slowed), "temporarily_unavailable": len(refused)}


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
