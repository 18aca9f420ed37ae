"""Rules for every command: help with an example, exit codes, one line when refused, plain UTF-8."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway import __version__
from gateway.cli import build_cli
from gateway.terminal import print_table
from tests.gateway.cli.terminals import show_at_terminal
from tests.kit.commands import BARE, Commands


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command's path."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


ROOT = build_cli()
PATHS = sorted(walk(typer.main.get_command(ROOT)))
LEAVES = [path for path in PATHS if not any(other[:-1] == path for other in PATHS if other)]


def test_the_commands_of_the_contract_are_there() -> None:
    named = """serve; migrate; backup; restore; accept-older-store; openapi; keys list; keys rotate; keys make-master; organisations add; organisations list; accounts create;
        accounts list; accounts show; accounts rotate; accounts suspend; accounts resume; accounts revoke;
        accounts grant; accounts scopes; accounts officers add; accounts officers disable; accounts officers list; audit verify; audit checkpoint; procedures list;
        procedures show; procedures lint; operators create; operators enrol; operators list; operators disable;
        operators propose; login; logout; accounts promote; profiles list; profiles show; profiles history; profiles propose;
        profiles set-policy; profiles preflight; profiles approve; profiles activate; profiles reject;
        profiles rollback; profiles suspend; profiles resume; official application; official open; discrepancies list;
        discrepancies show; discrepancies resolve; report weekly; audit proof; audit reconcile; audit search;
        audit export; audit witness; audit affected; audit ledger; audit erase; privacy report"""
    assert {tuple(name.split()) for name in named.split(";")} == set(LEAVES)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_exits_zero_fits_80_columns_and_leaves_show_an_example(path: Sequence[str]) -> None:
    result = CliRunner().invoke(ROOT, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    usage = result.output.partition("\n\n")[0]
    assert usage.startswith("Usage: ")
    assert re.search(r"[{\[][a-z]", usage) is None  # a placeholder is in capital letters
    if path in LEAVES or not path:
        assert "Example" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert re.search(r"Example: .*\n +\S", result.output) is None  # a line that was wrapped can't be pasted
    assert "...\n" not in result.output.partition("\n")[2]  # a sentence that was cut


def test_the_version_is_printed_as_one_line(gateway: Commands) -> None:
    done = gateway.program("--version")
    assert (done.code, done.out, done.err) == (0, f"gateway {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("audit", "search", "--from", "2022-05-02", "--to", "2022-05-01"),
        ("serve", "--port", "70000"),
        ("serve", "--drain-seconds", "nan", "--host", "\u202ex"),
        ("accounts", "create"),
        ("accounts", "list", "--colour"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_without_a_traceback(gateway: Commands, arguments: Sequence[str]) -> None:
    done = gateway(*arguments)
    assert done.code == 2
    assert "Usage: " in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"GATEWAY_COLOUR": "red"}, "GATEWAY_COLOUR: no such setting"),
        ({"GATEWAY_MASTER_KEY": "short"}, "GATEWAY_MASTER_KEY: 32 bytes as base64url"),
        ({"GATEWAY_OFFICIAL_REUSE": "account"}, "GATEWAY_OFFICIAL_REUSE: account needs an approved change"),
        ({"GATEWAY_DATABASE_URL": "mysql://h/n"}, "GATEWAY_DATABASE_URL: sqlite:///path or postgresql://"),
        ({"GATEWAY_DATABASE_URL": "postgresql://h/n"}, "GATEWAY_MASTER_KEY (or _FILE) is required"),
        (
            {"GATEWAY_DATABASE_URL": "postgresql://u@127.0.0.1:1/n", "GATEWAY_MASTER_KEY": "A" * 43},
            "the database can't be used (unreachable, ConnectionRefusedError): check that the store's server runs",
        ),
        (
            {"GATEWAY_DATABASE_URL": "sqlite:////dev/null/x/gateway.db"},
            "no store at /dev/null/x/gateway.db",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    gateway: Commands, environment: dict[str, str], named: str
) -> None:
    assert named in gateway("keys", "list", **environment).reason()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("audit proof 9", "row: the audit has no rows yet"),
        ("audit verify --witness nope", "nope: the witness's http://… or https://…, or a file is expected"),
        ("audit witness nope", "nope: the witness's http://… or https://…, or a file is expected"),
        ("procedures lint --folder nope", "--folder nope: no such folder"),
        ("serve --port 0 --host nope.invalid", "give an address of this machine by --host"),
        ("serve --port 0 --host 192.0.2.1", "give an address of this machine by --host"),
        ("accounts show acc_nothing", "account acc_nothing does not exist: gateway accounts list"),
        ("keys rotate token --leaked key_nothing", "is not an accepted token key there: gateway keys list"),
        ("official open --file nope", "nope: No such file or directory"),
        ("restore nope", "nope: no such file"),
    ],
)
def test_a_wrong_use_is_one_line_that_names_what_is_wrong_and_the_remedy(
    gateway: Commands, arguments: str, reason: str
) -> None:
    assert reason in gateway(*arguments.split()).reason()


def test_the_wrong_master_key_is_named_and_nothing_is_opened(gateway: Commands, tmp_path: Path) -> None:
    assert gateway("keys", "list").code == 0
    assert "master key does not open" in gateway("keys", "list", GATEWAY_MASTER_KEY="A" * 43).reason()
    (tmp_path / "var" / "master.key").write_bytes(b"\xff\xfe")
    assert "32 bytes as base64url" in gateway("keys", "list").reason()


def test_an_unreachable_server_is_one_line_without_a_traceback(gateway: Commands) -> None:
    url = "postgresql://u:correct-horse@127.0.0.1:1/n"
    done = gateway.program("accounts", "list", GATEWAY_DATABASE_URL=url, GATEWAY_MASTER_KEY="A" * 43)
    assert "unreachable" in done.reason()
    assert "correct-horse" not in done.err


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}])
def test_text_is_utf_8_whatever_the_locale(gateway: Commands, locale: dict[str, str]) -> None:
    done = gateway.program("--help", **locale)
    assert done.code == 0
    assert "UBND TP Hà Nội" in done.out


def test_human_output_is_plain_words_within_80_columns(gateway: Commands) -> None:
    made = gateway.account("--all-fields")
    gateway("organisations", "add", "000.00.02.H26", LONG)
    for arguments in (
        ("audit", "verify"),
        ("audit", "search"),
        ("procedures", "show", "khai-sinh"),
        ("procedures", "list"),
        ("accounts", "list"),
        ("accounts", "show", made["client_id"]),
        ("organisations", "list"),
        ("keys", "list"),
        ("organisations", "add", "000.00.03.H26", LONG, "--dry-run"),
    ):
        done = gateway(*arguments, FORCE_COLOR="1")
        assert (done.code, done.err) == (0, "")
        assert "\x1b" not in done.out
        assert max(map(len, done.out.splitlines())) <= 80, arguments


LONG = "Ủy ban nhân dân " + "thành phố rất dài " * 9 + "(hết)"


def test_a_list_in_a_pipe_has_whole_words_and_columns_makes_its_rows_one_line(gateway: Commands) -> None:
    gateway("organisations", "add", "000.00.02.H26", LONG)
    lines = gateway("organisations", "list").out.splitlines()
    assert " ".join(" ".join(lines[1:]).split()).endswith(LONG)
    assert gateway("organisations", "list", COLUMNS="1000").out.splitlines()[1].endswith(LONG)


def test_a_table_puts_an_id_that_is_too_long_for_its_column_on_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pseudonym, act, digest = "7" * 40, "change_rolled_back:" + "a" * 40, "b" * 90
    print_table(
        ["PERSON", "COUNT", "WHAT"], [[pseudonym, "1", f"see {act}"], ["-", "2", digest], ["-", "3", ""]]
    )
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["PERSON", "COUNT", "WHAT"]
    assert [row.split() for row in rows] == [
        [pseudonym, "1"],
        ["see", act],
        ["-", "2"],
        [digest],
        ["-", "3"],
    ]


def test_a_row_that_is_wider_than_the_table_and_ends_with_an_empty_cell_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["ID", "WHAT"], [["a" * 90, ""], ["b" * 90, "x y"]])
    assert capsys.readouterr().out.split("\n")[2:] == ["a" * 90, "b" * 90, "    x y", ""]


def test_a_table_has_one_layout_for_all_rows_and_shows_every_id_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long, short = "phòng-tư-pháp-quận-hoàn-kiếm-01", "an"
    print_table(["ID", "NAME"], [["a" * 60, short], ["b" * 60, long]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["a" * 60, f"    {short}", "b" * 60, f"    {long}"]
    print_table(["ID", "FIELDS"], [["a" * 62, "birth_date full_name"]])
    assert capsys.readouterr().out.splitlines()[1:] == ["a" * 62, "    birth_date full_name"]


def test_times_in_tables_have_one_form_below_a_heading_that_says_utc(gateway: Commands) -> None:
    gateway("operators", "create", "lan.nguyen", "--role", "admin", "--bootstrap")
    for arguments in (("keys", "list"), ("audit", "search"), ("operators", "list")):
        header, *rows = gateway(*arguments).out.splitlines()
        assert "(UTC)" in header, arguments
        assert rows
        assert all(re.search(r"  \d{4}-\d\d-\d\d \d\d:\d\d(  |$)", row) for row in rows), arguments


@pytest.mark.parametrize("command", ["search", "export", "affected", "reconcile"])
def test_the_help_of_a_period_names_the_zones_that_are_read(gateway: Commands, command: str) -> None:
    told = " ".join(gateway("audit", command, "--help").out.split())
    assert told.count("in Vietnam (+07:00), or an instant with its zone") == 2


@pytest.mark.parametrize("columns", [60, 100])
def test_a_list_in_a_terminal_is_as_wide_as_the_terminal(gateway: Commands, columns: int) -> None:
    gateway("organisations", "add", "000.00.02.H26", LONG)
    lines = show_at_terminal(gateway.folder, "organisations", "list", columns=columns).splitlines()
    assert columns - 20 < max(map(len, lines)) <= columns
    assert " ".join(" ".join(lines[1:]).split()).endswith(LONG)


def test_first_use_makes_store_and_key_for_the_owner_only(gateway: Commands, tmp_path: Path) -> None:
    assert gateway("accounts", "list", "--json").json() == []
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()}
    assert modes["gateway.db"] == modes["master.key"] == 0o600
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path not in {("serve",), ("openapi",)}], ids=" ".join
)
def test_every_command_that_prints_a_record_has_json(path: Sequence[str]) -> None:
    assert "--json" in CliRunner().invoke(ROOT, [*path, "--help"], terminal_width=80).output


def test_a_shell_completes_commands_and_loads_only_those_that_match(gateway: Commands) -> None:
    words = {"_GATEWAY_COMPLETE": "complete_bash", "COMP_WORDS": "gateway accounts gr", "COMP_CWORD": "2"}
    assert gateway.program(**words).out.split() == ["grant"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("backup", "TOO LONG"),
        ("restore", "TOO LONG"),
        ("procedures", "lint", "--folder", "TOO LONG"),
        ("audit", "verify", "--keyless", "--witness", "TOO LONG"),
    ],
    ids=" ".join,
)
def test_a_file_that_the_system_refuses_to_look_up_is_named(
    gateway: Commands, arguments: Sequence[str]
) -> None:
    """As in a folder that the user may not search; root may search each, so that the name is too long here."""
    gateway.account()
    name = "n" * 300
    done = gateway(*(name if each == "TOO LONG" else each for each in arguments))
    assert done.reason() == f"{name}: File name too long; name a file that this user may use"


@pytest.mark.parametrize(
    "arguments", [("accounts", "show"), ("profiles", "show"), ("audit", "search", "--outcome")]
)
def test_an_argument_that_is_no_utf_8_is_named(gateway: Commands, arguments: Sequence[str]) -> None:
    gateway.account()
    done = gateway(*arguments, "\udcff")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"argument {len(arguments) + 1} is not UTF-8 text\n")


def test_a_host_that_is_no_name_is_refused_with_the_remedy(gateway: Commands) -> None:
    done = gateway("serve", "--host", "\u202ex", "--port", "0")
    assert done.reason() == "can't listen on \u202ex: no host name; give an address of this machine by --host"


@pytest.mark.parametrize(
    ("output", "arguments", "code", "told"),
    [
        (
            "/dev/full",
            ("audit", "export"),
            1,
            "error: the output can't be written (No space left on device)\n",
        ),
        ("/dev/full", ("--version",), 1, "error: the output can't be written (No space left on device)\n"),
        ("&-", ("audit", "search"), 0, ""),
    ],
    ids=["full disk in a transaction", "full disk", "closed"],
)
def test_an_output_that_takes_nothing_is_told_from_the_store(
    gateway: Commands, output: str, arguments: Sequence[str], code: int, told: str
) -> None:
    """A failed write within a transaction was reported as a full disk of the store."""
    gateway.account()
    program = [sys.executable, "-m", "gateway", *arguments]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" >{output}', "sh", *program],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=gateway.folder,
        env=BARE,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (code, told)
