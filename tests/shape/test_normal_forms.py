"""Threat 46: normalising a run of marks takes time that grows with the square of its length, so the
length is limited first.
"""

import ast
from collections.abc import Iterable

from tests.kit.source import PROGRAMS, Source, read_python

BOUNDED = {"gateway/identifiers.py", "mock_c06/matching.py", "portal/normal_forms.py"}


def _find_normalising(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{node.lineno}"
        for source in sources
        if source.place not in BOUNDED
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute | ast.alias)
        and (node.attr if isinstance(node, ast.Attribute) else node.name) == "normalize"
    ]


def test_text_is_normalised_only_where_its_length_is_limited() -> None:
    assert _find_normalising(read_python(*PROGRAMS)) == []


def test_normalising_elsewhere_is_found_however_it_is_imported() -> None:
    text = "import unicodedata\nfrom unicodedata import normalize\nunicodedata.normalize('NFC', '')\n"
    assert _find_normalising([Source("gateway/loose.py", text)]) == [
        "gateway/loose.py:2",
        "gateway/loose.py:3",
    ]
