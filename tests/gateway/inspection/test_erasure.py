"""Entries about citizens are erased by policy: leaves and proofs stay, the erasure is a row, and nothing else may be missing."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit.checkpoints import prove_row
from gateway.audit.model import write_ranges
from gateway.audit.state_check import Erasures, StateReport
from gateway.audit.store import audit_entries, audit_rows
from gateway.audit.tree import verify_inclusion
from gateway.audit.verify import read_trust, verify_state
from gateway.clock import Period
from gateway.errors.operators import AuditBroken, StateWrong
from gateway.identifiers import Profile
from gateway.inspection.erasure import KINDS, erase_entries
from gateway.inspection.export import export_folder
from gateway.operators.model import Role
from tests.gateway.inspection.test_export import PROOFS, check, read, write
from tests.kit.commands import BARE
from tests.kit.enquiries import verified
from tests.kit.operators import signed_in
from tests.kit.scene import MASTER_KEY, Portal, Scene

DAY_S = 86_400
DOSSIER = "HN-LONG-AGO-1"
LATER = f"""
from gateway.cli import build_cli
from tests.kit.clocks import HandClock

clock = HandClock()
clock.advance({400 * DAY_S})
build_cli(clock)()
"""
"""The program `gateway`, whose clock is the one of `old`."""


async def check_state(scene: Scene) -> StateReport:
    """Check the whole audit and the state."""
    await scene.gateway.sequencer.run()
    database = scene.gateway.deps.database
    trust = await read_trust(database, scene.gateway.vault, now=scene.clock.now())
    return await verify_state(database, trust=trust)


@pytest.fixture
async def old(scene: Scene, portal: Portal) -> int:
    """A store with enquiries of 13 months ago and of today; the number of rows from then."""
    filled = await verified(portal, dossier=DOSSIER)
    prefill = (await filled.fill("full_name", "gender")).json()["id"]
    body = {"prefill": prefill, "field": "full_name", "note": "Sai"}
    assert (await portal.call("POST", "/discrepancies", body)).status_code == 201
    rows = len(await scene.audit())
    scene.clock.advance(400 * DAY_S)
    await portal.log_in()
    await portal.verify(dossier="HN-TODAY-1")
    return rows


async def test_old_entries_about_citizens_go_and_everything_still_verifies(
    scene: Scene, portal: Portal, old: int, tmp_path: Path
) -> None:
    before = await scene.audit()
    erased = await erase_entries(scene.gateway, months=12)
    left = await scene.audit()
    about_citizens = [row for row in before[:old] if row["kind"] in KINDS]
    assert erased.rows == len(about_citizens) > 3
    assert [row for row in left if row in before] == [row for row in before if row not in about_citizens]
    assert DOSSIER not in str(left)
    report = await check_state(scene)
    assert report.audit.erased.rows == erased.rows
    assert report.audit.erased.why == {"retention of 12 months": erased.rows}
    assert report.tables["verifications"] == 2
    found, checkpoint = await prove_row(scene.gateway.deps.database, old)
    verify_inclusion(found.leaf, found.row - 1, found.size, found.hashes, checkpoint.root)
    await export_folder(scene.gateway, Period(), tmp_path / "export")
    assert check(tmp_path / "export")[0] == 0


async def test_an_export_of_an_erased_period_has_the_erasures_that_name_its_rows(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await portal.verify()
    await scene.portal()  # the creation of an account is not erased
    past = Period(None, scene.clock.now() + timedelta(seconds=1))
    scene.clock.advance(400 * DAY_S)
    await erase_entries(scene.gateway, months=12)
    export = await export_folder(scene.gateway, past, tmp_path / "export")
    lines = read(tmp_path / "export")
    (erasure,) = [line for line in lines if line.get("kind") == "erased"]
    assert export.last < erasure["row"]
    stripped = [line["row"] for line in lines if set(line) == {"row", "leaf"}]
    code, said = check(tmp_path / "export")
    assert (code, f"{len(stripped)} of them erased" in said) == (0, True)

    write(tmp_path / "export", [line for line in lines if line is not erasure])
    proofs = read(tmp_path / "export", PROOFS)
    write(tmp_path / "export", [each for each in proofs if each["row"] != erasure["row"]], PROOFS)
    missing = f"row {stripped[0]}: its content is missing, and no erasure in the export names it"
    assert check(tmp_path / "export") == (1, f"bad: {missing}")


async def test_a_rehearsed_erasure_counts_what_would_go_and_erases_nothing(scene: Scene, old: int) -> None:
    await scene.gateway.sequencer.run()
    before = await scene.audit()

    rehearsed = await erase_entries(scene.gateway, months=12, rehearsal=True)

    assert await scene.audit() == before
    assert 0 < rehearsed.rows < old + 1
    erased = await erase_entries(scene.gateway, months=12)
    assert (erased.rows, erased.before) == (rehearsed.rows, rehearsed.before)


async def test_the_erasure_is_a_row_with_the_policy_and_the_rows_that_it_erased(
    scene: Scene, old: int
) -> None:
    erased = await erase_entries(scene.gateway, months=12)
    rows = [row for row in await scene.audit() if row["kind"] == "erased"]
    assert (rows[0]["actor"], rows[0]["reason"], rows[0]["outcome"]) == (
        "local",
        "retention of 12 months",
        f"before:{erased.before}",
    )
    assert rows[0]["erased"][-1].endswith(f"-{old}")
    assert {row["outcome"] for row in rows[1:]} == {"state_carried"}
    assert (await erase_entries(scene.gateway, months=12)).rows == 0
    assert len([row for row in await scene.audit() if row["kind"] == "erased"]) == len(rows)


async def test_an_entry_that_no_erasure_names_is_still_missed(scene: Scene, old: int) -> None:
    await erase_entries(scene.gateway, months=12)
    await scene.gateway.sequencer.run()
    async with scene.gateway.deps.database.write() as connection:
        last = sa.select(sa.func.max(audit_entries.c.id)).where(audit_entries.c.kind == "answered")
        number = (await connection.execute(last)).scalar_one()
        await connection.execute(sa.delete(audit_entries).where(audit_entries.c.id == number))
    with pytest.raises(AuditBroken, match=f"row {number}: its content is missing"):
        await check_state(scene)


CHANGES = (
    'body = \'{"at":"2020-01-01T00:00:00+00:00","state":5}\'',
    'body = \'{"at":"2020-01-01T00:00:00+00:00"\'',
    "body = replace(body, 'reused', 'answered') || ' '",
    "body = 'x'",
    "kind = 'shown'",
)


@pytest.mark.parametrize("change", CHANGES)
async def test_threat_38_an_entry_that_somebody_changed_is_not_erased_and_keeps_no_other(
    scene: Scene, old: int, change: str
) -> None:
    await scene.gateway.sequencer.run()
    rehearsed = await erase_entries(scene.gateway, months=12, rehearsal=True)
    row = sa.select(audit_rows.c.entry).where(audit_rows.c.row == old).scalar_subquery()
    async with scene.gateway.deps.database.write() as connection:
        number = (await connection.execute(sa.select(row))).scalar_one()
        text = f"UPDATE audit_entries SET {change} WHERE id = {number}"
        assert (await connection.exec_driver_sql(text)).rowcount == 1
    found = await erase_entries(scene.gateway, months=12)
    assert found.rows == rehearsed.rows - 1
    assert set(found.changed) <= {old}
    with pytest.raises(AuditBroken, match=f"row {old}: "):
        await check_state(scene)


async def test_a_covered_row_that_only_erased_entries_named_is_still_in_evidence(
    scene: Scene, portal: Portal, old: int
) -> None:
    await erase_entries(scene.gateway, months=12)
    await check_state(scene)
    async with scene.gateway.deps.database.write() as connection:
        await connection.execute(
            sa.text(f"UPDATE verifications SET verdict = 'x' WHERE dossier = '{DOSSIER}'")
        )
    with pytest.raises(AuditBroken, match=r"verifications/ver_.*: changed outside the audit"):
        await check_state(scene)


async def test_acts_after_an_erasure_are_recorded_and_verify(scene: Scene, portal: Portal, old: int) -> None:
    await erase_entries(scene.gateway, months=12)
    for discrepancy in (await portal.call("GET", "/discrepancies")).json()["discrepancies"]:
        assert discrepancy["state"] == "open"
    await portal.verify(dossier="HN-AFTER-1", procedure="ket-hon")
    assert (await check_state(scene)).audit.erased.rows > 0


def read_files(folder: Path, names: str) -> bytes:
    return b"".join(each.read_bytes() for each in folder.glob(names))


async def stored(scene: Scene) -> bytes:
    """Return everything that the store's files have: of PostgreSQL those of the database, not its write-ahead log."""
    if scene.settings.database_url.startswith("sqlite"):
        path = Path(scene.settings.database_url.removeprefix("sqlite:///"))
        return read_files(path.parent, f"{path.name}*")
    async with scene.gateway.deps.database.read() as connection:
        await connection.execute(sa.text("CHECKPOINT"))  # so that the files have what memory has
        query = sa.text(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        )
        folder, number = (await connection.execute(query)).one()
    return read_files(Path(folder, "base", str(number)), "*")


