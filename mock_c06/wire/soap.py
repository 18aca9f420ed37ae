"""Read a SOAP 1.1 request strictly; write SOAP answers and refusals as text, with every value escaped.

A request is limited in size (each tag too), has no DTD, is in UTF-8, and has known elements of the right namespace in
their order. Text between the envelope's elements is ignored, because a real client sends some. The order is checked up
to MaCanBo, or to the end under the account's `strict_order`. Refusals have code 01 and repeat no value.

In an answer, characters that XML cannot contain are left out, so that the document is well-formed for every name. Text costs
a tenth of lxml's tree. The form is that of the public samples; the refusal's is a guess (parity ledger).
"""

import re
from collections.abc import Collection, Mapping
from functools import cache
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from mock_c06.accounts.model import Switches
from mock_c06.clock import VIETNAM
from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.wire.enquiry import (
    BIRTH,
    FEED,
    HEAD,
    LOGIN,
    NUMBERS,
    Enquiry,
    invalid_request,
    parse_enquiry,
    parse_feed,
)
from mock_c06.wire.record import Answer, Tree

MAX_BODY = 64 * 1024
MAX_ATTRIBUTES = 32
"""Attributes of one element, namespaces included: the check for duplicates costs the square of their number."""
MAX_TAG = 4096
"""Bytes from `<` to `>`: libxml2 copies the namespace for each element."""

