"""Verify once: the verdict is the registry's, and the question is put once."""

import asyncio

from tests.gateway.scene import AN, Portal, Scene


async def test_a_matching_claim_is_confirmed_by_the_registry(scene: Scene, portal: Portal) -> None:
    answer = await portal.verify()

    assert answer.status_code == 201
    members = answer.json()
    assert (members["verdict"], members["origin"], members["state"]) == ("confirmed", "registry", "live")
    assert members["receipt"].count(".") == 2
    assert [entry["operation"] for entry in await scene.journal()] == ["XacThucThongTinCongDan"]


async def test_identical_claims_in_flight_are_asked_once(scene: Scene, portal: Portal) -> None:
    answers = await asyncio.gather(*(portal.verify() for _ in range(20)))

    assert len(await scene.journal()) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]


async def test_a_wrong_name_is_not_confirmed_without_a_hint(portal: Portal) -> None:
    answer = await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Sai"})

    assert answer.status_code == 201
    assert answer.json()["verdict"] == "not_confirmed"
    assert answer.json()["receipt"] is None
    assert answer.json()["expires_at"] is None
