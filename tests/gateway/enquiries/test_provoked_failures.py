"""The guide's table of failures is true: each planned fault of the mock gives a portal the answer that it names."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.enquiries import CARD, VerifiedEnquiry, reasons, verified
from tests.kit.scene import Scene, open_scene, settings_for
from tests.kit.source import ROOT

TEXT = (ROOT / "docs" / "portal-developers.md").read_text(encoding="utf-8")
FAULTS = re.findall(r"^\| (\d{3}) `(\w+)` \| `(\{.*?\})` \|$", TEXT, re.MULTILINE)

PEOPLE = re.findall(r"^\| `(\{.*?\})` \| `(\w+)` \| [^|]+ \| (?:`(\w+)` `(\w+)` )?\|$", TEXT, re.MULTILINE)


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    """The scene with a short time limit, since one fault never answers."""
    async with open_scene(
        settings_for(database_url, mock, sandbox={"deadline_ms": 1500}), mock, clock
    ) as found:
        yield found


def test_the_guide_names_several_failures_and_how_to_see_them() -> None:
    assert len(FAULTS) >= 5
    assert {code for _, code, _ in FAULTS} >= {
        "registry_unavailable",
        "registry_timeout",
        "registry_answer_invalid",
    }


@pytest.mark.parametrize(("status", "code", "fault"), FAULTS)
async def test_a_fault_of_the_guide_gives_the_answer_that_it_names(
    scene: Scene, status: str, code: str, fault: str
) -> None:
    portal = await scene.portal()
    await scene.fault(**json.loads(fault))

    answer = await portal.verify(fresh=True)

    assert (str(answer.status_code), answer.json()["code"]) == (status, code)
    assert answer.json()["citizen_vi"]
    assert answer.headers.get("retry-after", "").isdigit() is (status in {"503", "504"})


@pytest.mark.parametrize("kind", ["wrong_person", "swapped_fields"])
async def test_a_wrong_person_or_a_bad_record_is_not_called_unavailable(scene: Scene, kind: str) -> None:
    portal = await scene.portal()
    act = await verified(portal, CARD)
    await scene.fault(kind)

    form = await act.fill("full_name", "birth_date")

    assert {reasons(form)[name] for name in ("full_name", "birth_date")} == {"registry_answer_invalid"}


def test_the_guide_names_people_whose_records_make_a_difference() -> None:
    assert {verdict for _, verdict, *_ in PEOPLE} == {"confirmed", "not_confirmed"}
    assert "registry_has_none" in {reason for *_, reason in PEOPLE}


@pytest.mark.parametrize(("claim", "verdict", "field", "reason"), PEOPLE)
async def test_a_person_of_the_guide_gives_the_verdict_and_the_reason_that_it_names(
    scene: Scene, claim: str, verdict: str, field: str, reason: str
) -> None:
    portal = await scene.portal()
    answer = await portal.verify(claim=json.loads(claim), procedure=CARD)
    assert answer.json()["verdict"] == verdict
    if field:
        form = await VerifiedEnquiry(portal, answer.json()).fill(field)
        assert reasons(form)[field] == reason
