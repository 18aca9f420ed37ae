"""Identical claims at the same time: one question, one verdict for all, one row of evidence for each (singleflight)."""

import asyncio
from collections import Counter

from gateway.identifiers import Profile
from tests.kit.scene import AN, Portal, Scene

WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


async def slow(scene: Scene) -> None:
    """Delay each answer a little, so that the other calls arrive during the question."""
    await scene.fault("latency", delay_ms=300)


async def outcomes(scene: Scene) -> Counter[str]:
    rows = await scene.audit()
    return Counter(
        f"{row['kind']} {row.get('outcome', '')}".strip() for row in rows if row["kind"] != "local"
    )


async def test_identical_claims_at_the_same_time_are_asked_once(scene: Scene, portal: Portal) -> None:
    await slow(scene)
    answers = await asyncio.gather(*(portal.verify() for _ in range(20)))

    assert len(await scene.journal()) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert await outcomes(scene) == {"intended": 1, "answered confirmed": 1, "reused confirmed": 19}


async def test_a_verdict_of_not_confirmed_is_shared_and_recorded_for_each_enquiry(
    scene: Scene, portal: Portal
) -> None:
    await slow(scene)
    answers = await asyncio.gather(*(portal.verify(claim=WRONG) for _ in range(10)))

    assert len(await scene.journal()) == 1
    assert {(answer.status_code, answer.json()["verdict"]) for answer in answers} == {(201, "not_confirmed")}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await outcomes(scene) == {"intended": 1, "answered not_confirmed": 10}
    assert len({row["act"] for row in await scene.audit() if row["kind"] == "answered"}) == 10


async def test_threat_33_different_dossiers_share_one_question_and_one_root(
    scene: Scene, portal: Portal
) -> None:
    await slow(scene)
    answers = await asyncio.gather(*(portal.verify(dossier=f"HN-{number}") for number in range(30)))

    members = [answer.json() for answer in answers]
    roots = [each for each in members if each["derived_from"] is None]
    assert (len(await scene.journal()), len(roots)) == (1, 1)
    assert {each["derived_from"] for each in members} == {None, roots[0]["id"]}
    assert len({each["id"] for each in members}) == 30
    assert {(each["verified_at"], each["expires_at"]) for each in members} == {
        (roots[0]["verified_at"], roots[0]["expires_at"])
    }


async def test_a_fresh_enquiry_that_shares_a_question_never_gets_its_dossiers_older_verification(
    scene: Scene, portal: Portal
) -> None:
    older = (await portal.verify(dossier="HN-2")).json()
    scene.clock.advance(60)
    await slow(scene)
    answers = await asyncio.gather(
        *(portal.verify(dossier=dossier, fresh=True) for dossier in ("HN-1", "HN-2", "HN-2"))
    )

    members = [answer.json() for answer in answers]
    assert len(await scene.journal()) == 2
    assert {each["verified_at"] for each in members} == {members[0]["verified_at"]} != {older["verified_at"]}
    assert members[1]["id"] == members[2]["id"] != older["id"]


async def test_different_dossiers_not_confirmed_share_the_verdict_with_separate_ids(
    scene: Scene, portal: Portal
) -> None:
    await slow(scene)
    answers = await asyncio.gather(
        *(portal.verify(claim=WRONG, dossier=f"HN-{number}") for number in range(5))
    )

    assert len(await scene.journal()) == 1
    assert len({answer.json()["id"] for answer in answers}) == 5
    assert {answer.json()["dossier"] for answer in answers} == {f"HN-{number}" for number in range(5)}


async def test_official_asks_once_for_each_dossier_at_the_same_time(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    await slow(scene)
    dossiers = ["A", "A", "A", "B", "B"]
    answers = await asyncio.gather(*(official.verify(dossier=dossier) for dossier in dossiers))

    assert len(await scene.journal("official")) == 2
    assert len({answer.json()["id"] for answer in answers}) == 2
    assert all(answer.json()["derived_from"] is None for answer in answers)


async def test_two_identical_enquiries_that_derive_at_once_get_one_verification(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    answers = await asyncio.gather(*(portal.verify(procedure="ket-hon") for _ in range(12)))

    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_accounts_of_one_organisation_do_not_share_a_question(scene: Scene, portal: Portal) -> None:
    neighbour = await scene.portal()
    await slow(scene)
    answers = await asyncio.gather(portal.verify(), neighbour.verify())

    assert len(await scene.journal()) == 2
    assert len({answer.json()["id"] for answer in answers}) == 2


async def test_a_failure_is_shared_by_concurrent_claims_and_recorded_for_each(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("reset", delay_ms=300)
    answers = await asyncio.gather(*(portal.verify() for _ in range(5)))

    assert len(await scene.journal()) == 1
    assert {answer.json()["code"] for answer in answers} == {"registry_unavailable"}
    assert await outcomes(scene) == {"intended": 1, "answered registry_unavailable": 5}


async def test_threat_30_every_question_has_a_different_request_code_in_evidence(
    scene: Scene, portal: Portal
) -> None:
    answers = await asyncio.gather(*(portal.verify(claim=_stranger(number)) for number in range(30)))

    codes = [entry["ma_yeu_cau"] for entry in await scene.journal()]
    assert {answer.status_code for answer in answers} == {201}
    assert len(set(codes)) == len(codes) == 30
    assert {row["request_code"] for row in await scene.audit() if row["kind"] == "intended"} == set(codes)


def _stranger(number: int) -> dict[str, str]:
    return {"citizen_id": f"001090{number:06d}", "full_name": "Nguyễn Văn Sai", "birth_date": "1990-01-31"}


async def test_threat_33_five_hundred_identical_claims_ask_once_and_store_one_verification(
    scene: Scene, portal: Portal
) -> None:
    answers = await asyncio.gather(*(portal.verify() for _ in range(500)))

    assert len(await scene.journal()) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 499}


async def test_threat_33_five_hundred_dossiers_ask_once_and_derive_from_one_root(
    scene: Scene, portal: Portal
) -> None:
    answers = await asyncio.gather(*(portal.verify(dossier=f"HN-{number}") for number in range(500)))

    roots = {answer.json()["derived_from"] for answer in answers}
    assert len(await scene.journal()) == 1
    assert (len(roots), len({answer.json()["id"] for answer in answers})) == (2, 500)
