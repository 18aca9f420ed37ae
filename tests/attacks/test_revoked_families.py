"""Threat 49: revoking one verification ends its family: no member is reused, fills a form or keeps a data key."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa

from gateway.enquiries.store import verifications
from tests.attacks.networks import Network, network, scene
from tests.kit.enquiries import VerifiedEnquiry
from tests.kit.scene import AN, Portal, Scene, another_worker

__all__ = ["network", "scene"]

YEAR = {"citizen_id": AN["citizen_id"], "full_name": AN["full_name"], "birth_year": 1990}


async def revoke(portal: Portal, verification: str) -> None:
    answer = await portal.call("POST", f"/verifications/{verification}/revoke")
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")


async def states(portal: Portal, found: Sequence[dict[str, str]]) -> list[str]:
    return [(await portal.call("GET", f"/verifications/{each['id']}")).json()["state"] for each in found]


async def family(portal: Portal) -> list[dict[str, str]]:
    """Return a root and three verifications derived from it: another procedure, another dossier, another role."""
    acts: Sequence[dict[str, str]] = (
        {},
        {"procedure": "ket-hon"},
        {"dossier": "HN-2"},
        {"subject_role": "father"},
    )
    found = [(await portal.verify(**act)).json() for act in acts]
    assert {each["derived_from"] for each in found} == {None, found[0]["id"]}
    return found


@pytest.mark.parametrize("member", range(4))
async def test_threat_49_revoking_any_member_ends_the_root_and_all_derived_verifications(
    scene: Scene, portal: Portal, member: int
) -> None:
    found = await family(portal)

    await revoke(portal, found[member]["id"])

    assert await states(portal, found) == ["revoked"] * 4
    async with scene.gateway.deps.database.read() as connection:
        query = sa.select(verifications.c.sealed_claim, verifications.c.wrapped_key)
        assert {tuple(row) for row in await connection.execute(query)} == {(None, None)}


@pytest.mark.parametrize("member", range(4))
async def test_threat_49_no_member_of_a_revoked_family_fills_a_form_or_gets_a_receipt(
    scene: Scene, portal: Portal, member: int
) -> None:
    found = await family(portal)
    await revoke(portal, found[member]["id"])
    asked = len(await scene.journal())

    for each in found:
        form = await VerifiedEnquiry(portal, each).fill("full_name")
        checked = (await portal.call("POST", "/receipts/check", {"receipt": each["receipt"]})).json()
        assert (form.status_code, form.json()["code"]) == (409, "verification_invalidated")
        assert (checked["valid"], checked["reason"]) == (False, "revoked")
    assert len(await scene.journal()) == asked


async def test_threat_49_the_next_enquiry_on_any_dossier_asks_again_and_makes_a_new_root(
    scene: Scene, portal: Portal
) -> None:
    found = await family(portal)
    await revoke(portal, found[1]["id"])

    again = (await portal.verify(dossier="HN-3")).json()
    then = (await portal.verify(dossier="HN-4")).json()

    assert (again["origin"], again["derived_from"], len(await scene.journal())) == ("registry", None, 2)
    assert then["derived_from"] == again["id"]


async def test_threat_49_a_second_root_of_the_same_claim_is_not_reused_after_the_revocation(
    scene: Scene, portal: Portal
) -> None:
    first = (await portal.verify()).json()
    second = (await portal.verify(fresh=True, dossier="HN-2")).json()

    await revoke(portal, first["id"])

    assert await states(portal, [first, second]) == ["revoked", "revoked"]
    assert (await portal.verify(dossier="HN-2")).json()["origin"] == "registry"
    assert len(await scene.journal()) == 3


async def test_threat_49_another_claim_and_another_account_keep_their_verifications(
    scene: Scene, portal: Portal
) -> None:
    neighbour = await scene.portal()
    mine = (await portal.verify()).json()
    other_claim = (await portal.verify(claim=YEAR)).json()
    theirs = (await neighbour.verify()).json()

    await revoke(portal, mine["id"])

    assert await states(portal, [other_claim]) == ["live"]
    assert await states(neighbour, [theirs]) == ["live"]


async def test_threat_49_a_stored_answer_about_a_revoked_family_is_not_replayed(
    portal: Portal,
) -> None:
    root = (await portal.verify()).json()
    body = {"procedure": "ket-hon", "dossier": "HN-2", "subject_role": "requester", "claim": AN}
    keyed = body | {"initiated_by": {"kind": "citizen"}}
    kept = await portal.call("POST", "/verifications", keyed, **{"Idempotency-Key": "k-1"})
    assert kept.json()["derived_from"] == root["id"]

    await revoke(portal, root["id"])
    again = await portal.call("POST", "/verifications", keyed, **{"Idempotency-Key": "k-1"})

    assert (again.status_code, again.json()["code"]) == (409, "verification_invalidated")


async def test_threat_49_a_live_row_whose_root_was_revoked_is_not_reused(
    scene: Scene, portal: Portal
) -> None:
    """Rows from before this rule: only the root was revoked, and its derived verifications remained live."""
    root = (await portal.verify()).json()
    derived = (await portal.verify(dossier="HN-2")).json()
    async with scene.gateway.deps.database.write() as transaction:
        alone = sa.update(verifications).where(verifications.c.id == root["id"])
        await transaction.execute(alone.values(state="revoked").execution_options(unrecorded="a test's own"))

    again = (await portal.verify(dossier="HN-2")).json()

    assert (again["origin"], again["id"] != derived["id"]) == ("registry", True)


async def test_threat_49_revoking_a_claim_that_was_not_confirmed_ends_nothing_confirmed(
    portal: Portal,
) -> None:
    confirmed = (await portal.verify()).json()
    wrong = (await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Sai"})).json()

    await revoke(portal, wrong["id"])

    assert await states(portal, [confirmed, wrong]) == ["live", "revoked"]


async def test_threat_49_callers_that_waited_for_a_shared_question_get_nothing_revoked(
    scene: Scene, portal: Portal, network: Network
) -> None:
    async def identical_claims() -> None:
        waiting.extend(asyncio.create_task(portal.verify(dossier=f"HN-{each}")) for each in range(5))
        await asyncio.sleep(0)

    waiting: list[asyncio.Task[httpx.Response]] = []
    network.afterwards = identical_claims
    first = (await portal.verify()).json()
    await revoke(portal, first["id"])
    answers = [answer.json() for answer in await asyncio.gather(*waiting)]

    # Each answer came before the revocation and is revoked by it, or came after it and belongs to a new question.
    roots = {each["derived_from"] or each["id"] for each in answers}
    lives = {
        each["id"]
        for each, state in zip(answers, await states(portal, answers), strict=True)
        if state == "live"
    }
    assert not {each["id"] for each in answers if each["derived_from"] == first["id"]} & lives
    assert len(await scene.journal()) == 1 + len(roots - {first["id"]})


async def test_threat_49_a_question_in_progress_when_its_claim_was_revoked_gives_nothing_live(
    scene: Scene, portal: Portal, network: Network
) -> None:
    first = (await portal.verify()).json()
    network.afterwards = lambda: revoke(portal, first["id"])

    late = await portal.verify(fresh=True)
    again = await portal.verify()

    assert (late.status_code, late.json()["code"]) == (409, "verification_invalidated")
    assert (again.status_code, again.json()["origin"], len(await scene.journal())) == (201, "registry", 3)
    answered = [row for row in await scene.audit() if row["kind"] == "answered"]
    assert [row["outcome"] for row in answered] == ["confirmed"] * 3


async def test_threat_49_a_question_in_progress_gives_nothing_live_though_another_worker_asked_again(
    scene: Scene, portal: Portal, network: Network
) -> None:
    first = (await portal.verify()).json()
    anew: list[httpx.Response] = []
    async with another_worker(scene) as http:

        async def meanwhile() -> None:
            await revoke(portal, first["id"])
            anew.append(await replace(portal, http=http).verify(fresh=True, dossier="HN-ANEW"))

        network.meanwhile = meanwhile
        late = await portal.verify(fresh=True, dossier="HN-LATE")

    assert (late.status_code, late.json()["code"]) == (409, "verification_invalidated")
    assert (anew[0].status_code, await states(portal, [anew[0].json()])) == (201, ["live"])
