"""`gateway accounts grant|scopes|officers list`, short ids, `--dry-run`, and the question before a revocation."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.cli.test_official_accounts import official, show  # noqa: F401 - a fixture
from tests.gateway.cli.test_promote import carry_out
from tests.kit.commands import BARE, Commands
from tests.kit.staff import Staff


@pytest.fixture
def account(gateway: Commands) -> str:
    """A sandbox account's client id."""
    return gateway.account("--field", "full_name")["client_id"]


def rows(gateway: Commands) -> str:
    return gateway("audit", "verify").out.splitlines()[0]


def test_a_grant_is_added_or_replaces_the_others_and_ends_live_tokens(
    gateway: Commands, account: str
) -> None:
    grant = ("accounts", "grant", account, "--procedure", "khai-sinh", "--field", "birth_date", "--json")
    added = gateway(*grant).json()
    assert [each["fields"] for each in added["authorization_details"]] == [["full_name"], ["birth_date"]]
    replaced = gateway(*grant, "--replace").json()
    assert [each["fields"] for each in replaced["authorization_details"]] == [["birth_date"]]
    assert gateway("accounts", "show", account, "--json").json()["grant_epoch"] == 3
    assert gateway("audit", "verify", "--state").code == 0


def test_scopes_are_those_named_and_an_unknown_name_changes_nothing(gateway: Commands, account: str) -> None:
    assert gateway("accounts", "scopes", account, "--scope", "ledger", "--json").json()["scopes"] == [
        "ledger"
    ]
    assert "one of verify" in gateway("accounts", "scopes", account, "--scope", "all").wrong_usage()
    wrong = ("accounts", "grant", account, "--procedure", "nope", "--field", "full_name")
    assert "--procedure nope: not in the catalogue" in gateway(*wrong).reason()
    assert gateway("accounts", "show", account, "--json").json()["grant_epoch"] == 2


def test_threat_48_rights_on_official_change_by_two_people_whose_diff_shows_them(
    staff: Staff,
    official: str,  # noqa: F811 - the fixture
) -> None:
    scopes = ("accounts", "scopes", official, "--scope", "verify")
    assert "a proposer proposes this change" in staff.gateway(*scopes).reason()
    before = show(staff, official)
    change = staff.proposer(*scopes, "--json").json()
    line = next(each for each in change["diff"] if each["member"] == "scopes")
    assert (line["from"], line["to"]) == (["prefill", "verify"], ["verify"])
    assert show(staff, official) == before
    carry_out(staff, change)
    after = show(staff, official)
    assert (after["scopes"], after["grant_epoch"]) == (["verify"], before["grant_epoch"] + 1)
    assert after["authorization_details"] == before["authorization_details"]


def test_officers_are_listed_by_pseudonym_without_their_ids(gateway: Commands, account: str) -> None:
    added = gateway("accounts", "officers", "add", account, stdin="can.bo.01\ncan.bo.02\n")
    assert added.out == "2 added\n"
    listed = gateway("accounts", "officers", "list", account, "--json").json()
    assert len({each["officer"] for each in listed}) == 2
    assert "can.bo" not in json.dumps(listed)
    off = gateway("accounts", "officers", "disable", account, "--json", stdin="can.bo.01\n").json()
    assert off == {"disabled": 1}
    assert len(gateway("accounts", "officers", "list", account, "--json").json()) == 1


def test_eight_characters_of_an_id_are_enough_and_seven_are_not(gateway: Commands, account: str) -> None:
    short = account.removeprefix("acc_")[:8]
    for typed in (short, f"acc_{short}", account):
        assert gateway("accounts", "show", typed, "--json").json()["client_id"] == account
    assert "does not exist" in gateway("accounts", "show", short[:7]).reason()


def test_a_revocation_by_a_script_is_not_asked_about(gateway: Commands, account: str) -> None:
    assert gateway("accounts", "revoke", account).out == f"{account} is revoked\n"
    assert gateway("accounts", "show", account, "--json").json()["state"] == "revoked"


def test_a_revocation_at_a_terminal_asks_first(gateway: Commands, account: str) -> None:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"n\n")
    command = [sys.executable, "-m", "gateway", "accounts", "revoke", account]
    done = subprocess.run(
        command, cwd=gateway.folder, env=BARE, stdin=terminal, capture_output=True, timeout=60, check=False
    )
    os.close(keyboard)
    os.close(terminal)
    assert done.returncode == 1
    assert b"[y/N]" in done.stderr
    assert gateway("accounts", "show", account, "--json").json()["state"] == "active"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("accounts revoke {}", "account_revoked"),
        ("accounts suspend {}", "account_suspended"),
        ("accounts rotate {}", "credential_rotated"),
        ("accounts scopes {} --scope ledger", "rights_changed"),
        ("organisations add 000.00.02.H26 Sở", "organisation_added"),
        ("operators create lan.nguyen --role admin --bootstrap", "operator_admitted:lan.nguyen:admin"),
        ("keys rotate token --profile sandbox", "token_key_rotated"),
    ],
)
def test_a_dry_run_checks_says_what_it_would_record_and_writes_nothing(
    gateway: Commands, account: str, words: str, outcome: str
) -> None:
    before = (rows(gateway), show_all(gateway))
    done = gateway(*words.format(account).split(), "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"dry run: {outcome}")
    assert done.out.endswith("dry run: nothing is written\n")
    assert (rows(gateway), show_all(gateway)) == before


def show_all(gateway: Commands) -> str:
    lists = (("accounts", "list"), ("organisations", "list"), ("operators", "list"), ("keys", "list"))
    return "".join(gateway(*words, "--json").out for words in lists)


def test_a_grant_without_fields_is_printed_as_one_that_gives_none(gateway: Commands, account: str) -> None:
    done = gateway("accounts", "grant", account, "--procedure", "khai-tu")
    assert "  procedures khai-tu; roles *; fields none\n" in done.out
    assert "promoted_from          none\n" in gateway("accounts", "show", account).out


def test_a_dry_run_is_refused_as_the_act_itself(gateway: Commands, account: str) -> None:
    gateway("accounts", "revoke", account, "--yes")
    assert "is revoked" in gateway("accounts", "scopes", account, "--scope", "ledger", "--dry-run").reason()


def test_a_dry_run_of_a_migration_makes_no_store(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert Commands(empty)("migrate", "--dry-run", "--json").json()["before"] is None
    assert list(empty.iterdir()) == []
