"""Write SOAP answers and refusals as text, with every value escaped.

Characters that XML cannot contain are left out, so that the document is well-formed for every name. Text costs a
tenth of lxml's tree. The form is that of the public samples; the refusal's is a guess (parity ledger).
"""

import re
from xml.sax.saxutils import escape, quoteattr

from mock_c06.accounts.switches import Switches
from mock_c06.clock import VIETNAM
from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.wire.record import Answer, Tree
from mock_c06.wire.soap_requests import SOAP

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff<>&\r]")
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
    people: Tree = [("CongDan", record) for record in answer.records]
    return f"{opening}>{_write(people)}</CongdanCollection>"


def _write(tree: Tree) -> str:
    parts: list[str] = []
    _put(tree, parts)
    return "".join(parts)


def _put(tree: Tree, parts: list[str]) -> None:
    for name, value in tree:
        if isinstance(value, str):
            text = value if _SPECIAL.search(value) is None else _text(value)
            parts.append(f"<{name}>{text}</{name}>" if text else f"<{name}/>")
        else:
            parts.append(f"<{name}>")
            _put(value, parts)
            parts.append(f"</{name}>")


def _text(value: str) -> str:
    return escape(_UNWRITABLE.sub("", value), {"\r": "&#13;"})
