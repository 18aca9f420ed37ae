"""Every example plan, in the documents and beside them, is one that the mock takes and its schema describes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from mock_c06.commands.start_files import read_people, read_plan
from mock_c06.control.faults_web import plan_schema
from mock_c06.errors import StartRefused
from mock_c06.faults.kinds import KINDS
from tests.kit.programs import run_mock

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mock-faults.md").read_text(encoding="utf-8")
FILES = sorted((ROOT / "examples" / "fault-plans").iterdir())
BLOCKS = [
    (json.loads if kind == "json" else tomllib.loads)(text)
    for kind, text in re.findall(r"^```(json|toml)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
]


def described(plan: Any) -> bool:
    return bool(OAS31Validator(plan_schema()).is_valid(json.loads(json.dumps(plan, default=str))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_example_file_is_a_plan_that_can_be_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert read_plan(path).faults
    assert described(tomllib.loads(text) if path.suffix == ".toml" else json.loads(text))


def test_files_with_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    plan, people = tmp_path / "plan.toml", tmp_path / "people.json"
    plan.write_text('\ufeffname = "p"\r\n[[faults]]\r\nkind = "hang"\r\n', encoding="utf-8", newline="")
    person = {"citizen_id": "001090000990", "full_name": "Phạm Thị Mới", "birth_date": "1990-05-06"}
    people.write_text("\ufeff" + json.dumps({"people": [person]}), encoding="utf-8")
    assert [fault.kind for fault in read_plan(plan).faults] == ["hang"]
    assert [each.full_name for each in read_people(people)] == ["Phạm Thị Mới"]


@pytest.mark.parametrize("plan", BLOCKS, ids=lambda plan: plan["name"])
async def test_every_example_of_the_page_can_be_put(control: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    answer = await control.put("/runs/default/plan", json=plan)
    assert answer.status_code == 200, answer.text
    assert described(plan)


def test_the_page_names_every_kind_of_fault() -> None:
    assert [kind for kind in KINDS if f"`{kind}`" not in PAGE] == []


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.toml", 'name = "x"\n[[faults]]\nkind = "explode"', "faults.0.kind: one of 'latency', "),
        (
            "a.json",
            '{"name": "x", "faults": [{"kind": "reset", "tmes": 1}]}',
            "faults.0.tmes: no such member",
        ),
        ("a.json", "{", "Expecting property name"),
        ("a.toml", "=", "Invalid statement"),
    ],
)
def test_a_plan_file_that_cannot_be_read_is_refused_naming_the_member(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(StartRefused, match=re.escape(reason)):
        read_plan(tmp_path / name)


async def test_the_schema_is_the_same_served_and_printed(control: httpx.AsyncClient) -> None:
    served = (await control.get("/plan-schema.json")).json()
    assert json.loads(run_mock("faults", "--schema").stdout) == served
    assert served["properties"].keys() == {"$schema", "name", "description", "faults"}
