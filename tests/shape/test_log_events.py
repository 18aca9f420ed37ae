"""Each event of the log stands in docs/log-events.md, with its levels, and nothing else does."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "log-events.md"
LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}
GIVEN = {
    # The event, or the function that logs it, is a value there.
    "store_overloaded": {"error"},
    "store_unavailable": {"error"},
    "stored_row_refused": {"error"},
    "sighup_ignored": {"warning"},
    "epoch_unread": {"warning"},
    "master_key_rotated": {"warning"},
    "epoch_failed": {"warning", "error"},
}


def find_events() -> dict[str, set[str]]:
    """Return the levels of each event that a call of `log` or `_log` in the gateway names."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            logger, first = node.func.value, node.args[0] if node.args else None
            if (
                isinstance(logger, ast.Name)
                and logger.id in {"log", "_log"}
                and node.func.attr in LEVELS
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                found.setdefault(first.value, set()).add(LEVELS[node.func.attr])
    return found


def test_every_event_of_the_log_is_explained_with_its_levels() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z, ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    explained = {event: set(levels.split(", ")) for event, levels in rows}
    assert len(rows) == len(explained)
    assert [event for event, _ in rows] == sorted(explained)
    assert explained == find_events() | GIVEN
