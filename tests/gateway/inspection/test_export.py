"""An export verifies without the gateway, and each change of it is found at the first bad row."""

import ast
import base64
import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.model import AuditEntry, Kind, entry_digest, leaf_hash
from gateway.clock import Period, parse_instant
from gateway.errors.operators import AlreadyExists, Unknown
from gateway.inspection import standalone_verifier
from gateway.inspection.export import FILES, export_folder, export_rows
from gateway.inspection.store import search
from tests.kit.enquiries import verified
from tests.kit.scene import AGENCY, Portal, Scene

EVER = Period()
ROWS = "rows.ndjson"
_STEP = timedelta(microseconds=1)
PROOFS = "proofs.ndjson"


def check(folder: Path, *options: str) -> tuple[int, str]:
    """Run the verifier of an export, without this project and its settings."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py"), *options],
        capture_output=True,
        cwd=folder,
        env={"PATH": ""},
        timeout=60,
        check=False,
    )
    assert done.stderr == b"", done.stderr
    return done.returncode, done.stdout.decode().strip()


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of each file."""
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def read(folder: Path, name: str = ROWS) -> list[dict[str, Any]]:
    """Return the lines of a file."""
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def write(folder: Path, lines: list[dict[str, Any]], name: str = ROWS) -> None:
    """Replace the lines of a file."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
async def exported(scene: Scene, portal: Portal, tmp_path: Path) -> Path:
    """The export of a store with two enquiries and a form."""
    filled = await verified(portal)
    await filled.fill("full_name", "gender")
    await portal.verify(procedure="ket-hon")
    folder = tmp_path / "export"
    await export_folder(scene.gateway, EVER, folder)
    return folder


async def test_an_export_has_every_row_and_verifies_by_itself(scene: Scene, exported: Path) -> None:
    lines, bodies = read(exported), await scene.audit()
    assert modes(exported) == dict.fromkeys(FILES, 0o600)
    assert [line["row"] for line in lines] == list(range(1, len(bodies) + 1))
    assert [{name: line[name] for name in body} for line, body in zip(lines, bodies, strict=True)] == bodies
    code, said = check(exported)
    assert (code, said.split(",")[0]) == (0, f"ok: {len(bodies)} rows are in the tree of {len(bodies)} rows")


async def test_the_lines_have_the_request_and_the_verification_of_an_enquiry(
    scene: Scene, portal: Portal
) -> None:
    answer = await portal.verify()
    lines: list[str] = []
    assert await export_rows(scene.gateway, EVER, lines.append) == len(lines)
    rows = [json.loads(line) for line in lines]
    (answered,) = [row for row in rows if row["kind"] == "answered"]
    assert answered["request_id"] == answer.headers["X-Request-Id"]
    assert answered["verification"] == answer.json()["id"]
    assert all(row["leaf"] == leaf_hash(salt=row["salt"], body=canonical(row)) for row in rows)


async def test_each_time_of_a_row_that_is_exported_or_found_ends_in_z(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    lines: list[str] = []
    await export_rows(scene.gateway, EVER, lines.append)
    found = await search(scene.gateway.deps.database, {}, period=EVER)
    times = [row["at"] for row in (*map(json.loads, lines), *found.rows)]
    assert len(times) == 2 * len(lines) > 0
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at) for at in times)


async def test_a_period_begins_and_ends_at_its_instants_whatever_their_fractions(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    (answered,) = (await search(scene.gateway.deps.database, {"kind": "answered"}, period=EVER)).rows
    at = parse_instant(answered["at"])
    for start, end, count in ((0, 1, True), (-1, 0, False), (1, 2, False)):
        period = Period(start=at + start * _STEP, end=at + end * _STEP)
        found = await search(scene.gateway.deps.database, {"kind": "answered"}, period=period)
        assert bool(found.rows) is count


def canonical(row: dict[str, Any]) -> str:
    """Return the hashed text of a line."""
    members = {name: value for name, value in row.items() if name not in {"row", "leaf", "salt"}}
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


async def test_the_rows_of_a_period_verify_without_the_others(
    scene: Scene, portal: Portal, tmp_path: Path
) -> None:
    await portal.verify()
    scene.clock.advance(86_400)
    begins = scene.clock.now()
    later = await scene.portal()
    await later.verify(procedure="ket-hon")
    ends = scene.clock.now() + timedelta(seconds=1)
    scene.clock.advance(86_400)
    await (await scene.portal()).verify(procedure="khai-tu")
    export = await export_folder(scene.gateway, Period(begins, ends), tmp_path / "day")
    lines = read(tmp_path / "day")
    assert 1 < export.first <= export.last < export.size
    assert [line["row"] for line in lines] == list(range(export.first, export.last + 1))
    assert {line["client_id"] for line in lines if line["kind"] == "answered"} == {later.client_id}
    assert check(tmp_path / "day")[0] == 0


def change_member(folder: Path) -> None:
    """Change the outcome of row 4."""
    lines = read(folder)
    lines[3]["outcome"] = "not_confirmed"
    write(folder, lines)


def change_with_leaf(folder: Path) -> None:
    """Change row 4 and compute its leaf again."""
    lines = read(folder)
    lines[3]["outcome"] = "not_confirmed"
    lines[3]["leaf"] = leaf_hash(salt=lines[3]["salt"], body=canonical(lines[3]))
    write(folder, lines)


def delete_row(folder: Path) -> None:
    """Delete row 4."""
    write(folder, [line for line in read(folder) if line["row"] != 4])


def delete_row_and_proof(folder: Path) -> None:
    """Delete row 4 and its proof."""
    for name in (ROWS, PROOFS):
        write(folder, [line for line in read(folder, name) if line["row"] != 4], name)


def cut_off(folder: Path) -> None:
    """Cut off all from row 4."""
    for name in (ROWS, PROOFS):
        write(folder, [line for line in read(folder, name) if line["row"] < 4], name)


def swap(folder: Path) -> None:
    """Swap the contents of rows 4 and 5."""
    lines = read(folder)
    lines[3], lines[4] = lines[4] | {"row": 4}, lines[3] | {"row": 5}
    write(folder, lines)


def pretend_erased(folder: Path) -> None:
    """Give row 4 another leaf, as if its entry had been erased."""
    lines = read(folder)
    lines[3] = {"row": 4, "leaf": "0" * 64}
    write(folder, lines)


def withhold(folder: Path) -> None:
    """Leave the content of row 4 out, as if its entry had been erased."""
    lines = read(folder)
    lines[3] = {"row": 4, "leaf": lines[3]["leaf"]}
    write(folder, lines)


def show_other_members(folder: Path) -> None:
    """Give row 4 its hashed text as `body`, and show another outcome beside it."""
    lines = read(folder)
    lines[3] |= {"body": canonical(lines[3]), "outcome": "not_confirmed"}
    write(folder, lines)


def name_a_member_twice(folder: Path) -> None:
    """Give row 4 another outcome before its own: some readers of JSON take the first."""
    lines = (folder / ROWS).read_text(encoding="utf-8").splitlines()
    lines[3] = '{"outcome": "not_confirmed", ' + lines[3].removeprefix("{")
    (folder / ROWS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def break_line(folder: Path) -> None:
    """Write row 4 as something else than JSON."""
    lines = (folder / ROWS).read_text(encoding="utf-8").splitlines()
    lines[3] = "[" * 50_000
    (folder / ROWS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def point_elsewhere(folder: Path) -> None:
    """Let the proof of row 4 say that it is about the leaf of row 5."""
    proofs = read(folder, PROOFS)
    proofs[3] |= {name: proofs[4][name] for name in ("leaf_index", "leaf_hash")}
    write(folder, proofs, PROOFS)


def name_another_index(folder: Path) -> None:
    """Let the proof of row 4 say another index."""
    proofs = read(folder, PROOFS)
    proofs[3]["leaf_index"] = 4
    write(folder, proofs, PROOFS)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (point_elsewhere, "row 4: its proof is about another leaf"),
        (name_another_index, "row 4: its proof is about another leaf"),
        (change_member, "row 4: its content was changed"),
        (change_with_leaf, "row 4: not in the tree of the checkpoint"),
        (delete_row, "row 4: missing"),
        (delete_row_and_proof, "row 4: missing"),
        (cut_off, "row 4: missing"),
        (swap, "row 4: not in the tree of the checkpoint"),
        (pretend_erased, "row 4: not in the tree of the checkpoint"),
        (withhold, "row 4: its content is missing, and no erasure in the export names it"),
        (show_other_members, "row 4: its members are not those of its body"),
        (name_a_member_twice, "row 4: can't be read"),
        (break_line, "row 4: can't be read"),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
async def test_a_changed_export_exits_1_with_the_first_bad_row(
    exported: Path, tamper: Callable[[Path], None], said: str
) -> None:
    tamper(exported)
    assert check(exported) == (1, f"bad: {said}")


async def test_a_row_whose_number_is_not_finite_is_bad_and_no_traceback(exported: Path) -> None:
    """JSON has no such number, and Python reads one."""
    with (exported / ROWS).open("a", encoding="utf-8") as file:
        file.write('{"row": Infinity, "kind": "erased"}\n')
    assert check(exported) == (1, f"bad: row {len(read(exported))}: can't be read")


async def test_a_row_after_the_last_one_is_not_of_the_export(exported: Path) -> None:
    lines, proofs = read(exported), read(exported, PROOFS)
    number = len(lines) + 1
    write(exported, [*lines, lines[-1] | {"row": number}])
    write(exported, [*proofs, proofs[-1] | {"row": number}], PROOFS)
    code, said = check(exported)
    assert code == 1
    assert said.startswith(f"bad: row {number}: ")


def test_a_python_without_the_package_is_told_what_to_install() -> None:
    command = [sys.executable, "-I", "-S", standalone_verifier.__file__]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().strip().endswith("python3 -m pip install cryptography")


async def test_whoever_does_not_trust_the_sender_runs_their_own_verifier(
    exported: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(standalone_verifier.__file__, own / "verify.py")
    key, rows = verifier_keys(exported)[0], f"1-{len(read(exported))}"
    assert check(own, str(exported), "--key", key, "--rows", rows)[0] == 0
    cut_off(exported)
    assert check(own, str(exported), "--key", key, "--rows", rows) == (1, "bad: row 4: missing")


def verifier_keys(folder: Path) -> list[str]:
    """Return the keys that an export names."""
    return list(runpy.run_path(str(folder / "verify.py"))["KEYS"])


@pytest.mark.parametrize("name", ["checkpoint", ROWS, PROOFS])
async def test_a_device_or_a_pipe_in_place_of_a_file_is_refused_and_not_read(
    exported: Path, name: str
) -> None:
    (exported / name).unlink()
    (exported / name).symlink_to("/dev/zero")
    assert check(exported) == (1, f"bad: {name}: not a file")
    (exported / name).unlink()
    os.mkfifo(exported / name)
    assert check(exported) == (1, f"bad: {name}: not a file")


async def test_an_entry_whose_text_is_not_canonical_verifies_with_its_members(exported: Path) -> None:
    row = read(exported)[3]
    members = {name: value for name, value in row.items() if name not in {"row", "leaf", "salt"}}
    body = json.dumps(members)
    row |= {"body": body, "leaf": leaf_hash(salt=row["salt"], body=body)}
    assert standalone_verifier._check_leaf(row, "") == ""


@pytest.mark.parametrize("shown", [1, 1.0])
def test_a_member_equal_only_for_python_is_not_the_members_of_the_text(shown: float) -> None:
    body = '{"act": true}'
    row = {"row": 1, "salt": "5a", "body": body, "leaf": leaf_hash(salt="5a", body=body), "act": shown}
    with pytest.raises(standalone_verifier.Bad, match="its members are not those of its body"):
        standalone_verifier._check_leaf(row, "")


async def test_a_checkpoint_that_another_key_signed_is_refused(exported: Path) -> None:
    text, _, signature = (exported / "checkpoint").read_text(encoding="utf-8").partition("\n\n")
    origin, size, _ = text.split("\n")
    root = base64.b64encode(b"r" * 32).decode()
    (exported / "checkpoint").write_text(f"{origin}\n{size}\n{root}\n\n{signature}", encoding="utf-8")
    assert check(exported) == (1, "bad: checkpoint: not signed by any of the keys")


async def test_a_key_from_elsewhere_replaces_those_of_the_export(scene: Scene, exported: Path) -> None:
    published = (await scene.http.get("/.well-known/audit/key")).text.split()
    assert check(exported, "--key", published[0])[0] == 0
    name, key_id, _ = published[0].split("+", 2)
    encoded = base64.b64encode(b"\x01" + b"f" * 32).decode()
    foreign = f"{name}+{key_id}+{encoded}"
    assert check(exported, "--key", foreign) == (1, "bad: checkpoint: not signed by any of the keys")


async def test_a_folder_with_an_export_and_a_period_without_a_row_are_refused(
    scene: Scene, exported: Path, tmp_path: Path
) -> None:
    with pytest.raises(AlreadyExists):
        await export_folder(scene.gateway, EVER, exported)
    past = Period(scene.clock.now() - timedelta(days=2), scene.clock.now() - timedelta(days=1))
    with pytest.raises(Unknown, match="no row of this period"):
        await export_folder(scene.gateway, past, tmp_path / "past")
    assert not (tmp_path / "past").exists()


def test_the_verifier_imports_the_standard_library_and_cryptography_alone() -> None:
    tree = ast.parse(Path(standalone_verifier.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_the_verifier_checks_rows_of_the_chain_by_both_hashes(tmp_path: Path) -> None:
    salt, body = "5a", '{"act":"a","at":"2022-05-14T01:00:00+00:00","kind":"local"}'
    digest = entry_digest(salt=salt, body=body)
    chained = hashlib.sha256(f"1\n{'0' * 64}\n{digest}".encode()).hexdigest()
    row = {"row": 1, "salt": salt, "previous": "0" * 64, "hash": chained, "digest": digest}
    row |= {"leaf": hashlib.sha256(b"\x00" + chained.encode()).hexdigest()} | json.loads(body)
    assert standalone_verifier._check_leaf(row, "") == chained
    for member, value in (("act", "b"), ("hash", "0" * 64), ("digest", "0" * 64), ("leaf", "0" * 64)):
        with pytest.raises(standalone_verifier.Bad, match="row 1: its content was changed"):
            standalone_verifier._check_leaf(row | {member: value}, "")
    with pytest.raises(standalone_verifier.Bad, match="does not follow"):
        standalone_verifier._check_leaf(row, "f" * 64)


async def test_a_tree_of_several_tiles_has_a_proof_for_each_row(scene: Scene, tmp_path: Path) -> None:
    for _ in range(6):
        await scene.gateway.deps.audit.record(*entries(scene, 100))
    export = await export_folder(scene.gateway, EVER, tmp_path / "export")
    assert export.size > 600
    assert check(tmp_path / "export")[0] == 0


def entries(scene: Scene, count: int) -> list[AuditEntry]:
    """Return audit entries to append."""
    at = scene.clock.now()
    return [
        AuditEntry(at=at, kind=Kind.LOCAL, profile=None, act=f"act_{number}", organisation=AGENCY)
        for number in range(count)
    ]
