"""No file of the project names a package index: each machine has its own setting.

An index address in a lock file breaks the installation on other machines and reveals the machine that made
it.
"""

import re
from collections.abc import Iterable

from tests.kit.source import Source, read_text_files

INDEX = re.compile(
    r"(?<!emit-)(?:extra-)?index[-]url\b|\bfind[-]links\b|\w+\.org/simple|\w+hosted\.org|registry\.\w+\.org"
    r"|deb\.\w+\.org|proxy\.\w+\.org|\bPIP_INDEX_URL\b|\bUV_(?:DEFAULT_)?INDEX"
)
LOCKED_ADDRESS = re.compile(r"https?://\S+")


def _find_addresses(sources: Iterable[Source]) -> list[str]:
    return [
        f"{source.place}:{number}"
        for source in sources
        for number, line in enumerate(source.text.splitlines(), 1)
        if INDEX.search(line) or (source.place.endswith(".lock") and LOCKED_ADDRESS.search(line))
    ]


def test_no_file_of_the_project_names_a_package_index() -> None:
    assert (
        _find_addresses(
            source for source in read_text_files() if source.place != "tests/shape/test_addresses.py"
        )
        == []
    )


def test_an_index_option_in_a_file_is_found() -> None:
    assert _find_addresses([Source("Dockerfile", "RUN pip install --index" + "-url=x y\n")]) == [
        "Dockerfile:1"
    ]


def test_an_address_inside_a_lock_file_is_found() -> None:
    assert _find_addresses([Source("requirements.lock", "a==1\nb @ https://example.test/b.whl\n")]) == [
        "requirements.lock:2"
    ]


def test_the_option_that_omits_index_addresses_is_allowed() -> None:
    assert _find_addresses([Source("Makefile", "uv pip compile --no-emit-index-url\n")]) == []
