"""How long an answer is stored, and that an expired answer is deleted from the disk."""

from pathlib import Path
from typing import Any

import pytest

from gateway.cleanup import clean_up
from tests.kit.clocks import HandClock
from tests.kit.enquiries import REPLAYED, post, prefill, rows, verify
from tests.kit.scene import Portal, Scene, enquiry, outcome

MINUTE, DAY = 60, 24 * 3600
RELATED: dict[str, Any] = {"prefill": {"fields": ["full_name"]}}


async def later(portal: Portal, clock: HandClock, seconds: float) -> None:
    clock.advance(seconds)
    await portal.log_in()


@pytest.mark.parametrize("swept", [False, True])
async def test_a_prefill_is_stored_for_ten_minutes_and_then_deleted(
    scene: Scene, portal: Portal, swept: bool
) -> None:
    receipt = await portal.receipt()
    first = await prefill(portal, receipt)
    both = await verify(portal, **RELATED)
    ledger = await post(portal, "/ledger", {"receipt": receipt})
    await later(portal, scene.clock, 10 * MINUTE - 2)
    assert (await prefill(portal, receipt)).content == first.content

    await later(portal, scene.clock, 3)
    if swept:
        await clean_up(scene.gateway.deps)
        assert [row["sealed"] for row in await rows(scene)] == [None] * 3
    asked = len(await scene.journal())
    gone = [await prefill(portal, receipt), await verify(portal, **RELATED)]
    assert [outcome(answer) for answer in gone] == [(409, "idempotency_answer_gone")] * 2
    assert [answer.json()["verification"] for answer in gone] == [
        first.json()["verification"],
        both.json()["id"],
    ]
    assert ledger.status_code == 200
    assert outcome(await post(portal, "/ledger", {"receipt": receipt})) == (409, "idempotency_answer_gone")
    assert len(await scene.journal()) == asked


async def test_another_body_is_a_conflict_even_when_the_answer_was_deleted(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    await prefill(portal, receipt)
    await later(portal, scene.clock, 11 * MINUTE)

    assert outcome(await prefill(portal, receipt, "gender")) == (422, "idempotency_conflict")


@pytest.mark.parametrize("swept", [False, True])
async def test_a_key_is_free_again_after_one_day(scene: Scene, portal: Portal, swept: bool) -> None:
    wrong = enquiry()["claim"] | {"full_name": "Nguyễn Văn Sai"}
    first = await verify(portal, claim=wrong)
    await later(portal, scene.clock, DAY - 2)
    if swept:
        await clean_up(scene.gateway.deps)
    assert (await verify(portal, claim=wrong)).content == first.content

    await later(portal, scene.clock, 3)
    if swept:
        await clean_up(scene.gateway.deps)
        assert await rows(scene) == []
    answer = await verify(portal)
    assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    assert (await verify(portal)).content == answer.content


async def test_rows_that_the_cleanup_deleted_are_gone_from_the_files(scene: Scene, portal: Portal) -> None:
    url = scene.settings.database_url
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL's files are its own; its vacuum overwrites them")
    receipt = await portal.receipt()
    await prefill(portal, receipt)
    sealed = (await rows(scene))[0]["sealed"]
    folder = Path(url.removeprefix("sqlite:///")).parent
    assert any(sealed[:24] in path.read_bytes() for path in folder.glob("gateway.db*"))

    scene.clock.advance(11 * MINUTE)
    await clean_up(scene.gateway.deps)
    assert not any(sealed[:24] in path.read_bytes() for path in folder.glob("gateway.db*"))
