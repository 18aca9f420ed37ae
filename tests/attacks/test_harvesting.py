"""Threat 55: an account that harvests with valid claims is stopped; answered enquiries have a limit, an
alarm and a stop.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.applications.statement import Rate
from gateway.cleanup import clean_up
from gateway.enquiries.budget_store import SPAN, SPENT, enquiry_counts, reservations
from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.attacks.harvests import ask, leaked, limits, override, propose_official, put_in_force
from tests.attacks.people import misnamed, spent
from tests.kit.applications import apply, rehearse
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk, open_desk
from tests.kit.scene import AN, Portal, Scene, another_worker, enquiry, open_scene, outcome, settings_for
from tests.kit.stores import plan_of_statement

HOUR, DAY = 5, 8
NOBODY = "001090123456"


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    policy = {"budget_confirmed_hour": HOUR, "budget_confirmed_day": DAY}
    async with open_scene(settings_for(database_url, mock, sandbox=policy), mock, clock) as opened:
        yield opened


@pytest.fixture
async def desk(scene: Scene, portal: Portal) -> Desk:
    """Two operators; the portals existed before them."""
    del portal
    return await open_desk(scene)


async def used(portal: Portal) -> dict[str, int]:
    """Return the account's use as `GET /me` shows it."""
    budgets = (await portal.call("GET", "/me")).json()["budgets"]
    assert budgets["confirmed_hour"]["limit"] == HOUR
    assert budgets["confirmed_day"]["limit"] == DAY
    return {name: budgets[name]["used"] for name in ("confirmed_hour", "confirmed_day")}


