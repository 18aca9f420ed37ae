"""`gateway audit` and `gateway migrate` on a real store in a folder."""

import base64
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.checkpoints import parse_checkpoint
from gateway.audit.cli import draw_bar
from gateway.audit.tree import verify_inclusion
from gateway.schema import NEWEST
from tests.kit.commands import Commands


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "var" / "gateway.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_an_intact_audit_is_reported_with_its_rows(gateway: Commands) -> None:
    gateway.account("--all-fields")
    found = gateway("audit", "verify", "--json").json()
    assert (found["ok"], found["rows"], found["waiting"], found["size"]) == (True, 2, 0, 2)
    root, signed = found["root"], found["checkpoints"]
    assert gateway("audit", "verify").out == (
        f"ok: 2 rows\ntree: reaches row 2\nroot: {root}\ncheckpoints: {signed} signed, the last at row 2\n"
        "entries: 2 authenticated by their MAC\n"
        "copies of checkpoints: none yet (var/checkpoints.log)\n"
    )
    assert found["copies"] == {"file": "var/checkpoints.log", "checkpoints": 0}


def test_an_audit_without_rows_verifies_and_has_no_checkpoint(gateway: Commands) -> None:
    gateway("migrate")
    found = gateway("audit", "verify", "--json").json()
    assert (found["rows"], found["size"], found["checkpoints"]) == (0, 0, 0)
    assert gateway("audit", "checkpoint").reason() == "the audit has no rows yet"


def test_threat_38_a_tampered_store_exits_1_naming_the_row(gateway: Commands, tmp_path: Path) -> None:
    gateway.account("--all-fields")
    execute(tmp_path, "UPDATE audit_entries SET body = replace(body, 'added', 'nothing') WHERE id = 1")
    assert gateway("audit", "verify").reason() == "row 1: its content was changed"
    assert gateway("audit", "verify", "--json").reason() == "row 1: its content was changed"


@pytest.mark.parametrize("note", ["'nothing'", "x'00ff'", "5"])
def test_threat_38_a_last_checkpoint_that_is_no_note_is_named(
    gateway: Commands, tmp_path: Path, note: str
) -> None:
    gateway.account("--all-fields")
    gateway("audit", "checkpoint")
    execute(tmp_path, f"UPDATE audit_checkpoints SET note = {note} WHERE size = 2")
    for options in ((), ("--keyless",), ("--json",)):
        found = gateway("audit", "verify", *options).reason()
        assert found == "row 2: its checkpoint is not signed by this gateway"
    for command in (("checkpoint",), ("proof", "1")):
        assert "checkpoint" in gateway("audit", *command).reason()
    execute(tmp_path, "UPDATE audit_entries SET body = '{}' WHERE id = 1")
    assert gateway("audit", "verify").reason() == "row 1: its content was changed"


@pytest.mark.parametrize("mac", ["x'00'", "5"])
def test_threat_38_a_mac_that_is_no_text_is_named(gateway: Commands, tmp_path: Path, mac: str) -> None:
    gateway.account("--all-fields")
    execute(tmp_path, f"UPDATE audit_entries SET mac = {mac} WHERE id = 2")
    assert gateway("audit", "verify").reason() == "row 2: its MAC is not this gateway's"