async def test_threat_57_what_was_erased_is_gone_from_the_files_once_they_are_written_anew(
    scene: Scene, old: int
) -> None:
    async with scene.gateway.deps.database.read() as connection:
        query = sa.select(audit_entries.c.salt).order_by(audit_entries.c.id)
        salts = [salt.encode() for salt in (await connection.execute(query)).scalars()]
    assert salts[old - 1] in await stored(scene)

    erased = await erase_entries(scene.gateway, months=12)
    # PostgreSQL's vacuum frees the place of a deleted row, and may leave its bytes there.
    assert erased.on_disk or salts[old - 1] not in await stored(scene)
    again = await erase_entries(scene.gateway, months=12, rewrite=True)

    assert (again.rows, again.on_disk) == (0, False)
    files = await stored(scene)
    assert salts[old - 1] not in files
    assert salts[-1] in files
    assert (await check_state(scene)).audit.erased.rows == erased.rows


async def test_a_rewrite_says_that_it_could_not_lock_the_table_and_works_when_tried_again(
    scene: Scene, old: int
) -> None:
    if scene.gateway.deps.database.embedded:
        pytest.skip("only PostgreSQL writes the table anew")
    async with scene.gateway.deps.database.walk() as reader:
        await reader.execute(sa.select(audit_entries.c.id))
        with pytest.raises(StateWrong, match=r"could not lock a table of entries .* Try again when"):
            await erase_entries(scene.gateway, months=12, rewrite=True, lock_seconds=0.1)
    again = await erase_entries(scene.gateway, months=12, rewrite=True)
    assert (again.rows, again.on_disk) == (0, False)


