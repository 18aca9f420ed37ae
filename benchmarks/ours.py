"""Our gateway as a subject: a place with its store, its account and stored verifications, served anew in each turn."""

import asyncio
import base64
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from benchmarks.processes import ROOT, read_largest_mib
from benchmarks.subjects import FORM, Turn
from benchmarks.wrk import Call
from gateway.storage.database import find_store_file
from tests.kit.programs import Place, Running, Served, log_in, place_beside, store_of
from tests.kit.scene import AGENCY, MASTER_KEY
from tests.kit.stores import Server

KINDS = ("asked", "reused", "prefill", "token")
RECEIPTS = 50
PLENTY = str(10**9)
SETTINGS = {
    "GATEWAY_SANDBOX_REUSE_SECONDS": "86400",
    "GATEWAY_SANDBOX_BUDGET_ACCOUNT_HOUR": PLENTY,
    "GATEWAY_SANDBOX_BUDGET_SUBJECT_DAY": PLENTY,
    "GATEWAY_SANDBOX_BUDGET_CONFIRMED_HOUR": PLENTY,
    "GATEWAY_SANDBOX_BUDGET_CONFIRMED_DAY": PLENTY,
    "GATEWAY_SANDBOX_RATE_PER_SECOND": PLENTY,
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPATH": str(ROOT),
}
"""No budget and no rate ends a load; everything else is the default, the log of requests too.

Bytecode is kept, as an installed program's is: compiling all modules at each start takes a third of its time.
"""

