"""Reads the project's own files for the tests of its shape; the test files decide about them."""

import ast
import io
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("gateway", "mock_c06", "portal", "witness", "demo")
PYTHON_FOLDERS = (*PROGRAMS, "benchmarks", "examples", "migrations", "tests", "tools")
UNTRACKED = {"var", "htmlcov", "__pycache__"}
"""Folders of `.gitignore`; every folder whose name opens with a dot but `.ci` is left out too."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One file of the project: its path from the project's root, and its text."""

    place: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.place)

    @cached_property
    def comments(self) -> tuple[tuple[int, str], ...]:
        """Line number and text of every comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return tuple((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders and the file's stem, such as `("gateway", "audit", "store")`."""
        return PurePosixPath(self.place).with_suffix("").parts

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def is_within(self, *folders: str) -> bool:
        """Say whether the file is under one of these folders."""
        return any(self.place.startswith(f"{folder}/") for folder in folders)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, FUNCTIONS):
                yield node

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line number and absolute dotted name of every import, at the top or later."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                for alias in node.names:
                    yield node.lineno, f"{node.module}.{alias.name}"


@cache
def read_python(*folders: str) -> tuple[Source, ...]:
    """Read every Python file under these folders of the project; without an argument, every one of the project."""
    return tuple(
        source
        for source in read_text_files()
        if source.place.endswith(".py") and source.is_within(*(folders or PYTHON_FOLDERS))
    )


@cache
def read_text_files() -> tuple[Source, ...]:
    """Read every text file of the repository; files that are not UTF-8 are left out.

    Kept, with what is parsed of them, until `forget_sources`.
    """
    sources = []
    for path in sorted(_walk(ROOT)):
        with suppress(UnicodeDecodeError):
            sources.append(Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
    return tuple(sources)


def forget_sources() -> None:
    """Let go of all texts and trees: a garbage collection that walks through them takes long."""
    read_python.cache_clear()
    read_text_files.cache_clear()


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if path.name == ".ci" or not (path.name.startswith(".") or path.name in UNTRACKED):
                yield from _walk(path)
        elif path.name != ".env" and not path.name.startswith(".coverage") and not path.is_symlink():
            # Coverage's files appear and vanish while programs that the suite started end.
            yield path
