"""The command line as its users meet it: run as a program, judged by lines and exit codes."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mock_c06 import __version__
from mock_c06.commands.main import app
from tests.kit.programs import run_mock, run_mock_here

CLAIM = {"citizen_id": "001090000123", "full_name": "nguyễn văn an", "birth_date": "1990-01-31"}


def test_version_and_help_exit_zero_with_examples() -> None:
    version, shown = run_mock("--version"), run_mock("--help")
    assert (version.returncode, version.stdout.decode()) == (0, f"mock-c06 {__version__}\n")
    assert shown.returncode == 0
    assert b"mock-c06 serve --port" in shown.stdout
    assert b"\x1b" not in shown.stdout


def commands_of(command: Any, name: str) -> Iterator[tuple[str, str]]:
    yield name, command.help
    for word, inner in getattr(command, "commands", {}).items():
        yield from commands_of(inner, f"{name} {word}")


def test_every_command_shows_examples_in_its_help() -> None:
    helps = dict(commands_of(get_command(app), "mock-c06"))
    assert {"mock-c06", "mock-c06 population", "mock-c06 population sample", "mock-c06 personas"} <= set(
        helps
    )
    shown = {name: text.partition("Examples:\n")[2] for name, text in helps.items()}
    assert [
        name for name, examples in shown.items() if f"{name} " not in f"{examples} ".replace("\n", " ")
    ] == []


def test_personas_are_one_json_array_in_utf8_whatever_the_locale() -> None:
    listed = run_mock("personas", "--json", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    personas = json.loads(listed.stdout.decode("utf-8"))
    assert listed.returncode == 0
    assert personas[0]["full_name"] == "Nguyễn Văn An"
    assert "Nguyễn Văn An" in run_mock("personas", LC_ALL="C").stdout.decode("utf-8")


def test_each_person_is_listed_with_the_expected_verdict() -> None:
    people = json.loads(run_mock_here("personas", "--json").stdout)
    rows = re.split(r"\n(?=\S)", run_mock_here("personas").stdout.decode())
    below = [row.split("\n    ", 1)[1] for row in rows]
    answers = ["confirmed" if person["expect"]["confirmed"] else "not confirmed" for person in people]
    assert [line.partition(":")[0] for line in below] == answers
    assert set(answers) == {"confirmed", "not confirmed"}


def test_lists_in_a_pipe_fit_80_columns_with_all_words_and_no_escapes() -> None:
    people = json.loads(run_mock_here("personas", "--json").stdout)
    lists = ("personas", "accounts", "faults", "parity", "selfcheck")
    printed = "".join(run_mock_here(table).stdout.decode() for table in lists)
    assert max(map(len, printed.splitlines())) <= 80
    rows = [" ".join(row.split()) for row in re.split(r"\n(?=\S)", printed)]
    for person in people:
        assert any(row.startswith(person["slug"]) and row.endswith(f": {person['why']}") for row in rows)
    assert "\x1b" not in printed
    assert "…" not in printed


def test_columns_makes_each_row_of_a_list_one_line() -> None:
    people = json.loads(run_mock_here("personas", "--json").stdout)
    lines = run_mock_here("personas", COLUMNS="1000").stdout.decode().splitlines()
    assert len(lines) == 2 * len(people)


def test_each_kind_of_fault_is_listed_with_what_it_does() -> None:
    kinds = json.loads(run_mock_here("faults", "--json").stdout)
    lines = run_mock_here("faults").stdout.decode().splitlines()
    assert lines[0::2] == [each["kind"] for each in kinds]
    assert lines[1::2] == [f"    {each['does']}" for each in kinds]


def test_accounts_follow_the_seed_and_the_setting_wins() -> None:
    plain, again = (run_mock_here("accounts", "--json").stdout for _ in range(2))
    seeded = run_mock_here("accounts", "--json", "--seed", "7").stdout
    overridden = run_mock_here("accounts", "--json", "--seed", "9", MOCK_C06_SECRET_SEED="7").stdout
    assert plain == again
    assert plain != seeded
    assert seeded == overridden
    assert json.loads(plain)[0]["name"] == "dvctt-hanoi"


def test_the_catalogue_passes_its_own_check() -> None:
    checked = run_mock_here("selfcheck")
    assert checked.returncode == 0
    assert checked.stdout.decode().endswith("0 complaints\n")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({}, []),
        ({"full_name": "Nguyễn An"}, ["name", "hint:middle_name"]),
        ({"birth_date": "1990-02-01"}, ["birth"]),
        ({"citizen_id": "000000000000"}, ["number"]),
    ],
)
def test_explain_names_the_part_that_differs(change: dict[str, str], differs: list[str]) -> None:
    told = run_mock_here("explain", "--json", stdin=json.dumps(CLAIM | change))
    assert told.returncode == 0
    assert json.loads(told.stdout)["differs"] == differs


@pytest.mark.parametrize(
    ("switches", "change", "differs"),
    [
        ((), {"birth_date": None, "birth_year": 1990}, ["birth", "hint:year_only"]),
        (("year_matches_date",), {"birth_date": None, "birth_year": 1990}, []),
        (("year_matches_date=false",), {"birth_date": None, "birth_year": 1990}, ["birth", "hint:year_only"]),
        (("exact_names",), {}, ["name", "hint:not_folded"]),
        (("exact_names", "year_matches_date"), {"full_name": "NGUYENVANAN"}, []),
        (
            ("nine_digits_alone",),
            {"citizen_id": None, "id_card_number": "012345678"},
            ["number", "hint:has_twelve_digits"],
        ),
    ],
)
def test_explain_reads_the_rule_as_the_switches_say(
    switches: tuple[str, ...], change: dict[str, object], differs: list[str]
) -> None:
    arguments = [part for name in switches for part in ("--switch", name)]
    told = run_mock_here("explain", "--json", *arguments, stdin=json.dumps(CLAIM | change))
    assert (told.returncode, json.loads(told.stdout)["differs"]) == (0, differs)


def test_explain_refuses_a_switch_that_is_none_in_one_line() -> None:
    refused = run_mock_here("explain", "--switch", "loud", stdin=json.dumps(CLAIM))
    assert refused.returncode == 1
    assert refused.stderr.decode() == "mock-c06: switch loud: no such switch: see mock-c06 parity\n"


def test_explain_knows_the_people_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    file.write_text('[[people]]\ncitizen_id = "001090000990"\nfull_name = "Phạm Mới"\nbirth_year = 1990\n')
    claim = {"citizen_id": "001090000990", "full_name": "pham moi", "birth_year": 1990}
    told = run_mock_here("explain", "--json", "--people", str(file), stdin=json.dumps(claim))
    assert json.loads(told.stdout) == {"differs": [], "status": ["living"]}


def test_explain_says_the_status_in_words() -> None:
    told = run_mock_here("explain", stdin=json.dumps(CLAIM)).stdout.decode()
    assert told == "differs: nothing\nstatus: living\n"


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        ("", "no valid JSON"),
        ("x", "no valid JSON"),
        ("[]", "claim: an object with named members"),
        ("{}", "full_name: this member is missing"),
        ('{"full_name": "A", "birth_date": "31/1/1990"}', "birth_date: write a date such as 1990-01-31"),
        ('{"full_name": "A", "citizen_id": "1"}', "citizen_id: 12 digits expected"),
        ('{"full_name": "A", "birth_date": "1990-01-31", "birth_year": 1990}', "claim: one of birth_date"),
        ('{"full_name": "A", "born": 1990}', "born: no such member"),
    ],
)
def test_a_claim_that_cannot_be_read_is_one_line_that_names_the_member(stdin: str, told: str) -> None:
    refused = run_mock_here("explain", stdin=stdin)
    said = refused.stderr.decode()
    assert (refused.returncode, said.count("\n")) == (1, 1)
    assert said.startswith(f"mock-c06: stdin: {told}")
    assert "expected one JSON object: full_name, citizen_id or id_card_number" in said


@pytest.mark.parametrize(
    "arguments", [["serve", "--population", "-5"], ["serve", "--port", "70000"], ["nothing"]]
)
def test_wrong_usage_exits_two_without_a_traceback(arguments: list[str]) -> None:
    refused = run_mock(*arguments)
    assert refused.returncode == 2
    assert b"Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("output", "code", "told"),
    [
        ("/dev/full", 1, b"mock-c06: the output can't be written (No space left on device)\n"),
        ("&-", 0, b""),
    ],
)
def test_an_output_that_takes_nothing_ends_without_a_traceback(output: str, code: int, told: bytes) -> None:
    program = [sys.executable, "-m", "mock_c06", "personas"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" >{output}', "sh", *program], stderr=subprocess.PIPE, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (code, told)


def test_a_seed_that_is_no_utf_8_is_one_line_and_exit_two() -> None:
    refused = run_mock("accounts", "--seed", "\udcff")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr == b"mock-c06: argument 3 is not UTF-8 text\n"


@pytest.mark.parametrize("size", ["x", "-5", "1.5", "105000001"])
def test_a_population_that_is_no_number_of_people_is_refused_in_plain_words(size: str) -> None:
    for least, command in ((0, ["serve"]), (1, ["population", "sample"])):
        refused = run_mock(*command, "--population", size)
        assert refused.returncode == 2
        said = refused.stderr.decode().splitlines()[-1]
        assert said.endswith(f"'--population': a whole number from {least} to 105000000 is expected")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"people": [{"citizen_id": "12"}]}', "people.0.citizen_id: 12 digits expected"),
        (
            '{"people": [{"citizen_id": "001090000990", "full_name": "A"}]}',
            "people.0.birth_date: a new person",
        ),
        ('{"people": [{"gender": "alien"}]}', "people.0.gender: write male, female or a code of one digit"),
        ("{}", "people: this member is missing"),
        (
            "[",
            "no valid JSON: Expecting value: line 1 column 2 (char 1); the name of a file in TOML ends in .toml",
        ),
    ],
)
def test_people_that_cannot_be_are_refused_in_one_line_naming_the_member(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "people.json"
    file.write_text(text, encoding="utf-8")
    refused = run_mock_here("serve", "--people", str(file))
    said = refused.stderr.decode()
    assert (refused.returncode, said.count("\n")) == (1, 1)
    assert said.startswith(f"mock-c06: people {file}: {told}")


def test_threat_43_a_public_address_is_refused_unless_allowed() -> None:
    refused = run_mock_here("serve", "--host", "0.0.0.0")
    assert refused.returncode == 1
    assert b"--allow-public" in refused.stderr
    assert refused.stderr.count(b"\n") == 1


def test_a_host_that_is_no_name_is_one_line_and_exit_one() -> None:
    refused = run_mock_here("serve", "--host", "\u202ex", "--port", "0", "--allow-public")
    assert refused.returncode == 1
    assert refused.stderr.decode() == "mock-c06: can't listen on \u202ex port 0: no host name\n"


def test_threat_43_an_official_looking_host_is_refused_even_where_public_ones_are_allowed() -> None:
    refused = run_mock_here("serve", "--host", "csdl.tinh.gov.vn", "--allow-public")
    assert refused.returncode == 1
    assert refused.stderr.decode() == (
        "mock-c06: csdl.tinh.gov.vn looks like an official name: a mock does not listen there\n"
    )


@pytest.mark.parametrize("command", ["serve", "accounts"])
def test_an_unknown_setting_is_one_line_and_exit_one(command: str) -> None:
    refused = run_mock(command, MOCK_C06_PORT="1")
    assert refused.returncode == 1
    assert refused.stderr.decode() == (
        "mock-c06: MOCK_C06_PORT: no such setting; there are MOCK_C06_CONTROL_TOKEN and MOCK_C06_SECRET_SEED\n"
    )


def test_a_certificate_that_is_missing_is_refused_with_the_systems_reason(tmp_path: Path) -> None:
    refused = run_mock_here("serve", "--certificate", str(tmp_path / "registry.pem"))
    assert (refused.returncode, refused.stderr.decode()) == (
        1,
        f"mock-c06: --certificate {tmp_path / 'registry.pem'}: No such file or directory\n",
    )


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----"])
def test_a_certificate_that_can_not_be_shown_is_one_line_and_exit_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "registry.pem"
    file.write_text(content, encoding="utf-8")
    refused = run_mock_here("serve", "--certificate", str(file))
    expected = "a PEM file with certificate, chain and key (no password) is expected"
    assert refused.returncode == 1
    assert refused.stderr.decode() == f"mock-c06: --certificate {file}: {expected}\n"


@pytest.mark.sockets
def test_a_port_in_use_is_one_line_that_names_it_and_its_option() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run_mock("serve", "--port", str(port), "--official-port", "0", "--control-port", "0")
    assert refused.returncode == 1
    assert (
        refused.stderr.decode()
        == f"mock-c06: can't listen on 127.0.0.1 port {port}: Address already in use: "
        "end the program there, or choose a free port with --port\n"
    )
