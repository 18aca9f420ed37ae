"""Threat 46: a message that is cheap to send and expensive to parse, in XML and JSON, at the gateway and at the mock.

The work to parse or refuse each shape grows in proportion to its length: an element of 60,000 attributes
kept a worker busy for 12.7 seconds, and no deadline could end it.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import date

import httpx
import pytest

from gateway.edge.requests import parse_members
from gateway.edge.strict_json import parse_object as read_body
from gateway.enquiries.requests import VerificationBody
from gateway.errors.requests import JsonInvalid, RegistryAnswerInvalid, RequestInvalid
from gateway.keys.jws import parse_public_key
from gateway.registry.reader import parse_envelope
from gateway.registry.reader import parse_object as read_answer
from mock_c06.accounts.model import Dialect
from mock_c06.app import MockRegistry
from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.wire.lgsp_json import parse_json
from mock_c06.wire.soap import parse_root
from tests.attacks.growth import LINEAR, growth
from tests.kit.registry import PERSON, people
from tests.kit.scene import Scene

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
ANYBODY = {"full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
ANSWERS = "http://www.mic.gov.vn/dancu/1.0"


def envelope(payload: str, attributes: str = "") -> bytes:
    """Return a SOAP message around a payload of the answers' namespace."""
    inside = f'<C xmlns="{ANSWERS}" {attributes}>{payload}</C>'
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{inside}</s:Body></s:Envelope>'.encode()


def named(count: int, form: str) -> str:
    """Return that many attributes, each with a different name."""
    return " ".join(form.format(number) for number in range(count))


