"""Sign of decay D4: the registry's Vietnamese element names stop at the border (openapi/c06*.xsd list them).

Operation names are allowed everywhere: portals, settings and evidence use them. One-syllable names such as
`Ten` or `Nam` are left out, since Vietnamese text is full of them.
"""

import re
from collections.abc import Iterable

from gateway.procedures.fields import Operation
from tests.shape.source import ROOT, Source, read_text_files

BORDER = ("gateway/registry", "mock_c06", "tests", "openapi", "docs")
CODE = (".py", ".html", ".json", ".toml")


def _wire_words() -> re.Pattern[str]:
    schema = (ROOT / "openapi" / "c06.xsd").read_text(encoding="utf-8")
    names = set(re.findall(r'\bname="([A-Z][a-z]+[A-Z]\w+)"', schema)) - {
        operation.value for operation in Operation
    }
    return re.compile(rf"\b(?:{'|'.join(sorted(names, key=len, reverse=True))}|soapenv)\b", re.IGNORECASE)


def _find_wire_words(sources: Iterable[Source]) -> list[str]:
    words = _wire_words()
    return [
        f"{source.place}:{number} {match.group()}"
        for source in sources
        for number, line in enumerate(source.text.splitlines(), 1)
        for match in words.finditer(line)
    ]


def test_wire_words_stop_at_the_registry_border() -> None:
    inside = (
        source
        for source in read_text_files()
        if source.place.endswith(CODE)
        and source.is_within("gateway", "portal", "demo")
        and not source.is_within(*BORDER)
    )
    assert _find_wire_words(inside) == []


def test_a_wire_word_in_a_use_case_is_found() -> None:
    bad = Source("gateway/prefills/use_cases.py", 'number = record["SoDinhDanh"]\nname = record["hoVaTen"]\n')
    found = ["gateway/prefills/use_cases.py:1 SoDinhDanh", "gateway/prefills/use_cases.py:2 hoVaTen"]
    assert _find_wire_words([bad]) == found


def test_the_name_of_an_operation_is_no_wire_word() -> None:
    fine = Source("gateway/prefills/use_cases.py", 'operation = "TraCuuThongTinCongDan"\n')
    assert _find_wire_words([fine]) == []
