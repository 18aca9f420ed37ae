"""`gateway operators`, `login` and `logout` on a real store in a folder, from the first admin on."""

import json
from pathlib import Path

import pytest

from tests.gateway.cli.terminals import type_at_terminal
from tests.kit.commands import Commands
from tests.kit.operators import PASSWORD
from tests.kit.staff import sign_in, totp

FIRST = ("operators", "create", "lan.nguyen", "--role", "admin", "--bootstrap")
OFFICIAL = {
    "GATEWAY_OFFICIAL_REGISTRY_URL": "http://127.0.0.1:8110",
    "GATEWAY_OFFICIAL_C06_USER": "u",
    "GATEWAY_OFFICIAL_C06_SECRET": "s",
    "GATEWAY_OFFICIAL_AGENCY": "000.00.01.H26",
    "GATEWAY_OFFICIAL_OFFICER": "dvctt.dichvu",
    "GATEWAY_OFFICIAL_NETWORKS": "127.0.0.0/8",
}
NO_OPERATOR = "there is no operator yet: gateway operators create NAME --role admin --bootstrap"


@pytest.fixture
def admin(gateway: Commands) -> Commands:
    """The program, with the first admin signed in."""
    assert sign_in(gateway, "lan.nguyen", gateway(*FIRST, "--json").json()["one_time_code"]).code == 0
    return gateway


def test_the_first_admin_is_made_enrolled_and_signed_in_as_the_contract_says(
    gateway: Commands, tmp_path: Path
) -> None:
    made = gateway(*FIRST, "--json").json()
    assert set(made) == {"name", "one_time_code"}
    stdin = f"{made['one_time_code']}\n{PASSWORD}\n"
    enrolled = gateway("operators", "enrol", "lan.nguyen", "--json", stdin=stdin).json()
    assert set(enrolled) == {"name", "totp_secret"}
    session = gateway(
        "login", "lan.nguyen", "--json", stdin=f"{PASSWORD}\r\n{totp(enrolled['totp_secret'])}\r\n"
    ).json()
    assert set(session) == {"token", "expires_at"}

    file = tmp_path / "var" / "operator-token"
    assert file.read_text() == session["token"] + "\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert gateway("operators", "list", "--json").json()[0]["state"] == "active"
    assert "operators already" in gateway(*FIRST).reason()
    assert gateway("audit", "verify").code == 0


def test_threat_12_acts_of_an_admin_need_an_admin_who_is_signed_in(gateway: Commands) -> None:
    acts = ("operators", "create", "minh", "--role", "viewer"), ("operators", "disable", "minh"), ("logout",)
    for act in acts:
        assert gateway(*act).reason() == NO_OPERATOR
    assert gateway("operators", "list", "--json").json() == []
    gateway(*FIRST)
    for act in acts:
        assert gateway(*act).reason() == "no operator is signed in here: gateway login NAME"


def test_an_admin_creates_and_disables_operators_until_signing_out(admin: Commands, tmp_path: Path) -> None:
    code = admin("operators", "create", "minh.tran", "--role", "proposer", "--json").json()["one_time_code"]
    assert "last active admin" in admin("operators", "disable", "lan.nguyen").reason()
    kept = (tmp_path / "var" / "operator-token").read_text().strip()
    theirs = sign_in(admin, "minh.tran", code).json()["token"]

    assert admin("operators", "disable", "lan.nguyen").reason().startswith("needs the role admin: ")
    done = admin("operators", "disable", "minh.tran", GATEWAY_OPERATOR_TOKEN=kept)
    assert done.out == "minh.tran is disabled\n"
    assert "session has ended" in admin("operators", "disable", "x").reason()
    assert "session has ended" in admin("logout", GATEWAY_OPERATOR_TOKEN=theirs).reason()
    assert (tmp_path / "var" / "operator-token").exists()
    assert "session has ended" in admin("logout").reason()
    assert not (tmp_path / "var" / "operator-token").exists()
    assert admin("logout", GATEWAY_OPERATOR_TOKEN=kept).out == "lan.nguyen is signed out\n"


def test_the_token_setting_has_precedence_over_the_token_file(admin: Commands, tmp_path: Path) -> None:
    kept = (tmp_path / "var" / "operator-token").read_text().strip()
    create = ("operators", "create", "minh", "--role", "viewer")
    assert "session has ended" in admin(*create, GATEWAY_OPERATOR_TOKEN="ops_x").reason()
    (tmp_path / "token").write_text(kept)
    (tmp_path / "var" / "operator-token").unlink()
    assert admin(*create, GATEWAY_OPERATOR_TOKEN_FILE=str(tmp_path / "token")).code == 0


