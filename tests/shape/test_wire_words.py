"""Sign of decay D4: the registry's Vietnamese element names occur only at the border (openapi/c06*.xsd list them).

The search covers everything that a program uses: names, strings, templates, data. Comments and docstrings may
say where a value comes from. Operation names are allowed everywhere, and so is MaDVC, the official name of a
procedure's code (QĐ 362): portals, settings and evidence use them. One-syllable names such as `Ten` or `Nam`
are not searched, because Vietnamese text contains them often.
"""

import io
import re
import tokenize
from collections.abc import Iterable, Iterator

from gateway.procedures.model import Operation
from tests.kit.source import ROOT, Source, read_text_files

INSIDE = ("gateway", "portal", "demo")
BORDER = "gateway/registry"
PUBLIC = {*Operation, "MaDVC"}
ACTED_UPON = (".py", ".html", ".json", ".toml")


def _wire_words() -> re.Pattern[str]:
    schemas = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "openapi").glob("c06*.xsd"))
    names = set(re.findall(r'element name="([A-Z][a-z]+[A-Z]\w+)"', schemas)) - PUBLIC
    words = "|".join(sorted(names, key=len, reverse=True))
    return re.compile(rf"\b(?:{words}|soapenv)\b", re.IGNORECASE)


def _find_wire_words(sources: Iterable[Source]) -> list[str]:
    words = _wire_words()
    return [
        f"{source.place}:{line} {match.group()}"
        for source in sources
        for line, text in _acted_upon(source)
        for match in words.finditer(text)
    ]


def _acted_upon(source: Source) -> Iterator[tuple[int, str]]:
    if source.place.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
        yield from ((token.start[0], token.string) for token in tokens if not _is_explanation(token))
    else:
        for number, line in enumerate(source.text.splitlines(), 1):
            yield number, line.split("#")[0] if source.place.endswith(".toml") else line


def _is_explanation(token: tokenize.TokenInfo) -> bool:
    return token.type == tokenize.COMMENT or token.string.startswith(('"""', 'r"""'))


def test_wire_words_occur_only_at_the_registry_border() -> None:
    inside = (
        source
        for source in read_text_files()
        if source.place.endswith(ACTED_UPON) and source.is_within(*INSIDE) and not source.is_within(BORDER)
    )
    assert _find_wire_words(inside) == []


def test_a_wire_word_in_a_use_case_is_found() -> None:
    bad = Source("gateway/prefills/use_cases.py", 'number = record["SoDinhDanh"]\nname = record["hoVaTen"]\n')
    found = ["gateway/prefills/use_cases.py:1 SoDinhDanh", "gateway/prefills/use_cases.py:2 hoVaTen"]
    assert _find_wire_words([bad]) == found


def test_a_wire_word_as_a_name_in_data_is_found() -> None:
    bad = Source("gateway/procedures/data/fields.toml", '# from HoVaTen\n[DanToc]\nlist = "x"\n')
    assert _find_wire_words([bad]) == ["gateway/procedures/data/fields.toml:2 DanToc"]


def test_a_comment_may_name_the_element_of_a_value() -> None:
    fine = Source("gateway/procedures/model.py", '"""A code (MaDVC)."""\ncode = "G15"  # MaDVC\n')
    assert _find_wire_words([fine]) == []


def test_the_name_of_an_operation_is_not_a_wire_word() -> None:
    fine = Source("gateway/prefills/use_cases.py", 'operation = "TraCuuThongTinCongDan"\n')
    assert _find_wire_words([fine]) == []
