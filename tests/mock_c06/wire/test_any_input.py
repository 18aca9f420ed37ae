"""Whatever comes in, a reader refuses it with 01 or reads it; whatever a person is called, the answer is XML."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from mock_c06.accounts.model import Account, Dialect, Environment, Switches
from mock_c06.accounts.register import make_account
from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.people.model import Address, Person
from mock_c06.wire.lgsp_json import parse_json, write_json
from mock_c06.wire.record import Answer, RecordWriter
from mock_c06.wire.soap import parse_root, parse_soap, write_envelope
from tests.mock_c06.callers import envelope

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["MaYeuCau", "MaDVC", "HoVaTen", "hoVaTen", "SoDinhDanh", "NgayThangNamSinh", "Nam"]
)
PRINTABLE = st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"])
RIGHT = {
    "MaYeuCau": "HN-1",
    "MaDVC": "G15-TP110",
    "MaTichHop": "037",
    "MaCanBo": "can.bo.01",
    "SoDinhDanh": "001090000123",
    "HoVaTen": "A",
    "NgayThangNam": "19900131",
}


@contextmanager
def read_or_refused_with_01() -> Iterator[None]:
    """Let pass what is read, and a refusal with C06's 01."""
    try:
        yield
    except RequestRefused as refused:
        assert refused.code == "01", refused  # noqa: PT017 - either outcome is right


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_01_and_nothing_else(body: bytes) -> None:
    with read_or_refused_with_01():
        parse_soap(parse_root(body), Operation.LOOK_UP)


@given(st.dictionaries(MEMBERS, st.text(max_size=120)))
def test_any_fields_in_an_envelope_are_read_or_refused(fields: dict[str, str]) -> None:
    body = envelope(Operation.LOOK_UP, fields).encode("utf-8", "surrogatepass")
    with read_or_refused_with_01():
        parse_soap(parse_root(body), Operation.LOOK_UP)


@given(st.text(PRINTABLE, min_size=1, max_size=90))
def test_a_printable_name_in_a_right_request_is_read_as_it_was_written(name: str) -> None:
    fields = {**RIGHT, "HoVaTen": f"A{name}B"}
    read = parse_soap(parse_root(envelope(Operation.LOOK_UP, fields).encode()), Operation.LOOK_UP)
    assert read.claim is not None
    assert (read.claim.citizen_id, read.claim.full_name) == (RIGHT["SoDinhDanh"], f"A{name}B")


@pytest.mark.parametrize("dialect", list(Dialect))
@given(st.dictionaries(MEMBERS, JSON_VALUES) | JSON_VALUES)
def test_any_json_is_read_or_refused_with_01(dialect: Dialect, value: object) -> None:
    with read_or_refused_with_01():
        parse_json(json.dumps(value).encode(), Operation.LOOK_UP, dialect, own_code="037")


def _answer_about(name: str, account: Account) -> Answer:
    person = Person(
        citizen_id="001090000990",
        full_name=name,
        gender="1",
        birth_date=None,
        birth_year=1990,
        permanent_residence=Address(detail=name),
    )
    record = RecordWriter(account=account, asked_by=None).write(person, [person], Operation.LOOK_UP)
    at = datetime(2026, 11, 24, tzinfo=UTC)
    return Answer(operation=Operation.LOOK_UP, count=1, records=(record,), as_of=at)


@given(st.text())
def test_any_name_leaves_the_answer_valid_against_the_schema(schema: etree.XMLSchema, name: str) -> None:
    account = make_account("1", "any", Environment.TEST)
    body = etree.fromstring(write_envelope(_answer_about(name, account), Switches()).encode()).find("{*}Body")
    assert body is not None
    assert schema.validate(body[0])


@pytest.mark.parametrize("dialect", [Dialect.LGSP_PASSTHROUGH, Dialect.LGSP_CAMEL, Dialect.LGSP_PASCAL])
@given(st.text())
def test_any_name_survives_the_json_faces_as_text(dialect: Dialect, name: str) -> None:
    account = make_account("1", "any", Environment.TEST, dialect)
    assert json.loads(json.dumps(write_json(_answer_about(name, account), account)))
