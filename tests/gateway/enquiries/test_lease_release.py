"""The store is away for a moment between a question and its answer: an identical claim elsewhere is not kept waiting."""

import asyncio

from tests.kit.enquiries import store_away
from tests.kit.scene import Portal, Scene, another_worker, enquiry


async def test_an_identical_claim_does_not_wait_for_the_lease_of_a_question_whose_answer_was_lost(
    scene: Scene, portal: Portal
) -> None:
    await scene.fault("latency", delay_ms=600, times=1)
    address = f"{portal.issuer}/v1/verifications"
    headers = {"Authorization": f"Bearer {portal.access_token}"}
    async with another_worker(scene) as other:
        asking = asyncio.create_task(portal.verify())
        while not await scene.journal():  # noqa: ASYNC110 - the mock has no event
            await asyncio.sleep(0.02)
        async with store_away(scene):
            lost = await asking
        async with asyncio.timeout(5):
            answered = await other.post(address, json=enquiry(), headers=headers)

    assert (lost.status_code, lost.json()["code"]) == (503, "store_unavailable")
    assert answered.status_code == 201, answered.text
    assert len(await scene.journal()) == 2
