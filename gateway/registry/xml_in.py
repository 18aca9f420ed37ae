"""Read a SOAP 1.1 answer from hostile bytes into a bounded tree.

Refuses: entities and DTDs, encodings other than UTF-8, NUL, more than 32 levels or 10,000 tags, tags of more than 32
attributes or 4 KiB, repeated elements that are not repeatable, foreign namespaces, a comment inside a value (readers
differ on what the value then is), text between the elements of a record. Leaves stray text in the envelope alone: real
peers send it. What costs more than its length is bounded before libxml2 sees it (docs/decisions/0064); size is bounded
in `outbound.py`.
"""

import re

from lxml import etree

from gateway.errors.registry import RegistryAnswerInvalid
from gateway.registry import wire_names as names
from gateway.registry.tree import MAX_DEPTH, MAX_NODES, Tree

_BOM = b"\xef\xbb\xbf"
_DECLARED = re.compile(rb"^<\?xml[^>]*?encoding\s*=\s*[\"']([^\"'>]*)[\"']")
_ENCODINGS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_ENVELOPE = f"{{{names.SOAP_NAMESPACE}}}Envelope"
_BODY = f"{{{names.SOAP_NAMESPACE}}}Body"
_FAULT = f"{{{names.SOAP_NAMESPACE}}}{names.FAULT}"
_ANSWER = f"{{{names.ANSWER_NAMESPACE}}}"

MAX_ATTRIBUTES = 32
"""Of one element, namespaces among them: telling them apart costs the square of their number."""
MAX_TAG = 4096
"""Bytes from `<` to `>`: the reader writes out an element's namespace again for each element that has it."""

# What follows `<` up to the tag's own `>`: one in quotes is a value's.
_TAG = re.compile(rb"""(?:[^"'>]|"[^"]*"|'[^']*')*+""")

# The encoding is settled before parsing, so that the parser never follows the declaration.
PARSER = etree.XMLParser(
    encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
)  # fmt: skip


def parse_envelope(raw: bytes) -> dict[str, Tree]:
    """Return the SOAP body as `{payload's name: its tree}`; raises `RegistryAnswerInvalid`.

    The payload's own attributes become members beside its elements.
    """
    root = _parse(_checked(raw))
    if root.tag != _ENVELOPE:
        raise RegistryAnswerInvalid("not a SOAP envelope")
    bodies = [child for child in root if child.tag == _BODY]
    if len(bodies) != 1:
        raise RegistryAnswerInvalid("envelope without one body")
    payloads = [child for child in bodies[0] if isinstance(child.tag, str)]
    if len(payloads) != 1:
        raise RegistryAnswerInvalid("body without one payload")
    payload = payloads[0]
    if payload.tag == _FAULT:
        return {names.FAULT: _fault(payload)}
    return {_name(str(payload.tag)): _with_attributes(payload, _tree(payload, 3))}


def _checked(raw: bytes) -> bytes:
    body = raw.removeprefix(_BOM).strip()
    if b"\0" in body:
        raise RegistryAnswerInvalid("NUL in the answer")
    declared = _DECLARED.match(body)
    if declared is not None and declared[1].lower() not in _ENCODINGS:
        raise RegistryAnswerInvalid("encoding is not UTF-8")
    # Even hardened, the parser takes a DTD in and keeps its entities as nodes: it must not see one. The bytes
    # are UTF-8 and nothing else, so a DTD has no other spelling.
    if b"<!DOCTYPE" in body:
        raise RegistryAnswerInvalid("DTD in the answer")
    if body.count(b"<") > MAX_NODES:
        raise RegistryAnswerInvalid("too many elements")
    _refuse_wide(body)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise RegistryAnswerInvalid("encoding is not UTF-8") from None
    return body


def _refuse_wide(body: bytes) -> None:
    """Refuse what libxml2 takes in, in more time than its length: a tag too long, or with too many attributes.

    A `<` always begins a tag, since no value may hold one; text that follows a tag belongs to no other.
    """
    for found in body.split(b"<"):
        if len(found) <= MAX_TAG and found.count(b"=") <= MAX_ATTRIBUTES:
            continue
        tag = _TAG.match(found, 0, MAX_TAG + 1) if not found.startswith((b"!", b"?")) else None
        if tag is None:
            continue
        # Where a quote stopped it, the value runs past the bound, and what comes behind is not yet counted.
        if len(tag[0]) > MAX_TAG or found[tag.end() : tag.end() + 1] in {b'"', b"'"}:
            raise RegistryAnswerInvalid("tag too long")
        if tag[0].count(b"=") > MAX_ATTRIBUTES:
            raise RegistryAnswerInvalid("too many attributes")


def _parse(body: bytes) -> etree._Element:
    try:
        return etree.fromstring(body, PARSER)
    except (etree.XMLSyntaxError, ValueError):
        # The parser's text may quote a value: it is not passed on.
        raise RegistryAnswerInvalid("not well-formed XML") from None


def _tree(element: etree._Element, depth: int) -> Tree:
    if depth > MAX_DEPTH:
        raise RegistryAnswerInvalid("nested too deep")
    if not len(element):
        return element.text or ""
    members: dict[str, Tree] = {}
    stray = [element.text or ""]
    for child in element:
        stray.append(child.tail or "")
        if isinstance(child.tag, str):
            _add(members, _name(child.tag), _tree(child, depth + 1))
    if not members:
        raise RegistryAnswerInvalid("comment inside a value")
    if "".join(stray).strip():
        raise RegistryAnswerInvalid("text between elements")
    return members


def _name(tag: str) -> str:
    if not tag.startswith(_ANSWER):
        raise RegistryAnswerInvalid("wrong namespace")
    return tag[len(_ANSWER) :]


def _add(members: dict[str, Tree], name: str, value: Tree) -> None:
    if name not in members:
        members[name] = value
    elif name not in names.REPEATABLE:
        raise RegistryAnswerInvalid("element repeated")
    elif isinstance(present := members[name], list):
        present.append(value)
    else:
        members[name] = [present, value]


def _with_attributes(payload: etree._Element, tree: Tree) -> Tree:
    attributes: dict[str, Tree] = {str(name): str(value) for name, value in payload.attrib.items()}
    if not attributes:
        return tree
    if isinstance(tree, str):
        return attributes if not tree.strip() else tree
    if not isinstance(tree, dict) or attributes.keys() & tree.keys():
        raise RegistryAnswerInvalid("element repeated")
    return {**tree, **attributes}


def _fault(fault: etree._Element) -> Tree:
    """Keep of a fault what is read: its code, and the leaves of its detail, of any namespace."""
    found: dict[str, Tree] = {}
    for child in fault:
        local = etree.QName(child).localname if isinstance(child.tag, str) else ""
        if local == names.FAULT_CODE:
            found[local] = child.text or ""
        elif local == names.FAULT_DETAIL:
            # A repeated code stays a list, which the reader of a single value refuses.
            codes: list[Tree] = [code.text or "" for code in child.iter(f"{{*}}{names.REFUSAL_CODE}")]
            found[local] = {names.REFUSAL_CODE: codes[0] if len(codes) == 1 else codes}
    return found
