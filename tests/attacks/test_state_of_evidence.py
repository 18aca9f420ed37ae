"""Threat 54: rows that decide about rights or evidence but stand outside the chain: whoever edits one is found.

A whole story is told first, so that every covered table has rows; then each column of each table is tampered with, and
rows are deleted, inserted and swapped, by a second store that nobody watches, as somebody with the database would.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st

from gateway import deployment
from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import (
    change_state,
)
from gateway.audit.model import Kind
from gateway.audit.orphans import PATIENCE
from gateway.audit.state import BASELINE, COVERED, NOT_COVERED, row_digest
from gateway.audit.use_cases import StateReport, read_audit_head, verify_audit, verify_state
from gateway.database import Instant, Transaction
from gateway.errors.commands import AuditBroken
from gateway.keys.model import Purpose
from gateway.places import Profile
from gateway.profiles.key_rotation import rotate_keys
from gateway.schema import NEWEST, migrate
from gateway.sweeping import sweep
from gateway.tables import all_tables
from tests.attacks.tampering import find_broken, somebody_with_the_database, store_of
from tests.attacks.whole_story import tell
from tests.gateway.audit.entries import entry
from tests.gateway.disposable import opened
from tests.gateway.scene import AN, Portal, Scene
from tests.gateway.test_schema import config

TABLES = {table.name: table for table in all_tables()}
BEFORE = str(ScriptDirectory.from_config(config()).get_revision("0016").down_revision)
"""The schema of a version that put no state in evidence."""


async def test_threat_54_the_state_of_a_whole_story_is_as_the_audit_says(scene: Scene) -> None:
    await tell(scene)
    report = await verify_state(store_of(scene))
    assert isinstance(report, StateReport)
    assert report.baselines == ()
    assert [name for name, count in report.tables.items() if count < 2] == []


async def test_threat_54_an_edit_of_any_column_of_any_covered_row_is_found(scene: Scene) -> None:
    await tell(scene)
    missed: list[str] = []
    for name, covered in COVERED.items():
        table = TABLES[name]
        for column in table.columns:
            async with _edited(scene, table, column) as row:
                found = await find_broken(scene)
            left_out = column.name in covered.left_out
            if bool(found) == left_out or (found and not re.match(rf"{name}/.*outside the audit", found)):
                missed.append(f"{name}.{column.name}: {found!r} after {row!r}")
    assert missed == []
    assert await find_broken(scene) == ""


@asynccontextmanager
async def _edited(scene: Scene, table: sa.Table, column: sa.Column[Any]) -> AsyncIterator[Any]:
    """Change one value of one row while a block runs; put it back at the end."""
    async with somebody_with_the_database(scene) as connection:
        row = (await connection.execute(sa.select(table).order_by(*table.primary_key))).mappings().first()
        assert row is not None, table.name
        before = dict(row)
        after = before | {column.name: another(before[column.name], column)}
        await connection.execute(sa.update(table).where(_is(table, before)).values(after))
    yield before[column.name]
    async with somebody_with_the_database(scene) as connection:
        await connection.execute(sa.update(table).where(_is(table, after)).values(before))


def _is(table: sa.Table, row: dict[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key))


def another(value: Any, column: sa.Column[Any]) -> Any:
    """Return a value that differs, of the column's type."""
    makers: dict[type, Callable[[Any], Any]] = {
        bool: lambda old: not old,
        int: lambda old: (old or 0) + 41,
        str: lambda old: f"{old or ''}x"[-(getattr(column.type, "length", None) or 9999) :],
        datetime: lambda old: (
            (old or datetime.fromisoformat("2026-01-01T00:00:00+00:00")) + timedelta(microseconds=1)
        ),
        bytes: lambda old: (old or b"") + b"x",
        list: lambda old: [*(old or []), "x"],
        dict: lambda old: (old or {}) | {"x": 1},
    }
    empty = datetime if isinstance(column.type, Instant) else column.type.python_type
    kind = empty if value is None else type(value)
    return makers[kind](value)


async def test_threat_54_rows_deleted_inserted_or_swapped_are_found_in_each_table(scene: Scene) -> None:
    await tell(scene)
    for name, covered in COVERED.items():
        table = TABLES[name]
        async with somebody_with_the_database(scene) as connection:
            rows = [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]
        one, other = rows[0], rows[1]
        keys = [column.name for column in table.primary_key]
        unique = [*keys, *(name for name in ("serial",) if name in one)]
        inserted = one | {key: another(one[key], table.c[key]) for key in unique}
        swapped = [one | {key: other[key] for key in keys}, other | {key: one[key] for key in keys}]
        acts = [
            ("inserted", [], [inserted]),
            ("changed", [one, other], swapped),
            ("deleted", [one], []),
        ]
        for word, old, new in acts[: 2 if covered.may_go else 3]:
            async with _replaced(scene, table, old, new):
                assert re.match(rf"{name}/.*: {word} outside the audit", await find_broken(scene))
    assert await find_broken(scene) == ""