async def test_threat_57_an_erasure_says_so_while_a_reader_keeps_what_was_erased_on_the_disk(
    scene: Scene, old: int
) -> None:
    async with scene.gateway.deps.database.walk() as reader:
        await reader.execute(sa.select(audit_entries.c.id))
        assert (await erase_entries(scene.gateway, months=12)).on_disk


async def test_the_program_erases_entries_that_named_rows_of_any_table(scene: Scene, old: int) -> None:
    await scene.gateway.sequencer.run()
    settings = {
        "GATEWAY_DATABASE_URL": scene.settings.database_url,
        "GATEWAY_MASTER_KEY": MASTER_KEY,
        "GATEWAY_AUDIT_RETENTION_MONTHS": "12",
    }
    # A process of its own: this one has loaded the files that define the other tables, such as prefills.
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LATER, "audit", "erase"],
        env=BARE | settings,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert int(done.stdout.split()[1]) > 3


async def test_once_there_are_operators_nobody_erases_without_a_sign_in(scene: Scene, old: int) -> None:
    await scene.portal(Profile.OFFICIAL)
    await signed_in(scene, "quan.tri", Role.ADMIN)
    with pytest.raises(StateWrong, match="no operator is signed in"):
        await erase_entries(scene.gateway, months=12)


def test_rows_are_named_by_ranges_and_taken_in_order() -> None:
    assert write_ranges([1, 2, 3, 5, 8, 9]) == ("1-3", "5-5", "8-9")
    erasures = Erasures([{"erased": ["8-9"], "reason": "b"}, {"erased": ["1-3", "5-5"], "reason": "a"}])
    for row in (1, 3, 5, 9):
        erasures.take(row)
    assert erasures.result().why == {"a": 3, "b": 1}
    for named, row in ((["1-3"], 4), ([], 1), (["2-3"], 1)):
        with pytest.raises(AuditBroken, match=f"row {row}: its content is missing"):
            Erasures([{"erased": named}]).take(row)
    for malformed in ("3", "a-b", "1-", "-1", "1-" + "9" * 30):
        with pytest.raises(AuditBroken, match="in another form"):
            Erasures([{"erased": [malformed]}])
