"""The commands of auditors and data-protection officers on a real store in a folder."""

import errno
import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.kit.commands import Commands
from tests.kit.disks import before_each_step
from tests.kit.staff import sign_in

LOGGED = {
    "n": 7,
    "at": "2022-05-14T01:00:00Z",
    "environment": "test",
    "operation": "XacThucThongTinCongDan",
    "account": "dvctt-hanoi",
    "ma_yeu_cau": "HN-<b>1</b>",
    "outcome": "found",
    "subject": "001090***123",
    "body_sha256": "a" * 64,
}
KINDS = ("asked_not_logged", "logged_not_asked", "different_content", "answered_differently")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A provider's log with a packet that nobody asked."""
    file = tmp_path / "c06.json"
    file.write_text(json.dumps({"entries": [LOGGED]}), encoding="utf-8")
    return file


def test_a_comparison_without_a_difference_prints_four_noughts_and_exits_0(
    gateway: Commands, tmp_path: Path
) -> None:
    empty = tmp_path / "c06.json"
    empty.write_text('{"entries": []}', encoding="utf-8")
    done = gateway("audit", "reconcile", "--journal", str(empty))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "ok: 0/0/0/0"
    assert gateway("audit", "reconcile", "--journal", str(empty), "--json").json() == {
        **{kind: [] for kind in KINDS},
        "counts": dict.fromkeys((*KINDS, "questions", "calls", "joined", "content_not_compared"), 0),
    }


def test_a_comparison_of_a_period_without_questions_and_calls_says_that_nothing_was_compared(
    gateway: Commands, log: Path
) -> None:
    """As with a wrong year: no difference, but no evidence either."""
    period = ("--from", "2021-05-14", "--to", "2021-05-15")
    text = gateway("audit", "reconcile", "--journal", str(log), *period)
    assert text.code == 0
    assert text.out.splitlines()[1] == "nothing was compared: the period has no question and no call"
    assert "Không có gì để so" in gateway("audit", "reconcile", "--journal", str(log), *period, "--html").out
    for form in ("text", "html"):
        compared = gateway("audit", "reconcile", "--journal", str(log), "--format", form).out
        assert "nothing was compared" not in compared


def test_a_comparison_with_a_difference_names_it_and_exits_1(gateway: Commands, log: Path) -> None:
    text = gateway("audit", "reconcile", "--journal", str(log))
    assert (text.code, text.out.splitlines()[-1]) == (1, "differences: 0/1/0/0")
    as_json = gateway("audit", "reconcile", "--journal", str(log), "--json")
    assert as_json.code == 1
    (named,) = json.loads(as_json.out)["logged_not_asked"]
    assert (named["n"], named["reason"]) == (7, "unknown_code")
    page = gateway("audit", "reconcile", "--journal", str(log), "--html")
    assert (page.code, page.err) == (1, "")
    assert "HN-&lt;b&gt;1&lt;/b&gt;" in page.out
    assert "<b>" not in page.out
    both = gateway("audit", "reconcile", "--journal", str(log), "--html", "--json")
    assert (both.code, both.out) == (2, "")
    assert "one form is expected, not html and json" in both.err


def test_a_comparison_of_another_period_profile_or_account_leaves_the_packet_out(
    gateway: Commands, log: Path
) -> None:
    for narrow in (
        ("--from", "2022-05-15"),
        ("--to", "2022-05-14"),
        ("--profile", "official"),
        ("--account", "dvctt-lgsp-camel"),
    ):
        assert gateway("audit", "reconcile", "--journal", str(log), *narrow).code == 0
    inside = ("--from", "2022-05-14", "--to", "2022-05-15", "--profile", "sandbox")
    assert gateway("audit", "reconcile", "--journal", str(log), *inside).code == 1


def test_an_account_that_the_log_does_not_have_is_named_beside_the_accounts_that_it_has(
    gateway: Commands, log: Path
) -> None:
    log.write_text(json.dumps([LOGGED | {"account": "dvctt-hanoi"}]), encoding="utf-8")
    done = gateway("audit", "reconcile", "--journal", str(log), "--account", "dvctt-hanio")
    assert done.err == "the log has no call of dvctt-hanio; it has calls of dvctt-hanoi\n"
    assert gateway("audit", "reconcile", "--journal", str(log), "--account", "dvctt-hanoi").err == ""


