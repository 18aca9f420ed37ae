"""An upgrade without a refused or failed request: SIGHUP renews the workers, `--drain-seconds` lets a balancer see the end.

The next version is a copy of this one with a further migration: it adds a table, and a column to a table that both use.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from gateway.schema import NEWEST, OLDEST_PROGRAM
from tests.kit.commands import BARE
from tests.kit.groups import SPAWNED, find_children, make_place
from tests.kit.programs import Place, Running, Served, wait_for
from tests.kit.source import ROOT
from tests.kit.stores import Server, opened
from tests.sockets.load import steady_load

WORKERS = 2
PAUSE_S = 0.05
"""A caller's pause between requests, in seconds: else callers take half of the processor from workers that start."""


def connect_anew(running: Running, over: threading.Event, seen: list[str]) -> None:
    """Open a connection for each request, and note every outcome."""
    while not over.wait(PAUSE_S / 2):
        try:
            seen.append(str(httpx.get(f"{running.address}/livez", timeout=30, trust_env=False).status_code))
        except httpx.HTTPError as error:
            seen.append(repr(error))


async def migrated_by_a_newer_program(url: str) -> None:
    async with opened(url) as database, database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(
            sa.text("UPDATE deployment SET value = '9999' WHERE name = 'oldest_program'")
        )


@pytest.mark.postgresql
def test_threat_37_a_second_generation_of_workers_answers_before_the_first_ends_with_no_request_lost(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    with place.serving(workers=WORKERS) as running:
        supervisor = running.process.pid
        first, loaded = find_children(supervisor), find_children(supervisor, named=SPAWNED)
        over, seen = threading.Event(), list[str]()
        newcomer = threading.Thread(target=connect_anew, args=(running, over, seen))
        newcomer.start()
        with steady_load(running, place.make_account(), callers=3, pause_s=PAUSE_S) as load:
            load.wait_for(30)
            os.kill(supervisor, signal.SIGHUP)
            wait_for(lambda: bool(place.events("workers_renewed")))
            load.wait_for(30)
        over.set()
        newcomer.join(60)
        second, loaded_anew = find_children(supervisor), find_children(supervisor, named=SPAWNED)
        assert running.end() == 0

    assert (load.failures, load.refusals) == ([], [])
    assert load.statuses() <= {200, 201}
    assert set(seen) == {"200"}
    assert len(first) == len(second) == WORKERS
    assert not first & second
    assert (loaded, loaded_anew) == (
        set(),
        second,
    )  # the first are copies of the supervisor, the second aren't


@pytest.mark.postgresql
def test_a_generation_that_cannot_start_leaves_the_former_one_answering(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    with place.serving(workers=WORKERS) as running:
        first = find_children(running.process.pid)
        asyncio.run(migrated_by_a_newer_program(place.settings["GATEWAY_DATABASE_URL"]))
        os.kill(running.process.pid, signal.SIGHUP)
        wait_for(lambda: bool(place.events("workers_not_renewed")))

        assert httpx.get(f"{running.address}/livez").status_code == 200
        assert find_children(running.process.pid) == first
    (event,) = place.events("workers_not_renewed")
    assert "start the program that migrated it" in event["reason"]


NEXT = "9001"
MIGRATION = f'''"""what the next version adds

Revision ID: {NEXT}
Revises: {NEWEST}
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{NEXT}", "{NEWEST}", None, None


def upgrade() -> None:
    op.add_column("organisations", sa.Column("added", sa.String(8)))
    op.create_table("added", sa.Column("id", sa.String(8), primary_key=True))
    op.create_index("ix_organisations_added", "organisations", ["added"])
'''


def copy_program(folder: Path) -> None:
    for name in ("gateway", "migrations"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def install_next_version(folder: Path) -> None:
    """Change a copy of the program into the next version."""
    (folder / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION, encoding="utf-8")
    for name, before, after in (
        ("schema.py", f'NEWEST = "{NEWEST}"', f'NEWEST = "{NEXT}"'),
        ("schema.py", f'OLDEST_PROGRAM = "{OLDEST_PROGRAM}"', f'OLDEST_PROGRAM = "{NEWEST}"'),
        (
            "accounts/store.py",
            'sa.Column("name", sa.String(200), nullable=False),',
            'sa.Column("name", sa.String(200), nullable=False), sa.Column("added", sa.String(8), index=True),',
        ),
    ):
        path = folder / "gateway" / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), encoding="utf-8")


@pytest.mark.postgresql
def test_threat_37_the_version_before_serves_on_through_the_migration_and_beside_the_next_version(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    for name in ("installed", "former"):
        copy_program(tmp_path / name)
    account = place.make_account()
    upgraded = replace(place, settings={**place.settings, "PYTHONPATH": str(tmp_path / "installed")})
    former = replace(place, settings={**place.settings, "PYTHONPATH": str(tmp_path / "former")})
    with upgraded.serving(workers=WORKERS) as running:
        with steady_load(running, account, callers=3, pause_s=PAUSE_S) as load:
            load.wait_for(20)
            install_next_version(tmp_path / "installed")
            migrated = run_gateway(upgraded, "migrate")
            load.wait_for(20)
            os.kill(running.process.pid, signal.SIGHUP)
            wait_for(lambda: bool(place.events("workers_renewed")))
            with (
                former.serving(workers=WORKERS) as beside,
                steady_load(beside, account, name="OLD", pause_s=PAUSE_S) as old,
            ):
                old.wait_for(20)
                load.wait_for(20)
        verified = run_gateway(upgraded, "audit", "verify", "--state")

    assert migrated == f"schema: {NEWEST} → {NEXT}"
    assert (load.failures, load.refusals, old.failures, old.refusals) == ([], [], [], [])
    assert load.statuses() | old.statuses() <= {200, 201}
    assert {line["known"] for line in place.events("schema_newer")} == {NEWEST}
    assert "ok" in verified


def run_gateway(place: Place, *arguments: str) -> str:
    """Run a command of the program that the place's settings name, and return what it prints."""
    command = [sys.executable, "-m", "gateway", *arguments]
    done = subprocess.run(
        command, cwd=place.folder, env={**BARE, **place.settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_a_hang_up_does_not_end_a_single_worker(place: Place) -> None:
    with place.serving() as running:
        running.process.send_signal(signal.SIGHUP)
        wait_for(lambda: bool(place.events("sighup_ignored")))

        assert httpx.get(f"{running.address}/livez").status_code == 200
        assert running.end() == 0


def test_a_draining_gateway_accepts_connections_and_says_so_to_a_balancer(place: Place) -> None:
    with place.serving(options=("--drain-seconds", "3")) as running:
        assert httpx.get(f"{running.address}/readyz").status_code == 200
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: httpx.get(f"{running.address}/readyz").status_code == 503)
        ready, live = httpx.get(f"{running.address}/readyz"), httpx.get(f"{running.address}/livez")

        assert (ready.json()["status"], live.status_code) == ("draining", 200)
        assert live.headers["connection"] == "close"
        assert running.process.wait(30) == 0
        assert time.monotonic() - began >= 3
