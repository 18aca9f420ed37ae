"""A portal's PHP client: SOAP put together as text, Timestamp in seconds, the name trimmed and upper-cased with its spaces.

Its `strtoupper` works on bytes, so that letters beyond ASCII stay as they were typed; values are not escaped.
"""

import http.client
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from tests.mock_c06.clients.c06_login import basic


def strtoupper(text: str) -> str:
    """Upper-case as PHP's function on bytes does: ASCII alone."""
    return text.encode().upper().decode()


def mb_strtoupper(text: str) -> str:
    """Upper-case as PHP's other function does: by Unicode."""
    return text.upper()


@dataclass(frozen=True, slots=True)
class Answered:
    """Status and body; `full_name` None is what the client calls no information."""

    status: int
    text: str
    full_name: str | None

    @property
    def is_confirmed(self) -> bool:
        """Say whether a verdict was yes."""
        return re.search(r"<SoLuongCongDan>\s*1\s*<", self.text) is not None


@dataclass(slots=True)
class PhpClient:
    """One call, one connection, as curl in a request of PHP makes it. `birth` is `yyyyMMdd`."""

    base: str
    user: str
    secret: str
    now_s: Callable[[], int]
    upper: Callable[[str], str] = strtoupper
    _count: int = 0

    def ask(self, operation: str, code: str, number: str, full_name: str, birth: str) -> Answered:
        """Send one question."""
        self._count += 1
        kind = "SoDinhDanh" if len(number) == 12 else "SoCMND"
        name = self.upper(full_name.strip(" \t\n\r\0\x0b"))
        body = f"""<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:qldc="http://dancuquocgia.bca">
   <soapenv:Header/>
   <soapenv:Body>
      <qldc:{operation}>
         <qldc:MaYeuCau>{self.user}{self.now_s()}{self._count}</qldc:MaYeuCau>
         <qldc:MaDVC>G15-TP110</qldc:MaDVC>
         <qldc:MaTichHop>{code}</qldc:MaTichHop>
         <qldc:MaCanBo>can.bo.01</qldc:MaCanBo>
         <qldc:{kind}>{number}</qldc:{kind}>
         <qldc:HoVaTen>{name}</qldc:HoVaTen>
         <qldc:NgayThangNamSinh>
            <qldc:NgayThangNam>{birth}</qldc:NgayThangNam>
         </qldc:NgayThangNamSinh>
      </qldc:{operation}>
   </soapenv:Body>
</soapenv:Envelope>"""
        return self._post(f"{self.base}/{operation}", body)

    def _post(self, url: str, body: str) -> Answered:
        parts, timestamp = urlsplit(url), str(self.now_s())
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            connection.request(
                "POST",
                parts.path,
                body.encode(),
                {
                    "Content-Type": "application/xml",
                    "SOAPAction": "",
                    "Timestamp": timestamp,
                    "Authorization": basic(url, self.user, self.secret, timestamp),
                },
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return Answered(answer.status, text, _full_name(text) if answer.status == 200 else None)


def _full_name(text: str) -> str | None:
    person = etree.fromstring(text.encode()).find(".//{*}CongdanCollection/{*}CongDan")
    return (person.findtext("{*}HoVaTen/{*}Ten") or None) if person is not None else None
