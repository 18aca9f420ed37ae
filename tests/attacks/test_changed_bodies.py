"""Threat 38: an entry whose body somebody changed to what is no entry hides no other one from those who read the audit."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.store import list_enquiries
from gateway.cleanup import PATIENCE, close_orphans
from gateway.clock import Period, Week, today
from gateway.identifiers import Profile
from gateway.inspection.export import _line
from gateway.inspection.journal import read_journal
from gateway.inspection.reconcile import reconcile
from gateway.inspection.store import find_affected, find_rows, list_rows, search
from gateway.reports.figures import report_json
from gateway.reports.use_cases import make_weekly_report
from tests.kit.audit import SignedLog, entry
from tests.kit.enquiries import person
from tests.kit.scene import Portal, Scene

BINH = person("001091000456", "Trần Thị Bình", "1991-02-03")
NO_ENTRIES = ("'x'", "''", "'5'", "'[]'", "'{\"at\":5}'", "repeat('[', 100000)")
OF_OTHER_TYPES: tuple[dict[str, Any] | None, ...] = (
    None,
    {"request_code": {"a": 1}},
    {"outcome": ["x", []]},
    {"citizen": 5, "act": {}},
    {"fields": 5},
    {"fields": [[]]},
    {"count": "x", "state": []},
    {"profile": []},
)
ON_SQLITE = ("'x'", "x'ff'", "CAST(x'7bff7d' AS TEXT)", "9223372036854775807", "'{\"at\":null}'")


async def change(signed: SignedLog, value: str) -> None:
    await signed.change_row(f"UPDATE audit_entries SET body = {value} WHERE id = 2")


async def test_threat_38_a_body_that_is_no_entry_hides_no_other_from_those_who_read_the_audit(
    signed: SignedLog,
) -> None:
    at = entry().at
    day = Period(at - timedelta(days=1), at + timedelta(days=1))
    for value in ON_SQLITE if signed.database.embedded else NO_ENTRIES:
        await change(signed, value)
        found = (await search(signed.database, {}, period=Period())).rows
        assert [(each["row"], each["kind"]) for each in found][3:] == [
            (3, "answered"),
            (2, "unreadable"),
            (1, "answered"),
        ]
        assert len((await search(signed.database, {"outcome": "confirmed"}, period=day)).rows) == 5
        with capture_logs() as logs:
            ledger, _ = await list_enquiries(
                signed.database, profile=Profile.SANDBOX, organisation="000.00.01.H26", citizens=["c" * 40]
            )
        assert [each["act"] for each in ledger] == ["act_0", "act_2", "act_3", "act_4", "act_5"]
        assert logs == [{"event": "audit_entries_unreadable", "log_level": "error", "entries": 1}]
        async with signed.database.read() as connection:
            assert await find_rows(connection, day) == (1, 6)
            lines = [json.loads(_line(row)) for row in await list_rows(connection, first=1, last=6, most=9)]
        assert ["act" in each for each in lines] == [True, False, True, True, True, True]
        assert lines[1]["row"] == 2


@pytest.mark.parametrize("body", ["{", '{"at":"x","kind":"answered"}'])
async def test_threat_38_what_only_looks_like_an_entry_is_unreadable_in_a_search(
    signed: SignedLog, body: str
) -> None:
    await change(signed, f"'{body}'")
    found = (await search(signed.database, {}, period=Period())).rows
    assert [each["entry"] for each in found if each["kind"] == "unreadable"] == [2]
    assert all(datetime.fromisoformat(each["at"]) for each in found if each["at"])


async def test_threat_38_a_changed_entry_ends_no_report_no_reconciliation_and_no_list_of_affected_people(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await portal.verify()
    await scene.set_person(**BINH)
    await portal.verify(claim=BINH)
    database = scene.gateway.deps.database
    first = "request_code = (SELECT min(request_code) FROM audit_entries)"
    async with database.read() as connection:
        query = sa.text(f"SELECT id, body FROM audit_entries WHERE {first}")
        rows = [tuple(row) for row in await connection.execute(query)]
    assert len(rows) == 2
    log = tmp_path / "c06.json"
    log.write_text(json.dumps({"entries": await scene.journal()}), encoding="utf-8")
    keys = {place.profile: place.keys for place in scene.gateway.places.values()}
    year, week, _ = today(scene.clock).isocalendar()
    for members in OF_OTHER_TYPES:
        async with database.write() as connection:
            for number, body in rows:
                changed = "x" if members is None else json.dumps(json.loads(body) | members)
                update = sa.text("UPDATE audit_entries SET body = :body WHERE id = :number")
                await connection.execute(update, {"body": changed, "number": number})
        told = report_json(await make_weekly_report(database, Week(year, week)))
        assert (told["enquiries"]["asked"], told["enquiries"]["confirmed"]) == (1, 1), members
        (affected,) = await find_affected(database, portal.client_id, Period())
        assert len(affected.acts) == 1, members
        found = await reconcile(database, read_journal(log), keys=keys, period=Period())
        assert (found.questions, found.calls, found.joined) == (1, 2, 1), members


async def test_threat_38_a_question_whose_code_is_no_text_delays_the_closing_of_no_other(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    database, audit = scene.gateway.deps.database, scene.gateway.deps.audit
    change_all = sa.text("UPDATE audit_entries SET body = replace(body, :before, :after)")
    codes = {"before": '"request_code":"', "after": '"request_code":{"a":1},"reason":"'}
    async with database.write() as connection:
        assert (await connection.execute(change_all, codes)).rowcount > 1
    scene.clock.advance(PATIENCE.total_seconds() + 5)
    await close_orphans(database, audit, now=scene.clock.now())
