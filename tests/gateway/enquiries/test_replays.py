"""A request with the same key and body gets the same bytes again; nothing is asked twice, and no other
account's key finds a row.
"""

import itertools
import json
from typing import Any

import pytest

from gateway.identifiers import Profile
from tests.kit.enquiries import KEY, REPLAYED, post, prefill, rows, verify
from tests.kit.scene import AN, BASE, Portal, Scene, enquiry, outcome

WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


async def test_the_same_request_again_gets_the_same_answer_without_a_question(
    scene: Scene, portal: Portal
) -> None:
    first = await verify(portal)
    again = await verify(portal)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"] == "application/json"
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert len(await scene.journal()) == 1


async def test_without_a_key_nothing_is_stored_and_reuse_answers_as_usual(
    scene: Scene, portal: Portal
) -> None:
    answers = [await portal.verify(), await portal.verify()]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert await rows(scene) == []


async def test_a_fresh_question_is_asked_once_for_each_key(scene: Scene, portal: Portal) -> None:
    for key in ("a", "a", "b"):
        assert (await verify(portal, key=key, fresh=True)).status_code == 201

    assert len(await scene.journal()) == 2


async def test_a_replayed_verdict_of_not_confirmed_is_not_counted_in_a_budget_again(
    scene: Scene, portal: Portal
) -> None:
    first = await verify(portal, claim=WRONG)
    again = await verify(portal, claim=WRONG)

    assert first.content == again.content
    assert len(await scene.journal()) == 1
    budgets = (await portal.call("GET", "/me")).json()["budgets"]
    assert budgets["account_hour"]["used"] == 1


