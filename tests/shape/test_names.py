"""Sign of decay D8: a name says what a thing is for, with one word for each thing (docs/glossary.md)."""

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.kit.source import PROGRAMS, ROOT, Source, read_python

DRAWERS = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "base",
    "manager",
    "handle",
    "handler",
    "handlers",
    "process",
    "data",
    "misc",
    "stuff",
}
FEWEST_WORDS = 6


def _find_drawers(sources: Iterable[Source]) -> list[str]:
    return [source.place for source in sources if DRAWERS & set(source.parts)]


def _find_modules_without_docstring(sources: Iterable[Source]) -> list[str]:
    return [source.place for source in sources if source.text.strip() and not ast.get_docstring(source.tree)]


def _find_short_test_names(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{function.lineno} {function.name}"
        for source in sources
        if source.parts[-1].startswith("test_")
        for function in source.functions()
        if function.name.startswith("test_") and not _is_sentence(function.name)
    ]


def _is_sentence(name: str) -> bool:
    words = name.removeprefix("test_").split("_")
    return len(words) >= FEWEST_WORDS and "should" not in words


def _find_synonyms(sources: Iterable[Source], unwanted: dict[str, str]) -> list[str]:
    return [
        f"{source.place}:{line} {name}: say {unwanted[word]}"
        for source in sources
        for line, name in _identifiers(source)
        for word in set(re.findall(r"[a-z]+", re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()))
        & unwanted.keys()
    ]


def _find_class_names_used_twice(sources: Iterable[Source]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(source.place)
    return {name: places for name, places in found.items() if len(places) > 1}


def _identifiers(source: Source) -> Iterator[tuple[int, str]]:
    yield 1, source.parts[-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def _read_unwanted_words() -> dict[str, str]:
    """Return each word that the glossary's last column rules out, with the word to use instead."""
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| ([a-z, ]+) \|$",
        (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {synonym.strip(): word for word, synonyms in rows for synonym in synonyms.split(",")}


def test_no_module_or_folder_has_a_drawer_name() -> None:
    sources = (source for source in read_python() if not source.place.startswith("gateway/procedures/data/"))
    assert _find_drawers(sources) == []


def test_every_module_has_a_docstring_with_its_purpose() -> None:
    sources = (
        source for source in read_python() if source.parts[0] != "tests" or source.parts[-1] != "__init__"
    )
    assert _find_modules_without_docstring(sources) == []


def test_every_test_name_is_a_fact_in_a_sentence() -> None:
    assert _find_short_test_names(read_python("tests")) == []


def test_no_identifier_of_the_gateway_uses_a_synonym() -> None:
    unwanted = _read_unwanted_words()
    assert {"flight", "latch", "shelter", "packet", "tally", "ticket"} <= unwanted.keys()
    assert _find_synonyms(read_python("gateway"), unwanted) == []


@pytest.mark.parametrize("program", ["gateway", "mock_c06"])
def test_no_class_name_occurs_twice_in_one_program(program: str) -> None:
    assert _find_class_names_used_twice(read_python(program)) == {}


def test_a_module_with_the_name_utils_is_found() -> None:
    assert _find_drawers([Source("gateway/audit/utils.py", "")]) == ["gateway/audit/utils.py"]


def test_a_module_without_a_docstring_is_found() -> None:
    assert _find_modules_without_docstring([Source("gateway/x.py", "x = 1\n")]) == ["gateway/x.py"]


def test_a_test_name_with_only_a_number_is_found() -> None:
    bad = Source("tests/test_x.py", "def test_receipt_2(): ...\n")
    assert _find_short_test_names([bad]) == ["tests/test_x.py:1 test_receipt_2"]


def test_a_synonym_inside_a_class_name_is_found() -> None:
    bad = Source("gateway/enquiries/model.py", "class SignedTicket: ...\n")
    found = ["gateway/enquiries/model.py:1 SignedTicket: say receipt"]
    assert _find_synonyms([bad], {"ticket": "receipt"}) == found


def test_a_synonym_in_a_file_name_or_an_attribute_is_found() -> None:
    bad = Source("gateway/enquiries/ticket.py", "self.old_ticket = 1\n")
    assert _find_synonyms([bad], {"ticket": "receipt"}) == [
        "gateway/enquiries/ticket.py:1 ticket: say receipt",
        "gateway/enquiries/ticket.py:1 old_ticket: say receipt",
    ]


def test_two_classes_with_the_same_name_are_found() -> None:
    same_names = [Source(f"gateway/{name}.py", "class Session: ...\n") for name in ("one", "two")]
    assert _find_class_names_used_twice(same_names) == {"Session": ["gateway/one.py", "gateway/two.py"]}


def test_the_documented_programs_are_the_ones_that_are_checked() -> None:
    assert {path.name for path in ROOT.iterdir() if (path / "__main__.py").is_file()} <= set(PROGRAMS)
