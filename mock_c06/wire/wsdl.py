"""The WSDL as one document: the schemas put in place of their imports, the address that of the caller's host and run.

The files are the project's contracts, kept beside the package at the repository's root.
"""

from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

CONTRACTS = Path(__file__).resolve().parents[2] / "openapi"
_XS = "http://www.w3.org/2001/XMLSchema"
_PLACEHOLDER = "http://127.0.0.1:8100/soap"


def load_wsdl() -> str:
    """Read the WSDL with its schemas inside; it still has the placeholder for an address."""
    wsdl = etree.parse(str(CONTRACTS / "c06.wsdl"))
    for wrapper in wsdl.findall(f".//{{{_XS}}}schema"):
        location = wrapper[0].get("schemaLocation") or ""
        schema = etree.parse(str(CONTRACTS / location)).getroot()
        parent = wrapper.getparent()
        if parent is not None:
            parent.replace(wrapper, schema)
    return etree.tostring(wsdl, encoding="unicode")


def write_wsdl(template: str, *, address: str) -> bytes:
    """Write the WSDL for an address."""
    safe = escape(address, {'"': "&quot;"})
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{template.replace(_PLACEHOLDER, safe)}'.encode()
