"""Read from the form of an answer whether it fits the schema, and which guesses of the parity ledger it decides.

Reads names of elements, lengths and kinds; never returns a value of a person. Yields nothing if an answer decides
nothing, for example an empty code. An answer of any dialect is first written as the one XML element that C06 itself
would have sent; callers pass only answers that the gateway's readers accepted. `EXPECTED` names entries by the ledger's
ids. Sources: docs/parity.md, openapi/c06-response.xsd.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lxml import etree

from gateway.procedures.model import Operation
from gateway.registry import wire as names
from gateway.registry.connection import (
    DEFAULT_INTEGRATION_CODES,
    Connection,
    DateForm,
    Dialect,
    TimestampUnit,
)
from gateway.registry.model import Question
from gateway.registry.reader import parse_payload

SCHEMA = Path(__file__).resolve().parents[2] / "openapi" / "c06-response.xsd"
"""Beside the package, both in the repository and in an installed wheel."""

EXPECTED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "soap-1.1": ("the protocol is SOAP 1.1", "the protocol is another one"),
        "namespaces": ("answers are in the namespace of QCVN 109", "answers are in another namespace"),
        "wrappers": ("the platform wraps as this dialect says", "the platform wraps otherwise"),
        "json-envelope": ("the wrapper begins at Body", "the wrapper begins at Envelope"),
        "c06-login": ("the login by a hash over the URL is accepted", "the login is another one"),
        "timestamp-unit": ("Timestamp counts milliseconds", "Timestamp counts seconds"),
        "platform-token": ("a token is a UUID, valid for an hour", "a token has another form or lifetime"),
        "date-forms-in": ("dates without hyphens are accepted", "dates need hyphens"),
        "integration-codes": (
            "003 is the verdict's code, 037 the record's",
            "the codes of verdict and record are others",
        ),
        "integration-codes-further": ("038 to 040 are the further codes", "the further codes are others"),
        "verdict-form": ("a verdict is a count", "a verdict is true or false"),
        "verdict-boolean": ("a verdict is a JSON boolean", "a verdict is a text"),
        "match-silence": ("an answer without a match is empty", "an answer without a match says more"),
        "nobody": (
            "an answer about nobody has no person",
            "an answer about nobody has a person without any text",
        ),
        "nobody-without-collection": (
            "an answer about nobody has a collection",
            "an answer about nobody has no collection",
        ),
        "collection-attributes": (
            "a collection has its count and time",
            "a collection has neither count nor time",
        ),
        "date-forms-out": ("dates in answers have no hyphens", "dates in answers have hyphens"),
        "name-in-ten": ("the whole name is in one part", "the name is split in three"),
        "relatives-as-text": ("relatives' names are plain text", "relatives' names have parts"),
        "empty-elements": ("what is not known is an empty element", "what is not known is left out"),
        "padded-codes": ("codes keep their zeros", "codes come without their zeros"),
        "object-or-list": ("one person comes as an object", "one person comes as a list"),
        "life-status": ("answers have a person's state", "answers have no state of a person"),
        "household-members": ("members are repeated", "members are in a list of their own"),
        "partial-records": ("further operations return their part only", "further operations return more"),
        "refusal-form": ("refusals come under the status expected", "refusals come under another status"),
        "licence-codes": (
            "procedures and officers are refused by 004 and 005",
            "procedures and officers are refused otherwise",
        ),
        "operation-code": ("an operation is refused by 006", "an operation is refused otherwise"),
    }
)

Observation = tuple[str, bool]
"""A ledger entry's id, and whether C06 behaves as expected there."""