def below_long_names(size: int) -> bytes:
    """Return elements whose namespace is as long as their number."""
    few = "<a:x/>" * (size // 8)
    return f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{"u" * size}">{few}<s:Body/></s:Envelope>'.encode()


XML: dict[str, Callable[[int], bytes]] = {
    "attributes of one element": lambda n: envelope("", named(n // 8, "a{}='1'")),
    "namespaces of one element": lambda n: envelope("", named(n // 16, "xmlns:a{0}='u{0}'")),
    "attributes of all elements": lambda n: envelope(("<x " + named(30, "a{}=''") + "/>") * (n // 250)),
    "namespaces of all elements": lambda n: envelope(
        ("<x " + named(30, "xmlns:a{}='u'") + "/>") * (n // 500)
    ),
    "namespaces within one another": lambda n: envelope(
        ("<x " + named(30, "xmlns:a{}='u'") + ">") * 25 + "<x/>" * (n // 8) + "</x>" * 25
    ),
    "a long namespace of many": below_long_names,
    "a long name": lambda n: envelope("<" + "a" * n + "/>"),
    "a long value of an attribute": lambda n: envelope("", "a='" + "v" * n + "'"),
    "attributes behind a long value": lambda n: envelope(
        "", f"a='{'v' * 5_000}' " + named(n // 8, "a{}='1'")
    ),
    "references in an attribute": lambda n: envelope("", "a='" + "&#65;" * (n // 5) + "'"),
    "references in a text": lambda n: envelope("&#65;" * (n // 5)),
    "entities in a text": lambda n: envelope("&amp;" * (n // 5)),
    "unknown entities": lambda n: envelope("&x;" * (n // 3)),
    "elements": lambda n: envelope("<x/>" * (n // 8)),
    "one element again and again": lambda n: envelope("<CongDan><x/></CongDan>" * (n // 24)),
    "unknown prefixes": lambda n: envelope("<q:x/>" * (n // 8)),
    "comments with blanks between": lambda n: envelope(("<!---->" + " " * 20) * (n // 27)),
    "instructions": lambda n: envelope("<?a?>" * (n // 8)),
    "sections of text": lambda n: envelope("<![CDATA[x]]>" * (n // 13)),
    "one long comment": lambda n: envelope("<!--" + "= " * (n // 2) + "-->"),
    "levels": lambda n: envelope("<x>" * (n // 7) + "</x>" * (n // 7)),
    "elements without an end": lambda n: envelope("<x>" * (n // 8)),
    "quotes without an end": lambda n: envelope("", "a='" * (n // 3)),
    "attributes declared in a DTD": lambda n: (
        b"<!DOCTYPE e [<!ATTLIST a " + named(n // 16, "b{} CDATA ''").encode() + b">]>" + envelope("")
    ),
    "a declaration": lambda n: b"<?xml " + b"encoding = " * (n // 11) + b"?>",
    "blanks": lambda n: b" " * n + envelope(""),
}

JSON: dict[str, Callable[[int], str]] = {
    "members": lambda n: json.dumps({f"k{number}": 1 for number in range(n // 12)}),
    "one member again and again": lambda n: "{" + ",".join(['"a":1'] * (n // 6)) + "}",
    "items": lambda n: '{"a":[' + ",".join("1" * (n // 2)) + "]}",
    "objects": lambda n: '{"a":[' + ",".join(["{}"] * (n // 3)) + "]}",
    "levels": lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6),
    "levels of lists": lambda n: '{"a":' + "[" * (n // 2) + "]" * (n // 2) + "}",
    "digits of a whole number": lambda n: '{"a":' + "1" * n + "}",
    "numbers of four thousand digits": lambda n: '{"a":[' + ",".join(["1" * 4000] * (n // 4000)) + "]}",
    "digits of a fraction": lambda n: '{"a":0.' + "1" * n + "}",
    "digits of an exponent": lambda n: '{"a":1e' + "9" * n + "}",
    "many large exponents": lambda n: '{"a":[' + ",".join(["1e9999"] * (n // 7)) + "]}",
    "escapes": lambda n: '{"a":"' + "\\u0041" * (n // 6) + '"}',
    "halves of pairs": lambda n: '{"a":"' + "\\ud83d" * (n // 6) + '"}',
    "a long name": lambda n: '{"' + "a" * n + '":1}',
    "blanks": lambda n: '{"a":' + " " * n + "1}",
}


def read_wrapper(body: bytes) -> object:
    """Read a request as the mock's platform face does."""
    return parse_json(body, Operation.AUTHENTICATE, Dialect.LGSP_CAMEL, own_code="003")


def read_and_judge(body: bytes) -> object:
    """Read a body as the gateway does on a route, to its refusal."""
    return parse_members(VerificationBody, read_body(body), on=date(2022, 4, 27))


def ends(work: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """Ignore each side's own refusals: no other exception may be raised."""

    def run(message: bytes) -> None:
        try:
            work(message)
        except (RegistryAnswerInvalid, JsonInvalid, RequestInvalid, RequestRefused):
            return

    return run


@pytest.mark.parametrize("shape", XML)
@pytest.mark.parametrize(("read", "size"), [(parse_envelope, 250_000), (parse_root, 30_000)])
def test_threat_46_parsing_twice_the_xml_takes_at_most_two_and_a_half_times_the_work(
    shape: str, read: Callable[[bytes], object], size: int
) -> None:
    assert growth(ends(read), XML[shape], size) <= LINEAR


@pytest.mark.parametrize("shape", JSON)
@pytest.mark.parametrize(
    ("read", "size"), [(read_answer, 250_000), (read_and_judge, 30_000), (read_wrapper, 30_000)]
)
def test_threat_46_parsing_twice_the_json_takes_at_most_two_and_a_half_times_the_work(
    shape: str, read: Callable[[bytes], object], size: int
) -> None:
    assert growth(ends(read), lambda n: JSON[shape](n).encode(), size) <= LINEAR


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (XML["attributes of one element"](500_000), "tag too long"),
        (XML["namespaces of one element"](500_000), "tag too long"),
        (envelope("", named(33, "a{}=''")), "too many attributes"),
        (XML["a long namespace of many"](70_000), "tag too long"),
    ],
)
def test_threat_46_a_tag_with_too_much_text_or_too_many_attributes_is_refused_unparsed(
    message: bytes, reason: str
) -> None:
    with pytest.raises(RegistryAnswerInvalid, match=reason):
        parse_envelope(message)


def test_threat_46_an_answer_with_long_texts_and_attribute_characters_is_still_read() -> None:
    written = people(PERSON.replace("PHƯỜNG", "= " * 200 + "> " * 200 + "PHƯỜNG"))
    assert parse_envelope(b"<!-- " + b"= " * 3_000 + b"-->" + written)


def test_threat_46_a_quoted_end_of_tag_does_not_hide_attributes_from_the_count() -> None:
    hidden = envelope("", "a='>' " + named(40, "b{}='1'"))
    with pytest.raises(RegistryAnswerInvalid, match="too many attributes"):
        parse_envelope(hidden)
    with pytest.raises(RequestRefused):
        parse_root(hidden)


@pytest.mark.parametrize("quote", ["'", '"'])
def test_threat_46_a_value_longer_than_the_tag_limit_does_not_hide_attributes_after_it(quote: str) -> None:
    hidden = envelope("", f"a={quote}{'v' * 5_000}{quote} " + named(40, "b{}='1'"))
    with pytest.raises(RegistryAnswerInvalid, match="tag too long"):
        parse_envelope(hidden)
    with pytest.raises(RequestRefused):
        parse_root(hidden)


def test_threat_46_a_body_of_thousands_of_unknown_members_gives_one_error() -> None:
    with pytest.raises(RequestInvalid) as refused:
        read_body(json.dumps({f"k{number}": 1 for number in range(5_000)}).encode())
    assert [error.field for error in refused.value.errors] == ["body"]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e" + "9" * 60_000])
def test_threat_46_a_number_too_large_to_print_is_refused_as_invalid_json(number: str) -> None:
    with pytest.raises(JsonInvalid):
        read_body(b'{"a":%s}' % number.encode())


def test_threat_46_a_key_with_an_exponent_of_thousands_of_bits_is_refused() -> None:
    key = {"kty": "RSA", "n": "_" * 512, "e": "_" * 512}
    with pytest.raises(ValueError, match="a public JWK"):
        parse_public_key(key)
    assert parse_public_key(key | {"e": "AQAB"})["e"] == "AQAB"


CONTROL: dict[str, Callable[[int], bytes]] = {
    "people": lambda n: json.dumps(
        {"people": [ANYBODY | {"citizen_id": f"001090{number:06}"} for number in range(n)]}
    ).encode(),
    "people with a wrong member": lambda n: json.dumps({"people": [{"shoe": 1}] * n}).encode(),
    "people with names of marks": lambda n: json.dumps(
        {"people": [ANYBODY | {"citizen_id": "001090000999", "full_name": "a" + "\u0300\u0316" * n}]}
    ).encode(),
    "members": lambda n: json.dumps({f"k{number}": 1 for number in range(n)}).encode(),
    "levels": lambda n: b'{"people":' * n + b"1" + b"}" * n,
    "digits": lambda n: b'{"people":' + b"1" * n * 100 + b"}",
}


@pytest.mark.parametrize("shape", CONTROL)
def test_threat_46_twice_a_body_of_the_mocks_control_face_takes_at_most_two_and_a_half_times_the_work(
    shape: str, mock: MockRegistry
) -> None:
    headers = {"Authorization": f"Bearer {mock.control_token}", "Content-Type": "application/json"}

    async def put(body: bytes) -> None:
        transport = httpx.ASGITransport(mock.control)
        async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as control:
            answer = await control.put("/runs/default/world", content=body, headers=headers)
            assert answer.status_code in {200, 400, 422}, answer.text

    assert growth(lambda body: asyncio.run(put(body)), CONTROL[shape], 400) <= LINEAR


QUERIES = {
    "of an operator's report": ("/reports/", "lang=&"),
    "of a portal's list": ("/sandbox/v1/discrepancies", "a=&"),
}


@pytest.mark.parametrize("which", QUERIES)
async def test_threat_46_an_address_with_thousands_of_parameters_is_refused_without_a_stall(
    scene: Scene, which: str
) -> None:
    path, each = QUERIES[which]
    portal = await scene.portal(scopes=["prefill", "reports.read"])
    address = f"{path}?{each * (31_000 // len(each))}"
    began = time.process_time()
    refused = await scene.http.get(address, headers={"Authorization": f"Bearer {portal.access_token}"})
    assert time.process_time() - began < 0.25  # it took 0.6 s and more
    assert (refused.status_code, len(refused.json()["errors"])) == (422, 100)