@asynccontextmanager
async def _replaced(
    scene: Scene, table: sa.Table, old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> AsyncIterator[None]:
    """Have some rows in the place of others while a block runs."""
    for gone, come in ((old, new), (new, old)):
        async with somebody_with_the_database(scene) as connection:
            for row in gone:
                await connection.execute(sa.delete(table).where(_is(table, row)))
            for row in come:
                await connection.execute(sa.insert(table), row)
        if gone is old and come is new:
            yield


async def test_threat_54_an_edit_that_a_later_act_took_over_is_still_found(
    scene: Scene, portal: Portal
) -> None:
    """Resuming writes the row's digest anew, and with it says what the row was before."""
    async with somebody_with_the_database(scene) as connection:
        await connection.execute(
            sa.text("UPDATE accounts SET bearer_allowed = :b, name = 'mine'"), {"b": False}
        )
    await change_state(scene.gateway.parts, portal.client_id, AccountState.SUSPENDED)
    found = await find_broken(scene)
    said = re.fullmatch(
        rf"accounts/{portal.client_id}: changed outside the audit before its row (\d+)", found
    )
    assert said is not None
    with pytest.raises(AuditBroken):
        await verify_state(store_of(scene), reported=int(said[1]) - 1)
    await verify_state(store_of(scene), reported=int(said[1]))


async def test_threat_54_what_a_finding_says_is_no_personal_data(scene: Scene, portal: Portal) -> None:
    await portal.receipt()
    async with somebody_with_the_database(scene) as connection:
        await connection.execute(sa.text("UPDATE verifications SET dossier = 'another'"))
        await connection.execute(sa.text("DELETE FROM account_officers"))
    found = await find_broken(scene)
    assert re.fullmatch(r"account_officers/acc_\w+/[\w-]+: deleted outside the audit \(and 1 more\)", found)
    rows = json.dumps(await scene.audit(), ensure_ascii=False)
    assert not [value for value in (*AN.values(), "can.bo.01") if value in rows + found]


async def test_threat_54_the_end_of_a_key_moved_or_given_is_found(scene: Scene) -> None:
    """First keys are made without an audit row: without one they must be as they are made."""
    await rotate_keys(scene.gateway, Purpose.TOKEN, [Profile.SANDBOX])
    for purpose, end in ((Purpose.TOKEN, None), (Purpose.DATA, scene.clock.now())):
        table = TABLES["keys"]
        own = (table.c.purpose == purpose.value, table.c.serial == 1, table.c.profile == "sandbox")
        async with somebody_with_the_database(scene) as connection:
            query = sa.select(table.c.accepted_until).where(*own)
            before = (await connection.execute(query)).scalar_one()
            await connection.execute(sa.update(table).where(*own).values(accepted_until=end))
        assert re.fullmatch(r"keys/key_\w+: \w+ outside the audit", await find_broken(scene))
        async with somebody_with_the_database(scene) as connection:
            await connection.execute(sa.update(table).where(*own).values(accepted_until=before))
        assert await find_broken(scene) == ""


async def test_threat_54_a_row_moved_to_another_month_is_found_before_it_is_dropped(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    async with somebody_with_the_database(scene) as connection:
        await connection.execute(sa.text("UPDATE audit_entries SET month = '2019-01' WHERE row = 2"))
    with pytest.raises(AuditBroken, match=r"^row 2: column month differs from its content$"):
        await verify_audit(store_of(scene))


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        ("{open}", r"row \d+: no answer, though deployment/audit_settled is at row \d+"),
        ("{ahead}", r"row \d+: missing, deployment/audit_settled is at row \d+"),
        ("-1", "deployment/audit_settled: not the number of a row"),
        ("soon", "deployment/audit_settled: not the number of a row"),
    ],
)
async def test_threat_54_a_mark_that_hides_an_open_question_is_found(
    scene: Scene, portal: Portal, mark: str, reason: str
) -> None:
    """Up to this mark nobody looks for questions whose worker died."""
    await portal.receipt()
    await scene.gateway.parts.audit.record(entry(kind=Kind.INTENDED, request_code="of-a-worker-that-died"))
    head = await read_audit_head(store_of(scene))
    async with somebody_with_the_database(scene) as connection:
        value = mark.format(open=head.rows, ahead=head.rows + 1)
        await connection.execute(sa.insert(deployment.deployment).values(name="audit_settled", value=value))
    with pytest.raises(AuditBroken, match=f"^{reason}$"):
        await verify_audit(store_of(scene))


