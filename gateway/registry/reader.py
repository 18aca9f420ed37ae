"""Read an answer from untrusted bytes into a bounded tree of text, from JSON or from a SOAP 1.1 envelope.

A leaf is text, an empty leaf is `""`. `leaf`, `branch_of` and `branches_of` refuse a branch where a leaf is expected
and the reverse; `records.py` reads the meaning of elements.

JSON: refuses what `edge/strict_json.py` refuses, more than 32 levels or 10,000 members, NUL. Numbers and booleans
become their text, null becomes `""`: the platforms convert from XML and differ in these.

XML: refuses entities and DTDs, encodings other than UTF-8, NUL, more than 32 levels or 10,000 tags, tags of more than
32 attributes or 4 KiB, repeated elements that are not repeatable, foreign namespaces, a comment inside a value (readers
differ on that value), text between the elements of a record. Stray text in the envelope is ignored: real registries
send it. Input that costs more than its length is limited before libxml2 reads it (docs/decisions/0064). `http_sender.py`
limits the size of both.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.edge.strict_json import NotStrictJson, read_object
from gateway.errors.requests import RegistryAnswerInvalid
from gateway.registry import wire as names

if TYPE_CHECKING:
    from lxml import etree

Tree: TypeAlias = str | dict[str, "Tree"] | list["Tree"]
Branch: TypeAlias = Mapping[str, Tree]

MAX_DEPTH = 32
_MAX_NODES = 10_000

_EMPTY: Branch = {}
BLANKS = " \t\r\n"


def leaf(branch: Branch, name: str) -> str:
    """Return the text under a name, trimmed; `""` if it is absent or empty."""
    value = branch.get(name)
    if not value:
        return ""
    if not isinstance(value, str):
        raise RegistryAnswerInvalid("structure where a value belongs")
    return value.strip(BLANKS)


def branch_of(value: Tree | None) -> Branch:
    """Return a value as a branch; an absent or empty value gives a branch without members."""
    if not value or (isinstance(value, str) and not value.strip(BLANKS)):
        return _EMPTY
    if not isinstance(value, dict):
        raise RegistryAnswerInvalid("value where a structure belongs")
    return value


def branches_of(value: Tree | None) -> list[Branch]:
    """Return a repeatable value as branches: wrappers send one object or a list."""
    if isinstance(value, list):
        return [branch_of(item) for item in value]
    branch = branch_of(value)
    return [branch] if branch else []


def is_blank(value: Tree | Branch) -> bool:
    """Return whether a value has only blanks."""
    if isinstance(value, str):
        return not value.strip(BLANKS)
    return all(is_blank(below) for below in (value if isinstance(value, list) else value.values()))


_MAX_COLONS = 2 * _MAX_NODES
"""Each member has one colon; XML inside a text may have more."""


def parse_object(raw: bytes) -> dict[str, Tree]:
    """Return the answer's object as a tree; raises `RegistryAnswerInvalid`."""
    if b"\0" in raw:
        raise RegistryAnswerInvalid("NUL in the answer")
    if raw.count(b"{") + raw.count(b"[") > _MAX_NODES:
        raise RegistryAnswerInvalid("too many members")
    try:
        found = read_object(
            raw.removeprefix(BOM_UTF8),
            depth=MAX_DEPTH,
            members=_MAX_NODES,
            colons=_MAX_COLONS,
            parse_int=str,
            parse_float=str,
        )
    except NotStrictJson as error:
        raise RegistryAnswerInvalid(error.reason) from None
    if _settle(found) > _MAX_NODES:
        raise RegistryAnswerInvalid("too many members")
    return found


def _settle(branch: Any) -> int:
    """Turn every number, boolean and null in an object or a list into text; return how many values there are."""
    nodes = len(branch)
    for key, value in branch.items() if isinstance(branch, dict) else enumerate(branch):
        if isinstance(value, dict | list):
            nodes += _settle(value)
        elif not isinstance(value, str):
            branch[key] = "" if value is None else str(value).lower()  # true or false
    return nodes


_DECLARED = re.compile(rb"^<\?xml[^>]*?encoding\s*=\s*[\"']([^\"'>]*)[\"']")
_ENCODINGS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_ENVELOPE = f"{{{names.SOAP_NAMESPACE}}}Envelope"
_BODY = f"{{{names.SOAP_NAMESPACE}}}Body"
_FAULT = f"{{{names.SOAP_NAMESPACE}}}{names.FAULT}"
_ANSWER = f"{{{names.ANSWER_NAMESPACE}}}"

MAX_ATTRIBUTES = 32
"""Attributes of one element, with namespaces: libxml2's cost is the square of their number."""
MAX_TAG = 4096
"""Bytes from `<` to `>`: libxml2 copies a namespace for each element that has it."""

# From `<` to the tag's own `>`: a `>` in quotes belongs to a value.
_TAG = re.compile(rb"""(?:[^"'>]|"[^"]*"|'[^']*')*+""")


@cache
def parser() -> etree.XMLParser:
    """Return the parser of answers. The encoding is set here, so that it ignores the declaration."""
    from lxml import etree  # noqa: PLC0415 - 5 MiB that a process needs at its first answer in XML

    return etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )  # fmt: skip


