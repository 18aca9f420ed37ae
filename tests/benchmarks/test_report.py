"""The measured part of docs/performance.md, and the printed table."""

import json
from pathlib import Path
from typing import Any

from benchmarks.report import BEGIN, END, PAGE, find_newest, table_lines, write_page

ROW = {"per_second": 200.0, "p50_ms": 100.0, "p99_ms": 300.0, "server_us": 4000.0, "database_us": 900.0}


def _result(commit: str, cost: float, *, met: bool) -> dict[str, Any]:
    spread = {"per_second": [180.0, 210.0], "cpu_us": [cost, cost]}
    goal = {
        "figure": "cpu_us",
        "of": "ours: asked",
        "over": "hello",
        "least": None,
        "most": 8,
        "by_cost": None,
    }
    return {
        "commit": commit,
        "machine": "x86_64, 2 cores",
        "load": {"before": 1.0, "most": 2.5},
        "conditions": {"connections": 32, "rounds": 5, "seconds": 5.0, "nice": 0},
        "versions": {"wrk": "4.1.0"},
        "missing": {"nginx": "nginx is not installed"},
        "failed": {},
        "figures": {"ours: asked": {**ROW, "cpu_us": cost, "spread": spread}},
        "goals": [{**goal, "value": cost / 150, "met": met}],
        "ratios": [],
    }


def test_the_page_says_what_the_newest_results_say() -> None:
    after = find_newest()
    assert after, "run `make bench`"
    text = PAGE.read_text(encoding="utf-8")
    assert write_page(text, find_newest("before"), after) == text, "run `python -m benchmarks.report`"


def test_the_newest_result_of_a_label_counts_and_no_other_label(tmp_path: Path) -> None:
    for name in ("bench-2026-11-01", "bench-2026-11-28", "bench-before-2026-12-01", "switching-2026-12-02"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": name}), encoding="utf-8")
    assert find_newest(folder=tmp_path) == {"name": "bench-2026-11-28"}
    assert find_newest("before", tmp_path) == {"name": "bench-before-2026-12-01"}
    assert find_newest("after", tmp_path) == {}


def test_the_page_shows_both_states_side_by_side_with_the_goal_and_its_verdict() -> None:
    text = f"head\n{BEGIN}\nold\n{END}\ntail"
    page = write_page(text, _result("aaa", 4900, met=False), _result("bbb", 1200, met=True))
    assert page.startswith("head\n")
    assert page.endswith("\ntail")
    assert "old" not in page
    assert "| ours: asked | 4900 | 1200 | 4000 + 900 | 200 | 200 | 180 – 210 | 100.0 | 300.0 |" in page
    assert "| CPU: ours: asked ÷ hello | ≤ 8 | 32.6667 | 8 | met |" in page
    assert "- missing: nginx: nginx is not installed" in page


def test_a_missed_goal_is_marked_in_the_table_and_on_the_page() -> None:
    result = _result("bbb", 4900, met=False)
    assert any(line.startswith("MISSED  CPU: ours: asked") for line in table_lines(result))
    assert "**missed**" in write_page(f"{BEGIN}{END}", {}, result)
