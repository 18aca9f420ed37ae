"""Rules for every command: help with an example, exit codes, one line when refused, plain UTF-8."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway import __version__
from gateway.cli import build_cli
from tests.gateway.cli.terminals import show_at_terminal
from tests.kit.commands import Commands


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
        audit export; audit affected; audit ledger; audit erase; privacy report"""
    assert {tuple(name.split()) for name in named.split(";")} == set(LEAVES)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_exits_zero_fits_80_columns_and_leaves_show_an_example(path: Sequence[str]) -> None:
    result = CliRunner().invoke(ROOT, [*path, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert "Usage: " in result.output
    if path in LEAVES or not path:
        assert "Example" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
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
        ("audit verify --witness nope", "--witness nope: http://… or https://…, or a file is expected"),
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


def test_human_output_is_plain_words_within_80_columns_and_a_table_has_one_row_a_line(
    gateway: Commands,
) -> None:
    made = gateway.account("--all-fields")
    gateway("organisations", "add", "000.00.02.H26", "Ủy ban nhân dân " + "thành phố rất dài " * 9)
    texts = (("audit", "verify"), ("procedures", "show", "khai-sinh"))
    tables = (
        ("procedures", "list"),
        ("accounts", "list"),
        ("accounts", "show", made["client_id"]),
        ("organisations", "list"),
        ("keys", "list"),
    )
    for arguments in (*texts, *tables):
        done = gateway(*arguments, FORCE_COLOR="1")
        assert (done.code, done.err) == (0, "")
        assert "\x1b" not in done.out
        lines = done.out.splitlines()
        if arguments in texts:
            assert max(map(len, lines)) <= 80, arguments
        else:
            assert len(lines) == 1 + len(gateway(*arguments, "--json").json()), arguments


LONG = "Ủy ban nhân dân " + "thành phố rất dài " * 9 + "(hết)"


def test_a_list_in_a_pipe_has_one_whole_row_a_line(gateway: Commands) -> None:
    gateway("organisations", "add", "000.00.02.H26", LONG)
    lines = gateway("organisations", "list").out.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(LONG)


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
