"""Threat 23: who died, was cancelled, renamed or can't be found any more ends the verification and its family."""

from typing import Any

import pytest
import sqlalchemy as sa

from gateway.sweeping import sweep
from gateway.verifications.store import verifications
from tests.gateway.prefills.acts import LOOK_UP, packets, verified
from tests.gateway.scene import Portal, Scene

AN = "001090000123"

CHANGES: dict[str, dict[str, Any]] = {
    "deceased": {"alive": False},
    "cancelled": {"status": "cancelled"},
    "renamed": {"full_name": "Nguyễn Văn Anh"},
    "born on another day": {"birth_date": "1990-02-01"},
}


async def keys(scene: Scene) -> dict[str, bool]:
    """Say for each verification's state whether any of its sealed claim is left."""
    async with scene.gateway.parts.database.read() as connection:
        rows = await connection.execute(
            sa.select(verifications.c.id, verifications.c.sealed_claim, verifications.c.wrapped_key)
        )
        return {row.id: row.sealed_claim is not None or row.wrapped_key is not None for row in rows}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_threat_23_a_citizen_who_changed_ends_the_root_and_all_derived_from_it(
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
    assert await packets(scene) == [LOOK_UP]


async def test_threat_23_the_ending_is_recorded_behind_the_answer(scene: Scene, portal: Portal) -> None:
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


async def test_nobody_found_ends_a_verification_and_the_next_enquiry_asks_anew(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal)
    await scene.fault("empty", operation=LOOK_UP, times=1)

    answer = await act.fill("full_name")
    again = await portal.verify()

    assert (answer.status_code, answer.json()["code"]) == (409, "verification_invalidated")
    assert (again.status_code, again.json()["origin"]) == (201, "registry")
    assert again.json()["id"] != act.members["id"]


async def test_an_ending_reaches_every_root_of_the_claim_but_no_other_claim_or_account(
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


async def test_a_death_ends_every_claim_about_the_number(scene: Scene, portal: Portal) -> None:
    mine = await verified(portal)
    other_claim = await verified(portal, claim={**_an(), "full_name": "Nguyen Van An"})
    await scene.set_person(citizen_id=AN, alive=False)

    await mine.fill("full_name")

    assert [await act.state() for act in (mine, other_claim)] == ["invalidated", "invalidated"]


async def test_an_expired_verifications_key_goes_with_the_sweep(scene: Scene, portal: Portal) -> None:
    await verified(portal)
    await verified(portal, "ket-hon")
    scene.clock.advance(1801)

    assert await sweep(scene.gateway.parts) == 2
    assert set((await keys(scene)).values()) == {False}


def _an() -> dict[str, str]:
    return {"citizen_id": AN, "birth_date": "1990-01-31"}