async def test_the_mark_that_the_sweeper_sets_itself_is_found_to_be_right(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    await scene.gateway.parts.audit.record(entry(kind=Kind.INTENDED, request_code="of-a-worker-that-died"))
    scene.clock.advance(PATIENCE.total_seconds() + 1)
    await sweep(scene.gateway.parts)
    await verify_state(store_of(scene))


async def test_a_family_of_many_is_ended_by_three_statements_and_one_row(
    scene: Scene, portal: Portal
) -> None:
    """However many are derived from one root: they are read, ended and read back together."""
    for number in range(30):
        await portal.receipt(dossier=f"HN-{number}")
    await scene.set_person(citizen_id=AN["citizen_id"], full_name="Nguyễn Văn Đổi", birth_date="1990-01-31")
    seen: list[str] = []
    engine = store_of(scene).engine.sync_engine

    def note(*event: Any) -> None:
        seen.append(event[2])

    sa.event.listen(engine, "before_cursor_execute", note)
    assert (await portal.verify(fresh=True)).json()["verdict"] == "not_confirmed"
    sa.event.remove(engine, "before_cursor_execute", note)
    whole_rows = [each for each in seen if "FROM verifications" in each and "sealed_claim" in each]
    assert len(whole_rows) <= 3
    ended = (await scene.audit())[-1]
    assert ended["outcome"] == "invalidated"
    assert len([1 for before, after in ended["state"].values() if before and after]) == 30
    await verify_state(store_of(scene))


async def test_a_verification_is_put_in_evidence_without_a_statement_of_its_own(
    scene: Scene, portal: Portal
) -> None:
    seen: list[str] = []
    engine = store_of(scene).engine.sync_engine

    def note(*event: Any) -> None:
        seen.append(event[2])

    sa.event.listen(engine, "before_cursor_execute", note)
    assert (await portal.verify()).status_code == 201
    sa.event.remove(engine, "before_cursor_execute", note)
    whole_rows = [
        each for each in seen if "verifications.sealed_claim" in each and "claim_key IN" not in each
    ]
    assert whole_rows == []
    assert [name for row in await scene.audit() for name in row.get("state", {}) if "verifications" in name]


async def test_a_covered_table_is_not_written_outside_a_record(scene: Scene, portal: Portal) -> None:
    with pytest.raises(RuntimeError, match="accounts is written outside a record of the audit"):
        async with store_of(scene).write() as transaction:
            await transaction.execute(sa.update(TABLES["accounts"]).values(name="mine"))

    async def change(transaction: Transaction) -> None:
        await transaction.execute(sa.update(TABLES["accounts"]).values(name="mine"))

    async def decide(transaction: Transaction) -> list[Any]:
        await change(transaction)
        return []

    with pytest.raises(RuntimeError, match=f"accounts/{portal.client_id} was changed by a record without"):
        await scene.gateway.parts.audit.commit(decide)
    await verify_state(store_of(scene))


async def test_a_store_of_an_older_version_is_taken_over_once_and_then_vouched_for(
    database_url: str,
) -> None:
    at = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    async with opened(database_url) as database:
        async with database.write() as connection:
            await connection.run_sync(lambda sync: command.downgrade(config(sync), BEFORE))
            rows = [{"id": f"id.{number}", "name": "an office", "created_at": at} for number in range(1100)]
            await connection.execute(sa.insert(TABLES["organisations"]), rows)
        assert await migrate(database) == (BEFORE, NEWEST)
        report = await verify_state(database)
        assert (report.tables["organisations"], report.baselines) == (1100, (1, 2, 3))

        async with database.write() as connection:
            await connection.execute(sa.insert(TABLES["organisations"]), rows[0] | {"id": "mine"})
            await connection.run_sync(lambda sync: command.downgrade(config(sync), BEFORE))
        await migrate(database)
        with pytest.raises(AuditBroken, match=r"^organisations/mine: inserted outside the audit"):
            await verify_state(database)


async def test_a_fresh_store_begins_without_a_baseline(scene: Scene) -> None:
    assert (await verify_state(store_of(scene))).baselines == ()
    assert BASELINE not in {row.get("outcome") for row in await scene.audit()}


_VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.lists(st.text())
_ROWS = st.dictionaries(st.sampled_from([column.name for column in TABLES["accounts"].columns]), _VALUES)


@given(_ROWS, _ROWS)
def test_two_rows_that_differ_have_two_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    def told(row: dict[str, Any]) -> dict[str, Any]:
        return {name: repr(value) for name, value in row.items() if value is not None}

    same = row_digest("accounts", one) == row_digest("accounts", other)
    assert same == (told(one) == told(other)) or any(isinstance(value, bytes) for value in one.values())


def test_live_and_expired_are_one_state_and_nothing_else_is() -> None:
    digests = [row_digest("verifications", {"id": "ver_1", "state": state}) for state in ("live", "expired")]
    assert len(set(digests)) == 1
    assert row_digest("verifications", {"id": "ver_1", "state": "revoked"}) not in digests


def test_every_reason_to_leave_something_out_is_given() -> None:
    reasons = [
        *NOT_COVERED.values(),
        *(each for rules in COVERED.values() for each in rules.left_out.values()),
    ]
    assert all(len(reason.split()) > 1 for reason in reasons)
