"""What the form of an answer shows of C06's readings: names of elements, lengths and kinds, never a value of a person.

Says nothing where an answer doesn't decide, such as on a code that came empty. Source: docs/parity.md.
"""

import re
from collections.abc import Iterator, Mapping

from lxml import etree

from gateway.procedures.fields import Operation
from gateway.registry import wire_names as names
from gateway.registry.connection import Dialect
from gateway.registry.payloads import json_of
from gateway.registry.readings import Seen

_DIGITS = re.compile(r"[0-9]{8}")
_HYPHENS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CODES = (names.ETHNICITY, names.RELIGION, names.BLOOD_TYPE)
_RELATIVES = (names.FATHER, names.MOTHER, names.SPOUSE, names.REPRESENTATIVE)
_NAME_PARTS = (names.FAMILY_NAME, names.MIDDLE_NAME, names.GIVEN_NAME)
_IDENTITY = frozenset({names.CITIZEN_ID, names.ID_CARD_NUMBER, names.FULL_NAME})
_PARTS: Mapping[Operation, frozenset[str]] = {
    Operation.MARITAL_STATUS: _IDENTITY | {names.MARITAL_STATUS, names.SPOUSE},
    Operation.RELATIVES: _IDENTITY | set(_RELATIVES),
    Operation.HOUSEHOLD: _IDENTITY | {names.HOUSEHOLD_HEAD, names.HOUSEHOLD_MEMBER, names.HOUSEHOLD_LIST},
}
_A = f"{{{names.ANSWER_NAMESPACE}}}"


def see_answer(
    dialect: Dialect, operation: Operation, payload: etree._Element, content: bytes
) -> Iterator[Seen]:
    """Tell what the form of an answer shows."""
    wrapped = {} if dialect is Dialect.SOAP else json_of(content)
    if dialect is Dialect.LGSP_PASSTHROUGH:
        yield "json-envelope", "Envelope" not in wrapped
    if operation is Operation.AUTHENTICATE:
        if dialect is Dialect.LGSP_CAMEL:
            yield "verdict-boolean", isinstance(wrapped.get("data"), bool)
        else:
            yield "verdict-form", payload.tag == f"{_A}{names.VERDICT}"
        return
    people = payload.findall(f"{_A}{names.CITIZEN}")
    blank = [person for person in people if not "".join(person.itertext()).strip()]
    if dialect is not Dialect.LGSP_CAMEL:
        yield "collection-attributes", payload.get(names.COLLECTION_COUNT) is not None
    if len(people) == len(blank):
        yield "match-silence", True
        yield "nobody", not blank
        if dialect is not Dialect.LGSP_CAMEL:
            yield "nobody-without-collection", True
        return
    yield from _see_person(people[0], operation)
    if dialect in {Dialect.LGSP_CAMEL, Dialect.LGSP_PASSTHROUGH}:
        yield "object-or-list", not _is_list(wrapped)


def _see_person(person: etree._Element, operation: Operation) -> Iterator[Seen]:
    relatives = [
        part for name in _RELATIVES if (part := person.find(f"{_A}{name}/{_A}{names.FULL_NAME}")) is not None
    ]
    if named := [part for part in relatives if "".join(part.itertext()).strip()]:
        yield "relatives-as-text", not any(len(part) for part in named)
    if operation is Operation.HOUSEHOLD:
        yield "household-members", person.find(f"{_A}{names.HOUSEHOLD_LIST}") is None
    if any(not len(part) and not (part.text or "").strip() for part in person.iter()):
        yield "empty-elements", True
    elif operation is Operation.LOOK_UP and _leaves_out(person):
        yield "empty-elements", False
    if operation in _PARTS:
        yield "partial-records", all(_local(part) in _PARTS[operation] for part in person)
    else:
        yield from _see_whole(person)


def _see_whole(person: etree._Element) -> Iterator[Seen]:
    day = person.findtext(f"{_A}{names.BIRTH}/{_A}{names.BIRTH_DATE}") or ""
    if _DIGITS.fullmatch(day) or _HYPHENS.fullmatch(day):
        yield "date-forms-out", _DIGITS.fullmatch(day) is not None
    parts = person.find(f"{_A}{names.FULL_NAME}")
    if parts is not None and parts.findtext(f"{_A}{names.GIVEN_NAME}"):
        yield "name-in-ten", not (parts.findtext(f"{_A}{names.FAMILY_NAME}") or "").strip()
    codes = [text for name in _CODES if (text := person.findtext(f"{_A}{name}"))]
    if codes:
        yield "padded-codes", all(len(code) == 2 for code in codes)
    yield "life-status", bool((person.findtext(f"{_A}{names.LIFE_STATUS}") or "").strip())


def _leaves_out(person: etree._Element) -> bool:
    """Say whether a whole record lacks parts that it would otherwise have, empty or not."""
    there = {_local(part) for part in person.iter()}
    return not there.issuperset((*_NAME_PARTS, *_CODES, *_RELATIVES, names.LIFE_STATUS))


def _is_list(wrapped: Mapping[str, object]) -> bool:
    """Say whether the one person stands in a list, wherever the wrapper keeps people."""
    found: object = wrapped.get("data", wrapped)
    for name in ("Envelope", "Body", names.COLLECTION, names.CITIZEN):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return isinstance(found, list)


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
