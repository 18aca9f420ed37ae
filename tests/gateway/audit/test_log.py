"""Appending: with its change or not at all, in one order, whoever appends."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, Kind
from gateway.audit.store import audit_entries, audit_waiting, list_enquiries
from gateway.audit.verify import verify_audit
from gateway.deployment import deployment
from gateway.identifiers import Profile
from gateway.storage.database import Transaction
from tests.kit.audit import MACS, entry
from tests.kit.stores import opened

WORDS = st.text(max_size=30)


@given(
    outcome=WORDS,
    dossier=st.none() | WORDS,
    fields=st.lists(WORDS, max_size=4).map(tuple),
    kind=st.sampled_from(Kind),
    profile=st.none() | st.sampled_from(Profile),
    at=st.datetimes(timezones=st.just(UTC)),
)
def test_a_body_is_one_json_text_that_says_what_was_recorded(
    outcome: str,
    dossier: str | None,
    fields: tuple[str, ...],
    kind: Kind,
    profile: Profile | None,
    at: datetime,
) -> None:
    made = AuditEntry(
        at=at, kind=kind, profile=profile, act="a", outcome=outcome, dossier=dossier, fields=fields
    )
    body = made.canonical()
    members = json.loads(body)
    assert datetime.fromisoformat(members.pop("at")) == at
    expected = {
        "kind": kind.value,
        "profile": profile,
        "act": "a",
        "outcome": outcome,
        "dossier": dossier,
        "fields": list(fields) or None,
    }
    assert members == {name: value for name, value in expected.items() if value is not None}
    assert body == made.canonical()


async def test_rows_that_were_recorded_verify_and_count(database_url: str) -> None:
    async with opened(database_url) as database:
        log = AuditLog(database, MACS)
        await log.record(
            entry(outcome='"\n\\ ứ \u2028'), entry(citizen=None, organisation=None, profile=None)
        )
        found = await verify_audit(database)
        assert (found.rows, found.waiting, found.size) == (2, 2, 0)


async def test_threat_39_concurrent_workers_append_in_one_order_without_gap(database_url: str) -> None:
    """Several engines stand for several workers on PostgreSQL; SQLite has one worker, many requests."""
    workers = 4 if database_url.startswith("postgresql") else 1
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(database_url)) for _ in range(workers)]
        logs = [AuditLog(database, MACS) for database in databases]
        records = [
            logs[number % workers].record(entry(act=f"first{number}"), entry(act=f"then{number}"))
            for number in range(60)
        ]
        await asyncio.gather(*records)
        assert (await verify_audit(databases[0])).rows == 120
        async with databases[0].read() as connection:
            acts = (
                await connection.execute(sa.select(audit_entries.c.body).order_by(audit_entries.c.id))
            ).scalars()
            order = [json.loads(body)["act"] for body in acts]
        # Entries of two workers may stand between those of one record; each record keeps its own order.
        assert all(order.index(f"first{number}") < order.index(f"then{number}") for number in range(60))


async def test_a_change_that_fails_keeps_neither_itself_nor_its_entry(database_url: str) -> None:
    async def change(transaction: Transaction) -> None:
        await transaction.execute(sa.insert(deployment).values(name="half", value="done"))
        raise LookupError

    async with opened(database_url) as database:
        with pytest.raises(LookupError):
            await AuditLog(database, MACS).record(entry(), change=change)
        async with database.read() as connection:
            assert (
                await connection.execute(sa.select(deployment).where(deployment.c.name == "half"))
            ).all() == []
            assert (await connection.execute(sa.select(audit_entries.c.id))).all() == []
            assert (await connection.execute(sa.select(audit_waiting))).all() == []


async def test_a_change_and_its_entry_are_kept_together(database_url: str) -> None:
    async def change(transaction: Transaction) -> None:
        await transaction.execute(sa.insert(deployment).values(name="whole", value="done"))

    async with opened(database_url) as database:
        await AuditLog(database, MACS).record(entry(), change=change)
        async with database.read() as connection:
            kept = sa.select(deployment.c.name).where(deployment.c.value == "done")
            assert (await connection.execute(kept)).scalars().all() == ["whole"]
        assert (await verify_audit(database)).rows == 1


async def test_a_decision_without_entries_records_nothing(database_url: str) -> None:
    async def decide(transaction: Transaction) -> tuple[list[AuditEntry], str]:
        return [], "nothing to do"

    async with opened(database_url) as database:
        assert await AuditLog(database, MACS).commit(decide) == "nothing to do"
        assert (await verify_audit(database)).rows == 0


async def test_threat_17_decisions_of_several_workers_never_share_the_last_place(database_url: str) -> None:
    """What a decision reads is still so when it writes: forty tries for ten places take ten."""
    workers = 4 if database_url.startswith("postgresql") else 1

    async def take_a_place(transaction: Transaction) -> tuple[list[AuditEntry], None]:
        query = sa.select(sa.func.count()).where(deployment.c.value == "taken")
        taken = (await transaction.execute(query)).scalar_one()
        await asyncio.sleep(0.001)
        if taken >= 10:
            return [], None
        await transaction.execute(sa.insert(deployment).values(name=f"place {taken}", value="taken"))
        return [entry(outcome=f"place {taken}")], None

    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(opened(database_url)) for _ in range(workers)]
        logs = [AuditLog(database, MACS) for database in databases]
        await asyncio.gather(*(logs[number % workers].commit(take_a_place) for number in range(40)))
        assert (await verify_audit(databases[0])).rows == 10


async def test_threat_40_a_ledger_shows_the_own_organisations_enquiries_only(database_url: str) -> None:
    async with opened(database_url) as database:
        await AuditLog(database, MACS).record(
            entry(act="own"),
            entry(act="old pseudonym", citizen="o" * 40),
            entry(act="reuse", kind=Kind.REUSED),
            entry(act="intended", kind=Kind.INTENDED),
            entry(act="other organisation", organisation="000.00.02.H26"),
            entry(act="other citizen", citizen="d" * 40),
            entry(act="other profile", profile=Profile.OFFICIAL),
        )
        found, has_earlier = await list_enquiries(
            database,
            profile=Profile.SANDBOX,
            organisation="000.00.01.H26",
            citizens=["c" * 40, "o" * 40],
        )
        assert [row["act"] for row in found] == ["own", "old pseudonym", "reuse"]
        assert not has_earlier
