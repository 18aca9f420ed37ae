"""Searches find rows by account, procedure, outcome, request id and time, a page at a time."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.clock import Period, parse_instant
from gateway.identifiers import new_timed_identifier
from gateway.inspection.store import search
from tests.kit.audit import entry
from tests.kit.scene import AN, Portal, Scene

EVER = Period()


async def test_each_option_narrows_and_the_rows_come_newest_first(scene: Scene, portal: Portal) -> None:
    database = scene.gateway.deps.database
    other = await scene.portal()
    first = await portal.verify()
    await portal.verify(procedure="ket-hon", claim=AN | {"full_name": "Nguyễn Văn Bình"})
    await other.verify()
    mine = await search(database, {"client_id": portal.client_id}, period=EVER)
    assert {row["client_id"] for row in mine.rows} == {portal.client_id}
    assert [row["entry"] for row in mine.rows] == sorted((row["entry"] for row in mine.rows), reverse=True)
    by_procedure = await search(
        database, {"client_id": portal.client_id, "procedure": "ket-hon"}, period=EVER
    )
    assert [row["outcome"] for row in by_procedure.rows if row["kind"] == "answered"] == ["not_confirmed"]
    by_outcome = await search(database, {"outcome": "confirmed"}, period=EVER)
    assert {row["client_id"] for row in by_outcome.rows} == {portal.client_id, other.client_id}
    by_request = await search(database, {"request_id": first.headers["X-Request-Id"]}, period=EVER)
    assert [row["kind"] for row in by_request.rows] == ["answered", "intended"]
    assert all("state" not in row for row in mine.rows)


async def test_a_page_says_where_the_next_one_begins(scene: Scene, portal: Portal) -> None:
    for number in range(4):
        await portal.verify(dossier=f"HN-{number}", procedure="khai-sinh")
    database, equals = scene.gateway.deps.database, {"client_id": portal.client_id}
    whole = await search(database, equals, period=EVER)
    assert whole.before is None
    pages: list[Mapping[str, Any]] = []
    before: int | None = None
    while True:
        page = await search(database, equals, period=EVER, before=before, most=2)
        pages += page.rows
        before = page.before
        if before is None:
            break
    assert pages == list(whole.rows)


async def test_a_period_is_found_among_many_days(scene: Scene) -> None:
    days, database = [], scene.gateway.deps.database
    for _ in range(9):
        days.append(scene.clock.now())
        await (await scene.portal()).verify()
        scene.clock.advance(86_400)
    for day in days:
        period = Period(day, day + timedelta(days=1))
        found = await search(database, {"outcome": "confirmed"}, period=period)
        assert len(found.rows) == 1
        assert day <= parse_instant(found.rows[0]["at"]) < day + timedelta(days=1)
    assert len((await search(database, {"outcome": "confirmed"}, period=Period(days[7]))).rows) == 2
    assert len((await search(database, {"outcome": "confirmed"}, period=Period(None, days[7]))).rows) == 7


@pytest.mark.parametrize(
    "text", ["0001-01-01", "0001-01-02", "0001-01-01T00:00:00Z", "9999-12-31", "9999-12-31T23:59:59Z"]
)
def test_an_instant_that_has_no_day_before_or_after_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 1900 to 2199"):
        parse_instant(text)


async def test_the_first_second_of_a_period_is_in_it_whatever_the_collation(scene: Scene) -> None:
    database, start = scene.gateway.deps.database, datetime(2026, 3, 1, tzinfo=UTC)
    if not database.embedded:  # as in a database whose default is not C
        async with database.write() as connection:
            body = sa.text('ALTER TABLE audit_entries ALTER body TYPE text COLLATE "en-US-x-icu"')
            await connection.execute(body)
    at = [start - timedelta(microseconds=1), start, start + timedelta(milliseconds=500)]
    await scene.gateway.deps.audit.record(*(entry(at=each) for each in at))
    hour = timedelta(hours=1)
    found = [
        await search(database, {}, period=each)
        for each in (Period(start, start + hour), Period(start - hour, start))
    ]
    assert [len(each.rows) for each in found] == [2, 1]


async def test_an_entry_of_a_clock_that_was_hours_off_is_found_by_its_own_time(scene: Scene) -> None:
    before = scene.clock.now()
    await (await scene.portal()).verify()
    scene.clock.advance(-6 * 3_600)
    wrong = scene.clock.now()
    await (await scene.portal()).verify(procedure="ket-hon")
    found = await search(
        scene.gateway.deps.database, {"kind": "answered"}, period=Period(wrong, wrong + timedelta(hours=1))
    )
    assert [row["procedure"] for row in found.rows] == ["ket-hon"]
    assert wrong < before


@pytest.mark.parametrize(
    ("equals", "index"),
    [
        ({"client_id": "acc_1"}, "ix_audit_entries_client_id_id"),
        ({"request_id": "req_1"}, "ix_audit_entries_request_id"),
    ],
    ids=["account", "request id"],
)
async def test_a_search_reads_by_its_index(scene: Scene, equals: dict[str, str], index: str) -> None:
    (name,), (value,) = equals.keys(), equals.values()
    text = f"SELECT id FROM audit_entries WHERE {name} = '{value}' ORDER BY id DESC LIMIT 100"
    async with scene.gateway.deps.database.read() as connection:
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        if connection.dialect.name == "postgresql":  # which reads a small table as a whole
            await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = [str(step) for step in await connection.execute(sa.text(f"{explain} {text}"))]
    assert any(index in step for step in plan), plan


def test_the_ids_of_later_calls_sort_higher_and_contain_no_long_number() -> None:
    begin = datetime(2026, 11, 28, tzinfo=UTC)
    ids = [new_timed_identifier("req", begin + timedelta(milliseconds=7 * step)) for step in range(2_000)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"req_[a-z]{9}[a-z2-7]{16}", each) for each in ids)
    assert new_timed_identifier("req", begin) != new_timed_identifier("req", begin)
    assert new_timed_identifier("req", begin) < new_timed_identifier("req", begin + timedelta(days=365 * 50))