def test_a_day_begins_at_midnight_in_vietnam(gateway: Commands, log: Path) -> None:
    log.write_text(json.dumps([LOGGED | {"at": "2022-05-13T17:00:00Z"}]), encoding="utf-8")
    assert gateway("audit", "reconcile", "--journal", str(log), "--from", "2022-05-14").code == 1
    log.write_text(json.dumps([LOGGED | {"at": "2022-05-13T16:59:59Z"}]), encoding="utf-8")
    assert gateway("audit", "reconcile", "--journal", str(log), "--from", "2022-05-14").code == 0


def test_a_log_that_is_missing_or_malformed_is_refused_in_one_line(gateway: Commands, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.json"
    assert "No such file" in gateway("audit", "reconcile", "--journal", str(missing)).reason()
    missing.write_bytes(b"\xff\xfe")
    assert gateway("audit", "reconcile", "--journal", str(missing)).reason().endswith("not UTF-8")


@pytest.mark.parametrize("day", ["14.05.2022", "2022-13-01", "2022-05-14T01:00:00", "99999-01-01"])
def test_a_malformed_day_is_wrong_usage(gateway: Commands, log: Path, day: str) -> None:
    done = gateway("audit", "reconcile", "--journal", str(log), "--from", day)
    assert done.code == 2
    assert "2022-05-14" in done.err


def test_a_search_prints_rows_and_where_more_are(gateway: Commands) -> None:
    client_id = gateway.account("--all-fields")["client_id"]
    found = gateway("audit", "search", "--account", client_id, "--json").json()
    assert [(row["row"], row["kind"], row["client_id"]) for row in found] == [(2, "local", client_id)]
    page = gateway("audit", "search", "--limit", "1")
    assert (page.code, page.err) == (0, "there are more rows: go on with --before 2\n")
    assert page.out.splitlines()[0].split() == ["ROW", "AT", "(UTC)", "KIND", "PROCEDURE", "OUTCOME"]
    assert max(map(len, page.out.splitlines())) <= 80
    assert [row["row"] for row in gateway("audit", "search", "--before", "2", "--json").json()] == [1]
    assert gateway("audit", "search", "--outcome", "nothing", "--json").json() == []


def test_an_account_is_named_by_eight_characters_in_a_search_and_among_the_affected(
    gateway: Commands,
) -> None:
    client_id = gateway.account("--all-fields")["client_id"]
    short = client_id.removeprefix("acc_")[:8]
    for typed in (short, f"acc_{short}"):
        rows = gateway("audit", "search", "--account", typed, "--json").json()
        assert [row["client_id"] for row in rows] == [client_id]
        assert gateway("audit", "affected", "--account", typed, "--json").json()["people"] == []
    assert "does not exist" in gateway("audit", "search", "--account", short[:7]).reason()


def test_a_search_for_an_account_or_a_procedure_that_does_not_exist_says_so(gateway: Commands) -> None:
    client_id = gateway.account("--all-fields")["client_id"]
    reason = gateway("audit", "search", "--account", "acc_nobody").reason()
    assert reason == "account acc_nobody does not exist: gateway accounts list"
    wrong = gateway("audit", "search", "--procedure", "001090000123").reason()
    assert wrong == "--procedure: no such service; `gateway procedures list` names them"
    known = ("--account", client_id, "--procedure", "khai-sinh")
    assert gateway("audit", "search", *known, "--json").json() == []


def test_an_export_is_printed_as_lines_or_written_as_a_folder(gateway: Commands, tmp_path: Path) -> None:
    gateway.account("--all-fields")
    printed = gateway("audit", "export")
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert (printed.code, [line["row"] for line in lines]) == (0, [1, 2])
    assert gateway("audit", "export", "--to", "2022-05-14").out == ""
    written = gateway("audit", "export", "--out", "may", "--json").json()
    assert written == {"folder": "may", "first": 1, "last": 2, "tree_size": 2}
    assert (tmp_path / "may" / "rows.ndjson").read_text(encoding="utf-8") == printed.out
    assert gateway("audit", "export", "--out", "may").reason() == "may: has files already: name a new folder"
    told = gateway("audit", "export", "--out", "may 2022").out
    said, _, command = told.strip().partition(" of a tree of 2; check it with: ")
    assert said == "may 2022: rows 1 to 2"
    assert shlex.split(command) == [sys.executable, "may 2022/verify.py"]
    (tmp_path / "file").touch(mode=0o644)
    over = gateway("audit", "export", "--out", "file")
    assert (over.reason(), over.err.count("\n")) == ("file: is no folder: name a new folder", 1)
    assert (
        gateway("audit", "export", "--out", "/dev/null/may")
        .reason()
        .startswith("/dev/null/may: can't be written")
    )


def test_an_export_that_fails_leaves_no_file_and_its_verifier_is_written_last_of_all(
    gateway: Commands, tmp_path: Path
) -> None:
    """The beginning of a verifier, or an empty one, ends without an error: a part of an export was taken for a whole one."""
    gateway.account("--all-fields")
    whole, disk_is_full, seen = gateway("audit", "export").out, True, []
    rows = tmp_path / "may" / "rows.ndjson"

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if disk_is_full and event == "open" and str(arguments[0]).endswith("may/proofs.ndjson"):
            raise OSError(errno.ENOSPC, "No space left on device")
        if event == "os.rename" and str(arguments[1]).endswith("may/verify.py"):
            seen.append(rows.read_text(encoding="utf-8"))

    with before_each_step(look):
        failed = gateway("audit", "export", "--out", "may").reason()
        left = list((tmp_path / "may").iterdir())
        disk_is_full = False
        again = gateway("audit", "export", "--out", "may").code

    assert failed == "may: can't be written (No space left on device)"
    assert (left, again, seen) == ([], 0, [whole])


def test_the_privacy_report_reads_no_database_and_names_every_class(tmp_path: Path) -> None:
    command = Commands(tmp_path)
    tables = {
        each["table"]: each["columns"] for each in command("privacy", "report", "--json").json()["tables"]
    }
    claim = next(each for each in tables["verifications"] if each["name"] == "sealed_claim")
    assert (claim["class"], claim["key"]) == ("personal", "data")
    assert claim["retention"].startswith("until expiry, invalidation or revocation")
    text = command("privacy", "report").out
    assert "  personal: sealed_claim\n" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert list(tmp_path.iterdir()) == []


def test_the_affected_of_an_unknown_account_are_refused_and_of_an_unused_one_nobody(
    gateway: Commands,
) -> None:
    assert "no such account" in gateway("audit", "affected", "--account", "acc_nobody").reason()
    client_id = gateway.account("--all-fields")["client_id"]
    found = gateway("audit", "affected", "--account", client_id, "--json").json()
    assert found["people"] == []
    assert found["counts"]["people"] == 0


def test_a_ledger_needs_a_signed_in_officer_a_number_by_stdin_and_a_reason(gateway: Commands) -> None:
    number, why = "001090000123\n", "Đơn số 12"
    assert "there is no operator yet" in gateway("audit", "ledger", "--reason", why, stdin=number).reason()
    first = ("operators", "create", "lan", "--role", "admin", "--bootstrap", "--json")
    sign_in(gateway, "lan", gateway(*first).json()["one_time_code"])
    refused = gateway("audit", "ledger", "--reason", why, stdin=number).reason()
    assert "data_protection" in refused
    code = gateway("operators", "create", "an.vo", "--role", "data_protection", "--json").json()
    assert sign_in(gateway, "an.vo", code["one_time_code"]).code == 0
    assert "reason" in gateway("audit", "ledger", stdin=number).reason()
    assert "twelve digits" in gateway("audit", "ledger", "--reason", why, stdin="012345678\n").reason()
    by_option = gateway("audit", "ledger", "--reason", why, "--json", stdin=number).json()
    assert by_option == {"entries": [], "discrepancies": []}
    assert (
        gateway("audit", "ledger", stdin=f"{number}{why}\n").out
        == "Sổ tra cứu: 0\nkhông có lượt tra cứu nào\n"
    )
    rows = gateway("audit", "search", "--outcome", "ledger", "--json").json()
    assert {(row["kind"], row["actor"], row["reason"]) for row in rows} == {("inspected", "an.vo", why)}


def test_entries_are_erased_only_by_a_policy(gateway: Commands) -> None:
    gateway.account("--all-fields")
    assert "set GATEWAY_AUDIT_RETENTION_MONTHS" in gateway("audit", "erase").reason()
    done = gateway("audit", "erase", "--json", GATEWAY_AUDIT_RETENTION_MONTHS="12").json()
    assert done["erased"] == 0
    assert len(done["before"]) == len("2022-05")
    assert gateway("audit", "verify", "--json").json()["erased"] == {"rows": 0, "why": {}}