async def test_threat_55_an_account_with_valid_data_of_everybody_is_stopped_after_its_hourly_enquiries(
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


async def test_threat_55_a_hundred_enquiries_at_once_do_not_exceed_the_budget(
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


async def test_threat_55_prefills_count_and_stop_before_a_question_is_sent(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    answers = [await portal.prefill(receipt, ["full_name", "gender"]) for _ in range(HOUR + 1)]

    assert [answer.status_code for answer in answers] == [200] * (HOUR - 1) + [429] * 2
    assert spent(answers[-1]) == "confirmed_hour"
    assert len(await scene.journal()) == HOUR


async def test_threat_55_prefills_at_once_do_not_exceed_the_budget_of_the_hour(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    answers = await asyncio.gather(*(portal.prefill(receipt, ["full_name"]) for _ in range(30)))

    assert Counter(answer.status_code for answer in answers) == {200: HOUR - 1, 429: 31 - HOUR}


async def test_threat_55_the_daily_volume_applies_after_the_hourly_volume_is_free_again(
    scene: Scene, portal: Portal
) -> None:
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


async def test_threat_55_any_period_of_an_hour_stays_within_its_volume(scene: Scene, portal: Portal) -> None:
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


async def test_a_reuse_or_a_replay_costs_nothing_and_is_answered_when_the_volume_is_spent(
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


async def test_an_enquiry_that_is_not_confirmed_or_fails_releases_its_reservation(
    scene: Scene, portal: Portal
) -> None:
    receipt = await portal.receipt()
    for number in range(HOUR):
        assert (await portal.verify(claim=misnamed(AN, number))).status_code == 201
    await scene.fault("unavailable", times=4)
    failed = await portal.verify(fresh=True, dossier="HN-FAILS")
    form = (await portal.prefill(receipt, ["full_name"])).json()

    assert failed.status_code == 503
    assert form["fields"]["full_name"] == {"state": "to_declare", "reason": "registry_unavailable"}
    assert await used(portal) == {"confirmed_hour": 1, "confirmed_day": 1}


async def test_a_reservation_of_a_dead_worker_is_free_again_after_its_lease(
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
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.execute(
            sa.insert(reservations), [held | {"act": f"act_{number}"} for number in range(HOUR)]
        )
    [answer] = await ask(portal, 1)
    assert (spent(answer), answer.headers["retry-after"]) == ("confirmed_hour", "5")

    scene.clock.advance(26)
    assert (await ask(portal, 1))[0].status_code == 201


async def test_another_account_of_the_organisation_has_a_separate_volume(
    scene: Scene, portal: Portal
) -> None:
    neighbour = await scene.portal()
    await ask(portal, HOUR + 1)

    assert (await ask(neighbour, 1))[0].status_code == 201
    assert await used(neighbour) == {"confirmed_hour": 1, "confirmed_day": 1}


async def test_the_problem_names_the_budget_that_is_spent(
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


async def test_threat_55_use_of_four_fifths_of_a_volume_raises_one_alarm_that_operators_see(
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
    assert scene.gateway.deps.alarms == {("sandbox", "confirmed_hour"): 1}
    shown = desk.done(await desk.proposer.call("GET", "/profiles"))["profiles"]
    [sandbox] = [each for each in shown if each["profile"] == "sandbox"]
    assert [(each["client_id"], each["budget"]) for each in sandbox["enquiry_alarms"]] == [
        (portal.client_id, "confirmed_hour")
    ]
    assert sandbox["warning"] == await warned()
    assert portal.client_id not in str(await warned())

    scene.clock.advance(3601)
    assert await warned() is None


async def test_threat_55_an_override_has_a_reason_and_shows_the_limits_before_and_after(
    desk: Desk, portal: Portal
) -> None:
    wanted = {"accounts": {portal.client_id: {"confirmed_hour": HOUR + 2}}}
    for budgets in (wanted, {"confirmed_hour": 50}, {"confirmed_day": 50}):
        refused = await override(desk, budgets, reason=None)
        assert outcome(refused) == (422, "request_invalid")
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


async def test_an_override_applies_to_one_account_and_ends_when_it_is_withdrawn(
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


async def test_an_override_for_an_account_outside_the_profile_is_refused_without_an_echo(
    scene: Scene, desk: Desk, portal: Portal
) -> None:
    unknown = "acc_" + "a" * 25
    for client_id, own in ((unknown, {"confirmed_hour": 9}), (portal.client_id, {})):
        refused = await override(desk, {"accounts": {client_id: own}})
        assert outcome(refused) == (422, "request_invalid")
        assert refused.json()["errors"][0]["field"] == "policy.budgets.accounts"
    elsewhere = await override(
        desk, {"accounts": {portal.client_id: {"confirmed_hour": 9}}}, profile=Profile.OFFICIAL
    )
    assert elsewhere.json()["errors"][0]["field"] == "policy.budgets.accounts"
    number = await override(desk, {"accounts": {NOBODY: {"confirmed_hour": 9}}})
    assert outcome(number) == (422, "request_invalid")
    assert NOBODY not in number.text


async def test_threat_55_on_official_an_override_needs_a_second_person(scene: Scene, desk: Desk) -> None:
    change = desk.done(await override(desk, {"confirmed_hour": 9_000}, profile=Profile.OFFICIAL), 201)
    await desk.preflight(change)

    assert outcome(await desk.act(desk.proposer, change, "activate")) == (403, "same_operator")
    desk.done(await desk.approve(change))
    desk.done(await desk.act(desk.approver, change, "activate"))
    policy = scene.gateway.places[Profile.OFFICIAL].policy
    assert (policy.budget_confirmed_hour, policy.reason) == (9_000, "đợt cấp đổi của quận, công văn 12")


async def test_threat_55_the_official_volume_is_the_one_stated_in_the_application_of_its_revision(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock) as scene:
        official = await scene.portal(Profile.OFFICIAL)
        await rehearse(scene)
        bundle = await apply(scene, rate=Rate(per_second=2, per_day=30_000))
        desk = await open_desk(scene)
        assert await limits(official) == {
            "account_hour": 30,
            "confirmed_hour": 5_000,
            "confirmed_day": 20_000,
        }

        change = await propose_official(desk, bundle.sha256)
        lines = {line["member"]: line["to"] for line in change["diff"]}
        assert (lines["stated_hour"], lines["stated_day"]) == (7_200, 30_000)
        await desk.carry_out(change)
        stated = {"account_hour": 360, "confirmed_hour": 7_200, "confirmed_day": 30_000}
        assert await limits(official) == stated

        await desk.carry_out(await propose_official(desk, None))
        assert await limits(official) == stated  # a renewed secret leaves the stated volume as it is


async def test_threat_55_an_approved_volume_is_refused_after_a_switch_that_a_worker_has_not_followed(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with (
        open_scene(settings_for(database_url, mock), mock, clock) as scene,
        another_worker(scene) as other,
    ):
        await rehearse(scene)
        bundle = await apply(scene, rate=Rate(per_second=2, per_day=30_000))
        desk = await open_desk(scene)
        change = desk.done(await override(desk, {"confirmed_hour": 9_000}, profile=Profile.OFFICIAL), 201)
        await desk.preflight(change)
        desk.done(await desk.approve(change))
        await desk.carry_out(await propose_official(desk, bundle.sha256))  # 5,000 an hour become 7,200

        there = replace(desk.approver, http=other)
        assert outcome(await desk.act(there, change, "activate")) == (409, "diff_changed")


async def test_a_small_stated_volume_leaves_every_account_thirty_wrong_claims(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(database_url, mock), mock, clock) as scene:
        official = await scene.portal(Profile.OFFICIAL)
        await rehearse(scene)
        bundle = await apply(scene, rate=Rate(per_second=1, per_day=200))
        desk = await open_desk(scene)
        await desk.carry_out(await propose_official(desk, bundle.sha256))

        assert await limits(official) == {"account_hour": 30, "confirmed_hour": 200, "confirmed_day": 200}


async def test_an_accounts_daily_use_is_summed_over_few_rows_by_the_primary_key(
    sqlite_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    async with open_scene(settings_for(sqlite_url, mock), mock, clock) as scene:
        portal = await scene.portal()
        await ask(portal, 5)
        plan = await plan_of_statement(SPENT, scene.gateway.deps.database)
        async with scene.gateway.deps.database.read() as transaction:
            kept = (await transaction.execute(sa.select(enquiry_counts))).all()
        assert sum(row.answered for row in kept) == 5
        assert len(kept) <= 2
        clock.advance(2 * 24 * 3600)
        await clean_up(scene.gateway.deps)
        async with scene.gateway.deps.database.read() as transaction:
            assert (await transaction.execute(sa.select(enquiry_counts))).all() == []

    assert any("(profile=? AND client_id=? AND since>?)" in step for step in plan), plan