_A = f"{{{names.ANSWER_NAMESPACE}}}"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS = re.compile(r"[0-9]{8}")
_HYPHENS = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_FAULT_AT = re.compile(r"Element '\{[^}']*\}(\w{1,40})'")
_STAMPS = frozenset({names.COLLECTION_AS_OF, names.COLLECTION_NOTE})
_COUNTED = _STAMPS | {names.COLLECTION_COUNT, "id"}
_TWO_DIGITS = (names.ETHNICITY, names.RELIGION, names.BLOOD_TYPE)
_RELATIVES = (names.FATHER, names.MOTHER, names.SPOUSE, names.REPRESENTATIVE)
_NAMED = (*_RELATIVES, names.HOUSEHOLD_HEAD, names.HOUSEHOLD_MEMBER)
_NAME_PARTS = (names.FAMILY_NAME, names.MIDDLE_NAME, names.GIVEN_NAME)
_WHOLE = frozenset({*_NAME_PARTS, *_TWO_DIGITS, *_RELATIVES, names.LIFE_STATUS})
_IDENTITY = frozenset({names.CITIZEN_ID, names.ID_CARD_NUMBER, names.FULL_NAME})
_ELEMENTS_OF: Mapping[Operation, frozenset[str]] = {
    Operation.MARITAL_STATUS: _IDENTITY | {names.MARITAL_STATUS, names.SPOUSE},
    Operation.RELATIVES: _IDENTITY | set(_RELATIVES),
    Operation.HOUSEHOLD: _IDENTITY | {names.HOUSEHOLD_HEAD, names.HOUSEHOLD_MEMBER, names.HOUSEHOLD_LIST},
}
NOT_IN_SCHEMA = "an element that the schema does not know"


def describe_observations(observations: Iterable[Observation]) -> Iterator[tuple[str, str]]:
    """Yield each observed entry and its text, in the table's order; one refutation outweighs all confirmations."""
    found: dict[str, bool] = {}
    for name, confirmed in observations:
        found[name] = confirmed and found.get(name, True)
    for name, (expected, otherwise) in EXPECTED.items():
        if name in found:
            yield name, f"confirmed: {expected}" if found[name] else f"refuted: {otherwise}"


def observe_refusal(dialect: Dialect, status: int, code: str) -> Iterator[Observation]:
    """Yield what a refusal's status and code show."""
    yield "refusal-form", status == (500 if dialect is Dialect.SOAP else 200)
    if code in {"004", "005"}:
        yield "licence-codes", True
    if code == "006":
        yield "operation-code", True


def observe_token(content: bytes) -> Iterator[Observation]:
    """Yield what the answer to a token request shows."""
    try:
        found = _object_of(content)
    except (ValueError, RecursionError):
        return
    if "access_token" in found:
        is_uuid = _UUID.fullmatch(str(found["access_token"])) is not None
        yield "platform-token", is_uuid and str(found.get("expires_in")) == "3600"


def observe_question(connection: Connection, question: Question) -> Iterator[Observation]:
    """Yield what any answer to this question shows, whatever its content."""
    if connection.dialect is Dialect.SOAP:
        yield "soap-1.1", True
        yield "namespaces", True
        yield "c06-login", True
        yield "timestamp-unit", connection.timestamp_unit is TimestampUnit.MILLISECONDS
    else:
        yield "wrappers", True
    usual = DateForm.HYPHENS if connection.dialect is Dialect.LGSP_CAMEL else DateForm.COMPACT
    if question.claim.birth_date is not None and (connection.date_form or usual) is DateForm.COMPACT:
        yield "date-forms-in", True
    operation = question.operation
    first = operation in {Operation.AUTHENTICATE, Operation.LOOK_UP}
    as_expected = connection.integration_code(operation) == DEFAULT_INTEGRATION_CODES[operation]
    yield "integration-codes" if first else "integration-codes-further", as_expected


def observe_answer(
    dialect: Dialect, operation: Operation, content: bytes
) -> tuple[tuple[Observation, ...], bool, str | None]:
    """Return what an answer's form shows, whether it was checked against the schema, and where it violates the schema.

    Raises:
        ValueError: a JSON member can't be written as XML.
    """
    wrapped = {} if dialect is Dialect.SOAP else _object_of(content)
    payload = _payload_of(dialect, wrapped, content)
    if payload is None:
        return (), False, None
    return tuple(_observe_payload(dialect, operation, payload, wrapped)), True, _find_fault(payload)


