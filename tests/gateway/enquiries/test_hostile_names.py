"""Threat 28: a name is text. A name with hidden characters is refused; any other name is sent as plain text."""

import json
import unicodedata

import pytest

from gateway.enquiries.claim import parse_full_name, refuse_hidden
from tests.kit.scene import AN, Portal, Scene

HARMLESS = {
    "xml": "</dan:HoVaTen><dan:MaCanBo>x</dan:MaCanBo>",
    "entity": "&xxe; <!DOCTYPE a> &amp;",
    "cdata": "]]><![CDATA[An",
    "json": '","SoDinhDanh":"001090000124","x":"An',
    "sql": "An'; DROP TABLE verifications; --",
    "template": "{{7*7}}${7*7}<%= An %>{An}",
    "formula": "=cmd|' /C calc'!A0",
    "script": "<script>alert(An)</script>",
    "format": "%s%n{0.__class__}",
    "zero width": "Nguyễn\u200b Văn\u200d An\ufeff",
    "no-break": "Nguyễn\u00a0Văn\u00a0An",
    "a hundred letters": "Á" * 100,
    "a hundred letters decomposed": "A\u0301" * 100,
}
REFUSED = {
    "cr lf": "An\r\nX-Injected: 1",
    "nul": "An\u0000",
    "escape": "An\u001b[31m",
    "c1": "An\u0085",
    "delete": "An\u007f",
    "bidi override": "An\u202eNA",
    "bidi isolate": "An\u2066",
    "right-to-left mark": "An\u200f",
    "line separator": "An\u2028",
    "private use": "An\ue000",
    "10 kB": "A" * 10_240,
    "one too many": "Á" * 101,
    "one too many on the wire": "Ǆ" * 60,
    "empty": "",
    "spaces": "   \u00a0 ",
    "only invisible": "\u200b\ufeff",
    "digits": "001090000123",
    "punctuation": "'-.",
    "no latin letter": "李小龙",
    "marks alone": "\u0301\u0301",
}


@pytest.mark.parametrize("name", HARMLESS.values(), ids=HARMLESS.keys())
async def test_threat_28_a_name_with_foreign_syntax_is_sent_as_plain_text(
    scene: Scene, portal: Portal, name: str
) -> None:
    answer = await portal.verify(claim=AN | {"full_name": name})

    assert answer.status_code == 201
    confirmed = name.replace("\u200b", "").startswith("Nguyễn")
    assert answer.json()["verdict"] == ("confirmed" if confirmed else "not_confirmed")
    assert [entry["outcome"] for entry in await scene.journal()] == ["found" if confirmed else "not_found"]
    assert name not in json.dumps(await scene.audit(), ensure_ascii=False)


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
async def test_threat_28_a_name_with_hidden_characters_or_no_letters_is_refused(
    scene: Scene, portal: Portal, name: str
) -> None:
    before = len(await scene.audit())

    answer = await portal.verify(claim=AN | {"full_name": name})

    assert (answer.status_code, answer.json()["code"]) == (422, "claim_invalid")
    assert [error["field"] for error in answer.json()["errors"]] == ["claim.full_name"]
    assert await scene.journal() == []
    assert len(await scene.audit()) == before


@pytest.mark.parametrize("name", ["李小龙", "007"])
def test_a_refused_name_is_told_that_digits_are_accepted_beside_a_letter(name: str) -> None:
    assert parse_full_name("Nguyễn Văn A1") == "Nguyễn Văn A1"
    with pytest.raises(ValueError, match="and digits: at least one letter"):
        parse_full_name(name)


async def test_threat_28_a_long_name_with_marks_is_the_same_name_in_any_normal_form(portal: Portal) -> None:
    first = await portal.verify(claim=AN | {"full_name": "Nguyễn Văn An"})
    again = await portal.verify(claim=AN | {"full_name": "Nguye\u0302\u0303n Va\u0306n An"})

    assert (first.json()["id"], again.status_code) == (again.json()["id"], 200)


def test_threat_28_exactly_the_characters_that_hide_text_and_runs_of_marks_are_refused() -> None:
    hide_nothing = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
    for character in map(chr, range(0x3000)):
        hides = unicodedata.category(character)[0] == "C" or unicodedata.category(character) in {"Zl", "Zp"}
        expected = (hides and character not in hide_nothing) or unicodedata.combining(character) > 0
        try:
            refuse_hidden(31 * character)
        except ValueError:
            assert expected, hex(ord(character))
        else:
            assert not expected, hex(ord(character))
