"""What the store contains of a request with a key: no key, no body, no value, and an answer that the
store can't open.
"""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.enquiries.idempotency import answer_once
from gateway.enquiries.idempotency_store import KeptAnswer, KeyedRequest, idempotent_requests, open_envelope
from gateway.errors.requests import IdempotencyInProgress, Overloaded
from gateway.identifiers import ClientId, Profile
from gateway.keys.model import PlaceKeys, Purpose
from gateway.keys.sealing import SealBroken
from tests.gateway.enquiries.test_nothing_stored import SECRETS, find_stored
from tests.kit.enquiries import CARD, CARD_FIELDS, KEY, LEASE_S, post, prefill, rows, store_away, verify
from tests.kit.scene import Portal, Scene, enquiry, outcome


def sent(portal: Portal) -> KeyedRequest:
    """Return the verification request of these tests, without its body."""
    return KeyedRequest(
        profile=Profile.SANDBOX,
        client_id=ClientId(portal.client_id),
        route="POST /{profile}/v1/verifications",
        path="/sandbox/v1/verifications",
        key=KEY,
        body="{}",
    )


async def test_threat_15_a_dump_contains_no_key_name_number_or_value_of_a_stored_answer(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt(procedure=CARD)
    filled = await prefill(portal, receipt, *CARD_FIELDS, procedure=CARD)
    assert "NGUYỄN VĂN AN" in filled.text
    await verify(portal, prefill={"fields": ["full_name"]})
    await post(portal, "/verifications/001090000123/revoke")

    assert await find_stored(scene, (*SECRETS, KEY)) == []


async def test_only_the_header_itself_opens_a_stored_answer(scene: Scene, portal: Portal) -> None:
    answer = await verify(portal)
    (row,) = await rows(scene)
    keys = scene.gateway.places[Profile.SANDBOX].keys
    request = sent(portal)
    envelope = open_envelope(keys.current(Purpose.IDEMPOTENCY), request)
    assert envelope.slot.key_digest == row["key_digest"]

    others = [
        replace(request, key="k"),
        replace(request, path="/x"),
        replace(request, route="POST /x"),
        replace(request, client_id=ClientId("acc_other")),
        replace(request, profile=Profile.OFFICIAL),
    ]
    for other in others:
        found = open_envelope(keys.current(Purpose.IDEMPOTENCY), other)
        assert found.slot.key_digest != row["key_digest"]
        with pytest.raises(SealBroken):
            replace(found, body_digest=row["body_digest"]).unseal(row["status"], row["sealed"])
    with pytest.raises(SealBroken):
        replace(envelope, body_digest=row["body_digest"]).unseal(200, row["sealed"])
    opened = replace(envelope, body_digest=row["body_digest"]).unseal(row["status"], row["sealed"])
    assert opened == answer.content


async def test_the_header_opens_no_stored_answer_without_the_profiles_key(
    scene: Scene, portal: Portal
) -> None:
    await verify(portal)
    (row,) = await rows(scene)
    official = scene.gateway.places[Profile.OFFICIAL].keys

    envelope = open_envelope(official.current(Purpose.IDEMPOTENCY), sent(portal))
    assert envelope.slot.key_digest != row["key_digest"]
    with pytest.raises(SealBroken):
        replace(envelope, body_digest=row["body_digest"]).unseal(row["status"], row["sealed"])


async def test_new_keys_for_other_purposes_do_not_free_a_used_idempotency_key(
    scene: Scene, portal: Portal
) -> None:
    keys = scene.gateway.places[Profile.SANDBOX].keys
    before = open_envelope(keys.current(Purpose.IDEMPOTENCY), sent(portal)).slot
    added = [
        replace(key, kid=f"{key.kid}x", serial=2, material=bytes(32))
        for key in keys.keys
        if key.purpose not in {Purpose.IDEMPOTENCY, Purpose.TOKEN, Purpose.RECEIPT}
    ]

    rotated = PlaceKeys(profile=keys.profile, keys=(*keys.keys, *added))
    assert open_envelope(rotated.current(Purpose.IDEMPOTENCY), sent(portal)).slot == before


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(min_value=0, max_value=400), st.integers(min_value=1, max_value=255))
async def test_any_changed_byte_of_a_sealed_answer_is_detected(
    scene: Scene, portal: Portal, position: int, change: int
) -> None:
    keys = scene.gateway.places[Profile.SANDBOX].keys
    envelope = open_envelope(keys.current(Purpose.IDEMPOTENCY), sent(portal))
    sealed = bytearray(envelope.seal(200, b"x" * 373))
    sealed[position % len(sealed)] ^= change

    with pytest.raises(SealBroken):
        envelope.unseal(200, bytes(sealed))


async def test_an_answer_moved_to_another_row_is_not_returned(scene: Scene, portal: Portal) -> None:
    await verify(portal, key="a")
    await verify(portal, key="b", fresh=True)
    one, other = await rows(scene)
    async with scene.gateway.deps.database.write() as connection:
        await connection.execute(
            sa.update(idempotent_requests)
            .where(idempotent_requests.c.key_digest == one["key_digest"])
            .values(sealed=other["sealed"])
        )

    answers = [await verify(portal, key="a"), await verify(portal, key="b", fresh=True)]
    assert sorted(answer.status_code for answer in answers) == [201, 500]


async def test_an_answer_that_can_not_be_stored_is_not_sent(scene: Scene, portal: Portal) -> None:
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]

    async def make_and_lose_the_store() -> KeptAnswer:
        await outage.enter_async_context(store_away(scene))
        return KeptAnswer(status=200, body=b"never")

    async def make() -> KeptAnswer:
        return KeptAnswer(status=200, body=b"second")

    async def check_replay(kept: KeptAnswer) -> None:
        raise AssertionError(kept)

    async with AsyncExitStack() as outage:
        with pytest.raises(Overloaded):
            await answer_once(
                deps, place, sent(portal), make=make_and_lose_the_store, check_replay=check_replay
            )

    with pytest.raises(IdempotencyInProgress):
        await answer_once(deps, place, sent(portal), make=make, check_replay=check_replay)
    scene.clock.advance(LEASE_S + 1)  # the request could not release the lease, which ends by itself
    assert (
        await answer_once(deps, place, sent(portal), make=make, check_replay=check_replay)
    ).body == b"second"


async def test_a_stored_row_contains_its_route_account_verification_and_end(
    scene: Scene, portal: Portal
) -> None:
    answer = await post(portal, "/verifications", enquiry())
    (row,) = await rows(scene)

    assert (row["profile"], row["client_id"], row["status"]) == ("sandbox", portal.client_id, 201)
    assert row["route"] == "POST /{profile}/v1/verifications"
    assert row["verification"] == answer.json()["id"]
    assert row["expires_at"] - scene.clock.now() > timedelta(hours=23, minutes=59)
    assert outcome(await verify(portal, dossier="HN-9")) == (422, "idempotency_conflict")
