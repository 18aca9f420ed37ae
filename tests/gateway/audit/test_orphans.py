"""A worker died after a question: any later worker closes the question as unknown, once, and not before `PATIENCE`."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from gateway import deployment
from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, EntryMacs, Kind, find_entry, leaf_hash
from gateway.audit.store import audit_entries, audit_waiting, stream_bodies
from gateway.audit.verify import verify_audit
from gateway.cleanup import PATIENCE, clean_up, close_orphans
from gateway.keys.model import Purpose
from gateway.keys.vault import make_key
from gateway.storage.database import Database
from tests.kit.audit import MACS, entry
from tests.kit.scene import Portal, Scene
from tests.kit.stores import opened

LONG_AGO = entry().at
LATER = LONG_AGO + PATIENCE + timedelta(seconds=1)


def intended(code: str, **members: object) -> AuditEntry:
    return entry(kind=Kind.INTENDED, request_code=code, outcome=None, **members)


def answered(code: str) -> AuditEntry:
    return entry(kind=Kind.ANSWERED, request_code=code)


async def close(database: Database, *, now: datetime = LATER) -> int:
    return await close_orphans(database, AuditLog(database, MACS), now=now)


def test_an_entry_is_read_as_it_was_written() -> None:
    made = intended("GW-1", fields=("full_name", "gender"), legal_basis=("a",), dossier="HN-1")
    assert find_entry(made.canonical()) == made


async def test_what_has_no_answer_is_closed_as_unknown_once(database_url: str) -> None:
    async with opened(database_url) as database:
        log = AuditLog(database, MACS)
        await log.record(intended("GW-1"), intended("GW-2"), intended("GW-3"))
        await log.record(answered("GW-2"))
        assert (await close(database), await close(database)) == (2, 0)
        head = await verify_audit(database)
    assert head.rows == 6


async def test_an_orphans_last_row_says_what_its_first_said(scene: Scene) -> None:
    log = scene.gateway.deps.audit
    await log.record(intended("GW-1", act="act_lost", dossier="HN-1", at=scene.clock.now()))
    await clean_up(scene.gateway.deps)
    assert [row["kind"] for row in await scene.audit() if row["kind"] != "local"] == ["intended"]
    scene.clock.advance(PATIENCE.total_seconds() + 1)
    await clean_up(scene.gateway.deps)

    first, last = [row for row in await scene.audit() if row["kind"] != "local"]
    assert last == first | {"kind": "answered", "outcome": "outcome_unknown", "at": last["at"]}


async def test_a_question_that_may_still_be_answered_is_left_alone(database_url: str) -> None:
    async with opened(database_url) as database:
        log = AuditLog(database, MACS)
        await log.record(intended("GW-1"), intended("GW-2", at=LATER))
        assert await close(database) == 1
        assert (await verify_audit(database)).rows == 3


AN_HOUR_AHEAD = LATER + timedelta(hours=1)


async def read_mark(database: Database) -> int:
    async with database.read() as connection:
        return await deployment.read_settled(connection)


@pytest.mark.parametrize("later", [2, 1100])  # also more than a page
async def test_a_question_dated_ahead_delays_no_later_one_and_is_closed_in_its_time(
    database_url: str, later: int
) -> None:
    async with opened(database_url) as database:
        log = AuditLog(database, MACS)
        await log.record(intended("GW-1"), intended("GW-ahead", at=AN_HOUR_AHEAD))
        await log.record(*(intended(f"GW-later-{number}") for number in range(later)))
        assert (await close(database), await close(database)) == (1 + later, 0)
        assert await read_mark(database) == 1
        await verify_audit(database)
        in_time = AN_HOUR_AHEAD + PATIENCE
        assert (await close(database, now=in_time), await close(database, now=in_time)) == (1, 0)
        assert await read_mark(database) == 2 + later
        await verify_audit(database)


async def test_a_held_mark_costs_no_commit_while_later_questions_have_their_answers(
    database_url: str,
) -> None:
    async with opened(database_url) as database:
        log = AuditLog(database, MACS)
        await log.record(intended("GW-ahead", at=AN_HOUR_AHEAD))
        await log.record(*(intended(f"GW-{number}") for number in range(600)))
        assert await close(database) == 600
        again = AuditLog(database, MACS)
        assert await close_orphans(database, again, now=LATER) == 0
        assert again.groups == 1  # that of the page with the question that holds the mark


async def test_a_question_dated_ahead_that_has_its_answer_does_not_hold_the_mark(database_url: str) -> None:
    async with opened(database_url) as database:
        log = AuditLog(database, MACS)
        await log.record(intended("GW-ahead", at=AN_HOUR_AHEAD), answered("GW-ahead"), intended("GW-later"))
        assert await close(database) == 1
        assert await read_mark(database) == 3


@pytest.mark.parametrize("waits", [False, True])
async def test_threat_38_a_forged_question_gets_no_answer_in_the_audit(
    database_url: str, waits: bool
) -> None:
    body = json.loads(intended("GW-forged").canonical())
    text = json.dumps(body)
    forged = {
        "id": 70,
        "month": "2026-11",
        "salt": "",
        "body": text,
        "kind": "intended",
        "leaf": leaf_hash(salt="", body=text),
    }
    async with opened(database_url) as database:
        await AuditLog(database, MACS).record(intended("GW-1"))
        async with database.write() as connection:
            await connection.execute(sa.insert(audit_entries).values(**forged))
            if waits:
                await connection.execute(sa.insert(audit_waiting).values(entry=70))
        assert await close(database) == 1


async def test_threat_38_a_waiting_question_under_an_ended_key_gets_no_answer(database_url: str) -> None:
    made = make_key(None, Purpose.EVIDENCE, serial=1, now=LATER - 3 * PATIENCE)
    newest = make_key(None, Purpose.EVIDENCE, serial=2, now=LATER - 2 * PATIENCE)
    async with opened(database_url) as database:
        await AuditLog(database, EntryMacs([made])).record(intended("GW-1"))
        for ends, closed in ((LATER, 0), (LATER + PATIENCE, 1)):
            macs = EntryMacs([replace(made, accepted_until=ends), newest])
            assert await close_orphans(database, AuditLog(database, macs), now=LATER) == closed


async def test_two_workers_at_once_close_an_orphan_once(database_url: str) -> None:
    async with opened(database_url) as database, opened(database_url) as other:
        await AuditLog(database, MACS).record(*(intended(f"GW-{number}") for number in range(20)))
        closed = await asyncio.gather(close(database), close(other))
        assert sum(closed) == 20
        assert (await verify_audit(database)).rows == 40


async def test_more_orphans_than_a_page_are_all_closed(database_url: str) -> None:
    async with opened(database_url) as database:
        await AuditLog(database, MACS).record(*(intended(f"GW-{number}") for number in range(1203)))
        assert await close(database) == 1203
        assert await close(database) == 0


async def test_after_a_full_run_there_is_nothing_to_close(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    await portal.prefill(receipt, ["full_name", "permanent_residence"])
    rows = len(await scene.audit())
    scene.clock.advance(PATIENCE.total_seconds() + 1)
    await clean_up(scene.gateway.deps)
    assert len(await scene.audit()) == rows


@pytest.mark.parametrize(
    "value", ["'x'", '\'{"at":"2026-11-24","kind":"intended"}\'', "x'ff'", "CAST(x'ff' AS TEXT)"]
)
async def test_threat_38_a_question_that_is_no_entry_any_more_keeps_no_other_one_open(
    database_url: str, value: str
) -> None:
    async with opened(database_url) as database:
        if value.startswith(("x'", "CAST")) and not database.embedded:
            return  # PostgreSQL has types, and checks the encoding
        log = AuditLog(database, MACS)
        await log.record(intended("GW-1"), intended("GW-2"))
        change = f"UPDATE audit_entries SET body = {value} WHERE request_code = 'GW-1'"
        async with database.write() as connection:
            await connection.exec_driver_sql(change)
        assert (await close(database), await close(database)) == (1, 0)
        async with database.walk() as connection:
            assert len([body async for body in stream_bodies(connection)]) == 3