async def test_a_replayed_prefill_is_the_same_and_does_not_ask_the_registry(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    first = await prefill(portal, receipt, "full_name", "gender", "child_full_name")
    asked = len(await scene.journal())
    again = await prefill(portal, receipt, "full_name", "gender", "child_full_name")

    assert (first.status_code, again.status_code, again.headers[REPLAYED]) == (200, 200, "true")
    assert first.content == again.content
    assert len(await scene.journal()) == asked


async def test_a_replayed_prefill_is_recorded_as_a_delivery(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    first = await prefill(portal, receipt, "full_name", "child_full_name")
    before = len(await scene.audit())
    again = await prefill(portal, receipt, "full_name", "child_full_name")

    (row,) = (await scene.audit())[before:]
    assert (row["kind"], row["origin"], row["fields"]) == ("delivered", "replay", ["full_name"])
    assert (row["outcome"], row["verification"]) == (first.json()["id"], first.json()["verification"])
    assert row["request_id"] == again.headers["x-request-id"] != first.headers["x-request-id"]
    ledger = await portal.call("POST", "/ledger", {"receipt": receipt})
    assert [entry["origin"] for entry in ledger.json()["entries"]][-1] == "replay"


async def test_a_replay_is_recorded_with_its_fields_or_with_its_verdict(scene: Scene, portal: Portal) -> None:
    for key, members in (("both", {"prefill": {"fields": ["full_name"]}}), ("plain", {})):
        first, again = [await verify(portal, key=key, **members) for _ in range(2)]
        assert first.content == again.content
        row = (await scene.audit())[-1]
        form = first.json()["prefill"]
        assert (row["kind"], row["origin"], row["verification"]) == (
            "delivered",
            "replay",
            first.json()["id"],
        )
        assert row["outcome"] == (form["id"] if form else "confirmed")
        assert row.get("fields", []) == (["full_name"] if form else [])
        assert row["citizen"]


async def test_every_other_post_also_replays_its_stored_answer(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    form = await prefill(portal, receipt, "full_name", key="form")
    ended = await portal.verify(dossier="HN-2")
    disputed = {"prefill": form.json()["id"], "field": "full_name", "note": "not so"}
    calls: list[tuple[str, Any]] = [
        ("/evaluations", {"procedure": "khai-sinh", "subject_role": "father", "fields": ["ethnicity"]}),
        ("/receipts/check", {"receipt": receipt}),
        ("/ledger", {"receipt": receipt}),
        ("/discrepancies", disputed),
        (f"/verifications/{ended.json()['id']}/revoke", None),
    ]
    for path, body in calls:
        first, again = [await post(portal, path, body) for _ in range(2)]
        assert first.status_code in {200, 201}, first.text
        assert (again.status_code, again.content) == (first.status_code, first.content), path
        assert again.headers[REPLAYED] == "true"
    assert [row["kind"] for row in await scene.audit()].count("filed") == 1


async def test_a_revocation_without_a_body_equals_one_with_an_empty_object(portal: Portal) -> None:
    path = f"/verifications/{(await portal.verify()).json()['id']}/revoke"
    first = await post(portal, path)
    again = await post(portal, path, {})

    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")


async def test_one_key_at_two_routes_or_two_paths_counts_as_two_keys(scene: Scene, portal: Portal) -> None:
    one, other = [await portal.verify(dossier=f"HN-{number}") for number in range(2)]
    for answer in (one, other):
        revoked = await post(portal, f"/verifications/{answer.json()['id']}/revoke")
        assert (revoked.json()["id"], REPLAYED in revoked.headers) == (answer.json()["id"], False)
    assert (await verify(portal)).status_code == 201
    assert len(await rows(scene)) == 3


async def test_threat_20_another_accounts_key_counts_as_an_unused_key(scene: Scene, portal: Portal) -> None:
    await verify(portal)
    for neighbour in (await scene.portal(), await scene.portal(scopes=("verify",))):
        answer = await verify(neighbour, claim=WRONG)
        assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    assert len(await scene.journal()) == 3


async def test_threat_9_a_sandbox_key_is_not_found_at_official_and_the_reverse(
    scene: Scene, portal: Portal
) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    await verify(portal)
    answer = await verify(official, claim=WRONG)
    assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    for caller, claim in ((portal, AN), (official, WRONG)):
        assert (await verify(caller, claim=claim)).headers[REPLAYED] == "true"
    crossed = await post(portal, "/verifications", enquiry(), issuer=f"{BASE}/official")
    assert outcome(crossed) == (403, "profile_mismatch")
    assert len(await scene.journal("official")) == 1


async def test_order_of_members_and_white_space_do_not_change_the_body(portal: Portal) -> None:
    first = await post(portal, "/verifications", json.dumps(enquiry()).encode())
    members = dict(reversed(enquiry().items())) | {"claim": dict(reversed(AN.items()))}
    again = await post(portal, "/verifications", json.dumps(members, indent=3).encode())

    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")


@pytest.mark.parametrize(
    "change",
    [
        {"dossier": "HN-2022-000124"},
        {"fresh": False},
        {"claim": WRONG},
        {"claim": AN | {"full_name": "NGUYỄN VĂN AN"}},
        {"prefill": None},
        {"procedure": "nothing"},
    ],
)
async def test_another_body_under_the_same_key_is_refused_and_does_nothing(
    scene: Scene, portal: Portal, change: dict[str, Any]
) -> None:
    first = await verify(portal)
    answer = await verify(portal, **change)

    assert outcome(answer) == (422, "idempotency_conflict")
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert KEY not in answer.text
    assert len(await scene.journal()) == 1
    assert (await verify(portal)).content == first.content


async def test_only_a_success_is_stored_and_a_refused_request_frees_its_key(
    scene: Scene, portal: Portal
) -> None:
    numbers = itertools.count()
    receipt = await portal.receipt()
    await scene.fault("reset", times=9)
    refused = [
        await verify(portal, fresh=True),
        await verify(portal, procedure="nothing"),
        await verify(portal, initiated_by={"kind": "officer", "id": "nobody"}),
        await prefill(portal, "x"),
        await post(portal, "/verifications/001090000123/revoke"),
        await post(portal, f"/verifications/{'x' * 300}/revoke"),
    ]
    assert [outcome(answer)[0] for answer in refused] == [503, 422, 403, 422, 404, 404], next(numbers)
    assert await rows(scene) == []
    await scene.control.delete("/runs/default/faults")
    scene.clock.advance(60)
    assert (await prefill(portal, receipt)).status_code == 200
    assert (await verify(portal)).status_code == 200