def _observe_payload(
    dialect: Dialect, operation: Operation, payload: etree._Element, wrapped: Mapping[str, Any]
) -> Iterator[Observation]:
    is_camel = dialect is Dialect.LGSP_CAMEL
    if dialect is Dialect.LGSP_PASSTHROUGH:
        yield "json-envelope", "Envelope" not in wrapped
    if operation is Operation.AUTHENTICATE:
        if is_camel:
            yield "verdict-boolean", isinstance(wrapped.get("data"), bool)
        else:
            yield "verdict-form", payload.tag == f"{_A}{names.VERDICT}"
        return
    people = payload.findall(f"{_A}{names.CITIZEN}")
    if not is_camel:
        yield "collection-attributes", payload.get(names.COLLECTION_COUNT) is not None
    if not any(_text(person) for person in people):
        yield "match-silence", True
        yield "nobody", not people
        if not is_camel:
            yield "nobody-without-collection", True
        return
    yield from _observe_person(people[0], operation)
    if is_camel or dialect is Dialect.LGSP_PASSTHROUGH:
        yield "object-or-list", not _is_list(wrapped)


def _observe_person(person: etree._Element, operation: Operation) -> Iterator[Observation]:
    relatives = (person.find(f"{_A}{name}/{_A}{names.FULL_NAME}") for name in _RELATIVES)
    if named := [part for part in relatives if part is not None and _text(part)]:
        yield "relatives-as-text", not any(len(part) for part in named)
    if operation is Operation.HOUSEHOLD:
        yield "household-members", person.find(f"{_A}{names.HOUSEHOLD_LIST}") is None
    if any(not len(part) and not (part.text or "").strip() for part in person.iter()):
        yield "empty-elements", True
    elif operation is Operation.LOOK_UP and not _WHOLE.issubset(map(_local, person.iter())):
        yield "empty-elements", False
    if operation in _ELEMENTS_OF:
        yield "partial-records", all(_local(part) in _ELEMENTS_OF[operation] for part in person)
        return
    day = person.findtext(f"{_A}{names.BIRTH}/{_A}{names.BIRTH_DATE}") or ""
    if _DIGITS.fullmatch(day) or _HYPHENS.fullmatch(day):
        yield "date-forms-out", _DIGITS.fullmatch(day) is not None
    parts = person.find(f"{_A}{names.FULL_NAME}")
    if parts is not None and parts.findtext(f"{_A}{names.GIVEN_NAME}"):
        yield "name-in-ten", not (parts.findtext(f"{_A}{names.FAMILY_NAME}") or "").strip()
    if codes := [text for name in _TWO_DIGITS if (text := person.findtext(f"{_A}{name}"))]:
        yield "padded-codes", all(len(code) == 2 for code in codes)
    yield "life-status", bool((person.findtext(f"{_A}{names.LIFE_STATUS}") or "").strip())


def _is_list(wrapped: Mapping[str, Any]) -> bool:
    """Return whether the one person is in a list, wherever the wrapper has people."""
    found: Any = wrapped.get("data", wrapped)
    for name in ("Envelope", "Body", names.COLLECTION, names.CITIZEN):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return isinstance(found, list)


def _text(element: etree._Element) -> str:
    return "".join(element.itertext()).strip()


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _object_of(content: bytes) -> dict[str, Any]:
    """Return a wrapper's object; numbers and booleans keep their types."""
    found = json.loads(content.decode("utf-8-sig"))
    return found if isinstance(found, dict) else {}


