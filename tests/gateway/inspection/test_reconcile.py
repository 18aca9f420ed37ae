"""Our questions compared with the provider's log: the mock's journal agrees, and each planted difference is named."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Period
from gateway.identifiers import Profile
from gateway.inspection.journal import MAX_BYTES, MAX_ENTRIES, JournalInvalid, read_journal
from gateway.inspection.reconcile import (
    KINDS,
    Reconciliation,
    reconcile,
    reconciliation_json,
    reconciliation_page,
    reconciliation_text,
)
from gateway.keys.model import Purpose
from tests.kit.enquiries import CARD, CARD_FIELDS, verified
from tests.kit.operators import Desk
from tests.kit.scene import AN, Portal, Scene

Lines = list[dict[str, Any]]


async def ask_several(portal: Portal) -> None:
    """Ask a confirmed and a not confirmed question, and four for a form."""
    filled = await verified(portal, CARD)
    await filled.fill(*CARD_FIELDS)
    wrong = await portal.verify(claim=AN | {"full_name": "Nguyễn Văn Bình"})
    assert wrong.json()["verdict"] == "not_confirmed"


async def compare(scene: Scene, lines: Lines, folder: Path, period: Period | None = None) -> Reconciliation:
    """Compare with a log that has these lines."""
    file = folder / "c06.json"
    file.write_text(json.dumps({"entries": lines}), encoding="utf-8")
    return await reconcile(
        scene.gateway.deps.database,
        read_journal(file),
        keys={place.profile: place.keys for place in scene.gateway.places.values()},
        period=period or Period(),
    )


def remove(lines: Lines) -> None:
    """Remove the log's line of the first question."""
    del lines[0]


def add(lines: Lines) -> None:
    """Add a call with a code of somebody else."""
    lines.append(lines[0] | {"n": 900, "ma_yeu_cau": "HN-SOMEBODY-ELSE"})


def repeat(lines: Lines) -> None:
    """Add a second call with the same code."""
    lines.append(lines[0] | {"n": 901})


def change_content(lines: Lines) -> None:
    """Log another body."""
    lines[0]["body_sha256"] = "0" * 64


def change_environment(lines: Lines) -> None:
    """Log the call in the official environment."""
    lines[0]["environment"] = "official"


def change_answer(lines: Lines) -> None:
    """Log that nobody was found where our row says confirmed."""
    lines[0]["outcome"] = "not_found"


