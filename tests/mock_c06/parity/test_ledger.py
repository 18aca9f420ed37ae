"""The ledger is whole: every entry is shown by tests that exist, every switch has its entry, every guess its switch."""

import ast
import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from mock_c06.accounts.model import NAMES
from mock_c06.parity.ledger import LedgerInvalid, Mark, load_ledger, parse_ledger
from tests.kit.programs import run_mock

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ENTRY = {
    "id": '"one"',
    "claim": '"c"',
    "mark": '"guess"',
    "source": '"s"',
    "sure": '"low"',
    "since": '"0.1.0"',
    "fixed": '"nothing to flip"',
    "tests": '["tests/x.py::test_x"]',
}


@cache
def known_tests(path: str) -> frozenset[str]:
    """Give the tests that a file of the suite has."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    names = {node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS)}
    return frozenset(name for name in names if name.startswith("test_"))


def source_of(test: str) -> str:
    """Give the text of a test function."""
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, FUNCTIONS) and node.name == name]
    return "".join(ast.get_source_segment(text, node) or "" for node in found)


def written(**changes: str | None) -> str:
    members = {name: value for name, value in (ENTRY | changes).items() if value is not None}
    every_switch = "".join(
        entry(ENTRY | {"id": f'"{name}"', "switch": f'"{name}"', "fixed": None}) for name in NAMES
    )
    return every_switch + entry(members)


def entry(members: dict[str, Any]) -> str:
    lines = (f"{name} = {value}\n" for name, value in members.items() if value is not None)
    return "[[behaviour]]\n" + "".join(lines)


def test_every_entry_is_shown_by_a_test_that_there_is() -> None:
    missing = [
        f"{behaviour.id}: {test}"
        for behaviour in load_ledger()
        for test in behaviour.tests
        if test.partition("::")[2] not in known_tests(test.partition("::")[0])
    ]
    assert missing == []


def test_every_switch_of_the_mock_has_its_entry_and_the_reverse() -> None:
    assert sorted(b.switch for b in load_ledger() if b.switch) == sorted(NAMES)


def test_each_switch_is_flipped_by_name_in_a_test_of_its_entry() -> None:
    unflipped = [
        behaviour.switch
        for behaviour in load_ledger()
        if behaviour.switch and not any(behaviour.switch in source_of(test) for test in behaviour.tests)
    ]
    assert unflipped == []


def test_every_guess_has_a_switch_or_says_why_not() -> None:
    guesses = [behaviour for behaviour in load_ledger() if behaviour.mark is Mark.GUESS]
    assert len(guesses) > 10
    assert [b.id for b in guesses if not (b.switch or b.fixed)] == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tests": None}, "one: tests is missing"),
        ({"tests": "[]"}, "one: tests is missing"),
        ({"source": None}, "one: source is missing"),
        ({"mark": '"sure"'}, "one: 'sure' is not a valid Mark"),
        ({"sure": '"very"'}, "one: 'very' is not a valid Sure"),
        ({"fixed": None}, "one: a guess needs a switch or fixed"),
        ({"switch": '"loud"'}, "one: loud is no switch"),
        ({"fixed": None, "switch": '"seconds"'}, "switch seconds is not unique"),
        ({"id": '"seconds"'}, "id seconds is not unique"),
        ({"colour": '"red"'}, "one: colour is no member of an entry"),
    ],
)
def test_a_ledger_that_says_too_little_is_refused_naming_the_entry(
    change: dict[str, str | None], complaint: str
) -> None:
    with pytest.raises(LedgerInvalid, match=f"^{complaint}$"):
        parse_ledger(written(**change))


def test_a_ledger_without_an_entry_for_a_switch_is_refused() -> None:
    with pytest.raises(LedgerInvalid, match=r"^switch absent_elements has no entry$"):
        parse_ledger(entry(ENTRY))


def test_a_whole_ledger_is_read_entry_by_entry() -> None:
    assert parse_ledger(written())[-1].id == "one"


async def test_the_control_face_prints_the_ledger_as_a_bare_array(control: httpx.AsyncClient) -> None:
    printed = (await control.get("/parity")).json()
    assert [each["id"] for each in printed] == [behaviour.id for behaviour in load_ledger()]
    assert all({"id", "claim", "mark", "source", "tests"} <= set(each) for each in printed)
    assert next(e for e in printed if e["id"] == "timestamp-unit")["switch"] == "seconds"
    assert "switch" not in next(e for e in printed if e["id"] == "soap-1.1")


def test_the_command_prints_the_ledger_as_an_array_or_a_table() -> None:
    as_json, table = run_mock("parity", "--json"), run_mock("parity")
    assert [each["id"] for each in json.loads(as_json.stdout)] == [b.id for b in load_ledger()]
    lines = table.stdout.decode().splitlines()
    assert {line.split()[0] for line in lines if not line.startswith(" ")} >= {b.id for b in load_ledger()}
    assert any(line.startswith("timestamp-unit  sourced  switch seconds") for line in lines)
