"""A failed operation leaves its fields to declare; the others are delivered, and no wrong value is."""

import asyncio

import pytest

from tests.gateway.enquiries.test_registry_faults import scene
from tests.kit.enquiries import CARD, LOOK_UP, MARITAL, RELATIVES, asked_operations, reasons, values, verified
from tests.kit.scene import Portal, Scene

FAULTS = {
    "garbled": "registry_answer_invalid",
    "truncated": "registry_answer_invalid",
    "wrong_encoding": "registry_answer_invalid",
    "wrong_namespace": "registry_answer_invalid",
    "oversized": "registry_answer_invalid",
    "two_people": "registry_answer_invalid",
    "wrong_person": "registry_answer_invalid",
    "trickle": "registry_timeout",
    "hang": "registry_timeout",
    "html_error": "registry_unavailable",
    "unavailable": "registry_unavailable",
    "throttle": "registry_unavailable",
    "soap_fault": "registry_unavailable",
    "unauthorised_once": "registry_credentials_rejected",
}
STRANGER = "001199000999"

__all__ = ["scene"]


@pytest.mark.parametrize(("kind", "outcome"), FAULTS.items(), ids=FAULTS.keys())
async def test_threats_25_to_27_a_failed_operations_fields_are_left_to_declare(
    scene: Scene, portal: Portal, kind: str, outcome: str
) -> None:
    act = await verified(portal, CARD)
    await scene.fault(kind, operation=LOOK_UP, times=1)

    answer = await act.fill("full_name", "gender", "father")

    assert answer.status_code == 200
    assert values(answer) == {"father": {"full_name": "NGUYỄN VĂN BÌNH", "birth_year": None}}
    reason = "registry_answer_invalid" if outcome == "registry_answer_invalid" else "registry_unavailable"
    assert {name: reasons(answer)[name] for name in ("full_name", "gender")} == dict.fromkeys(
        ("full_name", "gender"), reason
    )
    assert STRANGER not in answer.text
    outcomes = {
        row["operation"]: row["outcome"]
        for row in await scene.audit()
        if row["kind"] == "answered" and row["act"] == (await scene.audit())[-1]["act"]
    }
    assert outcomes == {LOOK_UP: outcome, RELATIVES: "found"}
    assert await act.state() == "live"


async def test_threat_27_a_record_of_another_person_is_not_delivered(scene: Scene, portal: Portal) -> None:
    act = await verified(portal, CARD)
    await scene.fault("wrong_person")

    answer = await act.fill("full_name", "father", "marital_status")

    assert (answer.status_code, values(answer)) == (200, {})
    assert await act.state() == "live"
    delivered = (await scene.audit())[-1]
    assert delivered["kind"] == "delivered"
    assert "fields" not in delivered


async def test_an_operation_that_the_registry_refuses_differs_from_one_that_is_unavailable(
    scene: Scene, portal: Portal
) -> None:
    account = scene.mock.register.find("dvctt-hanoi")
    assert account is not None
    act = await verified(portal, CARD)
    operations = ["XacThucThongTinCongDan", LOOK_UP]
    members = {"name": account.name, "user": account.user, "secret": account.secret}
    changed = await scene.control.post("/accounts", json=members | {"operations": operations})
    assert changed.status_code == 201, changed.text

    answer = await act.fill("full_name", "marital_status")

    assert list(values(answer)) == ["full_name"]
    assert reasons(answer)["marital_status"] == "registry_refused"


async def test_a_prefill_is_answered_even_if_every_operation_failed(scene: Scene, portal: Portal) -> None:
    act = await verified(portal, CARD)
    await scene.fault("unavailable")

    answer = await act.fill("full_name", "father", "marital_status")

    assert (answer.status_code, values(answer)) == (200, {})
    assert await asked_operations(scene) == sorted([LOOK_UP, RELATIVES, MARITAL])


async def test_all_questions_of_one_prefill_share_one_deadline_and_are_asked_at_once(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal, CARD)
    await scene.fault("latency", delay_ms=700)

    answer = await act.fill("full_name", "father", "marital_status")

    assert set(values(answer)) == {"full_name", "father", "marital_status"}


async def test_every_intended_row_is_committed_before_the_first_answer(scene: Scene, portal: Portal) -> None:
    act = await verified(portal, CARD)
    await scene.fault("hang")
    before = len(await scene.audit())
    waiting = asyncio.create_task(act.fill("full_name", "father", "marital_status"))
    async with asyncio.timeout(10):
        while not await asked_operations(scene):  # noqa: ASYNC110 - the mock has no event
            await asyncio.sleep(0.01)

    rows = (await scene.audit())[before:]
    assert ([row["kind"] for row in rows], waiting.done()) == (["intended"] * 3, False)
    assert (await waiting).status_code == 200
    after = (await scene.audit())[before:]
    assert [row["kind"] for row in after] == ["intended"] * 3 + ["answered"] * 3 + ["delivered"]
    assert len({row["act"] for row in after}) == 1
    assert len({row["request_code"] for row in after[:3]}) == 3