async def test_the_registrys_journal_agrees_with_every_question_of_ours(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await ask_several(portal)
    journal = await scene.journal()
    found = await compare(scene, journal, tmp_path)
    assert found.agrees, found.differences
    assert found.counts() == dict.fromkeys(KINDS, 0) | {
        "questions": len(journal),
        "calls": len(journal),
        "joined": len(journal),
        "content_not_compared": 0,
    }
    assert len(journal) >= 5


@pytest.mark.parametrize(
    ("plant", "kind", "shown"),
    [
        (remove, "asked_not_logged", {"outcome": "confirmed", "procedure": CARD}),
        (add, "logged_not_asked", {"n": 900, "reason": "unknown_code", "request_code": "HN-SOMEBODY-ELSE"}),
        (repeat, "logged_not_asked", {"n": 901, "reason": "repeated"}),
        (change_content, "different_content", {"n": 1, "differs": ["body"]}),
        (change_environment, "different_content", {"n": 1, "differs": ["environment"]}),
        (change_answer, "answered_differently", {"n": 1, "outcome": "confirmed", "logged": "not_found"}),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
async def test_a_planted_line_is_found_alone_and_named(
    scene: Scene,
    portal: Portal,
    tmp_path: Path,
    plant: Callable[[Lines], None],
    kind: str,
    shown: dict[str, object],
) -> None:
    await ask_several(portal)
    journal = await scene.journal()
    code = journal[0]["ma_yeu_cau"]
    plant(journal)
    found = await compare(scene, journal, tmp_path)
    assert {name: len(found.differences[name]) for name in KINDS} == dict.fromkeys(KINDS, 0) | {kind: 1}
    (named,) = found.differences[kind]
    assert {name: named[name] for name in shown} == shown
    assert named["request_code"] == shown.get("request_code", code)
    assert str(named["request_code"]) in reconciliation_text(found)
    assert str(named["request_code"]) in reconciliation_page(found)
    assert list(reconciliation_json(found)) == [*KINDS, "counts"]


async def test_the_questions_of_a_preflight_agree_too_and_their_content_is_compared(
    desk: Desk, tmp_path: Path
) -> None:
    change = await desk.propose(Profile.SANDBOX, contact="another")
    assert (await desk.preflight(change))["passed"]
    journal = await desk.scene.journal()
    found = await compare(desk.scene, journal, tmp_path)
    assert found.agrees, found.differences
    assert (found.joined, found.content_not_compared) == (len(journal), 0)
    change_content(journal)
    assert len((await compare(desk.scene, journal, tmp_path)).differences["different_content"]) == 1


async def test_a_logged_call_at_another_time_does_not_explain_a_question(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await portal.verify()
    journal = await scene.journal()
    journal[0]["at"] = (scene.clock.now() + timedelta(hours=2)).isoformat()
    found = await compare(scene, journal, tmp_path)
    assert [each["reason"] for each in found.differences["logged_not_asked"]] == ["another_time"]
    assert len(found.differences["asked_not_logged"]) == 1


@pytest.mark.parametrize("code", ["\x1b[2J", "a\u202eb", "x" * 41, ""])
async def test_threat_50_a_strangers_unreadable_code_does_not_stop_the_comparison(
    scene: Scene, portal: Portal, tmp_path: Path, code: str
) -> None:
    await portal.verify()
    journal = await scene.journal()
    journal.append(journal[0] | {"n": 900, "ma_yeu_cau": code, "account": None, "outcome": "unauthorised"})
    found = await compare(scene, journal, tmp_path)
    assert found.joined == 1
    (named,) = found.differences["logged_not_asked"]
    assert (named["n"], named["reason"]) == (900, "unknown_code")
    assert named["request_code"] == "(could not be ours)"


async def test_a_question_that_never_left_is_not_missing_in_the_log(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await scene.fault("reset", times=1)
    assert (await portal.verify()).status_code == 503
    assert (await compare(scene, [], tmp_path)).agrees
    assert (await compare(scene, await scene.journal(), tmp_path)).agrees


async def test_only_the_period_is_compared_and_a_call_after_midnight_is_joined(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await portal.verify()
    journal = await scene.journal()
    asked = scene.clock.now()
    later = Period(asked + timedelta(hours=1), asked + timedelta(hours=2))
    assert (await compare(scene, [], tmp_path, later)).counts()["questions"] == 0
    journal[0]["at"] = (asked + timedelta(seconds=90)).isoformat()
    just_before = Period(asked - timedelta(hours=1), asked + timedelta(seconds=60))
    found = await compare(scene, journal, tmp_path, just_before)
    assert found.agrees
    assert found.joined == 1


async def test_a_row_keeps_a_keyed_mac_of_what_it_sent_and_not_the_digest(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    (logged,) = await scene.journal()
    rows = [row for row in await scene.audit() if row.get("request_code")]
    keys = scene.gateway.places[Profile.SANDBOX].keys
    assert [row["kind"] for row in rows] == ["intended", "answered"]
    expected = keys.pseudonym("content", rows[0]["organisation"], logged["body_sha256"])
    assert {row["content"] for row in rows} == {expected}
    assert rows[0]["citizen_key"] == keys.current(Purpose.PSEUDONYM).kid
    assert logged["body_sha256"][:40] not in json.dumps(rows)


GOOD = {
    "n": 1,
    "at": "2022-05-14T01:00:00Z",
    "environment": "test",
    "operation": "XacThucThongTinCongDan",
    "account": "dvctt-hanoi",
    "ma_yeu_cau": "GW-1",
    "outcome": "found",
    "body_sha256": "a" * 64,
}


@pytest.mark.parametrize(
    "written",
    [
        json.dumps({"entries": [GOOD, GOOD]}),
        json.dumps([GOOD, GOOD]),
        f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}\n",
    ],
    ids=["an object", "an array", "lines"],
)
def test_a_log_is_read_as_an_object_an_array_or_lines(tmp_path: Path, written: str) -> None:
    file = tmp_path / "c06.json"
    file.write_text(written, encoding="utf-8")
    assert [each.request_code for each in read_journal(file)] == ["GW-1", "GW-1"]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "empty"),
        ("nothing", "line 1: not JSON"),
        ("[" * 100_000, "line 1: not JSON"),
        ("3", "expected {"),
        ('{"entries": 3}', "expected {"),
        ('{"entries": [3]}', "entry 1: expected an object"),
        (json.dumps({"entries": [], "next_after": 7}), "one page of several"),
        (json.dumps([GOOD | {"account": "\x1b[2J"}]), "entry 1: account: expected"),
        (json.dumps([GOOD | {"ma_yeu_cau": 7}]), "entry 1: ma_yeu_cau: expected"),
        (json.dumps([GOOD, GOOD | {"at": "yesterday"}]), "entry 2: at: expected"),
        (json.dumps([GOOD | {"at": "2022-05-14T01:00:00"}]), "entry 1: at: expected"),
        (json.dumps([GOOD | {"body_sha256": "A" * 64}]), "entry 1: body_sha256: expected"),
        (json.dumps([GOOD | {"outcome": None}]), "entry 1: outcome: expected"),
        (json.dumps([GOOD | {"n": True}]), "entry 1: n: expected"),
        (
            json.dumps([GOOD]).replace('"outcome"', '"outcome": "refused", "outcome"'),
            "a member is there twice",
        ),
        (json.dumps(GOOD) + '\n{"n": 1, "n": 2}\n', "line 2: a member is there twice"),
        (f"[{'{},' * (20 * MAX_ENTRIES // 2)}{{}}]", "over 200000 entries"),
    ],
)
def test_a_malformed_log_is_refused_as_a_whole_with_the_entry(
    tmp_path: Path, written: str, reason: str
) -> None:
    file = tmp_path / "c06.json"
    file.write_text(written, encoding="utf-8")
    with pytest.raises(JournalInvalid) as refused:
        read_journal(file)
    assert reason in str(refused.value)


def test_a_log_over_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "c06.json"
    with file.open("wb") as opened:
        opened.truncate(MAX_BYTES + 1)
    with pytest.raises(JournalInvalid, match="over 64 MiB"):
        read_journal(file)