_BEHIND = '"initiated_by":{"kind":"citizen"}'
ASKED = f'{{"procedure":"khai-sinh","dossier":"A-@N@","subject_role":"requester","claim":@LINE@,{_BEHIND}}}'
REUSED = f'{{"procedure":"ket-hon","dossier":"R-@N@","subject_role":"requester","claim":@LINE@,{_BEHIND}}}'
FILLED = (
    '{"receipt":"@LINE@","procedure":"khai-sinh","dossier":"PREFILL","subject_role":"requester",'
    f'"fields":["full_name","gender"],{_BEHIND}}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStore:
    """A gateway that is not running: its folder and settings, its account, its number of workers, what runs it."""

    place: Place
    account: Mapping[str, str]
    claims: Path
    workers: int = 1
    module: str = "gateway"
    server: Server | None = None

    @contextmanager
    def serving(self, mock: Served) -> Iterator[Turn]:
        """Serve for a turn; yield its calls and processes."""
        began = time.monotonic()
        with self.place.serving(workers=self.workers, module=self.module) as running:
            httpx.get(f"{running.address}/livez", trust_env=False).raise_for_status()
            start_s = time.monotonic() - began
            time.sleep(0.5)
            idle_mib = read_largest_mib(running.process.pid)
            trees = {"server": running.process.pid, "upstream": mock.process.pid}
            if self.server is not None:
                trees["database"] = self.server.pid
            yield Turn(calls=self._calls(running), trees=trees, start_s=start_s, idle_mib=idle_mib)

    def _calls(self, running: Running) -> dict[str, Call]:
        authority = running.address.removeprefix("http://")
        with log_in(running, self.account) as portal:
            bearer = {"Authorization": portal.headers["authorization"], "Content-Type": "application/json"}
            receipts = self.place.folder / "receipts.txt"
            receipts.write_text("".join(f"{one}\n" for one in self._verify(portal)), encoding="utf-8")
        path, basic = "/sandbox/v1/verifications", self._basic()
        form = {"Authorization": f"Basic {basic}", "Content-Type": FORM}
        asked = Call(
            authority=authority,
            path=path,
            headers=bearer,
            body=ASKED,
            lines=self.claims,
            accept='"origin":"registry"',
        )
        return {
            "asked": asked,
            "reused": Call(
                authority=authority,
                path=path,
                headers=bearer,
                body=REUSED,
                lines=self.claims,
                accept='"origin":"reuse"',
                again="asked",
            ),
            "prefill": Call(
                authority=authority,
                path="/sandbox/v1/prefills",
                headers=bearer,
                body=FILLED,
                lines=receipts,
                accept='"state":"filled"',
            ),
            "token": Call(
                authority=authority,
                path="/sandbox/oauth2/token",
                headers=form,
                body="grant_type=client_credentials",
                accept='"access_token"',
            ),
        }

    def _basic(self) -> str:
        return base64.b64encode(
            f"{self.account['client_id']}:{self.account['client_secret']}".encode()
        ).decode()

    def _verify(self, portal: httpx.Client) -> list[str]:
        """Return the receipts of the file's last people, asked in the first turn and reused in the later ones."""
        claims = self.claims.read_text(encoding="utf-8").splitlines()[-RECEIPTS:]
        receipts = []
        for claim in claims:
            body = ASKED.replace("A-@N@", "PREFILL").replace("@LINE@", claim).encode()
            answer = portal.post("/verifications", content=body, headers={"Content-Type": "application/json"})
            answer.raise_for_status()
            receipts.append(answer.json()["receipt"])
        return receipts


def make_pattern(mock: Served, claims: Path, folder: Path, server: Server | None = None) -> GatewayStore:
    """Make a store with an account and a few verifications, which `copy_store` copies; on PostgreSQL with a server."""
    where = Path(tempfile.mkdtemp(dir=folder))
    settings = dict(SETTINGS)
    if server is not None:
        server.make_template()
        settings |= {"GATEWAY_DATABASE_URL": server.make_database(), "GATEWAY_MASTER_KEY": MASTER_KEY}
    place = place_beside(mock, where, **settings)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    made = GatewayStore(place=place, account=place.make_account(), claims=claims, server=server)
    with made.serving(mock):
        return made


def copy_store(
    pattern: GatewayStore, *, rows: int, workers: int = 1, module: str = "gateway"
) -> GatewayStore:
    """Return a copy of the pattern with this many stored verifications."""
    where = Path(tempfile.mkdtemp(dir=pattern.place.folder.parent))
    settings = dict(pattern.place.settings)
    if pattern.server is None:
        shutil.copytree(pattern.place.folder, where, dirs_exist_ok=True)
        file = find_store_file(store_of(Place(folder=where, settings=settings)))
        assert file is not None
        _copy_rows_sqlite(file, rows)
    else:
        name = store_of(pattern.place).rpartition("/")[2]
        settings["GATEWAY_DATABASE_URL"] = pattern.server.make_database(template=name)
        asyncio.run(_copy_rows_postgresql(settings["GATEWAY_DATABASE_URL"], rows))
    place = Place(folder=where, settings=settings)
    return replace(pattern, place=place, workers=workers, module=module)


def _insert(columns: list[str], hexadecimal: str, numbers: str) -> str:
    own = {
        "id": f"substr('ver_' || {hexadecimal}, 1, 26)",
        "claim_key": f"{hexadecimal} || {hexadecimal}",
        "subject": f"{hexadecimal} || {hexadecimal}",
        "dossier": "'STORED-' || n.i",
    }
    values = ", ".join(own.get(name, f"v.{name}") for name in columns)
    # The names are those of our own schema.
    return (
        f"INSERT INTO verifications ({', '.join(columns)}) SELECT {values} "  # noqa: S608 - names of our own schema
        f"FROM (SELECT * FROM verifications LIMIT 1) v, {numbers}"
    )


def _copy_rows_sqlite(path: Path, rows: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for pragma in ("synchronous = OFF", "cache_size = -1000000"):
            connection.execute(f"PRAGMA {pragma}")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(verifications)")]
        counted = f"SELECT 1 AS i UNION ALL SELECT i + 1 FROM c WHERE i < {rows}"  # noqa: S608 - a number
        numbers = f"(WITH RECURSIVE c AS ({counted}) SELECT i FROM c) n"  # noqa: S608 - as above
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'verifications' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute(_insert(columns, "lower(hex(randomblob(16)))", numbers))
        for _, statement in indexes:
            connection.execute(statement)
        connection.execute("ANALYZE")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _copy_rows_postgresql(url: str, rows: int) -> None:
    connection: Any = await asyncpg.connect(url)
    try:
        found = await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'verifications' ORDER BY ordinal_position"
        )
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'verifications' AND indexname LIKE 'ix_%'"
        )
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['indexname']}")
        hexadecimal = "replace(gen_random_uuid()::text, '-', '')"
        numbers = f"generate_series(1, {rows}) n(i)"
        await connection.execute(_insert([row[0] for row in found], hexadecimal, numbers), timeout=300)
        for index in indexes:
            await connection.execute(index["indexdef"], timeout=300)
        await connection.execute("VACUUM ANALYZE verifications", timeout=300)
        await connection.execute("CHECKPOINT", timeout=300)
    finally:
        await connection.close()
