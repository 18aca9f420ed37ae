"""The PHP client works where its account counts seconds; its upper-casing and its unescaped text are found.

A portal's PHP client: SOAP put together as text, Timestamp in seconds, the name trimmed and upper-cased with its spaces.

Its `strtoupper` works on bytes, so that letters beyond ASCII stay as they were typed; values are not escaped.
"""

import http.client
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest
from lxml import etree

from mock_c06.testing.scene import C06
from tests.mock_c06.clients.logins import basic


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


pytestmark = pytest.mark.sockets
VERDICT, RECORD = ("XacThucThongTinCongDan", "003"), ("TraCuuThongTinCongDan", "037")
AN = ("001090000123", "  Nguyễn Văn An\n", "19900131")


@pytest.fixture
def php(c06: C06, now_ms: Callable[[], int]) -> PhpClient:
    account = c06.issue("php", quirks=["seconds"])
    return PhpClient(c06.url(), account["user"], account["secret"], lambda: now_ms() // 1000)


def test_a_name_with_its_spaces_is_confirmed_and_answered(c06: C06, php: PhpClient) -> None:
    assert php.ask(*VERDICT, *AN).is_confirmed
    assert php.ask(*RECORD, *AN).full_name == "NGUYỄN VĂN AN"
    assert not php.ask(*VERDICT, AN[0], "Nguyễn Văn Anh", AN[2]).is_confirmed
    assert php.ask(*RECORD, AN[0], "Nguyễn Văn Anh", AN[2]).full_name is None
    card = {check["id"]: check["verdict"] for check in c06.report()["checks"]}
    assert (card["timestamp_ms"], card["name_folded"]) == ("right", "wrong")


def test_seconds_are_refused_where_the_account_counts_milliseconds(c06: C06, php: PhpClient) -> None:
    account = c06.issue("php-ms")
    strict = replace(php, user=account["user"], secret=account["secret"])
    assert strict.ask(*VERDICT, *AN).status == 401


def test_somebody_with_nine_digits_alone_is_asked_for_by_them(c06: C06, php: PhpClient) -> None:
    old = c06.person("chi-co-so-cu")
    assert old.birth_date is not None
    assert php.ask(*VERDICT, old.number, old.full_name, old.birth_date.replace("-", "")).is_confirmed


def test_upper_casing_by_bytes_leaves_letters_small_which_only_a_folding_registry_forgives(
    c06: C06, php: PhpClient
) -> None:
    assert strtoupper("Nguyễn Đỗ Cơ") == "NGUYễN Đỗ Cơ"
    assert mb_strtoupper("Nguyễn Đỗ Cơ") == "NGUYỄN ĐỖ CƠ"
    assert php.ask(*VERDICT, *AN).is_confirmed
    c06.switch(exact_names=True)
    folded = replace(php, upper=lambda _: "NGUYENVANAN", _count=100)
    assert not php.ask(*VERDICT, *AN).is_confirmed
    assert folded.ask(*VERDICT, *AN).is_confirmed


@pytest.mark.parametrize(
    "name",
    [
        "Nguyễn & An",
        "An</qldc:HoVaTen><qldc:SoCMND>012345678</qldc:SoCMND><qldc:HoVaTen>An",
        "An</qldc:HoVaTen><qldc:MaCanBo>can.bo.02</qldc:MaCanBo><qldc:HoVaTen>An",
        "An]]><!--",
    ],
)
def test_a_name_that_is_not_escaped_smuggles_nothing_in(c06: C06, php: PhpClient, name: str) -> None:
    answer = php.ask(*RECORD, AN[0], name, AN[2])
    assert (answer.status, "<MaLoi>01</MaLoi>" in answer.text) == (500, True)
    c06.journal.assert_asked(outcome="refused", code="01", times=1)
    c06.journal.never(outcome="found")
