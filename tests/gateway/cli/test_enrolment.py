"""`gateway operators enrol`: the QR code, and the TOTP code that shows that the secret has arrived."""

import os
import subprocess
import sys
from pathlib import Path

import segno

from gateway.operators.credentials import draw_qr, to_uri
from tests.kit.commands import BARE, Commands
from tests.kit.disks import largest_file
from tests.kit.operators import PASSWORD
from tests.kit.staff import totp

FIRST = ("operators", "create", "lan.nguyen", "--role", "admin", "--bootstrap", "--json")


def test_the_qr_code_on_the_terminal_has_the_modules_of_its_text() -> None:
    text = to_uri("A" * 32, name="lan.nguyen")
    upper, lower = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}, []
    for line in draw_qr(text).splitlines():
        lower += [[upper[each][half] for each in line] for half in (0, 1)]
    wanted = [
        [cell & 1 for cell in row] for row in segno.make(text, error="l", micro=False).matrix_iter(border=4)
    ]
    assert lower[: len(wanted)] == wanted
    assert max(map(len, draw_qr(text).splitlines())) <= 80


def test_a_code_of_the_printed_secret_enrols_and_is_used_up(gateway: Commands) -> None:
    code = gateway(*FIRST).json()["one_time_code"]
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "operators", "enrol", "lan.nguyen", "--print-secret"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=gateway.folder,
        env=BARE,
        text=True,
        encoding="utf-8",
    ) as program:
        assert program.stdin
        assert program.stdout
        uri = program.stdout.readline()
        qr = [program.stdout.readline() for _ in draw_qr(uri.strip()).splitlines()]
        assert uri.startswith("otpauth://totp/gateway:lan.nguyen?secret=")
        shown = totp(uri.strip().partition("secret=")[2])
        out, _ = program.communicate(f"{code}\n{PASSWORD}\n{shown}\n", timeout=60)
    assert program.returncode == 0
    assert "".join(qr) == f"{draw_qr(uri.strip())}\n"
    assert f"totp_secret: {uri.strip().partition('secret=')[2]}" in out
    again = gateway("login", "lan.nguyen", stdin=f"{PASSWORD}\n{shown}\n")
    assert again.code == 1


def test_a_code_of_another_secret_changes_nothing_and_the_one_time_code_stays(gateway: Commands) -> None:
    code = gateway(*FIRST).json()["one_time_code"]
    enrol = ("operators", "enrol", "lan.nguyen")
    wrong = gateway(*enrol, stdin=f"{code}\n{PASSWORD}\n000000\n").reason()
    assert "nothing is changed, and the one-time code is still valid" in wrong
    assert gateway(*enrol, stdin=f"{code}\n{PASSWORD}\n").code == 0


def test_a_secret_is_printed_only_for_who_is_invited_and_a_refusal_after_it_says_that_it_is_not_in_use(
    gateway: Commands,
) -> None:
    enrol = ("operators", "enrol", "lan.nguyen", "--print-secret")
    assert "ask who invited you" in gateway(*enrol, stdin=f"x\n{PASSWORD}\n").reason()
    code = gateway(*FIRST).json()["one_time_code"]
    for lines in (f"wrong\n{PASSWORD}\n", f"{code}\nshort\n", f"{code}\n{PASSWORD}\n000000\n"):
        refused = gateway(*enrol, stdin=lines)
        assert refused.code == 1
        assert "the secret that was printed is not in use: delete it from the authenticator" in refused.err
    assert gateway(*enrol, stdin=f"{code}\n{PASSWORD}\n").code == 0
    assert "used" in gateway(*enrol, stdin=f"{code}\n{PASSWORD}\n").reason()


def test_a_master_key_is_made_for_its_owner_once(gateway: Commands, tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    assert gateway("keys", "make-master", str(file)).out.startswith(f"made: {file}\n")
    assert os.stat(file).st_mode & 0o777 == 0o600  # noqa: PTH116 - the mode alone
    assert "File exists" in gateway("keys", "make-master", str(file)).reason()
    listed = gateway("keys", "list", GATEWAY_MASTER_KEY_FILE=str(file))
    assert listed.code == 0
    assert len(gateway("keys", "make-master", "--json").json()["master_key"]) == 43


def test_a_master_key_that_the_disk_can_not_take_leaves_no_file(gateway: Commands, tmp_path: Path) -> None:
    """Its name was taken then, and the next try was refused."""
    file = tmp_path / "master.key"
    with largest_file(10):
        refused = gateway("keys", "make-master", str(file)).reason()

    assert refused == f"{file}: can't be made (File too large)"
    assert not file.exists()
    assert gateway("keys", "make-master", str(file)).code == 0
