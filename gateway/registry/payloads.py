"""An answer of any dialect as the one XML element that C06 itself would have sent, for a look at its form.

Only what the gateway's own readers have taken before comes here, so nothing is refused: what has no such form gives
None. The two JSON wrappers without XML inside are written back: attributes of the collection are told by name.
"""

import json
from codecs import BOM_UTF8

from lxml import etree

from gateway.registry import wire_names as names
from gateway.registry.connection import Dialect
from gateway.registry.xml_in import PARSER

_COUNTED = frozenset({names.COLLECTION_COUNT, names.COLLECTION_AS_OF, names.COLLECTION_NOTE, "id"})
_STAMPS = frozenset({names.COLLECTION_AS_OF, names.COLLECTION_NOTE})
_ANSWER = f"{{{names.ANSWER_NAMESPACE}}}"


def payload_of(dialect: Dialect, content: bytes) -> etree._Element | None:
    """Return the body's one element; None where there is none, or a refusal in its place."""
    if dialect is Dialect.SOAP:
        return _payload(content)
    found = json_of(content)
    match dialect:
        case Dialect.LGSP_PASCAL:
            return _payload(str(found.get("message", "")).encode())
        case Dialect.LGSP_PASSTHROUGH:
            envelope = found.get("Envelope", found)
            body = envelope.get("Body") if isinstance(envelope, dict) else None
            return _only_element(body) if isinstance(body, dict) else None
    return _flattened(found["data"]) if "data" in found else None


def json_of(content: bytes) -> dict[str, object]:
    """Return a wrapper's object, its numbers and booleans as they are."""
    found = json.loads(content.decode("utf-8-sig"))
    return found if isinstance(found, dict) else {}


def _payload(content: bytes) -> etree._Element | None:
    root = etree.fromstring(
        content.removeprefix(BOM_UTF8).strip(), PARSER
    )  # the same hardening as at the first reading: these are the same hostile bytes
    body = root.find(f"{{{names.SOAP_NAMESPACE}}}Body")
    children = [] if body is None else [child for child in body if isinstance(child.tag, str)]
    return children[0] if children and str(children[0].tag).startswith(_ANSWER) else None


def _only_element(body: dict[str, object]) -> etree._Element | None:
    for name, value in body.items():
        element = etree.Element(f"{_ANSWER}{name}")
        _fill(element, value)
        return element
    return None


def _flattened(data: object) -> etree._Element:
    """Write back `data`: a word for a verdict, else a person, people, a collection, or nobody."""
    if isinstance(data, bool) or (isinstance(data, str) and data.strip()):
        result = etree.Element(f"{_ANSWER}{names.VERDICT_RESULT}")
        _fill(result, {names.VERDICT_EXISTS: data})
        return result
    collection = etree.Element(f"{_ANSWER}{names.COLLECTION}")
    if isinstance(data, dict) and names.COLLECTION in data:
        _fill(collection, data[names.COLLECTION])
        return collection
    if isinstance(data, dict) and names.CITIZEN in data:
        _fill(collection, data)
        return collection
    people = data if isinstance(data, list) else [data] if data else []
    for person in people:
        members = person if isinstance(person, dict) else {}
        collection.attrib.update({name: _word(members[name]) for name in _STAMPS if name in members})
        _add(collection, names.CITIZEN, {name: v for name, v in members.items() if name not in _STAMPS})
    return collection


def _fill(element: etree._Element, value: object) -> None:
    if not isinstance(value, dict):
        element.text = _word(value)
        return
    is_collection = element.tag == f"{_ANSWER}{names.COLLECTION}"
    for name, below in value.items():
        plain = name.lstrip("@-")
        if is_collection and plain in _COUNTED:
            element.set(plain, _word(below))
        else:
            for one in below if isinstance(below, list) else [below]:
                _add(element, name, one)


def _add(parent: etree._Element, name: str, value: object) -> None:
    _fill(etree.SubElement(parent, f"{_ANSWER}{name}"), value)


def _word(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
