"""Threat 23: a death, a cancelled number, a new name or no record ends the verification and its family."""

import asyncio
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.cleanup import clean_up
from gateway.enquiries.store import verifications
from mock_c06.app import MockRegistry
from tests.attacks.networks import Network, network
from tests.attacks.people import misnamed
from tests.kit.audit import Held
from tests.kit.clocks import HandClock
from tests.kit.enquiries import LOOK_UP, asked_operations, verified
from tests.kit.scene import AN as CLAIM
from tests.kit.scene import Portal, Scene, open_scene, settings_for

__all__ = ["network"]

AN = "001090000123"

CHANGES: dict[str, dict[str, Any]] = {
    "deceased": {"alive": False},
    "cancelled": {"status": "cancelled"},
    "renamed": {"full_name": "Nguyễn Văn Anh"},
    "born on another day": {"birth_date": "1990-02-01"},
}


async def keys(scene: Scene) -> dict[str, bool]:
    """Return for each verification's state whether any sealed claim remains."""
    async with scene.gateway.deps.database.read() as connection:
        rows = await connection.execute(
            sa.select(verifications.c.id, verifications.c.sealed_claim, verifications.c.wrapped_key)
        )
        return {row.id: row.sealed_claim is not None or row.wrapped_key is not None for row in rows}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_threat_23_a_change_of_the_citizen_ends_the_root_and_all_derived_verifications(
    scene: Scene, portal: Portal, change: dict[str, Any]
) -> None:
    root = await verified(portal)
    derived = [await verified(portal, "ket-hon"), await verified(portal, role="father")]
    assert set((await keys(scene)).values()) == {True}
    await scene.set_person(citizen_id=AN, **change)

    answer = await derived[0].fill("full_name", "permanent_residence")

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_invalidated")
    assert answer.json()["verification"] == derived[0].members["id"]
    assert "fields" not in answer.json()
    assert [await act.state() for act in (root, *derived)] == ["invalidated"] * 3
    assert set((await keys(scene)).values()) == {False}
    for act in (root, *derived):
        assert (await act.fill("full_name")).json()["code"] == "verification_invalidated"
    assert await asked_operations(scene) == [LOOK_UP]


async def test_threat_23_the_ending_is_recorded_after_the_answer_of_the_registry(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal)
    await scene.set_person(citizen_id=AN, alive=False)
    await act.fill("full_name")

    rows = (await scene.audit())[-3:]
    assert [(row["kind"], row.get("outcome")) for row in rows] == [
        ("intended", None),
        ("answered", "found"),
        ("ended", "invalidated"),
    ]
    assert len({row["act"] for row in rows}) == 1


async def test_not_found_ends_a_verification_and_the_next_enquiry_asks_again(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal)
    await scene.fault("empty", operation=LOOK_UP, times=1)

    answer = await act.fill("full_name")
    again = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_invalidated")
    assert (again.status_code, again.json()["origin"]) == (201, "registry")
    assert again.json()["id"] != act.members["id"]


async def test_an_ending_covers_every_root_of_the_claim_but_no_other_claim_or_account(
    scene: Scene, portal: Portal
) -> None:
    neighbour = await verified(await scene.portal())
    mine = await verified(portal)
    second_root = await verified(portal, fresh=True)
    other_claim = await verified(portal, claim={**_an(), "full_name": "Nguyen Van An"})
    await scene.fault("empty", operation=LOOK_UP, times=1)

    await mine.fill("full_name")

    states = [await act.state() for act in (mine, second_root, other_claim, neighbour)]
    assert states == ["invalidated", "invalidated", "live", "live"]


async def test_a_death_ends_the_verifications_of_every_claim_about_the_number(
    scene: Scene, portal: Portal
) -> None:
    mine = await verified(portal)
    other_claim = await verified(portal, claim={**_an(), "full_name": "Nguyen Van An"})
    await scene.set_person(citizen_id=AN, alive=False)

    await mine.fill("full_name")

    assert [await act.state() for act in (mine, other_claim)] == ["invalidated", "invalidated"]


async def test_the_cleanup_deletes_the_data_key_of_an_expired_verification(
    scene: Scene, portal: Portal
) -> None:
    await verified(portal)
    await verified(portal, "ket-hon")
    scene.clock.advance(1801)

    assert await clean_up(scene.gateway.deps) == 2
    assert set((await keys(scene)).values()) == {False}


def _an() -> dict[str, str]:
    return {"citizen_id": AN, "birth_date": "1990-01-31"}


async def test_a_no_ends_a_yes_about_the_same_claim_that_waits_for_the_same_commit(
    database_url: str, mock: MockRegistry, clock: HandClock, network: Network
) -> None:
    """Two dossiers ask apart; between the two questions the citizen gets another name."""
    settings = settings_for(database_url, mock, sandbox={"reuse": "dossier"})
    async with open_scene(settings, mock, clock, network=lambda _: network) as scene:
        portal, log = await scene.portal(), scene.gateway.deps.audit
        await portal.verify(
            claim=misnamed(CLAIM, 0)
        )  # until a login has succeeded, one question is sent at a time
        at_registry = asyncio.Event()

        async def after_yes() -> None:
            await scene.set_person(citizen_id=AN, full_name="Nguyễn Văn Anh")
            network.afterwards = after_no
            second.append(asyncio.create_task(portal.verify(dossier="HN-NO")))
            await at_registry.wait()

        async def after_no() -> None:
            held.append(Held(log))
            await held[0].reached()
            at_registry.set()

        held: list[Held] = []
        second: list[asyncio.Task[httpx.Response]] = []
        network.afterwards = after_yes
        first = asyncio.create_task(portal.verify(dossier="HN-YES"))
        await at_registry.wait()
        for _ in range(1000):
            if log.waiting == 2:
                break
            await asyncio.sleep(0.01)
        await held[0].release()
        yes, no = (await first).json(), (await second[0]).json()

        assert (yes["verdict"], no["verdict"]) == ("confirmed", "not_confirmed")
        assert (await portal.call("GET", f"/verifications/{yes['id']}")).json()["state"] == "invalidated"
