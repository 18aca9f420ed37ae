"""A valid account that harvests comes to an end: answered enquiries have a volume, an alarm and a stop (threat 55)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.places import Profile
from gateway.sweeping import sweep
from gateway.verifications.budgets_store import reservations
from gateway.verifications.volume_store import SPAN, enquiry_counts
from mock_c06.app import MockRegistry
from tests.attacks.harvests import (
    activate,
    another_worker,
    ask,
    leaked,
    limits,
    override,
    propose_official,
    put_in_force,
    staffed,
)
from tests.attacks.people import misnamed, spent
from tests.gateway.applications.rehearsal import apply, rehearse
from tests.gateway.changes.desk import Desk, told
from tests.gateway.scene import AN, HandClock, Portal, Scene, enquiry, open_scene, settings_for

HOUR, DAY = 5, 8
NOBODY = "001090123456"


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    policy = {"budget_confirmed_hour": HOUR, "budget_confirmed_day": DAY}
    async with open_scene(settings_for(database_url, mock, sandbox=policy), mock, clock) as opened:
        yield opened


@pytest.fixture
async def desk(scene: Scene, portal: Portal) -> Desk:
    """Two operators; the portals were there before them."""
    del portal
    return await staffed(scene)


async def used(portal: Portal) -> dict[str, int]:
    """Return what the account has used, as it is told."""
    budgets = (await portal.call("GET", "/me")).json()["budgets"]
    assert budgets["confirmed_hour"]["limit"] == HOUR
    assert budgets["confirmed_day"]["limit"] == DAY
    return {name: budgets[name]["used"] for name in ("confirmed_hour", "confirmed_day")}


async def test_threat_55_an_account_that_knows_everybodys_data_is_stopped_after_its_hours_enquiries(
    scene: Scene, portal: Portal
) -> None:
    claims = await leaked(scene, HOUR + 3)
    answers = [await portal.verify(claim=claim) for claim in claims]

    assert [answer.status_code for answer in answers] == [201] * HOUR + [429] * 3
    assert {spent(answer) for answer in answers[HOUR:]} == {"confirmed_hour"}
    assert int(answers[-1].headers["retry-after"]) <= (timedelta(hours=1) + SPAN).total_seconds()
    assert len(await scene.journal()) == HOUR
    refused = (await scene.audit())[-1]
    assert (refused["kind"], refused["outcome"]) == ("refused", "enquiry_budget_spent")


async def test_threat_55_a_hundred_enquiries_at_once_pass_no_more_than_the_budget(
    scene: Scene, portal: Portal
) -> None:
    claims = await leaked(scene, 100)
    answers = await asyncio.gather(*(portal.verify(claim=claim) for claim in claims))

    assert Counter(answer.status_code for answer in answers) == {201: HOUR, 429: 100 - HOUR}
    assert len(await scene.journal()) == HOUR
    assert await used(portal) == {"confirmed_hour": HOUR, "confirmed_day": HOUR}


async def test_threat_55_two_workers_at_once_share_one_volume(scene: Scene, portal: Portal) -> None:
    claims = await leaked(scene, 40)
    async with another_worker(scene) as http:
        callers: Sequence[Portal] = (portal, replace(portal, http=http))
        answers = await asyncio.gather(
            *(callers[number % 2].verify(claim=claim) for number, claim in enumerate(claims))
        )

    assert Counter(answer.status_code for answer in answers) == {201: HOUR, 429: 40 - HOUR}


async def test_threat_55_forms_that_are_filled_count_and_end_before_a_packet_leaves(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    answers = [await portal.prefill(receipt, ["full_name", "gender"]) for _ in range(HOUR + 1)]

    assert [answer.status_code for answer in answers] == [200] * (HOUR - 1) + [429] * 2
    assert spent(answers[-1]) == "confirmed_hour"
    assert len(await scene.journal()) == HOUR


async def test_threat_55_forms_filled_at_once_pass_no_more_than_the_budget(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    answers = await asyncio.gather(*(portal.prefill(receipt, ["full_name"]) for _ in range(30)))

    assert Counter(answer.status_code for answer in answers) == {200: HOUR - 1, 429: 31 - HOUR}


async def test_threat_55_the_days_volume_outlasts_the_hours(scene: Scene, portal: Portal) -> None:
    assert {answer.status_code for answer in await ask(portal, HOUR)} == {201}
    scene.clock.advance((timedelta(hours=1) + 2 * SPAN).total_seconds())
    await portal.log_in()
    answers = await ask(portal, HOUR)

    assert [answer.status_code for answer in answers] == [201] * (DAY - HOUR) + [429] * (2 * HOUR - DAY)
    assert spent(answers[-1]) == "confirmed_day"
    wait = int(answers[-1].headers["retry-after"])
    scene.clock.advance(wait)
    await portal.log_in()
    assert (await ask(portal, 1))[0].status_code == 201


async def test_threat_55_no_hour_holds_more_than_its_volume_wherever_it_begins(
    scene: Scene, portal: Portal
) -> None:
    scene.clock.advance(-(scene.clock.now().timestamp() % SPAN.total_seconds()) + 299)
    await portal.log_in()
    await ask(portal, HOUR)
    scene.clock.advance(3540)
    await portal.log_in()

    [answer] = await ask(portal, 1)

    assert spent(answer) == "confirmed_hour"
    scene.clock.advance(int(answer.headers["retry-after"]))
    await portal.log_in()
    assert (await ask(portal, 1))[0].status_code == 201


async def test_what_is_reused_or_given_again_costs_nothing_and_is_answered_when_the_volume_is_spent(
    scene: Scene, portal: Portal
) -> None:
    first = await portal.call("POST", "/verifications", enquiry(), **{"Idempotency-Key": "one"})
    await ask(portal, HOUR - 1)
    assert spent((await ask(portal, 1))[0]) == "confirmed_hour"

    again = await portal.call("POST", "/verifications", enquiry(), **{"Idempotency-Key": "one"})
    reused, derived = await portal.verify(), await portal.verify(procedure="ket-hon")

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert [answer.json()["origin"] for answer in (reused, derived)] == ["reuse", "reuse"]
    assert await used(portal) == {"confirmed_hour": HOUR, "confirmed_day": HOUR}
    assert len(await scene.journal()) == HOUR


async def test_what_is_not_confirmed_or_fails_gives_its_place_back(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    for number in range(HOUR):
        assert (await portal.verify(claim=misnamed(AN, number))).status_code == 201
    await scene.fault("unavailable", times=4)
    failed = await portal.verify(fresh=True, dossier="HN-FAILS")
    form = (await portal.prefill(receipt, ["full_name"])).json()

    assert failed.status_code == 503
    assert form["fields"]["full_name"] == {"state": "to_declare", "reason": "registry_unavailable"}
    assert await used(portal) == {"confirmed_hour": 1, "confirmed_day": 1}


async def test_a_place_that_a_dead_worker_held_comes_back_with_its_lease(
    scene: Scene, portal: Portal
) -> None:
    ends_at = scene.clock.now() + timedelta(seconds=25)
    held = {
        "profile": "sandbox",
        "client_id": portal.client_id,
        "organisation": "",
        "subject": "",
        "claim_key": "",
        "ends_at": ends_at,
    }
    async with scene.gateway.parts.database.write() as transaction:
        await transaction.execute(
            sa.insert(reservations), [held | {"act": f"act_{number}"} for number in range(HOUR)]
        )
    [answer] = await ask(portal, 1)
    assert (spent(answer), answer.headers["retry-after"]) == ("confirmed_hour", "5")

    scene.clock.advance(26)
    assert (await ask(portal, 1))[0].status_code == 201


async def test_the_other_account_of_the_organisation_has_a_volume_of_its_own(
    scene: Scene, portal: Portal
) -> None:
    neighbour = await scene.portal()
    await ask(portal, HOUR + 1)

    assert (await ask(neighbour, 1))[0].status_code == 201
    assert await used(neighbour) == {"confirmed_hour": 1, "confirmed_day": 1}


async def test_every_spent_budget_is_named_by_its_problem(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    for budget in ("account_hour", "subject_day", "confirmed_hour", "confirmed_day"):
        settings = settings_for(database_url, mock, sandbox={f"budget_{budget}": 1})
        async with open_scene(settings, mock, clock) as scene:
            portal = await scene.portal()
            claims = [AN, AN] if "confirmed" in budget else [misnamed(AN, 0), misnamed(AN, 1)]
            answers = [await portal.verify(claim=claim, fresh=True) for claim in claims]
            assert [spent(answer) for answer in answers] == [None, budget]
            clock.advance(24 * 3600 + 1)


async def test_threat_55_four_fifths_of_a_volume_raise_one_alarm_that_operators_see(
    scene: Scene, portal: Portal, desk: Desk
) -> None:
    async def warned() -> str | None:
        warning: str | None = (await scene.http.get("/readyz")).json()["enquiry_warnings"]["sandbox"]
        return warning

    with capture_logs() as logs:
        await ask(portal, 3)
        assert (await warned(), [each["event"] for each in logs if "alarm" in each["event"]]) == (None, [])
        await ask(portal, 3)

    [alarm] = [each for each in logs if each["event"] == "enquiry_budget_alarm"]
    assert (alarm["log_level"], alarm["budget"], alarm["used"], alarm["limit"]) == (
        "warning",
        "confirmed_hour",
        4,
        HOUR,
    )
    assert alarm["client_id"] == portal.client_id
    assert scene.gateway.parts.alarms == {("sandbox", "confirmed_hour"): 1}
    shown = desk.done(await desk.proposer.call("GET", "/profiles"))["profiles"]
    [sandbox] = [each for each in shown if each["profile"] == "sandbox"]
    assert [(each["client_id"], each["budget"]) for each in sandbox["enquiry_alarms"]] == [
        (portal.client_id, "confirmed_hour")
    ]
    assert sandbox["warning"] == await warned()
    assert portal.client_id not in str(await warned())

    scene.clock.advance(3601)
    assert await warned() is None


async def test_threat_55_an_override_says_why_and_shows_what_becomes_another(
    desk: Desk, portal: Portal
) -> None:
    wanted = {"accounts": {portal.client_id: {"confirmed_hour": HOUR + 2}}}
    for budgets in (wanted, {"confirmed_hour": 50}, {"confirmed_day": 50}):
        refused = await override(desk, budgets, reason=None)
        assert told(refused) == (422, "request_invalid")
        assert refused.json()["errors"][0]["field"] == "policy.reason"
    assert {answer.status_code for answer in await ask(portal, HOUR)} == {201}

    change = desk.done(await override(desk, wanted), 201)
    lines = {line["member"]: line["to"] for line in change["diff"]}
    assert lines == {
        f"accounts.{portal.client_id}": {"confirmed_hour": HOUR + 2},
        "reason": "đợt cấp đổi của quận, công văn 12",
    }
    await desk.preflight(change)
    desk.done(await desk.act(desk.proposer, change, "activate"))

    assert [answer.status_code for answer in await ask(portal, 3)] == [201, 201, 429]
    budgets = (await portal.call("GET", "/me")).json()["budgets"]
    assert budgets["confirmed_hour"] == {"limit": HOUR + 2, "used": HOUR + 2}


async def test_an_override_of_one_account_leaves_the_others_and_ends_when_it_is_taken_back(
    scene: Scene, desk: Desk, portal: Portal
) -> None:
    neighbour = await scene.portal()
    await put_in_force(desk, {"accounts": {portal.client_id: {"confirmed_hour": 1}}})
    await put_in_force(desk, {"accounts": {neighbour.client_id: {"confirmed_day": 2}}})
    assert [answer.status_code for answer in await ask(portal, 2)] == [201, 429]
    assert [answer.status_code for answer in await ask(neighbour, 3)] == [201, 201, 429]

    await put_in_force(desk, {"accounts": {portal.client_id: None}})

    assert (await ask(portal, 1))[0].status_code == 201
    assert spent((await ask(neighbour, 1))[0]) == "confirmed_day"


async def test_an_override_for_no_account_of_the_profile_is_refused_and_echoes_nothing(
    scene: Scene, desk: Desk, portal: Portal
) -> None:
    unknown = "acc_" + "a" * 25
    for client_id, own in ((unknown, {"confirmed_hour": 9}), (portal.client_id, {})):
        refused = await override(desk, {"accounts": {client_id: own}})
        assert told(refused) == (422, "request_invalid")
        assert refused.json()["errors"][0]["field"] == "policy.budgets.accounts"
    elsewhere = await override(
        desk, {"accounts": {portal.client_id: {"confirmed_hour": 9}}}, profile=Profile.OFFICIAL
    )
    assert elsewhere.json()["errors"][0]["field"] == "policy.budgets.accounts"
    number = await override(desk, {"accounts": {NOBODY: {"confirmed_hour": 9}}})
    assert told(number) == (422, "request_invalid")
    assert NOBODY not in number.text


async def test_threat_55_on_official_an_override_needs_a_second_person(scene: Scene, desk: Desk) -> None:
    change = desk.done(await override(desk, {"confirmed_hour": 9_000}, profile=Profile.OFFICIAL), 201)
    await desk.preflight(change)

    assert told(await desk.act(desk.proposer, change, "activate")) == (403, "same_operator")
    desk.done(await desk.approve(change))
    desk.done(await desk.act(desk.approver, change, "activate"))
    policy = scene.gateway.places[Profile.OFFICIAL].policy
    assert (policy.budget_confirmed_hour, policy.reason) == (9_000, "đợt cấp đổi của quận, công văn 12")


async def test_threat_55_officials_volume_is_what_the_application_of_its_revision_stated(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock) as scene:
        official = await scene.portal(Profile.OFFICIAL)
        await rehearse(scene)
        bundle = await apply(scene, rate_per_second=2, rate_per_day=30_000)
        desk = await staffed(scene)
        assert await limits(official) == {
            "account_hour": 30,
            "confirmed_hour": 5_000,
            "confirmed_day": 20_000,
        }

        change = await propose_official(desk, bundle.sha256)
        lines = {line["member"]: line["to"] for line in change["diff"]}
        assert (lines["stated_hour"], lines["stated_day"]) == (7_200, 30_000)
        await activate(desk, change)
        stated = {"account_hour": 360, "confirmed_hour": 7_200, "confirmed_day": 30_000}
        assert await limits(official) == stated

        await activate(desk, await propose_official(desk, None))
        assert await limits(official) == stated  # a renewed secret states nothing anew


async def test_a_small_stated_volume_leaves_the_thirty_wrong_claims_that_everybody_has(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock) as scene:
        official = await scene.portal(Profile.OFFICIAL)
        await rehearse(scene)
        bundle = await apply(scene, rate_per_second=1, rate_per_day=200)
        desk = await staffed(scene)
        await activate(desk, await propose_official(desk, bundle.sha256))

        assert await limits(official) == {"account_hour": 30, "confirmed_hour": 200, "confirmed_day": 200}


async def test_what_an_account_used_in_a_day_is_summed_over_few_rows_by_the_primary_key(
    sqlite_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_others: object) -> None:
        if "sum(enquiry_counts" in statement:
            statements.append((statement, parameters))

    async with open_scene(settings_for(sqlite_url, mock), mock, clock) as scene:
        portal = await scene.portal()
        sa.event.listen(scene.gateway.parts.database.engine.sync_engine, "before_cursor_execute", note)
        await ask(portal, 5)
        async with scene.gateway.parts.database.read() as transaction:
            rows = await transaction.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statements[0][0]}", statements[0][1]
            )
            plan = [row[-1] for row in rows]
            kept = (await transaction.execute(sa.select(enquiry_counts))).all()
        assert sum(row.answered for row in kept) == 5
        assert len(kept) <= 2
        clock.advance(2 * 24 * 3600)
        await sweep(scene.gateway.parts)
        async with scene.gateway.parts.database.read() as transaction:
            assert (await transaction.execute(sa.select(enquiry_counts))).all() == []

    assert any("(profile=? AND client_id=? AND since>?)" in step for step in plan), plan
