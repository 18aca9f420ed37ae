"""Threats 44 and 40: text that an operator or a command stores is one printable line without a person's number.

The `contact` of a revision accepted terminal escapes, bidi controls and a citizen's number, while reasons
refused them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.applications.statement import read_statement
from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.profiles.revisions import read_members
from gateway.settings import read_settings
from tests.gateway.enquiries.test_bad_input import dump
from tests.kit.commands import Commands
from tests.kit.operators import Desk, open_desk
from tests.kit.scene import Portal, Scene

NUMBER = "001090000123"
HIDES = {
    "escape": "Sở TTTT \x1b[2J",
    "line break": "Sở TTTT\nrevision_approved by hoa.le",
    "bidi override": "Sở \u202eTTTT",
    "bidi isolate": "Sở \u2066TTTT",
    "invisible": "Sở\u200b TTTT",
    "C1 control": "Sở \x9bTTTT",
}
NUMBERS = {"number": f"ông An {NUMBER}", "grouped": "0010-9000-0123", "other digits": "٠٠١٠٩٠٠٠٠١٢٣"}
WRITTEN = ("contact", "agency", "officer", "x_road_client")
BAD = {**HIDES, **NUMBERS}


@pytest.fixture
async def desk(scene: Scene, portal: Portal) -> Desk:
    """A proposer and an approver who are signed in at the gateway."""
    del portal
    return await open_desk(scene)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_threat_44_a_text_of_a_revision_with_hidden_characters_or_a_number_is_refused(
    scene: Scene, desk: Desk, text: str
) -> None:
    for member in WRITTEN:
        answer = await desk.try_to_propose(Profile.SANDBOX, **{member: text})
        assert answer.status_code == 422, member
        assert [error["field"] for error in answer.json()["errors"]] == [f"revision.{member}"]
        assert text not in answer.text

    assert text not in await dump(scene)


@pytest.mark.parametrize("text", HIDES.values(), ids=HIDES)
async def test_threat_44_a_value_that_the_registry_issued_has_no_hidden_characters_but_may_be_digits(
    desk: Desk, text: str
) -> None:
    codes = {"service_codes": {"khai-sinh": text}}
    maps = {"integration_codes": {"TraCuuThongTinCongDan": text}}
    adapter = {
        "access_key": "a",
        "secret_key": "b",
        "app_name": "c",
        "partner_code": text,
        "partner_code_cus": "d",
    }
    for members in ({"c06_user": text}, codes, maps, {"adapter": adapter}):
        answer = await desk.try_to_propose(Profile.SANDBOX, **members)
        assert answer.status_code == 422, members
        assert text not in answer.text

    digits = await desk.try_to_propose(Profile.SANDBOX, adapter=adapter | {"partner_code": "001234567890"})
    assert digits.status_code == 201


async def test_threat_44_an_adapters_app_name_is_one_line_without_a_number(desk: Desk) -> None:
    rest = {"access_key": "a", "secret_key": "b", "partner_code": "c", "partner_code_cus": "d"}
    for text in BAD.values():
        answer = await desk.try_to_propose(Profile.SANDBOX, adapter=rest | {"app_name": text})
        assert [error["field"] for error in answer.json()["errors"]] == ["revision.adapter.app_name"]


async def test_threat_46_a_text_of_a_revision_has_at_most_two_hundred_characters(desk: Desk) -> None:
    for member in (*WRITTEN, "c06_user"):
        answer = await desk.try_to_propose(Profile.SANDBOX, **{member: "a" * 201})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, f"revision.{member}")
        assert (await desk.try_to_propose(Profile.SANDBOX, **{member: "a" * 200})).status_code == 201


async def test_a_contact_with_a_telephone_number_in_groups_is_accepted(desk: Desk) -> None:
    answer = await desk.try_to_propose(Profile.SANDBOX, contact="Sở TTTT Hà Nội, 024 3825 3536")

    assert answer.status_code == 201


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_threat_44_a_reason_follows_the_same_rule_as_other_texts(desk: Desk, text: str) -> None:
    change = await desk.propose(Profile.SANDBOX, deadline_ms=5000)

    answer = await desk.act(desk.proposer, change, "reject", {"reason": text})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["reason"]


def test_a_revision_stored_before_the_rule_can_still_be_opened() -> None:
    stored = {"registry_url": "http://127.0.0.1:8100", "contact": HIDES["bidi override"]}

    assert read_members(stored, {}).contact == HIDES["bidi override"]


@pytest.mark.parametrize("member", ["CONTACT", "AGENCY", "OFFICER", "X_ROAD_CLIENT"])
def test_a_setting_with_a_number_stops_the_start_and_is_named(member: str) -> None:
    given = {
        "REGISTRY_URL": "http://127.0.0.1:8100",
        "C06_USER": "u",
        "C06_SECRET": "s",
        "AGENCY": "a",
        "OFFICER": "o",
    }
    environ = {f"GATEWAY_SANDBOX_{name}": value for name, value in (given | {member: NUMBER}).items()}

    with pytest.raises(SettingInvalid, match=member) as refused:
        read_settings(environ, dotenv=None)
    assert NUMBER not in str(refused.value)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_threat_44_a_text_of_an_application_with_hidden_characters_or_a_number_is_refused(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "statement.json"
    for document in (
        {"application_name": text},
        {"retention": text},
        {"deletion": text},
        {"contact": {"unit": text}},
        {"contact": {"email": text}},
        {"contact": {"phone": text}},
    ):
        file.write_text(json.dumps(document), encoding="utf-8")
        with pytest.raises(ValueError, match=r"is expected|person's number") as refused:
            read_statement(file)
        assert text not in str(refused.value)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_threat_44_names_given_to_commands_follow_the_same_rule_as_texts(tmp_path: Path, text: str) -> None:
    gateway = Commands(tmp_path)
    grants = ("--organisation", "000.00.01.H26", "--profile", "sandbox", "--all-procedures", "--all-fields")

    for done in (
        gateway("organisations", "add", "000.00.01.H26", text),
        gateway("accounts", "create", text, *grants),
    ):
        assert done.reason().startswith("NAME ")
        assert text not in done.err


@pytest.mark.parametrize("text", HIDES.values(), ids=HIDES)
async def test_threat_44_an_account_of_the_mock_accepts_printable_lines_only(scene: Scene, text: str) -> None:
    wrong: list[dict[str, Any]] = [{"user": text}, {"agency": text}, {"officers": [text]}]
    for members in wrong:
        answer = await scene.control.post("/accounts", json={"name": "hidden", **members})
        assert answer.status_code == 422, members
    applied = await scene.control.post("/desk/applications", json={"agency_name": text})
    assert applied.status_code == 422
