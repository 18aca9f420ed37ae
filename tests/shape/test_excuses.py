"""Sign of decay D7: a silenced checker, a catch of everything and a TODO have a reason or an issue number."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.kit.source import Source, read_python

REASONED = {
    "noqa": re.compile(r"noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)* - \S+ \S+"),
    "type: ignore": re.compile(r"type: ignore\[[a-z, -]+\]\s+# \S+ \S+"),
    "pragma: no": re.compile(r"pragma: no (?:cover|branch) - \S+ \S+"),
    "TODO": re.compile(r"TODO\(#\d+\): \S+"),
    "FIXME": re.compile(r"(?!)"),
    "XXX": re.compile(r"(?!)"),
    "HACK": re.compile(r"(?!)"),
}
CATCH_ALL = {"Exception", "BaseException"}


def _find_bare_excuses(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{line} {comment}"
        for source in sources
        for line, comment in source.comments
        if any(word in comment and not reason.search(comment) for word, reason in REASONED.items())
    ]


def _find_unexplained_catches(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{line}"
        for source in sources
        for line in _lines_that_catch_all(source.tree)
        if not any(at in {line, line - 1} and len(comment.split()) > 3 for at, comment in source.comments)
    ]


def _lines_that_catch_all(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or (isinstance(kind, ast.Name) and kind.id in CATCH_ALL) for kind in caught):
                yield node.lineno


def test_every_silenced_checker_has_its_reason_beside_it() -> None:
    sources = (source for source in read_python() if source.place != "tests/shape/test_excuses.py")
    assert _find_bare_excuses(sources) == []


def test_every_catch_of_everything_has_a_reason() -> None:
    assert _find_unexplained_catches(read_python()) == []


def test_a_checker_silenced_without_reason_is_found() -> None:
    text = "import x  # noqa: F401\ny = x()  # type: ignore[misc]\nz = 1  # TODO: later\n"
    assert len(_find_bare_excuses([Source("gateway/x.py", text)])) == 3


def test_a_checker_silenced_with_a_reason_is_allowed() -> None:
    text = (
        "import x  # noqa: F401 - re-exported for callers\n"
        "y = x()  # type: ignore[misc]  # the library has no types\n"
        "z = 1  # TODO(#31): take it from settings\n"
    )
    assert _find_bare_excuses([Source("gateway/x.py", text)]) == []


def test_a_catch_of_everything_without_reason_is_found() -> None:
    text = "try:\n    ask()\nexcept (OSError, Exception):\n    pass\ntry:\n    ask()\nexcept:\n    pass\n"
    assert _find_unexplained_catches([Source("gateway/x.py", text)]) == ["gateway/x.py:3", "gateway/x.py:7"]
