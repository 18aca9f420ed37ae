"""Hold an answer against the schema that the project keeps of C06 (openapi/c06-response.xsd).

Three readings that were seen of C06 beside the schema's own are folded first, since the gateway bears them and
`readings.py` names them: dates with hyphens, codes without their zeros, a collection that doesn't count. Says of a
fault which element of the schema it is at, never its value; an element that isn't the schema's isn't named either.
"""

import re
from copy import deepcopy
from functools import cache
from pathlib import Path

from lxml import etree

from gateway.registry import wire_names as names

SCHEMA = Path(__file__).resolve().parents[2] / "openapi" / "c06-response.xsd"
"""Beside the package, in the repository as in an installed wheel."""

_HYPHENS = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TWO_DIGITS = (names.ETHNICITY, names.RELIGION, names.BLOOD_TYPE)
_AT = re.compile(r"Element '\{[^}']*\}(\w{1,40})'")
_ANSWER = f"{{{names.ANSWER_NAMESPACE}}}"


def find_fault(payload: etree._Element) -> str | None:
    """Return where a payload leaves the schema, in words without a value; None where it fits."""
    schema, known = _load()
    folded = _fold(payload)
    if schema.validate(folded):
        return None
    for entry in schema.error_log:
        at = _AT.match(entry.message)
        if at is not None and at[1] in known:
            return f"{at[1]}: {entry.type_name.removeprefix('SCHEMAV_').lower()}"
    return "an element that the schema does not know"


@cache
def _load() -> tuple[etree.XMLSchema, frozenset[str]]:
    tree = etree.parse(str(SCHEMA))
    declared = tree.iter("{http://www.w3.org/2001/XMLSchema}element")
    return etree.XMLSchema(tree), frozenset(str(element.get("name")) for element in declared)


def _fold(payload: etree._Element) -> etree._Element:
    folded = deepcopy(payload)
    if folded.tag == f"{_ANSWER}{names.COLLECTION}" and folded.get(names.COLLECTION_COUNT) is None:
        folded.set(names.COLLECTION_COUNT, str(len(folded.findall(f"{_ANSWER}{names.CITIZEN}"))))
    for element in folded.iter(f"{_ANSWER}{names.BIRTH_DATE}"):
        if (written := _HYPHENS.fullmatch(element.text or "")) is not None:
            element.text = "".join(written.groups())
    for name in _TWO_DIGITS:
        for element in folded.iter(f"{_ANSWER}{name}"):
            if element.text is not None and element.text.isdigit():
                element.text = element.text.zfill(2)
    return folded