# The text after `<` up to the tag's `>`; a `>` in quotes belongs to a value.
_TAG = re.compile(rb"""(?:[^"'>]|"[^"]*"|'[^']*')*+""")

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
REQUEST = "http://dancuquocgia.bca"
_OURS = f"{{{REQUEST}}}"
_OURS_LENGTH = len(_OURS)
_OPERATIONS = {f"{_OURS}{operation}": operation for operation in Operation}
_BIRTH = "NgayThangNamSinh"
_KNOWN = {*HEAD, *LOGIN, *NUMBERS, "HoVaTen", _BIRTH}
_LEAVES: Mapping[object, str] = {f"{_OURS}{name}": name for name in _KNOWN - {_BIRTH}}
_BIRTH_LEAVES: Mapping[object, str] = {f"{_OURS}{name}": name for name in BIRTH}
_BIRTH_TAG = f"{_OURS}{_BIRTH}"
_DOCUMENTED = (*HEAD, *LOGIN, *NUMBERS, "HoVaTen", _BIRTH)
_MEDIA_TYPES = {"text/xml", "application/xml"}
_USUAL = "text/xml; charset=utf-8"
SHORT_NAME = re.compile("[A-Za-z]{1,40}")
"""What a refusal repeats of an unknown name: a name with digits might be a person's number."""
_ENVELOPE = f"{{{SOAP}}}Envelope"
_PARTS = ([f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"], [f"{{{SOAP}}}Body"])


def require_xml(content_type: str | None) -> None:
    """Refuse another media type or charset; raises `RequestRefused`."""
    if content_type == _USUAL:
        return
    media_type, *parameters = (part.strip().lower() for part in (content_type or "").split(";"))
    charsets = {p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")}
    if media_type not in _MEDIA_TYPES or not charsets <= {"utf-8"}:
        raise invalid_request("Content-Type phải là text/xml; charset=utf-8")


def parse_root(body: bytes) -> etree._Element:
    """Return the Body's one element; raises `RequestRefused`."""
    if len(body) > MAX_BODY:
        raise invalid_request("Thông điệp quá lớn")
    _require_utf8(body)
    if b"<!DOCTYPE" in body:  # declared attributes cost the square of their number
        raise invalid_request("Không chấp nhận DTD")
    _require_narrow(body)
    try:
        envelope = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise invalid_request("Thông điệp không phải XML hợp lệ") from exc
    document = envelope.getroottree().docinfo
    # Even the hardened parser reads a DTD and keeps its entities as nodes, so every DTD is refused.
    if document.internalDTD is not None or document.doctype:
        raise invalid_request("Không chấp nhận DTD")
    if (document.encoding or "UTF-8").upper() != "UTF-8":
        raise invalid_request("Thông điệp phải dùng UTF-8")
    return _payload(envelope)


@cache
def _parser() -> etree.XMLParser:
    """Make the hardened parser once: making it costs as much as parsing a request."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )


def _require_utf8(body: bytes) -> None:
    """Refuse other encodings by their bytes: libxml2 would detect UTF-16 without a sign."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise invalid_request("Thông điệp phải dùng UTF-8") from exc
    if "\x00" in text:
        raise invalid_request("Thông điệp phải dùng UTF-8")


def _require_narrow(body: bytes) -> None:
    """Refuse a tag that costs libxml2 more than its length. A `<` always begins a tag: no value may contain one."""
    if len(body) <= MAX_TAG and body.count(b"=") <= MAX_ATTRIBUTES:
        return  # no tag is longer than the whole, or has more attributes
    for found in body.split(b"<"):
        if len(found) <= MAX_TAG and found.count(b"=") <= MAX_ATTRIBUTES:
            continue
        tag = _TAG.match(found, 0, MAX_TAG + 1) if not found.startswith((b"!", b"?")) else None
        if tag is None:
            continue
        # A quote at the end: the value is longer than the limit, and the rest is not counted.
        is_cut = found[tag.end() : tag.end() + 1] in {b'"', b"'"}
        if is_cut or len(tag[0]) > MAX_TAG or tag[0].count(b"=") > MAX_ATTRIBUTES:
            raise invalid_request("Thẻ quá dài hoặc có quá nhiều thuộc tính")


def _payload(envelope: etree._Element) -> etree._Element:
    if envelope.tag != _ENVELOPE:
        raise invalid_request("Không phải SOAP 1.1 Envelope")
    parts = _without_comments(envelope)
    if [part.tag for part in parts] not in _PARTS:
        raise invalid_request("Envelope phải có Header và Body")
    payload = _without_comments(parts[-1])
    if len(payload) != 1:
        raise invalid_request("Body phải có đúng một phần tử")
    return payload[0]


def _without_comments(parent: etree._Element) -> list[etree._Element]:
    return [child for child in parent if isinstance(child.tag, str)]


def find_operation(root: etree._Element) -> Operation | None:
    """Return the operation that a root element names, or None."""
    return _OPERATIONS.get(str(root.tag))


def parse_soap(root: etree._Element, operation: Operation, *, strict_order: bool = False) -> Enquiry:
    """Read the operation's element into an enquiry; raises `RequestRefused`."""
    if find_operation(root) is not operation:
        raise invalid_request(f"Body phải là {operation} trong không gian tên {REQUEST}")
    if not strict_order and (usual := _read_usual(root)) is not None:
        return parse_enquiry(operation, usual)
    children = _elements(root)
    names = _local_names(children)
    if operation is Operation.LOOK_UP and "TuNgay" in names:
        return _parse_feed(root, names)
    _require_order(names, strict_order=strict_order)
    fields: dict[str, str] = {}
    for name, child in zip(names, children, strict=True):
        inner, leaf = _birth(child) if name == _BIRTH else (name, child)
        fields[inner] = _text(leaf, inner)
    return parse_enquiry(operation, fields)


def _read_usual(root: etree._Element) -> dict[str, str] | None:
    """Read the usual form fast: known leaves without anything between them. None: another form."""
    fields: dict[str, str] = {}
    if root.text and root.text.strip():
        return None
    for child in root:
        name, leaf = _LEAVES.get(child.tag), child
        if name is None:
            # The one element that has a child.
            if child.tag != _BIRTH_TAG or len(child) != 1 or (child.text and child.text.strip()):
                return None
            leaf = child[0]
            name = _BIRTH_LEAVES.get(leaf.tag)
            if name is None or (leaf.tail and leaf.tail.strip()):
                return None
        if name in fields or len(leaf) or (child.tail and child.tail.strip()):
            return None
        fields[name] = leaf.text or ""
    return fields if tuple(fields)[: len(HEAD)] == HEAD else None


def _parse_feed(root: etree._Element, names: list[str]) -> Enquiry:
    """Read a request for changes: the head in its order, no person."""
    if not set(names) <= {*HEAD, *LOGIN, *FEED}:
        raise _undefined(names, {*HEAD, *LOGIN, *FEED})
    if len(set(names)) != len(names) or tuple(names[: len(HEAD)]) != HEAD:
        raise invalid_request(f"Thứ tự phải là {', '.join(HEAD)}")
    return parse_feed({name: _text(child, name) for name, child in zip(names, root, strict=True)})


def _elements(parent: etree._Element) -> list[etree._Element]:
    """Return the children, comments too; text between them is refused."""
    children, place = list(parent), parent
    for each, text in ((parent, parent.text), *((child, child.tail) for child in children)):
        place = each if isinstance(each.tag, str) else place
        if text and text.strip():
            name = etree.QName(place).localname
            raise invalid_request(f"Có chữ thừa giữa các phần tử: trong hoặc sau {name}")
    return children


def _local_names(elements: list[etree._Element]) -> list[str]:
    # The tag of a comment is a function, so a comment is refused.
    tags = [str(element.tag) for element in elements]
    if not all(tag.startswith(_OURS) for tag in tags):
        raise invalid_request(f"Phần tử ngoài không gian tên {REQUEST}")
    return [tag[_OURS_LENGTH:] for tag in tags]


def _require_order(names: list[str], *, strict_order: bool) -> None:
    distinct = set(names)
    if not distinct <= _KNOWN:
        raise _undefined(names, _KNOWN)
    if len(distinct) != len(names):
        repeated = next(name for position, name in enumerate(names) if name in names[:position])
        raise invalid_request(f"Có phần tử lặp lại: {repeated}")
    if missing := [name for name in HEAD if name not in distinct]:
        raise invalid_request(f"Thiếu {', '.join(missing)}")
    if tuple(names[: len(HEAD)]) != HEAD:
        raise invalid_request(f"Thứ tự phải là {', '.join(HEAD)}")
    documented = [name for name in _DOCUMENTED if name in distinct]
    if strict_order and names != documented:
        wrong = next(name for name, expected in zip(names, documented, strict=True) if name != expected)
        raise invalid_request(f"Sai thứ tự phần tử: {wrong}; thứ tự phải là {', '.join(documented)}")


def _undefined(names: list[str], known: Collection[str]) -> RequestRefused:
    """Make the refusal of an element that the schema lacks: its name, if it is short, and its place."""
    position, name = next((n, name) for n, name in enumerate(names, start=1) if name not in known)
    shown = f" {name}" if SHORT_NAME.fullmatch(name) else ""
    return invalid_request(f"Có phần tử không được định nghĩa:{shown} (phần tử thứ {position})")


def _birth(element: etree._Element) -> tuple[str, etree._Element]:
    """Return the name of the one child, and the child."""
    children = _elements(element)
    names = _local_names(children)
    if len(names) != 1 or names[0] not in BIRTH:
        raise invalid_request(f"{_BIRTH} phải có đúng một trong hai: {', '.join(BIRTH)}")
    return names[0], children[0]


def _text(element: etree._Element, name: str) -> str:
    """Return the text of an element without children; a comment in it is refused."""
    if len(element):
        raise RequestRefused("01", f"{name} phải là chữ")
    return element.text or ""


_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
RESPONSE = "http://www.mic.gov.vn/dancu/1.0"
TEST_DATA = "DU LIEU THU NGHIEM"


def as_of_text(answer: Answer) -> str:
    """Write the instant of the data in Vietnam's time, with the offset."""
    return answer.as_of.astimezone(VIETNAM).isoformat(timespec="seconds")


def write_envelope(answer: Answer, switches: Switches) -> str:
    """Write the whole answer."""
    if answer.operation is Operation.AUTHENTICATE:
        return _envelope(_verdict(answer.count, switches))
    return _envelope(_collection(answer, switches))


def write_fault(refusal: RequestRefused) -> str:
    """Write a refusal with its code."""
    detail = f"<detail><MaLoi>{escape(refusal.code)}</MaLoi></detail>"
    return _envelope(_fault("Client", refusal.message, detail))


def write_server_fault() -> str:
    """Write the fault of an internal error: no code."""
    return _envelope(_fault("Server", "Lỗi hệ thống", ""))


def _envelope(content: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Header/>'
        f"<soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"
    )


def _fault(side: str, message: str, detail: str) -> str:
    return (
        f"<soapenv:Fault><faultcode>soapenv:{side}</faultcode>"
        f"<faultstring>{escape(message)}</faultstring>{detail}</soapenv:Fault>"
    )


def _verdict(count: int, switches: Switches) -> str:
    if switches.exists_verdict:
        exists = "true" if count else "false"
        return f'<KetQuaXacThuc xmlns="{RESPONSE}"><TonTai>{exists}</TonTai></KetQuaXacThuc>'
    name = f"{Operation.AUTHENTICATE}Response"
    return f'<{name} xmlns="{RESPONSE}"><SoLuongCongDan>{count}</SoLuongCongDan></{name}>'


def _collection(answer: Answer, switches: Switches) -> str:
    if switches.empty_body and not answer.count:
        return ""
    opening = f'<CongdanCollection xmlns="{RESPONSE}"'
    if not switches.bare_collection:
        opening += (
            f' SoCongDan="{answer.count}" '
            f"ThoiDiemDuLieu={quoteattr(as_of_text(answer))} GhiChu={quoteattr(TEST_DATA)}"
        )
    if not answer.records:
        return f"{opening}/>"
    parts: list[str] = []
    for record in answer.records:
        _put("CongDan", record, parts)
    return f"{opening}>{''.join(parts)}</CongdanCollection>"


def _put(name: str, tree: Tree, parts: list[str]) -> None:
    parts.append(f"<{name}>")
    for inner, value in tree.items():
        if isinstance(value, str):
            text = value if value.isalnum() or _is_plain(value) else _escaped(value)
            parts.append(f"<{inner}>{text}</{inner}>" if text else f"<{inner}/>")
        elif isinstance(value, list):
            for each in value:
                _put(inner, each, parts)
        else:
            _put(inner, value, parts)
    parts.append(f"</{name}>")


def _is_plain(value: str) -> bool:
    """Return whether a text needs no escape, as most; none of what XML cannot contain is printable."""
    return value.isprintable() and "<" not in value and "&" not in value and ">" not in value


def _escaped(value: str) -> str:
    return escape(_UNWRITABLE.sub("", value), {"\r": "&#13;"})
