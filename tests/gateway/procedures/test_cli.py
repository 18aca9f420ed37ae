"""The `procedures` commands print what the files say, and one clear line where a file doesn't hold."""

import json
import re
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.procedures.catalogue import DATA
from gateway.procedures.cli import build_cli
from gateway.terminal import OpenGateway
from tests.kit.clocks import StillClock


@pytest.fixture
def commands() -> typer.Typer:
    return build_cli(OpenGateway(StillClock()))


@pytest.fixture
def terminal() -> CliRunner:
    return CliRunner()


def test_lint_counts_what_it_checked_and_exits_zero(terminal: CliRunner, commands: typer.Typer) -> None:
    result = terminal.invoke(commands, ["lint"])
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: 25 services, ")


def test_lint_names_file_and_place_in_one_line(
    terminal: CliRunner, commands: typer.Typer, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    file = folder / "procedures" / "10-khai-tu.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"death_cause"', '"salary"'), encoding="utf-8")
    result = terminal.invoke(commands, ["lint", "--folder", str(folder)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        "error: 10-khai-tu.toml: roles[requester].fields[salary].name: unknown field"
    )
    assert result.stderr.count("\n") == 1


def test_list_prints_each_service_with_its_whole_name_within_80_columns(
    terminal: CliRunner, commands: typer.Typer
) -> None:
    header, *lines = terminal.invoke(commands, ["list"]).stdout.splitlines()
    listed = json.loads(terminal.invoke(commands, ["list", "--json"]).stdout)
    assert header.split() == ["NO", "SLUG", "CODE", "NAME"]
    rows = [" ".join(row.split()) for row in re.split(r"\n(?=\d)", "\n".join(lines))]
    assert len(rows) == len(listed) == 25
    assert all(row.endswith(each["name_vi"]) for row, each in zip(rows, listed, strict=True))
    assert rows[8] == "9 khai-sinh 1.001193 Đăng ký khai sinh"
    assert max(map(len, lines)) <= 80


def test_list_as_json_is_a_bare_array_with_codes_of_the_day(
    terminal: CliRunner, commands: typer.Typer
) -> None:
    listed = json.loads(terminal.invoke(commands, ["list", "--json"]).stdout)
    codes = {each["slug"]: each["code"] for each in listed}
    assert (codes["ly-lich-tu-phap"], codes["dang-ky-xe-may"]) == ("2.000488", None)


@pytest.mark.parametrize("name", ["khai-sinh", "1.001193"])
def test_show_as_json_tells_where_each_field_comes_from(
    terminal: CliRunner, commands: typer.Typer, name: str
) -> None:
    shown = json.loads(terminal.invoke(commands, ["show", name, "--json"]).stdout)
    assert [role["role"] for role in shown["roles"]] == ["requester", "father", "mother"]
    fields = {field["name"]: field for field in shown["roles"][0]["fields"]}
    assert (fields["full_name"]["from"], fields["full_name"]["operation"]) == (
        "registry",
        "TraCuuThongTinCongDan",
    )
    assert (fields["child_gender"]["from"], fields["child_gender"]["operation"]) == ("citizen", None)


def test_show_marks_guesses_and_sensitive_fields_in_words(terminal: CliRunner, commands: typer.Typer) -> None:
    result = terminal.invoke(commands, ["show", "ho-chieu"])
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert ["religion", "TraCuuThongTinCongDan", "sensitive, a guess"] in lines
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout


def test_showing_an_unknown_service_exits_one_and_echoes_nothing(
    terminal: CliRunner, commands: typer.Typer
) -> None:
    result = terminal.invoke(commands, ["show", "001090000123"])
    assert result.exit_code == 1
    assert result.stderr == "error: no such service; `gateway procedures list` names them\n"


def test_every_command_explains_itself_with_an_example(terminal: CliRunner, commands: typer.Typer) -> None:
    for command in ("lint", "list", "show"):
        assert (
            f"Example: gateway procedures {command}" in terminal.invoke(commands, [command, "--help"]).stdout
        )