def _payload_of(dialect: Dialect, wrapped: Mapping[str, Any], content: bytes) -> etree._Element | None:
    """Return the body's one element; None where there is none."""
    match dialect:
        case Dialect.SOAP:
            return parse_payload(content)
        case Dialect.LGSP_PASCAL:
            return parse_payload(str(wrapped["message"]).encode())
        case Dialect.LGSP_PASSTHROUGH:
            envelope = wrapped.get("Envelope", wrapped)
            body = envelope.get("Body") if isinstance(envelope, dict) else None
            members = body.items() if isinstance(body, dict) else ()
            return next((_fill(etree.Element(f"{_A}{name}"), value) for name, value in members), None)
    return _to_xml(wrapped["data"]) if "data" in wrapped else None


def _to_xml(data: Any) -> etree._Element:
    """Write `data` as XML: a verdict, a person, people, a collection, or nobody."""
    if isinstance(data, bool) or (isinstance(data, str) and data.strip()):
        return _fill(etree.Element(f"{_A}{names.VERDICT_RESULT}"), {names.VERDICT_EXISTS: data})
    collection = etree.Element(f"{_A}{names.COLLECTION}")
    if isinstance(data, dict) and names.COLLECTION in data:
        return _fill(collection, data[names.COLLECTION])
    if isinstance(data, dict) and names.CITIZEN in data:
        return _fill(collection, data)
    for person in data if isinstance(data, list) else [data] if data else []:
        members = person if isinstance(person, dict) else {}
        collection.attrib.update({name: _to_text(members[name]) for name in _STAMPS if name in members})
        own = {name: value for name, value in members.items() if name not in _STAMPS}
        _fill(etree.SubElement(collection, f"{_A}{names.CITIZEN}"), own)
    return collection


def _fill(element: etree._Element, value: Any) -> etree._Element:
    if not isinstance(value, dict):
        element.text = _to_text(value)
        return element
    is_collection = element.tag == f"{_A}{names.COLLECTION}"
    for name, below in value.items():
        plain = name.lstrip("@-")
        if is_collection and plain in _COUNTED:
            element.set(plain, _to_text(below))
            continue
        for one in below if isinstance(below, list) else [below]:
            _fill(etree.SubElement(element, f"{_A}{name}"), one)
    return element


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _find_fault(payload: etree._Element) -> str | None:
    """Return the element at which a payload violates the schema, without a value; None if it is valid."""
    schema, known = _load_schema()
    if schema.validate(_normalised(payload)):
        return None
    for entry in schema.error_log:
        at = _FAULT_AT.match(entry.message)
        if at is not None and at[1] in known:
            return f"{at[1]}: {entry.type_name.removeprefix('SCHEMAV_').lower()}"
    return NOT_IN_SCHEMA


@cache
def _load_schema() -> tuple[etree.XMLSchema, frozenset[str]]:
    tree = etree.parse(str(SCHEMA))
    declared = tree.iter("{http://www.w3.org/2001/XMLSchema}element")
    return etree.XMLSchema(tree), frozenset(str(element.get("name")) for element in declared)


def _normalised(payload: etree._Element) -> etree._Element:
    """Return a copy in the schema's forms, for what the ledger decides and not the schema."""
    folded = deepcopy(payload)
    if folded.tag == f"{_A}{names.COLLECTION}" and folded.get(names.COLLECTION_COUNT) is None:
        folded.set(names.COLLECTION_COUNT, str(len(folded.findall(f"{_A}{names.CITIZEN}"))))
    for element in folded.iter(f"{_A}{names.BIRTH_DATE}"):
        if (written := _HYPHENS.fullmatch(element.text or "")) is not None:
            element.text = "".join(written.groups())
    for element in folded.iter(*(f"{_A}{name}" for name in _TWO_DIGITS)):
        if element.text is not None and element.text.isdigit():
            element.text = element.text.zfill(2)
    for relative in folded.iter(*(f"{_A}{name}" for name in _NAMED)):
        for name in relative.iterfind(f"{_A}{names.FULL_NAME}"):
            parts = [part.text for part in name if part.text]
            if len(name):
                name[:] = []
                name.text = " ".join(parts)
    return folded
