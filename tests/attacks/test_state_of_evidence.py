"""Threat 54: an edit of rows outside the chain that decide about rights or evidence is found.

First a whole story runs, so that every covered table has rows; then each column of each table is changed,
and rows are deleted, inserted and swapped, by a second store without the observer, as an attacker with the
database would.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from itertools import zip_longest
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st

from gateway import deployment
from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.audit.model import Kind
from gateway.audit.state import BASELINE, COVERED, NOT_COVERED, row_digest
from gateway.audit.state_check import StateReport
from gateway.audit.verify import verify_audit, verify_state
from gateway.cleanup import PATIENCE, clean_up
from gateway.errors.operators import AuditBroken
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.profiles.key_rotation import rotate_keys
from gateway.schema import NEWEST, all_tables, migrate
from gateway.storage.database import Transaction
from tests.attacks.evidence import another, find_broken, run_story, store_of, tampering, trust_of
from tests.gateway.test_schema import config
from tests.kit.audit import entry
from tests.kit.scene import AN, Portal, Scene
from tests.kit.stores import opened

TABLES = {table.name: table for table in all_tables()}
BEFORE = str(ScriptDirectory.from_config(config()).get_revision("0016").down_revision)
"""The schema of a version that put no state in evidence."""


async def tell_story(scene: Scene) -> None:
    """Run the story; at its end the state agrees with the audit, and every covered table has rows."""
    await run_story(scene)
    report = await verify_state(store_of(scene), trust=await trust_of(scene))
    assert isinstance(report, StateReport)
    assert report.baselines == ()
    assert [name for name, count in report.tables.items() if count < 2] == []


async def test_threat_54_an_edit_of_any_column_of_any_covered_row_is_found(scene: Scene) -> None:
    """A check of the store finds the edits of all tables: as many findings as edits, of which it names the first."""
    await tell_story(scene)
    missed: list[str] = []
    for columns in edited_together():
        async with AsyncExitStack() as edits:
            rows = [await edits.enter_async_context(_edited(scene, column)) for column in columns]
            found = await find_broken(scene)
        covered = [
            column.table.name for column in columns if column.name not in COVERED[column.table.name].left_out
        ]
        allowed = {1, 2} if len(columns) == len(covered) == 1 else {len(covered)}  # another primary key: two
        if count_findings(found) not in allowed or (covered and not is_named(covered[0], found)):
            missed.append(f"{[*map(str, columns)]}: {found!r} after {rows!r}")
    assert missed == []
    assert await find_broken(scene) == ""


def count_findings(found: str) -> int:
    """Return the number of findings that a check names or counts."""
    more = re.search(r" \(and (\d+) more\)$", found)
    return bool(found) + int(more[1] if more else 0)


def edited_together() -> Iterator[list[sa.Column[Any]]]:
    """Return columns that are edited together, one of each table; alone those of a primary key and of `keys`.

    Another primary key is another row: two findings. An edit of a key ends the check.
    """
    tables = [TABLES[name] for name in COVERED]
    others = []
    for table in tables:
        alone = table.columns if table.name == "keys" else table.primary_key.columns
        yield from ([column] for column in alone)
        others.append([column for column in table.columns if column not in {*alone}])
    for columns in zip_longest(*others):
        yield [column for column in columns if column is not None]


def is_named(table: str, found: str, word: str = r"\w+") -> bool:
    """Return whether a finding names a row of the table; or of the keys, which are sealed to their rows and counted."""
    keys = r"keys: the \w+ key \d+ \(\w+\) is missing|the table keys: a row of the \w+ keys was changed"
    named = rf"{table}/.*: {word} outside the audit"
    return re.match(f"{named}|{keys}" if table == "keys" else named, found) is not None


@asynccontextmanager
async def _edited(scene: Scene, column: sa.Column[Any]) -> AsyncIterator[Any]:
    """Change one value of one row during a block; restore it at the end."""
    table = TABLES[column.table.name]
    async with tampering(scene) as connection:
        row = (await connection.execute(sa.select(table).order_by(*table.primary_key))).mappings().first()
        assert row is not None, table.name
        before = dict(row)
        after = before | {column.name: another(before[column.name], column)}
        await connection.execute(sa.update(table).where(_is(table, before)).values(after))
    yield before[column.name]
    async with tampering(scene) as connection:
        await connection.execute(sa.update(table).where(_is(table, after)).values(before))


def _is(table: sa.Table, row: dict[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == row[column.name] for column in table.primary_key))


async def test_threat_54_rows_deleted_inserted_or_swapped_are_found_in_each_table(scene: Scene) -> None:
    await tell_story(scene)
    for name, covered in COVERED.items():
        table = TABLES[name]
        async with tampering(scene) as connection:
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
        for word, old, new in acts[: 2 if covered.may_be_deleted else 3]:
            async with _replaced(scene, table, old, new):
                assert is_named(name, await find_broken(scene), word)
    assert await find_broken(scene) == ""


@asynccontextmanager
async def _replaced(
    scene: Scene, table: sa.Table, old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> AsyncIterator[None]:
    """Replace some rows during a block."""
    for gone, come in ((old, new), (new, old)):
        async with tampering(scene) as connection:
            for row in gone:
                await connection.execute(sa.delete(table).where(_is(table, row)))
            for row in come:
                await connection.execute(sa.insert(table), row)
        if gone is old and come is new:
            yield


async def test_threat_54_an_edit_that_a_later_change_of_the_row_overwrites_is_still_found(
    scene: Scene, portal: Portal
) -> None:
    """Resuming writes a new digest of the row and records what the row was before."""
    async with tampering(scene) as connection:
        await connection.execute(
            sa.text("UPDATE accounts SET bearer_allowed = :b, name = 'mine'"), {"b": False}
        )
    await change_state(scene.gateway.deps, portal.client_id, AccountState.SUSPENDED)
    found = await find_broken(scene)
    said = re.fullmatch(
        rf"accounts/{portal.client_id}: changed outside the audit before its row (\d+)", found
    )
    assert said is not None
    with pytest.raises(AuditBroken):
        await verify_state(store_of(scene), reported=int(said[1]) - 1)
    await verify_state(store_of(scene), reported=int(said[1]))


async def test_threat_54_a_finding_contains_no_personal_data_of_anybody(scene: Scene, portal: Portal) -> None:
    await portal.receipt()
    async with tampering(scene) as connection:
        await connection.execute(sa.text("UPDATE verifications SET dossier = 'another'"))
        await connection.execute(sa.text("DELETE FROM account_officers"))
    found = await find_broken(scene)
    assert re.fullmatch(r"account_officers/acc_\w+/[\w-]+: deleted outside the audit \(and 1 more\)", found)
    rows = json.dumps(await scene.audit(), ensure_ascii=False)
    assert not [value for value in (*AN.values(), "can.bo.01") if value in rows + found]


async def test_threat_54_changing_or_adding_the_end_of_a_key_is_found(scene: Scene) -> None:
    """First keys are made without an audit row: as long as they have none, they must be unchanged."""
    await rotate_keys(scene.gateway, Purpose.TOKEN, [Profile.SANDBOX])
    for purpose, end in ((Purpose.TOKEN, None), (Purpose.DATA, scene.clock.now())):
        table = TABLES["keys"]
        own = (table.c.purpose == purpose.value, table.c.serial == 1, table.c.profile == "sandbox")
        async with tampering(scene) as connection:
            query = sa.select(table.c.accepted_until).where(*own)
            before = (await connection.execute(query)).scalar_one()
            await connection.execute(sa.update(table).where(*own).values(accepted_until=end))
        assert re.fullmatch(r"keys/key_\w+: \w+ outside the audit", await find_broken(scene))
        async with tampering(scene) as connection:
            await connection.execute(sa.update(table).where(*own).values(accepted_until=before))
        assert await find_broken(scene) == ""


async def test_threat_54_a_row_moved_to_another_month_is_found_before_that_month_is_dropped(
    scene: Scene, portal: Portal
) -> None:
    await portal.receipt()
    async with tampering(scene) as connection:
        last = await connection.scalar(sa.text("SELECT max(id) FROM audit_entries"))
        await connection.execute(sa.text(f"UPDATE audit_entries SET month = '2019-01' WHERE id = {last}"))
    with pytest.raises(AuditBroken, match=f"^waiting entry {last}: column month differs from its content$"):
        await verify_audit(store_of(scene))


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        ("{open}", r"waiting entry \d+: no answer, though deployment/audit_settled is at entry \d+"),
        ("{ahead}", r"row \d+: missing, deployment/audit_settled is at entry \d+"),
        ("-1", "deployment/audit_settled: not the id of an entry"),
        ("soon", "deployment/audit_settled: not the id of an entry"),
    ],
)
async def test_threat_54_moving_a_mark_past_an_open_question_is_found(
    scene: Scene, portal: Portal, mark: str, reason: str
) -> None:
    """The cleanup looks for questions of dead workers only after this mark."""
    await portal.receipt()
    await scene.gateway.deps.audit.record(entry(kind=Kind.INTENDED, request_code="of-a-worker-that-died"))
    last = (await verify_audit(store_of(scene))).rows
    async with tampering(scene) as connection:
        value = mark.format(open=last, ahead=last + 1)
        await connection.execute(sa.insert(deployment.deployment).values(name="audit_settled", value=value))
    with pytest.raises(AuditBroken, match=f"^{reason}$"):
        await verify_audit(store_of(scene))


async def test_the_mark_that_the_cleanup_sets_is_accepted_as_right(scene: Scene, portal: Portal) -> None:
    await portal.receipt()
    await scene.gateway.deps.audit.record(entry(kind=Kind.INTENDED, request_code="of-a-worker-that-died"))
    scene.clock.advance(PATIENCE.total_seconds() + 1)
    await clean_up(scene.gateway.deps)
    await verify_state(store_of(scene))


async def test_three_statements_and_one_row_end_a_family_of_any_size(scene: Scene, portal: Portal) -> None:
    """The cleanup reads, ends and reads back all verifications of one root together."""
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


async def test_a_verification_enters_the_evidence_without_an_extra_statement(
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


async def test_a_write_to_a_covered_table_outside_a_record_is_refused(scene: Scene, portal: Portal) -> None:
    with pytest.raises(RuntimeError, match="accounts is written outside a record of the audit"):
        async with store_of(scene).write() as transaction:
            await transaction.execute(sa.update(TABLES["accounts"]).values(name="mine"))

    async def change(transaction: Transaction) -> None:
        await transaction.execute(sa.update(TABLES["accounts"]).values(name="mine"))

    async def decide(transaction: Transaction) -> tuple[list[Any], None]:
        await change(transaction)
        return [], None

    with pytest.raises(RuntimeError, match=f"accounts/{portal.client_id} was changed by a record without"):
        await scene.gateway.deps.audit.commit(decide)
    await verify_state(store_of(scene))


async def test_a_store_of_an_older_version_is_adopted_once_and_covered_from_then_on(
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


async def test_a_fresh_store_starts_without_a_baseline_row(scene: Scene) -> None:
    assert (await verify_state(store_of(scene))).baselines == ()
    assert BASELINE not in {row.get("outcome") for row in await scene.audit()}


_VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.lists(st.text())
_ROWS = st.dictionaries(st.sampled_from([column.name for column in TABLES["accounts"].columns]), _VALUES)


@given(_ROWS, _ROWS)
def test_two_rows_that_differ_have_two_different_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    def digested(row: dict[str, Any]) -> dict[str, Any]:
        return {name: repr(value) for name, value in row.items() if value is not None}

    same = row_digest("accounts", one) == row_digest("accounts", other)
    assert same == (digested(one) == digested(other)) or any(
        isinstance(value, bytes) for value in one.values()
    )


def test_live_and_expired_are_one_state_in_a_digest_and_no_others_are() -> None:
    digests = [row_digest("verifications", {"id": "ver_1", "state": state}) for state in ("live", "expired")]
    assert len(set(digests)) == 1
    assert row_digest("verifications", {"id": "ver_1", "state": "revoked"}) not in digests


def test_every_column_left_out_of_a_digest_has_a_stated_reason() -> None:
    reasons = [
        *NOT_COVERED.values(),
        *(each for rules in COVERED.values() for each in rules.left_out.values()),
    ]
    assert all(len(reason.split()) > 1 for reason in reasons)