def test_an_entry_that_a_killed_command_left_gets_its_row_from_the_next_checkpoint(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway.account("--all-fields")
    execute(tmp_path, "INSERT INTO audit_waiting SELECT entry FROM audit_rows")
    execute(tmp_path, "DELETE FROM audit_rows")
    execute(tmp_path, "DELETE FROM audit_checkpoints")
    told = gateway("audit", "verify", "--keyless").out.splitlines()
    assert "tree: reaches row 0, 2 rows wait" in told
    assert gateway("audit", "checkpoint", "--json").json()["size"] == 2
    assert "tree: reaches row 2" in gateway("audit", "verify").out.splitlines()


@pytest.mark.parametrize(
    ("count", "total", "bar"),
    [
        (20_000, 60_000, "[##########....................] 20,000 of 60,000"),
        (60_000, 60_000, "[##############################] 60,000 of 60,000"),
        (60_000, 0, "[##############################] 60,000 of 0"),
    ],
)
def test_the_progress_of_a_check_is_a_bar_of_one_length(count: int, total: int, bar: str) -> None:
    assert draw_bar(count, total) == bar


def test_without_the_master_key_every_hash_is_checked_and_the_report_says_what_was_not(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway.account("--all-fields")
    (tmp_path / "var" / "master.key").unlink()
    assert "no master key at" in gateway("audit", "verify").reason()
    assert gateway("audit", "verify", "--keyless").out.splitlines()[-1] == (
        "without the master key: no signature and no MAC was checked, only hashes"
    )
    found = gateway("audit", "verify", "--keyless", "--state", "--json").json()
    assert (found["rows"], found["authenticated"], found["signatures"]) == (2, None, False)
    execute(tmp_path, "UPDATE audit_entries SET body = replace(body, 'added', 'nothing') WHERE id = 1")
    assert gateway("audit", "verify", "--keyless").reason() == "row 1: its content was changed"


def test_threat_38_a_store_that_went_back_is_refused_by_the_head_beside_the_master_key(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway.account("--all-fields")
    head = {"rows": 3, "leaf": "0" * 64}
    (tmp_path / "var" / "gateway.db.audit-head").write_text(json.dumps(head), encoding="utf-8")
    assert gateway("audit", "verify").reason().startswith("the store went back in time")


def test_the_check_reads_the_copies_that_the_settings_name(gateway: Commands, tmp_path: Path) -> None:
    gateway.account("--all-fields")
    kept = tmp_path / "elsewhere" / "kept.log"
    note = gateway("audit", "checkpoint", GATEWAY_CHECKPOINT_FILE=str(kept)).out
    assert kept.read_text(encoding="utf-8") == f"{note}\n"
    found = gateway("audit", "verify", GATEWAY_CHECKPOINT_FILE=str(kept))
    assert found.out.splitlines()[-1] == f"copies of checkpoints: 1 agree ({kept})"
    kept.write_text(note.replace("\n2\n", "\n3\n"), encoding="utf-8")
    assert (
        gateway("audit", "verify", GATEWAY_CHECKPOINT_FILE=str(kept)).reason()
        == "row 3: missing, the checkpoint has 3 rows"
    )
    for text in ("gone", note.replace("127.0.0.1", "another")):
        kept.write_text(text, encoding="utf-8")
        reason = gateway("audit", "verify", GATEWAY_CHECKPOINT_FILE=str(kept)).reason()
        assert "put back the file that the gateway appended to" in reason


def test_the_logs_of_two_stores_in_one_folder_are_told_apart(gateway: Commands, tmp_path: Path) -> None:
    """The second store's checkpoints were not copied, and its check called its rows changed."""
    stores = [{"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/var/{name}.db"} for name in ("first", "second")]
    for store in stores:
        gateway("migrate", **store)
        gateway("organisations", "add", "000.00.01.H26", store["GATEWAY_DATABASE_URL"][-9:], **store)
        gateway("audit", "checkpoint", **store)
    copies = tmp_path / "var" / "checkpoints.log"
    assert copies.read_text(encoding="utf-8").count("127.0.0.1:8000/audit\n1\n") == len(stores)
    for number, store in enumerate(stores):
        reason = gateway("audit", "verify", **store).reason()
        assert reason.startswith(f"{copies}: a key that this store never had signed row 1 of")
        assert "give each its own GATEWAY_CHECKPOINT_FILE or GATEWAY_PUBLIC_URL" in reason
        own = {"GATEWAY_CHECKPOINT_FILE": str(tmp_path / f"{number}.log")}
        gateway("audit", "checkpoint", **store, **own)
        assert "copies of checkpoints: 1 agree" in gateway("audit", "verify", **store, **own).out


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["the note", "JSON"])
def test_threat_38_a_tail_cut_off_is_named_against_a_kept_checkpoint(
    gateway: Commands, tmp_path: Path, options: tuple[str, ...]
) -> None:
    gateway.account("--all-fields")
    checkpoint = tmp_path / "checkpoint.txt"
    checkpoint.write_text(gateway("audit", "checkpoint", *options).out, encoding="utf-8")
    assert gateway("audit", "verify", "--checkpoint", str(checkpoint)).code == 0
    execute(tmp_path, "DELETE FROM audit_rows WHERE row = 2")
    assert gateway("audit", "verify").reason() == "row 2: missing, a signed checkpoint has 2 rows"
    for table in ("audit_rows", "audit_entries", "audit_checkpoints"):
        execute(tmp_path, f"DELETE FROM {table}")
    copies = tmp_path / "var" / "checkpoints.log"
    assert gateway("audit", "verify").reason() == "row 1: missing, the checkpoint has 2 rows"
    copies.unlink()
    assert gateway("audit", "verify").code == 0
    found = gateway("audit", "verify", "--checkpoint", str(checkpoint)).reason()
    assert found == "row 1: missing, the checkpoint has 2 rows"


@pytest.mark.parametrize("ends", ["\n", "", "\r\n"])
def test_threat_38_every_checkpoint_of_a_kept_file_is_compared(
    gateway: Commands, tmp_path: Path, ends: str
) -> None:
    store = tmp_path / "var" / "gateway.db"
    gateway.account("--all-fields")
    first = gateway("audit", "checkpoint").out
    older = store.read_bytes()
    gateway("organisations", "add", "000.00.02.H26", "another")
    both = first + gateway("audit", "checkpoint").out
    kept = tmp_path / "kept.txt"
    kept.write_text(both.removesuffix("\n").replace("\n", ends or "\n") + ends, encoding="utf-8", newline="")
    assert gateway("audit", "verify", "--checkpoint", str(kept)).code == 0
    store.write_bytes(older)
    (tmp_path / "var" / "checkpoints.log").unlink()
    assert gateway("audit", "verify").code == 0
    found = gateway("audit", "verify", "--checkpoint", str(kept)).reason()
    assert found == "row 3: missing, the checkpoint has 3 rows"


def test_threat_38_a_kept_file_with_half_a_checkpoint_is_refused(gateway: Commands, tmp_path: Path) -> None:
    gateway.account("--all-fields")
    note = gateway("audit", "checkpoint").out
    kept = tmp_path / "kept.txt"
    signed_text = note.partition("\n\n")[0] + "\n"
    half_before = signed_text + note  # no empty line: the second note could be read as text of the first
    for content in (note + note[:60], note + note.replace("\n2\n", "\n 2\n"), "text\n" + note, half_before):
        kept.write_text(content, encoding="utf-8")
        reason = gateway("audit", "verify", "--checkpoint", str(kept)).reason()
        assert reason.startswith(f"{kept}: not a checkpoint")


def test_threat_38_a_kept_file_that_is_too_large_is_not_read_in_part(
    gateway: Commands, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.txt"
    kept.touch()
    os.truncate(kept, (64 << 20) + 1)
    reason = gateway("audit", "verify", "--checkpoint", str(kept)).reason()
    assert reason == f"{kept}: over 64 MiB: give a file with the last checkpoints"


def test_the_printed_checkpoint_is_a_note_with_the_root_that_verify_computes(gateway: Commands) -> None:
    gateway.account("--all-fields")
    root = bytes.fromhex(gateway("audit", "verify", "--json").json()["root"])
    origin, size, printed, empty, signature, end = gateway("audit", "checkpoint").out.split("\n")
    assert (origin, size, printed) == ("127.0.0.1:8000/audit", "2", base64.b64encode(root).decode())
    assert signature.startswith(f"— {origin} ")
    assert (empty, end) == ("", "")


def test_a_printed_proof_leads_from_its_row_to_the_signed_root(gateway: Commands) -> None:
    gateway.account("--all-fields")
    found = gateway("audit", "proof", "1", "--json").json()
    assert (found["row"], found["leaf_index"], found["tree_size"]) == (1, 0, 2)
    checkpoint = parse_checkpoint(found["note"])
    path = [base64.b64decode(each) for each in found["hashes"]]
    verify_inclusion(base64.b64decode(found["leaf_hash"]), 0, 2, path, checkpoint.root)
    lines = gateway("audit", "proof", "1").out.split("\n")
    extra = f"extra {found['leaf_hash']}"
    assert lines[:5] == ["c2sp.org/tlog-proof@v1", extra, "index 0", *found["hashes"], ""]
    assert "\n".join(lines[5:]) == found["note"]
    assert gateway("audit", "proof", "3").code == 1
    assert gateway("audit", "proof", "0").code == 2


def test_the_state_of_evidence_is_printed_table_by_table(gateway: Commands) -> None:
    gateway.account("--all-fields")
    told = gateway("audit", "verify", "--state").out.splitlines()
    assert told[0] == "ok: 2 rows"
    assert ["accounts", "1"] in [line.split() for line in told]
    assert told[-1].startswith("state: ")
    assert told[-1].endswith(" tables agree with the audit")
    found = gateway("audit", "verify", "--state", "--json").json()
    assert found["state"]["tables"]["account_secrets"] == 1
    assert found["state"]["baselines"] == []


def test_threat_54_an_edited_account_exits_1_naming_table_and_key(gateway: Commands, tmp_path: Path) -> None:
    client_id = gateway.account("--all-fields")["client_id"]
    execute(tmp_path, "UPDATE accounts SET bearer_allowed = 0")
    assert gateway("audit", "verify").code == 0
    for options in ((), ("--json",)):
        reason = gateway("audit", "verify", "--state", *options).reason()
        assert reason == f"accounts/{client_id}: changed outside the audit"


_ACTIVE = "INSERT INTO profile_standings (profile, active) VALUES ('sandbox', 1)"
_STANDING = "INSERT INTO profile_standings (profile, suspended_at, policy) VALUES ('sandbox', {}, {})"
_REVISION = "INSERT INTO revisions VALUES ('sandbox', 1, {}, 'lan', '2022-05-14 00:00:00', 5, {})"


@pytest.mark.parametrize(
    "values",
    [
        ("NULL", "'{'"),
        ("NULL", "'[]'"),
        ("NULL", """'{"watch":{"x":1}}'"""),
        ("NULL", """'{"account_hour":"x"}'"""),
        ("NULL", """'{"account_hours":1}'"""),
        ("'x'", "NULL"),
    ],
)
def test_threat_54_a_profile_whose_values_are_unreadable_is_named(
    gateway: Commands, tmp_path: Path, values: tuple[str, str]
) -> None:
    gateway.account()
    execute(tmp_path, _STANDING.format(*values))
    reason = gateway("audit", "verify", "--state").reason()
    assert reason.startswith("profile_standings/sandbox: can't be read;")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE profile_standings SET active = x'00'", "profile_standings/sandbox"),
        ("UPDATE profile_standings SET former = 'x'", "profile_standings/sandbox"),
        ("UPDATE profile_standings SET suspended_at = '2022-05-14 00:00:00', suspended_for = x'ff'", "profile_standings/sandbox"),
        ("UPDATE revisions SET proposed_by = x'ff'", "revisions/sandbox/1"),
    ],
)  # fmt: skip
def test_threat_54_a_value_of_another_type_is_named_with_its_row(
    gateway: Commands, tmp_path: Path, statement: str, named: str
) -> None:
    """SQLite keeps what is no text in a column of texts."""
    gateway.account()
    execute(tmp_path, _ACTIVE)
    execute(tmp_path, _REVISION.format("'{}'", 5))
    execute(tmp_path, statement)
    assert gateway("profiles", "show", "sandbox").reason().startswith(f"{named}: can't be read;")


@pytest.mark.parametrize("values", [("'{'", "5"), ("'[1]'", "5"), ("'{}'", "'x'"), ("'{}'", "9e999")])
def test_threat_54_a_revision_whose_values_are_unreadable_is_named(
    gateway: Commands, tmp_path: Path, values: tuple[str, str]
) -> None:
    gateway.account()
    execute(tmp_path, _ACTIVE)
    execute(tmp_path, _REVISION.format(*values))
    assert gateway("audit", "verify", "--state").reason().startswith("revisions/sandbox/1: can't be read;")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"rows": "2", "hash": "0" * 64}),
        json.dumps({"rows": -1, "hash": "0" * 64}),
        json.dumps({"rows": True, "hash": "0" * 64}),
        json.dumps({"rows": 2, "hash": "short"}),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(gateway: Commands, tmp_path: Path, content: str) -> None:
    file = tmp_path / "head.json"
    file.write_text(content, encoding="utf-8")
    reason = gateway("audit", "verify", "--checkpoint", str(file)).reason()
    assert reason.startswith(str(file))


def test_migrating_twice_says_what_changed_and_what_did_not(tmp_path: Path) -> None:
    gateway = Commands(tmp_path)
    assert gateway("migrate").out == f"schema: none → {NEWEST}\n"
    assert gateway("migrate").out == f"schema: {NEWEST} (unchanged)\n"


def test_the_document_is_printed_without_looking_at_settings(tmp_path: Path) -> None:
    document = Commands(tmp_path)("openapi", GATEWAY_DATABASE_URL="mysql://nowhere").json()
    assert document["openapi"].startswith("3.1")
    assert list(tmp_path.iterdir()) == []
