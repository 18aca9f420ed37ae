"""Threat 48: the test identity of a preflight is sealed in the revision, counted and recorded, and
nothing of that person is shown.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from gateway.changes.rules import QUESTIONS_AN_HOUR, RUNS_AN_HOUR
from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.operators.model import Role
from gateway.profiles.store import revision_secrets, revisions
from gateway.registry.connection import Connection, ConnectionMembers
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk, Person, signed_in
from tests.kit.preflight import AN_CLAIM, LOOPBACK, Preflights, line
from tests.kit.registry import PERSON, Double, connection, people, verdict
from tests.kit.scene import AN, Scene, open_scene, outcome, settings_for

OFFICIAL, SANDBOX = Profile.OFFICIAL, Profile.SANDBOX
SOURCE = "C06, letter of 3 November 2026, test set B"
NUMBER = AN["citizen_id"]
OTHERS: dict[str, dict[str, Any]] = {
    "a wrong date": AN | {"birth_date": "1990-02-01"},
    "a wrong name": AN | {"full_name": "Nguyễn Văn Anh"},
    "an unknown number": AN | {"citizen_id": "001090999999"},
    "all wrong": {"citizen_id": "001090999998", "full_name": "Trần Thị Không", "birth_year": 1950},
}


@pytest.fixture
async def proposer(scene: Scene) -> Person:
    return await signed_in(scene, "phuong.de", Role.PROPOSER)


@pytest.fixture
async def approver(scene: Scene) -> Person:
    return await signed_in(scene, "dung.duyet", Role.APPROVER)


@pytest.fixture
async def desk(scene: Scene, proposer: Person, approver: Person) -> Desk:
    return Desk(scene=scene, proposer=proposer, approver=approver)


async def naming(
    desk: Desk, person: dict[str, Any] = AN, profile: Profile = OFFICIAL, **members: Any
) -> dict[str, Any]:
    """Propose a revision with this test identity."""
    named = {"test_identity": person, "test_identity_source": SOURCE}
    return await desk.propose(profile, **(named | members))


async def asked_about_people(scene: Scene, environment: str = "official") -> int:
    journal = await scene.journal(environment)
    return len([entry for entry in journal if not str(entry["subject"]).startswith("000000")])


def shown_texts(found: dict[str, Any]) -> list[tuple[str, bool, str, str]]:
    """Return everything that a preflight shows except times and clock skew."""
    return [
        (check["name"], check["passed"], check["detail"], check["remedy"])
        for check in found["checks"]
        if check["name"] != "clock_skew"
    ]


async def test_threat_48_the_operator_who_runs_a_preflight_can_not_choose_the_person(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.propose(OFFICIAL)
    for who in (desk.proposer, desk.approver):
        refused = await desk.act(who, change, "preflight", {"test_identity": AN})
        assert outcome(refused) == (422, "request_invalid")
        assert NUMBER not in refused.text
    assert await scene.journal("official") == []


async def test_a_test_identity_on_official_is_refused_without_its_source(desk: Desk) -> None:
    refused = await desk.try_to_propose(OFFICIAL, test_identity=AN)
    assert outcome(refused) == (422, "request_invalid")
    assert [error["field"] for error in refused.json()["errors"]] == ["revision.test_identity_source"]
    assert (await desk.try_to_propose(SANDBOX, test_identity=AN)).status_code == 201


async def test_settings_that_name_a_person_without_a_source_stop_the_start(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, official={"test_identity": AN})
    with pytest.raises(SettingInvalid, match="GATEWAY_OFFICIAL_TEST_IDENTITY_SOURCE"):
        async with open_scene(settings, mock, clock):
            pass


@pytest.mark.parametrize(
    "source",
    ["", "  ", "two\nlines", "a\u202eb", "\x1b[31mred", "number 001090000123", "x" * 201],
)
def test_a_source_is_one_printable_line_without_long_numbers(source: str) -> None:
    with pytest.raises(ValidationError):
        ConnectionMembers.model_validate({"test_identity": AN, "test_identity_source": source})


@pytest.mark.parametrize(
    "wrong",
    [
        {"citizen_id": "000000000000"},
        {"citizen_id": "00109000012"},
        {"citizen_id": None},
        {"id_card_number": "012345678"},
        {"full_name": ""},
        {"full_name": "\u202eAn"},
        {"full_name": "!!!"},
        {"full_name": "a" * 101},
        {"birth_date": 631152000},
        {"birth_date": "1990-02-30"},
        {"birth_year": 1990},
        {"birth_date": None},
        {"more": 1},
    ],
)
async def test_a_malformed_test_identity_is_refused_and_not_echoed(desk: Desk, wrong: dict[str, Any]) -> None:
    person = {name: value for name, value in (AN | wrong).items() if value is not None}
    refused = await desk.try_to_propose(OFFICIAL, test_identity=person, test_identity_source=SOURCE)
    assert refused.status_code == 422
    assert "Nguyễn" not in refused.text
    assert NUMBER not in refused.text
    assert "1990-01-31" not in refused.text


async def test_threat_48_a_test_identity_is_stored_sealed_and_never_shown(desk: Desk, scene: Scene) -> None:
    change = await naming(desk)
    lines = {each["member"]: (each["from"], each["to"]) for each in change["diff"]}
    assert lines["test_identity"] == (None, "(sealed)")
    assert lines["test_identity_source"] == (None, SOURCE)
    shown = str(change) + str(await desk.preflight(change))
    for path in ("/changes", f"/changes/{change['id']}", "/profiles/official/revisions"):
        shown += (await desk.proposer.call("GET", path)).text
    async with scene.gateway.deps.database.read() as transaction:
        for table in (revisions, revision_secrets):
            shown += str([tuple(row) for row in await transaction.execute(sa.select(table))])
    shown += str(await scene.audit())
    assert '"test_identity":"(sealed)"' in shown.replace(" ", "")
    for value in (NUMBER, AN["full_name"], AN["birth_date"], "Nguy"):
        assert value not in shown


async def test_a_diff_does_not_show_whether_a_guess_is_the_active_test_identity(desk: Desk) -> None:
    change = await naming(desk, profile=SANDBOX)
    await desk.preflight(change)
    desk.done(await desk.act(desk.proposer, change, "activate"))
    same, other = await naming(desk, profile=SANDBOX), await naming(desk, OTHERS["a wrong date"], SANDBOX)
    shown = [[each for each in guess["diff"] if each["member"] != "revision"] for guess in (same, other)]
    assert shown[0] == shown[1]
    assert {"member": "test_identity", "from": "(sealed)", "to": "(sealed)"} in shown[0]
    without = await desk.propose(SANDBOX)
    assert {"member": "test_identity", "from": "(sealed)", "to": None} in without["diff"]
    assert same["diff_hash"] != other["diff_hash"]


async def test_threat_48_questions_about_test_identities_stop_at_the_hourly_budget(
    desk: Desk, scene: Scene, clock: HandClock
) -> None:
    change = await naming(desk)
    for _ in range(QUESTIONS_AN_HOUR // 5):
        assert (await desk.preflight(change))["passed"]
    questions = len(await scene.journal("official"))
    another = await naming(desk, OTHERS["a wrong date"], deadline_ms=5000)
    for spent in (change, another):
        for who in (desk.proposer, desk.approver):
            refused = await desk.act(who, spent, "preflight")
            assert outcome(refused) == (429, "preflight_budget_spent")
            assert 3000 < int(refused.headers["Retry-After"]) <= 3600
    assert len(await scene.journal("official")) == questions
    assert await asked_about_people(scene) == QUESTIONS_AN_HOUR

    assert (await desk.preflight(await desk.propose(OFFICIAL)))[
        "passed"
    ]  # a preflight without a person costs nothing
    clock.advance(3600)
    await desk.proposer.sign_in()
    assert (await desk.preflight(change))["passed"]


async def test_threat_48_all_workers_and_concurrent_requests_share_the_budget(
    desk: Desk, scene: Scene, mock: MockRegistry, clock: HandClock
) -> None:
    changes = [await naming(desk, deadline_ms=4000 + number) for number in range(6)]
    async with open_scene(scene.settings, mock, clock) as second:
        proposer = desk.proposer
        there = Person(http=second.http, clock=clock, name=proposer.name, secret=b"", token=proposer.token)
        tries = [desk.act(who, change, "preflight") for change in changes for who in (proposer, there)]
        answers = await asyncio.gather(*tries)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * (QUESTIONS_AN_HOUR // 5) + [429] * (len(tries) - QUESTIONS_AN_HOUR // 5)
    assert await asked_about_people(scene) == QUESTIONS_AN_HOUR


async def test_each_profile_has_its_own_budget_of_questions(desk: Desk, scene: Scene) -> None:
    for profile in (OFFICIAL, SANDBOX):
        change = await naming(desk, profile=profile)
        for _ in range(QUESTIONS_AN_HOUR // 5):
            await desk.preflight(change)
        assert (await desk.act(desk.proposer, change, "preflight")).status_code == 429
    assert await asked_about_people(scene, "official") == QUESTIONS_AN_HOUR
    assert await asked_about_people(scene, "test") == QUESTIONS_AN_HOUR


async def test_threat_48_each_question_about_a_person_leaves_two_rows_with_the_pseudonym(
    desk: Desk, scene: Scene
) -> None:
    change = await naming(desk)
    await desk.preflight(change)
    rows = [row for row in await scene.audit() if row.get("origin") == "preflight"]
    keys = scene.gateway.places[OFFICIAL].keys
    about = [row for row in rows if "citizen" in row]
    without_person = [row for row in rows if "citizen" not in row]
    assert len(about) == len(without_person) == 10
    assert {row["citizen"] for row in about} == {keys.pseudonym("citizen", "", NUMBER)}
    assert {row["citizen_key"] for row in about} == {keys.current(Purpose.PSEUDONYM).kid}
    for each in (about, without_person):
        assert [row["kind"] for row in each] == ["intended", "answered"] * 5
        assert {(row["actor"], row["act"], row["profile"]) for row in each} == {
            ("phuong.de", change["id"], "official")
        }
        assert all("organisation" not in row and "client_id" not in row for row in each)
    sent = [entry["ma_yeu_cau"] for entry in await scene.journal("official")]
    assert sent == [row["request_code"] for row in rows if row["kind"] == "intended"]


async def test_a_refused_preflight_leaves_a_row_without_the_person(desk: Desk, scene: Scene) -> None:
    change = await naming(desk)
    for _ in range(5):
        await desk.act(desk.approver, change, "preflight")
    (refused,) = [row for row in await scene.audit() if row["kind"] == "refused"]
    assert refused["outcome"] == "preflight_budget_spent:preflight"
    assert (refused["actor"], refused["act"]) == ("dung.duyet", change["id"])


@pytest.mark.parametrize("profile", [OFFICIAL, SANDBOX])
async def test_threat_48_a_preflight_reports_the_same_whichever_part_of_an_identity_is_wrong(
    desk: Desk, profile: Profile
) -> None:
    found = []
    for person in OTHERS.values():
        change = await naming(desk, person, profile)
        found.append(shown_texts(await desk.preflight(change)))
        refused = await desk.approve(change)
        assert outcome(refused) == (422, "preflight_failed")
        assert str(person["full_name"]) not in refused.text
    assert found.count(found[0]) == len(found)
    assert [name for name, passed, _, _ in found[0] if not passed] == ["test_identity"]


@pytest.mark.parametrize("number", ["001090000123", "079099000606", "001326000126", "046185000602"])
async def test_threat_48_a_preflight_reports_the_same_whatever_the_persons_record_contains(
    desk: Desk, scene: Scene, number: str
) -> None:
    """A head of a household, a person without parents, a child, a divorced person."""
    everybody = (await scene.control.get("/personas")).json()
    (persona,) = [each for each in everybody if each["citizen_id"] == number]
    birth = "birth_date" if persona["birth_date"] else "birth_year"
    person = {name: persona[name] for name in ("citizen_id", "full_name", birth)}
    with_nobody = shown_texts(await desk.preflight(await desk.propose(OFFICIAL)))
    found = shown_texts(await desk.preflight(await naming(desk, person)))
    assert [each for each in found if each not in with_nobody] == [
        ("test_identity", True, "the registry knows it, in every operation that was asked", "")
    ]


def _answering(authenticated: str, record: bytes) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        is_verdict = request.url.path.endswith("XacThucThongTinCongDan")
        if b"000000000000" in request.content:
            return httpx.Response(200, content=verdict("0") if is_verdict else people())
        return httpx.Response(200, content=verdict(authenticated) if is_verdict else record)

    return answer


@pytest.mark.parametrize("profile", [OFFICIAL, SANDBOX])
async def test_threat_48_a_preflight_does_not_repeat_the_registrys_reason_for_a_mismatch(
    profile: Profile,
) -> None:
    records = [
        ("0", people()),
        ("1", people()),
        ("0", people(PERSON)),
        ("1", people(PERSON.replace("001090000123", "001090000124"))),
        ("1", people(PERSON.replace("19900131", "19910131").replace("1990<", "1991<"))),
        ("1", people(PERSON.replace("NGUYỄN VĂN AN", "TRẦN VĂN AN"))),
        ("1", people(PERSON, PERSON)),
    ]
    if profile is OFFICIAL:  # sandbox has no real people, so the shape of a record is shown
        records += [("1", people(PERSON + "<LaMoi>1</LaMoi>")), ("1", people("<SoDinhDanh/>"))]
    found = []
    for authenticated, record in records:
        desk = Preflights()
        made: Connection = connection(profile=profile, networks=LOOPBACK)
        preflight_network = desk.preflight_network(
            httpx.MockTransport(Double(_answering(authenticated, record)))
        )
        preflight = await desk.look(made, preflight_network=preflight_network, test_identity=AN_CLAIM)
        assert not line(preflight, "test_identity").passed
        found.append([(check.name, check.passed, check.detail, check.remedy) for check in preflight.checks])
        assert len(desk.notes.announced) == 10
    assert found.count(found[0]) == len(found)


async def test_threat_48_ending_a_suspension_asks_under_the_same_budget(desk: Desk, scene: Scene) -> None:
    change = await naming(desk, profile=SANDBOX)
    await desk.preflight(change)
    desk.done(await desk.act(desk.proposer, change, "activate"))
    desk.done(await desk.approver.call("POST", "/profiles/sandbox/suspend", {"reason": "a try"}))
    resume = await desk.ask({"kind": "resume_profile", "profile": "sandbox"})
    for _ in range(QUESTIONS_AN_HOUR // 5 - 1):
        assert (await desk.preflight(resume))["passed"]
    assert outcome(await desk.act(desk.proposer, resume, "preflight")) == (429, "preflight_budget_spent")
    assert await asked_about_people(scene, "test") == QUESTIONS_AN_HOUR


async def test_a_rehearsal_of_the_login_asks_about_no_person(desk: Desk, scene: Scene) -> None:
    change = await naming(desk)
    desk.done(await desk.act(desk.proposer, change, "preflight", {"login_only": True}))
    assert await asked_about_people(scene) == 0


async def test_a_refused_login_does_not_count_in_the_budget(desk: Desk, scene: Scene) -> None:
    wrong = await naming(desk, c06_secret="not-the-secret-of-the-mock")
    assert not (await desk.preflight(wrong))["passed"]
    change = await naming(desk)
    for _ in range(QUESTIONS_AN_HOUR // 5):
        assert (await desk.preflight(change))["passed"]
    assert await asked_about_people(scene) == QUESTIONS_AN_HOUR


async def test_threat_48_the_number_of_preflights_of_one_change_in_an_hour_is_limited(
    desk: Desk, scene: Scene
) -> None:
    change = await desk.propose(OFFICIAL)
    rehearsal = {"login_only": True}
    for _ in range(RUNS_AN_HOUR):
        desk.done(await desk.act(desk.proposer, change, "preflight", rehearsal))
    questions = len(await scene.journal("official"))
    for body in (rehearsal, None):
        refused = await desk.act(desk.approver, change, "preflight", body)
        assert outcome(refused) == (429, "preflight_budget_spent")
        assert int(refused.headers["Retry-After"]) > 0
    assert len(await scene.journal("official")) == questions
    assert (await desk.preflight(await desk.propose(OFFICIAL, deadline_ms=5000)))["passed"]
