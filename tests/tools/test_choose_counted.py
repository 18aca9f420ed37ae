"""The tests that run under coverage are the cheapest ones that run a share of all branches."""

import ast

from tests.kit.source import FUNCTIONS, ROOT, read_python
from tools.choose_counted import choose

BRANCHES = {
    "dear": {(1, 1, 2), (1, 2, 3), (1, 3, 4), (1, 4, 5)},
    "cheap": {(1, 1, 2), (1, 2, 3)},
    "also cheap": {(1, 2, 3), (1, 3, 4)},
    "alone": {(2, 7, 8)},
    "known": {(9, 1, 2)},
}
SECONDS = {"dear": 50.0, "cheap": 1.0, "also cheap": 2.0, "alone": 10.0, "known": 0.0}
KNOWN = {(9, 1, 2)}


def test_the_cheapest_tests_that_run_a_share_are_chosen() -> None:
    assert choose(BRANCHES, SECONDS, known=KNOWN, share=0.8) == ["cheap", "also cheap", "alone"]


def test_all_branches_take_the_dear_test_too_and_what_runs_nothing_new_is_left_out() -> None:
    assert choose(BRANCHES, SECONDS, known=KNOWN, share=1.0) == ["cheap", "also cheap", "alone", "dear"]


def test_each_test_under_coverage_is_one_that_exists() -> None:
    listed = (ROOT / "tests" / "counted.txt").read_text(encoding="utf-8").splitlines()
    defined = {
        f"{source.place}::{node.name}"
        for source in read_python("tests")
        for node in ast.walk(source.tree)
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_")
    }
    gone = [each for each in listed if each.partition("[")[0] not in defined]
    assert gone == [], "python tools/choose_counted.py chooses again"