def test_threat_12_an_official_connection_needs_two_people_for_the_third_operator(admin: Commands) -> None:
    create = ("operators", "create")
    assert admin(*create, "minh", "--role", "proposer", **OFFICIAL).code == 0
    assert admin(*create, "hoa", "--role", "approver", **OFFICIAL).code == 0
    assert "second person approves" in admin(*create, "tu", "--role", "viewer", **OFFICIAL).reason()


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (("login", "lan.nguyen"), "", "2 lines are expected: password, TOTP code"),
        (("login", "lan.nguyen"), "only one\n", "2 lines are expected"),
        (("login", "lan.nguyen"), "a\nb\nc\n", "2 lines are expected"),
        (("login", "nobody"), "a\n123456\n", "Check name, password and code"),
        (("operators", "enrol", "nobody"), f"otc_x\n{PASSWORD}\n", "ask who invited you for another one"),
        (("operators", "enrol", "nobody"), "otc_x\nshort\n", "12 to 128 characters"),
        (("operators", "enrol", "Nobody"), f"otc_x\n{PASSWORD}\n", "NAME: 1 to 64 of a-z"),
        (
            ("operators", "create", "local", "--role", "admin", "--bootstrap"),
            "",
            "NAME: a name other than local",
        ),
        (
            ("operators", "create", "a001090000123", "--role", "admin", "--bootstrap"),
            "",
            "nine or more digits",
        ),
        (("operators", "create", "lan", "--role", "viewer", "--bootstrap"), "", "first operator is an admin"),
    ],
)
def test_what_is_refused_says_why_in_one_line_and_shows_no_secret(
    gateway: Commands, arguments: tuple[str, ...], stdin: str, reason: str
) -> None:
    done = gateway(*arguments, stdin=stdin)
    assert reason in done.reason()
    assert PASSWORD not in done.err


def test_human_output_of_operators_is_plain_words_within_80_columns(admin: Commands) -> None:
    invited = admin("operators", "create", "minh.tran", "--role", "data_protection")
    code = invited.out.split("one_time_code: ")[1].split("\n")[0]
    enrolled = admin("operators", "enrol", "minh.tran", stdin=f"{code}\n{PASSWORD}\n")
    secret = enrolled.out.split("totp_secret: ")[1].split("\n")[0]
    assert f"otpauth://totp/gateway:minh.tran?secret={secret}" in enrolled.out
    signed_in = admin("login", "minh.tran", stdin=f"{PASSWORD}\n{totp(secret)}\n")
    token = Path(admin.folder / "var" / "operator-token").read_text().strip()
    assert token not in signed_in.out
    for done in (invited, enrolled, signed_in, admin("operators", "list"), admin("logout")):
        assert (done.code, done.err) == (0, "")
        assert max(map(len, done.out.splitlines())) <= 80


def test_at_a_terminal_each_secret_is_asked_for_and_none_is_shown(gateway: Commands) -> None:
    code = gateway(*FIRST, "--json").json()["one_time_code"]
    typed = {"one-time code": code, "new password": PASSWORD}
    out, shown = type_at_terminal(gateway.folder, "operators", "enrol", "lan.nguyen", "--json", typed=typed)
    assert set(json.loads(out)) == {"name", "totp_secret"}
    assert code not in shown
    assert PASSWORD not in shown


def test_a_token_file_open_to_all_is_replaced_by_a_private_one(gateway: Commands, tmp_path: Path) -> None:
    file, other = tmp_path / "var" / "operator-token", tmp_path / "elsewhere"
    other.write_text("theirs")
    file.symlink_to(other)
    sign_in(gateway, "lan.nguyen", gateway(*FIRST, "--json").json()["one_time_code"])

    assert other.read_text() == "theirs"
    assert file.stat(follow_symlinks=False).st_mode & 0o777 == 0o600
    file.write_bytes(b"\xff")
    assert "var/operator-token: can't be read" in gateway("logout").reason()


def test_no_secret_of_an_operator_is_left_in_any_file_but_the_token(admin: Commands, tmp_path: Path) -> None:
    token = (tmp_path / "var" / "operator-token").read_text().strip()
    admin("operators", "create", "minh", "--role", "viewer", "--json")
    found = {
        path.name: [word for word in (PASSWORD, token) if word.encode() in path.read_bytes()]
        for path in (tmp_path / "var").iterdir()
    }
    assert {name for name, words in found.items() if words} == {"operator-token"}
    assert json.loads(admin("operators", "list", "--json").out)[0]["name"] == "lan.nguyen"
