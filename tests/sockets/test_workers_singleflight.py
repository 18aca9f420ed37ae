"""Threat 33 on four workers: many requests with one claim ask one question, whichever worker each of them reaches."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.kit.groups import Group, ask_all, running_group, until_several_answered
from tests.kit.programs import Served, plan_fault
from tests.kit.scene import AN, Portal, enquiry
from tests.kit.stores import Server

pytestmark = pytest.mark.postgresql
CROWD = 500


@pytest.fixture(scope="module")
def group(
    mock: Served, postgresql_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Group]:
    with running_group(mock, postgresql_server, tmp_path_factory.mktemp("group")) as running:
        yield running


@pytest.fixture
def portal(group: Group) -> Portal:
    """A new account, so that no verification of another test is reused."""
    made = group.make_portal()
    (answer,) = ask_all(made, lambda: [made.ask_token()])
    made.access_token = answer.json()["access_token"]
    return made


def ask(portal: Portal, bodies: list[dict[str, object]]) -> list[httpx.Response]:
    return ask_all(portal, lambda: [portal.call("POST", "/verifications", body) for body in bodies])


def test_threat_33_five_hundred_identical_claims_ask_one_question_and_make_one_verification(
    group: Group, portal: Portal
) -> None:
    before = group.count_asked()
    answers = ask(portal, [enquiry(dossier="HN-CROWD") for _ in range(CROWD)])

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: CROWD - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert group.count_asked() - before == 1
    until_several_answered(
        group, "/verifications", 200, lambda: ask(portal, [enquiry(dossier="HN-CROWD") for _ in range(50)])
    )
    assert group.count_asked() - before == 1


def test_threat_33_five_hundred_dossiers_ask_one_question_and_derive_from_one_root(
    group: Group, portal: Portal
) -> None:
    before = group.count_asked()
    answers = ask(portal, [enquiry(dossier=f"HN-CROWD-{number}") for number in range(CROWD)])

    members = [answer.json() for answer in answers]
    roots = [each["id"] for each in members if each["derived_from"] is None]
    assert group.count_asked() - before == 1
    assert len(roots) == 1
    assert Counter(each["derived_from"] for each in members) == {None: 1, roots[0]: CROWD - 1}
    assert len({each["id"] for each in members}) == CROWD


def test_many_requests_with_one_wrong_claim_also_ask_one_question(group: Group, portal: Portal) -> None:
    plan_fault(group.mock, "latency", delay_ms=4000, times=1)
    before = group.count_asked()
    wrong = AN | {"full_name": "Nguyễn Văn Sai"}
    answers = ask(portal, [enquiry(claim=wrong, dossier="HN-CROWD") for _ in range(60)])

    assert {(answer.status_code, answer.json()["verdict"]) for answer in answers} == {(201, "not_confirmed")}
    assert group.count_asked() - before == 1


def test_the_evidence_of_all_these_requests_is_complete(group: Group) -> None:
    assert group.command("audit", "verify")["ok"] is True
