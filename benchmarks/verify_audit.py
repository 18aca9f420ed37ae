"""`python -m benchmarks.verify_audit`: rows a second of `gateway audit verify` and of the sequencer, and memory.

On both databases a log of the rows is made, its rows are given, then it is verified. The goals: 50,000 rows a second, and no more
memory after all rows than after a tenth of them. Rows per CPU second depend less on other load of the machine than the rate does.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import sqlalchemy as sa

from benchmarks.command import make_parser, working_folder
from benchmarks.kept import keep
from benchmarks.processes import read_largest_mib
from gateway.audit.model import AuditEntry, EntryMacs, Kind
from gateway.audit.sequencer import Sequencer
from gateway.audit.state_check import STEP
from gateway.audit.state_store import begin_evidence
from gateway.audit.store import audit_entries, audit_promises, audit_waiting, entry_values
from gateway.audit.verify import read_trust, verify_audit
from gateway.clock import SystemClock
from gateway.identifiers import Profile
from gateway.keys.vault import Vault
from gateway.schema import migrate
from gateway.storage.database import Database, open_database
from tests.kit.stores import PostgresqlMissing, running_postgresql

_GROUP = 5_000
LEAST_PER_SECOND = 50_000
MOST_GROWTH_MIB = 8.0


def _entry(number: int) -> AuditEntry:
    """Return an entry as long as that of an answered enquiry."""
    return AuditEntry(
        at=datetime(2026, 11, 24, 1, 2, 3, 456_789, tzinfo=UTC),
        kind=Kind.ANSWERED,
        profile=Profile.SANDBOX,
        act=f"act_{number:026}",
        request_id=f"req_{number:026}",
        client_id="acc_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        organisation="000.00.01.H26",
        procedure="khai-sinh",
        dossier=f"HN-2026-{number:06}",
        subject_role="father",
        citizen="c" * 40,
        citizen_key="key_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        request_code=f"{number:036}",
        verification=f"ver_{number:026}",
        origin="registry",
        outcome="confirmed",
        initiated_by="officer",
        officer="o" * 40,
        state={f"verifications/ver_{number:026}": (None, "d" * 64)},
    )


async def _fill(database: Database, rows: int, macs: EntryMacs) -> None:
    for start in range(0, rows, _GROUP):
        recorded = [_entry(number) for number in range(start, min(rows, start + _GROUP))]
        entries = [entry_values(id_, entry, macs) for id_, entry in enumerate(recorded, start + 1)]
        promises = [
            {"verification": entry.verification, "entry": values["id"], "leaf": values["leaf"]}
            for entry, values in zip(recorded, entries, strict=True)
        ]
        async with database.write() as connection:
            await connection.execute(sa.insert(audit_entries), entries)
            await connection.execute(sa.insert(audit_waiting), [{"entry": each["id"]} for each in entries])
            await connection.execute(sa.insert(audit_promises), promises)


async def measure(url: str, rows: int) -> dict[str, float]:
    """Fill a store, give the rows, verify them, and return the figures."""
    database, clock = open_database(url), SystemClock()
    vault = Vault(b"m" * 32, file=None, sealed=(), begin=begin_evidence)
    memory: list[float] = []

    def note_memory(what: str, count: int, total: int | None) -> None:
        del what, count, total
        memory.append(read_largest_mib(os.getpid()))

    try:
        await migrate(database, clock)
        macs = EntryMacs((await vault.open(database, clock)).evidence)
        await _fill(database, rows, macs)
        began = _now()
        await Sequencer(database, vault, clock, base="https://gateway.example").run()
        figures = _rates("sequencer", rows, began)
        trust = await read_trust(database, vault, now=clock.now())
        began = _now()
        found = await verify_audit(database, trust=trust, progress=note_memory)
        note_memory("audit rows", rows, rows)
        figures |= _rates("verify", rows, began)
    finally:
        await database.close()
    if found.authenticated != rows:
        raise RuntimeError(f"{found.authenticated} of {rows} entries were authenticated")
    return figures | {"rows": rows, "first_mib": memory[0], "most_mib": max(memory)}


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _rates(what: str, rows: int, began: tuple[float, float]) -> dict[str, float]:
    clock, cpu = (rows / (now - then) for now, then in zip(_now(), began, strict=True))
    return {f"{what}_per_second": round(clock), f"{what}_per_cpu_second": round(cpu)}


def _judge(rate: float) -> str:
    return "met" if rate >= LEAST_PER_SECOND else "missed"


def _print(database: str, figures: Mapping[str, float]) -> None:
    print(f"{database}, {figures['rows']:,} rows:")
    for what in ("verify", "sequencer"):
        rate, cost = figures[f"{what}_per_second"], figures[f"{what}_per_cpu_second"]
        print(f"  {what}: {rate:,} rows a second, {cost:,} rows per CPU second")
    by_clock, by_cpu = (_judge(figures[f"verify_per_{each}"]) for each in ("second", "cpu_second"))
    print(f"  goal: verify, {LEAST_PER_SECOND:,} rows a second: {by_clock}; by CPU time: {by_cpu}")
    growth = figures["most_mib"] - figures["first_mib"]
    flat = "met" if growth <= MOST_GROWTH_MIB else "missed"
    print(
        f"  goal: memory, {MOST_GROWTH_MIB:g} MiB more at most from 20,000 rows on: {growth:.1f} MiB, {flat}"
    )


def main() -> None:
    """Measure on each database, print the figures and keep them."""
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the log (default 200,000)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database")
    options = parser.parse_args()
    if options.rows < STEP:
        parser.error(f"--rows is at least {STEP}")
    found: dict[str, dict[str, float]] = {}
    with working_folder("verify-audit") as folder, ExitStack() as stack:
        if options.only != "postgresql":
            url = f"sqlite:///{folder / 'gateway.db'}"
            found["SQLite"] = asyncio.run(measure(url, options.rows))
        if options.only != "sqlite":
            try:
                server = stack.enter_context(running_postgresql(durable=True))
            except PostgresqlMissing:
                print("PostgreSQL is missing: left out")
            else:
                server.make_template()
                found["PostgreSQL"] = asyncio.run(measure(server.make_database(), options.rows))
    for database, figures in found.items():
        _print(database, figures)
    print(f"kept: {keep('verify-audit', found)}")


if __name__ == "__main__":
    main()
