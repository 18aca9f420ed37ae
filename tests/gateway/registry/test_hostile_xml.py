"""Threat 25: SOAP answers made to break or mislead a reader end in one named refusal, in bounded memory."""

import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.errors.requests import RegistryAnswerInvalid
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from gateway.registry.model import Found
from tests.kit.registry import NUMBER, PERSON, answering, envelope, people, question, registry_of, verdict

_BOMB = b"<!DOCTYPE b [<!ENTITY a 'aaaaaaaaaa'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10 if n > 1 else b"&a;" * 10) for n in range(1, 12)
) + b"]>"  # fmt: skip
_WELL = people(PERSON)
_TEXT = _WELL.decode()


def _declaring(encoding: str, content: bytes) -> bytes:
    return b'<?xml version="1.0" encoding="%s"?>' % encoding.encode() + content


def _with(old: str, new: str) -> bytes:
    assert old in _TEXT
    return _TEXT.replace(old, new).encode()


ATTACKS = {
    "billion laughs": (_BOMB + _WELL.replace(b"DU LIEU", b"&a11;"), "DTD in the answer"),
    "entity of a file": (
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + _with("NGUYỄN VĂN AN", "&f;"),
        "DTD in the answer",
    ),
    "external DTD": (b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">' + _WELL, "DTD in the answer"),
    "undeclared entity": (_with("NGUYỄN VĂN AN", "&nobody;"), "not well-formed XML"),
    "200 levels": (people(PERSON + "<X>" * 200 + "</X>" * 200), "nested too deep"),
    "40 levels": (people(PERSON + "<X>" * 40 + "</X>" * 40), "nested too deep"),
    "20,000 elements": (people(PERSON + "<X/>" * 20_000), "too many elements"),
    "declared UTF-7": (_declaring("UTF-7", _WELL), "encoding is not UTF-8"),
    "declared Latin-1": (_declaring("ISO-8859-1", _WELL), "encoding is not UTF-8"),
    "declared UTF-16, sent as UTF-8": (_declaring("UTF-16", _WELL), "encoding is not UTF-8"),
    "UTF-16 with its mark": (_TEXT.encode("utf-16"), "NUL in the answer"),
    "UTF-16 without mark": (_TEXT.encode("utf-16-le"), "NUL in the answer"),
    "UTF-32": (_TEXT.encode("utf-32"), "NUL in the answer"),
    "Latin-1 undeclared": (_with("NGUYỄN VĂN AN", "X").replace(b"X<", b"\xc1N<"), "encoding is not UTF-8"),
    "NUL in a value": (_with("NGUYỄN VĂN AN", "NGUYEN\x00"), "NUL in the answer"),
    "comment inside a value": (_with(f"<SoDinhDanh>{NUMBER}", f"<SoDinhDanh>{NUMBER}<!-- -->9"), "comment inside a value"),
    "instruction inside a value": (_with("<DanToc>04", "<DanToc>0<?x y?>4"), "comment inside a value"),
    "element inside a value": (_with("<DanToc>04", "<DanToc><X>04</X>"), "structure where a value belongs"),
    "text between elements": (_with("<TonGiao>", "04<TonGiao>"), "text between elements"),
    "number twice": (people(PERSON + f"<SoDinhDanh>{NUMBER}</SoDinhDanh>"), "element repeated"),
    "address twice": (people(PERSON + "<QueQuan/>"), "element repeated"),
    "two people": (people(PERSON, PERSON), "more than one person"),
    "two people, counted as one": (people(PERSON, PERSON, count="1"), "more than one person"),
    "one person, counted as two": (people(PERSON, count="2"), "count of people disagrees"),
    "one person, counted as none": (people(PERSON, count="0"), "count of people disagrees"),
    "nobody, counted as one": (people(count="1"), "count of people disagrees"),
    "request's namespace": (_with("http://www.mic.gov.vn/dancu/1.0", "http://dancuquocgia.bca"), "wrong namespace"),
    "old endpoint's namespace": (_with("http://www.mic.gov.vn/dancu/1.0", "http://gtel.vn/qldc"), "wrong namespace"),
    "no namespace": (_with(' xmlns="http://www.mic.gov.vn/dancu/1.0"', ""), "wrong namespace"),
    "one value in another namespace": (_with("<DanToc>04</DanToc>", '<DanToc xmlns="x:y">04</DanToc>'), "wrong namespace"),
    "SOAP 1.2": (_with("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"), "not a SOAP envelope"),
    "cut off": (_WELL[: len(_WELL) // 2], "not well-formed XML"),
    "two documents": (_WELL + _WELL, "not well-formed XML"),
    "empty": (b"", "not well-formed XML"),
    "a page": (b"<html><body>Xin ch\xc3\xa0o</body></html>", "not a SOAP envelope"),
    "two payloads": (envelope("<a xmlns='x'/><b xmlns='x'/>"), "body without one payload"),
    "no payload": (envelope(""), "body without one payload"),
    "two bodies": (_WELL.replace(b"<soapenv:Header/>", b"<soapenv:Body/>"), "envelope without one body"),
    "an attribute and an element alike": (people(PERSON, extra="<SoCongDan>1</SoCongDan>"), "element repeated"),
    "verdict in place of a record": (verdict(), "answer to another operation"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_threat_25_a_hostile_answer_is_refused_by_its_reason(content: bytes, reason: str) -> None:
    registry = registry_of(answering(content))
    with pytest.raises(RegistryAnswerInvalid) as refused:
        await registry.find_record(question(Operation.LOOK_UP))
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + _WELL,
        b"\r\n" + _declaring("utf-8", _WELL),
        _declaring("US-ASCII", _WELL),
        _with("NGUYỄN VĂN AN</Ten>", "<![CDATA[NGUYỄN VĂN AN]]></Ten>"),
        _with("<TonGiao>", "<!-- between --><TonGiao>"),
        _with("<soapenv:Body>", '<soapenv:Body>">'),
        _with("<QueQuan/>", "<QueQuan/><ChuaBiet><Moi>1</Moi></ChuaBiet>"),
        _with("<TonGiao>", "\n  <TonGiao>"),
    ],
    ids=["mark", "blank line", "declared ASCII", "CDATA", "comment", "stray", "unknown", "pretty"],
)
async def test_threat_25_an_odd_but_unambiguous_answer_is_accepted(content: bytes) -> None:
    found = await registry_of(answering(content)).find_record(question(Operation.LOOK_UP))
    assert isinstance(found, Found)
    assert found.record.full_name == "NGUYỄN VĂN AN"


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_threat_25_an_answer_of_50_megabytes_is_not_read_to_its_end(dialect: Dialect) -> None:
    taken = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(50 * 16):
            taken += 1 << 16
            yield b"x" * (1 << 16)

    double = answering(verdict())
    double.answer = lambda _request: httpx.Response(200, content=flood())
    tracemalloc.start()
    with pytest.raises(RegistryAnswerInvalid, match="answer too large"):
        await registry_of(double, dialect).confirm(question())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 2 << 20
    assert peak < 8 << 20


@pytest.mark.parametrize("charset", ["utf-16", "iso-8859-1", "utf-7"])
async def test_threat_25_a_content_type_of_another_charset_is_refused(charset: str) -> None:
    response = httpx.Response(
        200, headers={"content-type": f"text/xml; charset={charset}"}, content=verdict()
    )
    with pytest.raises(RegistryAnswerInvalid, match="encoding is not UTF-8"):
        await registry_of(answering(response)).confirm(question())


async def test_threat_36_a_compressed_answer_is_refused_unopened() -> None:
    async def packed() -> AsyncIterator[bytes]:
        yield b"\x1f\x8b" + b"\0" * 100

    double = answering(verdict())
    double.answer = lambda _request: httpx.Response(
        200, headers={"content-encoding": "gzip"}, content=packed()
    )
    with pytest.raises(RegistryAnswerInvalid, match="compressed"):
        await registry_of(double).confirm(question())
    assert double.packets[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("word", ["2", "-1", "", "true", "01", "1 ", "１"])
async def test_a_verdict_other_than_a_plain_yes_or_no_is_refused(word: str) -> None:
    registry = registry_of(answering(verdict(word)))
    if word.strip() == "1":
        assert await registry.confirm(question()) is True
        return
    with pytest.raises(RegistryAnswerInvalid, match="neither yes nor no"):
        await registry.confirm(question())


@pytest.mark.parametrize(("word", "said"), [("true", True), ("false", False)])
@pytest.mark.parametrize("nested", [True, False])
async def test_the_other_form_of_a_verdict_is_read_at_either_level(
    word: str, said: bool, nested: bool
) -> None:
    answer = "<KetQuaXacThuc{}><TonTai>" + word + "</TonTai></KetQuaXacThuc>"
    space = ' xmlns="http://www.mic.gov.vn/dancu/1.0"'
    response = "<XacThucThongTinCongDanResponse{}>{}</XacThucThongTinCongDanResponse>"
    content = envelope(response.format(space, answer.format("")) if nested else answer.format(space))
    assert await registry_of(answering(content)).confirm(question()) is said


async def test_two_forms_of_a_verdict_that_disagree_are_refused() -> None:
    content = envelope(
        '<XacThucThongTinCongDanResponse xmlns="http://www.mic.gov.vn/dancu/1.0"><SoLuongCongDan>1</SoLuongCongDan>'
        "<KetQuaXacThuc><TonTai>false</TonTai></KetQuaXacThuc></XacThucThongTinCongDanResponse>"
    )
    with pytest.raises(RegistryAnswerInvalid, match="neither yes nor no"):
        await registry_of(answering(content)).confirm(question())


async def test_a_record_where_a_verdict_was_asked_is_refused() -> None:
    with pytest.raises(RegistryAnswerInvalid, match="another operation"):
        await registry_of(answering(people(PERSON))).confirm(question())
