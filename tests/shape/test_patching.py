"""Sign of decay D3: tests pass in other dependencies; they never patch this project's code."""

import re
from collections.abc import Iterable

from tests.kit.source import Source, read_python

PATCHING = re.compile(
    r"unittest\.mock|from unittest import mock|pytest_mock|\bmocker\b|MagicMock|monkeypatch\.setattr|\brespx\b|dependency_overrides"
)


def _find_patches(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{number} {match.group()}"
        for source in sources
        for number, line in enumerate(source.text.splitlines(), 1)
        for match in PATCHING.finditer(line)
    ]


def test_no_test_patches_code_of_this_project() -> None:
    sources = (source for source in read_python() if not source.is_within("tests/shape"))
    assert _find_patches(sources) == []


def test_a_patched_attribute_in_tests_is_found() -> None:
    bad = Source(
        "tests/gateway/test_x.py", "def test_x(monkeypatch):\n    monkeypatch.setattr(client, 'ask', fake)\n"
    )
    assert _find_patches([bad]) == ["tests/gateway/test_x.py:2 monkeypatch.setattr"]