def parse_payload(raw: bytes) -> etree._Element:
    """Return the one element in the body of a SOAP envelope; raises `RegistryAnswerInvalid`."""
    from lxml import etree  # noqa: PLC0415 - as in `parser`

    body = _checked(raw)
    try:
        root = etree.fromstring(body, parser())
    except (etree.XMLSyntaxError, ValueError):  # the parser's text may quote a value
        raise RegistryAnswerInvalid("not well-formed XML") from None
    if root.tag != _ENVELOPE:
        raise RegistryAnswerInvalid("not a SOAP envelope")
    bodies = [child for child in root if child.tag == _BODY]
    if len(bodies) != 1:
        raise RegistryAnswerInvalid("envelope without one body")
    payloads = [child for child in bodies[0] if isinstance(child.tag, str)]
    if len(payloads) != 1:
        raise RegistryAnswerInvalid("body without one payload")
    return payloads[0]


def parse_envelope(raw: bytes) -> dict[str, Tree]:
    """Return the SOAP body as `{payload's name: its tree}`; raises `RegistryAnswerInvalid`.

    The payload's own attributes become members, like its elements.
    """
    payload = parse_payload(raw)
    name = str(payload.tag)
    if name == _FAULT:
        return {names.FAULT: _fault(payload)}
    if not name.startswith(_ANSWER):
        raise RegistryAnswerInvalid("wrong namespace")
    return {name[len(_ANSWER) :]: _with_attributes(payload, _tree(payload, 3))}


def _checked(raw: bytes) -> bytes:
    body = raw.removeprefix(BOM_UTF8).strip()
    if b"\0" in body:
        raise RegistryAnswerInvalid("NUL in the answer")
    declared = _DECLARED.match(body)
    if declared is not None and declared[1].lower() not in _ENCODINGS:
        raise RegistryAnswerInvalid("encoding is not UTF-8")
    # The hardened parser still reads a DTD and keeps its entities as nodes. The bytes are UTF-8, so a DTD has this one
    # spelling.
    if b"<!DOCTYPE" in body:
        raise RegistryAnswerInvalid("DTD in the answer")
    if body.count(b"<") > _MAX_NODES:
        raise RegistryAnswerInvalid("too many elements")
    _refuse_wide(body)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise RegistryAnswerInvalid("encoding is not UTF-8") from None
    return body


def _refuse_wide(body: bytes) -> None:
    """Refuse tags that cost libxml2 more than their length: too long, or with too many attributes.

    A `<` always begins a tag, since no value may contain one.
    """
    for found in body.split(b"<"):
        if len(found) <= MAX_TAG and found.count(b"=") <= MAX_ATTRIBUTES:
            continue
        tag = _TAG.match(found, 0, MAX_TAG + 1) if not found.startswith((b"!", b"?")) else None
        if tag is None:
            continue
        # If a quote stopped the match, the value is longer than the limit, and the rest is not counted yet.
        if len(tag[0]) > MAX_TAG or found[tag.end() : tag.end() + 1] in {b'"', b"'"}:
            raise RegistryAnswerInvalid("tag too long")
        if tag[0].count(b"=") > MAX_ATTRIBUTES:
            raise RegistryAnswerInvalid("too many attributes")


def _tree(element: etree._Element, depth: int) -> Tree:
    """Return an element that is `depth` levels below the document as a tree."""
    if not len(element):
        return element.text or ""
    members: dict[str, Tree] = {}
    has_stray = bool((element.text or "").strip())
    for child in element:
        has_stray = has_stray or bool((child.tail or "").strip())
        tag = child.tag
        if not isinstance(tag, str):
            continue
        if depth >= MAX_DEPTH:
            raise RegistryAnswerInvalid("nested too deep")
        if not tag.startswith(_ANSWER):
            raise RegistryAnswerInvalid("wrong namespace")
        name = tag[len(_ANSWER) :]
        value = _tree(child, depth + 1) if len(child) else child.text or ""
        members[name] = _repeated(name, members[name], value) if name in members else value
    if not members:
        raise RegistryAnswerInvalid("comment inside a value")
    if has_stray:
        raise RegistryAnswerInvalid("text between elements")
    return members


def _repeated(name: str, present: Tree, value: Tree) -> Tree:
    if name not in names.REPEATABLE:
        raise RegistryAnswerInvalid("element repeated")
    if not isinstance(present, list):
        return [present, value]
    present.append(value)
    return present


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
    """Return a fault's code, and the codes in its detail, of any namespace."""
    found: dict[str, Tree] = {}
    for child in fault:
        local = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if local == names.FAULT_CODE:
            found[local] = child.text or ""
        elif local == names.FAULT_DETAIL:
            # A repeated code becomes a list, which `leaf` refuses.
            codes: list[Tree] = [code.text or "" for code in child.iter(f"{{*}}{names.REFUSAL_CODE}")]
            found[local] = {names.REFUSAL_CODE: codes[0] if len(codes) == 1 else codes}
    return found
