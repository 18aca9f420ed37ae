"""The court's client works against the mock, and its two known weaknesses show there before they show at C06.

A court's .NET client, as of January 2026: SOAP by hand, `application/xml`, an empty SOAPAction, milliseconds.

Puts TaiKhoan and SoDienThoai after MaDonVi, sends the officer's own twelve digits as MaCanBo, strips every character
that is no Latin letter or digit, reads `HoVaTen.Ten` as the whole name, and of an address only what stands since 2025.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from xml.sax.saxutils import escape

import httpx
import pytest
from lxml import etree

from mock_c06.testing.scene import C06
from tests.mock_c06.clients.logins import basic

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


pytestmark = pytest.mark.sockets
OFFICER = "001085000999"
AN = ("001090000123", "Nguyễn Văn An", "19900131")


@pytest.fixture
def court(c06: C06, now_ms: Callable[[], int]) -> CourtClient:
    account = c06.issue("court", officers=[OFFICER])
    return CourtClient(c06.url(), account["user"], account["secret"], OFFICER, now_ms)


def test_a_court_is_told_yes_and_reads_the_whole_record(c06: C06, court: CourtClient) -> None:
    assert court.is_known(*AN)
    citizen = court.look_up(*AN)
    assert citizen is not None
    assert (citizen.full_name, citizen.number, citizen.birth_date) == ("NGUYỄN VĂN AN", AN[0], AN[2])
    assert citizen.permanent == Address("01", "00004", "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI")
    card = {check["id"]: check["verdict"] for check in c06.report()["checks"]}
    assert {card[name] for name in ("name_folded", "one_number", "timestamp_ms", "request_id_unique")} == {
        "right"
    }


@pytest.mark.parametrize("parts", [False, True])
def test_a_relatives_name_is_read_as_text_and_in_parts(c06: C06, court: CourtClient, parts: bool) -> None:
    c06.switch(structured_relatives=parts)
    citizen = court.look_up(*AN)
    assert citizen is not None
    assert citizen.father == "NGUYỄN VĂN BÌNH"


@pytest.mark.parametrize("quirk", [None, "empty_person", "empty_body", "bare_collection"])
def test_nobody_is_nobody_however_the_registry_says_it(
    c06: C06, court: CourtClient, quirk: str | None
) -> None:
    c06.switch(**({quirk: True} if quirk else {}))
    assert court.look_up(AN[0], "Nguyễn Văn Anh", AN[2]) is None
    assert not court.is_known(AN[0], AN[1], "19900113")


def test_a_court_asks_by_year_where_no_more_is_known(c06: C06, court: CourtClient) -> None:
    old = c06.person("giang-a-thu")
    assert court.is_known(old.number, old.full_name, str(old.birth_year))


def test_a_court_reads_an_address_that_has_no_district(c06: C06, court: CourtClient) -> None:
    home = {"province_code": "01", "ward_code": "00004", "detail": "Phường Ba Đình, Thành phố Hà Nội"}
    c06.event("move", c06.person("nguyen-van-an"), to=home, whole_household=True)
    citizen = court.look_up(*AN)
    assert citizen is not None
    assert citizen.permanent == Address("01", "00004", "PHƯỜNG BA ĐÌNH, THÀNH PHỐ HÀ NỘI")


def test_an_officer_without_a_number_is_refused_before_any_call(c06: C06, court: CourtClient) -> None:
    with pytest.raises(OfficerHasNoId):
        replace(court, officer_id="").is_known(*AN)
    c06.journal.never()


def test_an_officer_that_c06_does_not_know_is_refused_with_005(c06: C06, court: CourtClient) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        replace(court, officer_id="001085000998").is_known(*AN)
    c06.journal.assert_asked(code="005", times=1)


def test_two_questions_within_a_millisecond_collide_as_they_do_for_the_real_client(
    c06: C06, court: CourtClient
) -> None:
    moment = court.now_ms()
    at_once = replace(court, now_ms=lambda: moment)
    assert at_once.is_known(*AN)
    with pytest.raises(httpx.HTTPStatusError):
        at_once.look_up(*AN)
    c06.journal.assert_asked("TraCuuThongTinCongDan", code="007", times=1)


@pytest.mark.parametrize("letter", ["Đ", "đ", "D"])
def test_a_d_with_a_stroke_is_folded_by_hand(c06: C06, court: CourtClient, letter: str) -> None:
    dat = c06.person("dat-chu-d-viet")
    assert dat.birth_date is not None
    written = dat.full_name.replace("Đ", letter).replace("đ", letter)
    assert court.is_known(dat.number, written, dat.birth_date.replace("-", ""))


def test_a_look_alike_of_d_that_the_client_deletes_finds_nobody(c06: C06, court: CourtClient) -> None:
    dat = c06.person("dat-chu-eth")
    assert dat.birth_date is not None
    assert "\u00d0" in dat.full_name
    assert not court.is_known(dat.number, dat.full_name, dat.birth_date.replace("-", ""))
