"""`docs/mock-runs.md`: every body that the page shows is one that the control face takes."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "mock-runs.md").read_text(encoding="utf-8")
BODIES = [json.loads(body) for body in re.findall(r"^\| `(\{.*?\})` \|", PAGE, re.MULTILINE)]
EVENTS = [body for body in BODIES if "kind" in body]


@pytest.mark.parametrize("body", EVENTS, ids=lambda body: body["kind"])
async def test_every_event_of_the_page_can_happen(control: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await control.post("/runs/default/events", json=body)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("body", [body for body in BODIES if "kind" not in body], ids=str)
async def test_every_act_of_the_clock_on_the_page_is_taken(
    control: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert (await control.post("/runs/default/clock", json=body)).status_code == 200


def test_the_page_shows_every_kind_of_event_and_act() -> None:
    assert len(EVENTS) == 8
    assert len(BODIES) - len(EVENTS) == 5
