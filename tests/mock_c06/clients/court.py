"""A court's .NET client, as of January 2026: SOAP by hand, `application/xml`, an empty SOAPAction, milliseconds.

Puts TaiKhoan and SoDienThoai after MaDonVi, sends the officer's own twelve digits as MaCanBo, strips every character
that is no Latin letter or digit, reads `HoVaTen.Ten` as the whole name, and of an address only what stands since 2025.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from xml.sax.saxutils import escape

import httpx
from lxml import etree

from tests.mock_c06.clients.c06_login import basic

_ANSWER = {"d": "http://www.mic.gov.vn/dancu/1.0"}
_VIETNAM = timezone(timedelta(hours=7))


class OfficerHasNoId(Exception):
    """The client refuses an officer without a number of his own, before it calls."""


@dataclass(frozen=True, slots=True)
class Address:
    """What the client reads of an address: no district."""

    province: str
    ward: str
    detail: str


@dataclass(frozen=True, slots=True)
class Citizen:
    """What the client reads of a record."""

    full_name: str
    number: str
    birth_date: str
    permanent: Address
    father: str


def convert_to_unsign(text: str) -> str:
    """Fold a name as the client does: marks off, đ to d by hand, all but Latin letters and digits deleted."""
    decomposed = unicodedata.normalize("NFD", text)
    bare = re.sub("[\u0300-\u036f]+", "", decomposed).replace("\u0111", "d").replace("\u0110", "D")
    return re.sub("[^a-zA-Z0-9]", "", bare).upper()


@dataclass(slots=True)
class CourtClient:
    """Asks about one citizen at a time. `birth` is `yyyyMMdd`, or `yyyy` where no more is known."""

    base: str
    user: str
    secret: str
    officer_id: str
    now_ms: Callable[[], int]

    def is_known(self, number: str, full_name: str, birth: str) -> bool:
        """Ask yes or no (003)."""
        body = self._ask("XacThucThongTinCongDan", "003", number, full_name, birth)
        return body.findtext("d:XacThucThongTinCongDanResponse/d:SoLuongCongDan", namespaces=_ANSWER) == "1"

    def look_up(self, number: str, full_name: str, birth: str) -> Citizen | None:
        """Ask for the record (037); no collection, no person or no name is nobody."""
        body = self._ask("TraCuuThongTinCongDan", "037", number, full_name, birth)
        person = body.find("d:CongdanCollection/d:CongDan", namespaces=_ANSWER)
        name = person.findtext("d:HoVaTen/d:Ten", namespaces=_ANSWER) if person is not None else None
        return _citizen(person, name) if person is not None and name else None

    def _ask(self, operation: str, code: str, number: str, name: str, birth: str) -> etree._Element:
        if not self.officer_id:
            raise OfficerHasNoId
        url, timestamp = f"{self.base}/{operation}", str(self.now_ms())
        answer = httpx.post(
            url,
            content=self._envelope(operation, code, number, name, birth).encode(),
            headers={
                "Content-Type": "application/xml",
                "SOAPAction": '""',
                "Timestamp": timestamp,
                "Authorization": basic(url, self.user, self.secret, timestamp),
            },
        )
        answer.raise_for_status()
        body = etree.fromstring(answer.content).find("{*}Body")
        assert body is not None
        return body

    def _envelope(self, operation: str, code: str, number: str, name: str, birth: str) -> str:
        fields = {
            "MaYeuCau": self.request_code(),
            "MaDVC": "G15-TP110",
            "MaTichHop": code,
            "MaCanBo": self.officer_id,
            "MaDonVi": "000.00.01.H26",
            "TaiKhoan": self.user,
            "SoDienThoai": "0",
            "SoDinhDanh" if len(number) == 12 else "SoCMND": number,
            "HoVaTen": convert_to_unsign(name),
        }
        written = "".join(f"<dan:{key}>{escape(value)}</dan:{key}>" for key, value in fields.items())
        kind = "NgayThangNam" if len(birth) == 8 else "Nam"
        written += f"<dan:NgayThangNamSinh><dan:{kind}>{birth}</dan:{kind}></dan:NgayThangNamSinh>"
        return (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:dan="http://dancuquocgia.bca"><soapenv:Header/><soapenv:Body>'
            f"<dan:{operation}>{written}</dan:{operation}></soapenv:Body></soapenv:Envelope>"
        )

    def request_code(self) -> str:
        """Make a MaYeuCau out of the clock: `RANDOM` and HHmmssfff."""
        local = datetime.fromtimestamp(self.now_ms() / 1000, UTC).astimezone(_VIETNAM)
        return f"RANDOM{local:%H%M%S}{self.now_ms() % 1000:03d}"


def _citizen(person: etree._Element, name: str) -> Citizen:
    def text(path: str) -> str:
        return person.findtext("/".join(f"d:{part}" for part in path.split("/")), "", namespaces=_ANSWER)

    return Citizen(
        full_name=name,
        number=text("SoDinhDanh"),
        birth_date=text("NgayThangNamSinh/NgayThangNam"),
        permanent=Address(
            text("ThuongTru/MaTinhThanh"), text("ThuongTru/MaPhuongXa"), text("ThuongTru/ChiTiet")
        ),
        # Its model has the name of a relative in parts, the known sample as plain text: both are read.
        father=text("Cha/HoVaTen/Ten") or text("Cha/HoVaTen"),
    )
