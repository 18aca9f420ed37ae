"""`gateway audit` and `gateway migrate` on a real store in a folder."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.schema import NEWEST
from tests.gateway.cli.commands import Commands


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "var" / "gateway.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_an_audit_that_holds_is_counted(gateway: Commands) -> None:
    gateway.account("--all-fields")
    head = gateway("audit", "verify", "--json").json()
    assert head["ok"] is True
    assert head["rows"] == 2
    assert gateway("audit", "verify").out == f"ok: 2 rows\nhead: {head['hash']}\n"


def test_threat_38_a_tampered_store_exits_1_naming_the_row(gateway: Commands, tmp_path: Path) -> None:
    gateway.account("--all-fields")
    execute(tmp_path, "UPDATE audit_entries SET body = replace(body, 'added', 'nothing') WHERE row = 1")
    assert gateway("audit", "verify").reason() == "row 1: its content was changed"
    assert gateway("audit", "verify", "--json").reason() == "row 1: its content was changed"


def test_threat_38_a_tail_cut_off_is_named_against_a_kept_checkpoint(
    gateway: Commands, tmp_path: Path
) -> None:
    gateway.account("--all-fields")
    checkpoint = tmp_path / "head.json"
    checkpoint.write_text(gateway("audit", "checkpoint", "--json").out, encoding="utf-8")
    assert gateway("audit", "verify", "--checkpoint", str(checkpoint)).code == 0
    execute(tmp_path, "DELETE FROM audit_rows WHERE row = 2")
    assert gateway("audit", "verify").reason() == "row 2: missing, 1 entries stand beside no row"
    execute(tmp_path, "DELETE FROM audit_entries WHERE row = 2")
    assert gateway("audit", "verify").code == 0
    found = gateway("audit", "verify", "--checkpoint", str(checkpoint)).reason()
    assert found == "row 2: missing, the checkpoint saw 2 rows"


def test_the_state_of_evidence_is_printed_table_by_table(gateway: Commands) -> None:
    gateway.account("--all-fields")
    told = gateway("audit", "verify", "--state").out.splitlines()
    assert told[0] == "ok: 2 rows"
    assert ["accounts", "1"] in [line.split() for line in told]
    assert told[-1].startswith("state: ")
    assert told[-1].endswith(" tables are as the audit says")
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


def test_migrating_twice_says_what_changed_and_what_did_not(gateway: Commands) -> None:
    assert gateway("migrate").out == f"schema: None → {NEWEST}\n"
    assert gateway("migrate").out == f"schema: {NEWEST} (unchanged)\n"


def test_the_document_is_printed_without_looking_at_settings(gateway: Commands, tmp_path: Path) -> None:
    document = gateway("openapi", GATEWAY_DATABASE_URL="mysql://nowhere").json()
    assert document["openapi"].startswith("3.1")
    assert list(tmp_path.iterdir()) == []
