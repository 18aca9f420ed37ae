"""Sign of decay D6: only a program's `settings.py` reads the environment."""

import ast
from collections.abc import Iterable

from tests.kit.source import PROGRAMS, Source, read_python

READERS = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "dotenv", "pydantic_settings"}


def _find_environment_reads(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{line} {name}"
        for source in sources
        if source.parts[1:] != ("settings",)
        for line, name in _names_of(source)
        if name in READERS or name.split(".")[0] in READERS
    ]


def _names_of(source: Source) -> list[tuple[int, str]]:
    dotted = [
        (node.lineno, f"{node.value.id}.{node.attr}")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    return [*source.imports(), *dotted]


def test_only_settings_modules_read_the_environment() -> None:
    assert _find_environment_reads(read_python(*PROGRAMS)) == []


def test_an_environment_read_in_a_client_is_found() -> None:
    bad = Source("gateway/registry/client.py", 'import os\nURL = os.environ["REGISTRY_URL"]\n')
    assert _find_environment_reads([bad]) == ["gateway/registry/client.py:2 os.environ"]


def test_a_settings_module_may_read_the_environment() -> None:
    fine = Source("gateway/settings.py", "import os\nvalues = dict(os.environ)\n")
    assert _find_environment_reads([fine]) == []
