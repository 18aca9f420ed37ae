"""Any bytes of an answer and any name in a question end in a sound result or an error of ours."""

import json
import re
import unicodedata
from typing import Literal

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import GatewayError
from gateway.errors.requests import ClaimInvalid, RegistryError
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from gateway.registry.dialects import message_of, write_camel, write_envelope, write_pascal, write_passthrough
from gateway.registry.model import Claim, Found, NobodyFound, fold_name
from gateway.registry.reader import parse_envelope, parse_object
from tests.kit.registry import (
    JSON_PERSON,
    NUMBER,
    PERSON,
    answering,
    connection,
    people,
    question,
    registry_of,
)

_WELL = people(PERSON)
_JSON_WELL = json.dumps(
    {"data": JSON_PERSON, "Body": {"CongdanCollection": {"CongDan": JSON_PERSON}}}
).encode()
_VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*JSON_PERSON, "Ten", "CongDan", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def _mutated(well: bytes) -> st.SearchStrategy[bytes]:
    """A sound answer with one stretch replaced."""
    positions = st.integers(0, len(well))
    pieces = st.binary(max_size=8) | st.sampled_from(
        [b"<", b">", b"&", b"]]>", b"<!--", b"\0", b"{", b'"', b"<X>"]
    )
    return st.builds(
        lambda at, length, piece: well[:at] + piece + well[at + length :],
        positions,
        st.integers(0, 40),
        pieces,
    )


@settings(max_examples=300)
@given(st.binary(max_size=300) | _mutated(_WELL) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_xml_reader_raise_another_error_than_ours(raw: bytes) -> None:
    try:
        body = parse_envelope(raw)
    except RegistryError:
        return
    assert len(body) == 1


@settings(max_examples=300)
@given(st.binary(max_size=300) | _mutated(_JSON_WELL) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_json_reader_raise_another_error_than_ours(raw: bytes) -> None:
    try:
        parse_object(raw)
    except RegistryError:
        return


@settings(max_examples=300)
@given(_mutated(_WELL))
async def test_a_mutated_record_is_the_right_persons_or_is_refused(raw: bytes) -> None:
    try:
        found = await registry_of(answering(raw)).find_record(question(Operation.LOOK_UP))
    except RegistryError:
        return
    assert isinstance(found, NobodyFound) or found.record.citizen_id == NUMBER


@settings(max_examples=300)
@given(
    st.sampled_from([Dialect.LGSP_CAMEL, Dialect.LGSP_PASSTHROUGH]),
    st.dictionaries(
        st.sampled_from([*JSON_PERSON, "TrangThai", "ThuongTru", "VoChong", "ChuHo"]), _VALUES, max_size=5
    ),
)
async def test_a_record_of_any_json_values_is_sound_or_refused(
    dialect: Dialect, members: dict[str, object]
) -> None:
    person = JSON_PERSON | members
    content = {"data": person, "Body": {"CongdanCollection": {"CongDan": person}}}
    try:
        found = await registry_of(answering(json.dumps(content)), dialect).find_record(
            question(Operation.LOOK_UP)
        )
    except RegistryError:
        return
    assert isinstance(found, Found)
    assert found.record.citizen_id == NUMBER
    assert found.record.full_name is None or found.record.full_name.isprintable()


@settings(max_examples=100)
@given(st.integers(200, 599), st.binary(max_size=60), st.sampled_from(list(Dialect)))
async def test_no_status_and_body_make_a_session_raise_another_error_than_ours(
    status: int, content: bytes, dialect: Dialect
) -> None:
    try:
        await registry_of(answering(httpx.Response(status, content=content)), dialect).confirm(question())
    except RegistryError:
        return


@settings(max_examples=300)
@given(st.text(max_size=100))
@example("Nguyễn Thị Hoà Đặng")
def test_threat_28_any_name_is_sent_as_well_formed_text_or_not_sent(name: str) -> None:
    asked = question(claim=Claim(citizen_id=NUMBER, full_name=name, birth_year=1990))
    try:
        message = message_of(asked, connection())
    except ClaimInvalid:
        return
    folded = dict(message.members)["HoVaTen"]
    assert re.fullmatch("[A-Z0-9]{1,100}", folded)
    body = etree.fromstring(write_envelope("TraCuuThongTinCongDan", message))[1]
    assert [node.text for node in body.iter("{*}HoVaTen")] == [folded]
    for write in (write_passthrough, write_camel, write_pascal):
        assert folded in json.loads(json.dumps(write(message))).values()


@given(st.text(max_size=60))
def test_threat_28_any_officer_is_sent_as_well_formed_text_or_not_sent(officer: str) -> None:
    try:
        message = message_of(question(officer=officer), connection())
    except GatewayError:
        return
    body = etree.fromstring(write_envelope("TraCuuThongTinCongDan", message))[1]
    assert [node.text or "" for node in body.iter("{*}MaCanBo")] == [officer]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("name", ["Nguyễn Thị Hoà", "Đặng Văn Ước", "Ðỗ Quỳnh Giá", "Y Phương Êban"])
def test_a_name_folds_the_same_in_every_form_and_case(
    name: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]
) -> None:
    written = unicodedata.normalize(form, name)
    assert fold_name(written) == fold_name(name) == fold_name(written.lower()) == fold_name(written.upper())
