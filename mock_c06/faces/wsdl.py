"""The WSDL and its schemas as the registry face serves them: in the forms that the caller's switches give its answers.

The WSDL is one document: the schemas replace their imports, the address is `/soap` of the caller's host and run. It does
not describe `empty_body` and the refusals: a schema cannot express them. Source: `openapi/` at the repository's root.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

from mock_c06.accounts.model import Switches, flipped

_OURS = Path(__file__).resolve().parents[1]
CONTRACTS = next(each for each in (_OURS / "openapi", _OURS.parent / "openapi") if each.is_dir())
"""In the mock's own distribution inside the package, in the repository beside it."""

SCHEMAS = ("c06.xsd", "c06-request.xsd", "c06-response.xsd")
_XS = "{http://www.w3.org/2001/XMLSchema}"
_PLACEHOLDER = "http://127.0.0.1:8100/soap"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_wsdl(switches: Switches, *, address: str) -> bytes:
    """Write the WSDL for an address, under these switches."""
    safe = escape(address, {'"': "&quot;"})
    return f"{_HEAD}{_wsdl(_shown(switches)).replace(_PLACEHOLDER, safe)}".encode()


def write_schema(switches: Switches, name: str) -> bytes | None:
    """Write one of `SCHEMAS` under these switches; None for another name."""
    if name not in SCHEMAS:
        return None
    return f"{_HEAD}{_schema(name, _shown(switches))}".encode()


def _shown(switches: Switches) -> tuple[str, ...]:
    return tuple(name for name in flipped(switches) if name in _CHANGES or name == "exists_verdict")


@lru_cache(maxsize=64)
def _wsdl(shown: tuple[str, ...]) -> str:
    wsdl = etree.parse(str(CONTRACTS / "c06.wsdl"))
    for wrapper in wsdl.findall(f".//{_XS}schema"):
        schema = _changed(wrapper[0].get("schemaLocation") or "", shown)
        parent = wrapper.getparent()
        if parent is not None:
            parent.replace(wrapper, schema)
    if "exists_verdict" in shown:
        for part in wsdl.iterfind(".//{*}message[@name='Verdict']/{*}part"):
            part.set("element", "d:KetQuaXacThuc")
        for output in wsdl.iterfind(".//{*}output[@name='XacThucThongTinCongDanResponse']"):
            output.set("name", "KetQuaXacThuc")
    return etree.tostring(wsdl, encoding="unicode")


@lru_cache(maxsize=64)
def _schema(name: str, shown: tuple[str, ...]) -> str:
    schema = _changed(name, shown)
    for imported in schema.iter(f"{_XS}import"):
        imported.set("schemaLocation", f"?xsd={imported.get('schemaLocation')}")
    return etree.tostring(schema, encoding="unicode")


def _changed(name: str, shown: tuple[str, ...]) -> etree._Element:
    schema = etree.parse(str(CONTRACTS / name)).getroot()
    if name == "c06-response.xsd":
        for switch, change in _CHANGES.items():
            if switch in shown:
                change(schema)
    return schema


def _structure_relatives(schema: etree._Element) -> None:
    for element in schema.iterfind(f".//{_XS}element[@type='d:RelativeName']"):
        element.set("type", "d:SplitName")


def _hyphenate_dates(schema: etree._Element) -> None:
    for pattern in schema.iterfind(f"{_XS}simpleType[@name='DateOrEmpty']//{_XS}pattern"):
        pattern.set("value", "([0-9]{4}-[0-9]{2}-[0-9]{2})?")


def _unpad_codes(schema: etree._Element) -> None:
    for name in ("DanToc", "TonGiao", "NhomMau"):
        for element in schema.iterfind(f".//{_XS}element[@name='{name}']"):
            element.set("type", "xs:token")


def _bare_collection(schema: etree._Element) -> None:
    for attribute in schema.iterfind(f".//{_XS}attribute[@name='SoCongDan']"):
        attribute.set("use", "optional")


def _wrap_members(schema: etree._Element) -> None:
    for member in schema.iterfind(f".//{_XS}element[@name='ThanhVien']"):
        wrapper = etree.Element(f"{_XS}element", {"name": "DanhSachThanhVien", "minOccurs": "0"})
        inner = etree.SubElement(etree.SubElement(wrapper, f"{_XS}complexType"), f"{_XS}sequence")
        etree.SubElement(inner, f"{_XS}element", dict(member.attrib))
        member.addprevious(wrapper)


_CHANGES: Mapping[str, Callable[[etree._Element], None]] = {
    "structured_relatives": _structure_relatives,
    "hyphen_dates": _hyphenate_dates,
    "unpadded_codes": _unpad_codes,
    "bare_collection": _bare_collection,
    "wrapped_members": _wrap_members,
}
