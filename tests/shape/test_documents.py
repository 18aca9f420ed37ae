"""Every link and every cited decision in a document or docstring exists."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tests.kit.source import ROOT, Source, read_text_files

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
DECISION = re.compile(r"\bdecisions/(\d{4})")


def _find_dead_links(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        for target in LINK.findall(source.text):
            if not (ROOT / PurePosixPath(source.place).parent / target).exists():
                yield f"{source.place}: {target}"


def _find_missing_decisions(sources: Iterable[Source]) -> Iterator[str]:
    written = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    for source in sources:
        for number in DECISION.findall(source.text):
            if number not in written:
                yield f"{source.place}: {number}"


def test_every_link_in_the_documents_has_a_target() -> None:
    documents = (source for source in read_text_files() if source.place.endswith(".md"))
    assert list(_find_dead_links(documents)) == []


def test_every_cited_decision_has_a_file() -> None:
    citing = (source for source in read_text_files() if source.place != "tests/shape/test_documents.py")
    assert list(_find_missing_decisions(citing)) == []


def test_a_link_without_a_target_is_found() -> None:
    bad = Source("docs/x.md", "See [there](../nowhere.md) and [here](https://example.test/x).")
    assert list(_find_dead_links([bad])) == ["docs/x.md: ../nowhere.md"]


def test_a_cited_decision_without_a_file_is_found() -> None:
    assert list(_find_missing_decisions([Source("gateway/x.py", "# decisions/9999")])) == [
        "gateway/x.py: 9999"
    ]
