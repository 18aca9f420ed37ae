"""The scene of the registry client's tests: a fixed clock, a connection, a question, and answers written by hand.

Synthetic people only. Answers are built from the wire samples, never by the code under test.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import httpx

from gateway.identifiers import Profile
from gateway.procedures.model import Operation
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Adapter, Connection, Dialect
from gateway.registry.model import Claim, Question
from tests.kit.clocks import StillClock

NUMBER = "001090000123"
CARD = "012345678"
URL = "http://registry.test"
CLAIM = Claim(citizen_id=NUMBER, full_name="Nguyễn Văn An", birth_date=date(1990, 1, 31))


CLOCK = StillClock()


def connection(dialect: Dialect = Dialect.SOAP, **members: object) -> Connection:
    settings: dict[str, object] = {
        "profile": Profile.SANDBOX,
        "registry_url": URL,
        "dialect": dialect,
        "agency": "000.00.01.H26",
        "officer": "dvctt.dichvu",
        "deadline_ms": 2_000,
    }
    if dialect is Dialect.SOAP:
        settings |= {"c06_user": "hanoi", "c06_secret": "synthetic-secret"}
    else:
        settings |= {"ngsp_key": "key", "ngsp_secret": "synthetic-secret", "adapter": ADAPTER}
    return Connection(**(settings | members))  # type: ignore[arg-type]  # a test passes any members


ADAPTER = Adapter(
    access_key="access",
    secret_key="synthetic",
    app_name="dvctt",
    partner_code="H26",
    partner_code_cus="H26.01",
)


def question(
    operation: Operation = Operation.AUTHENTICATE,
    *,
    claim: Claim = CLAIM,
    profile: Profile = Profile.SANDBOX,
    code: str = "HN-01J9Z0K4Q8",
    revision: int = 0,
    within: float = 2.0,
    officer: str = "can.bo.01",
    account: str = "acc_one",
    clock: StillClock = CLOCK,
) -> Question:
    return Question(
        profile=profile,
        revision=revision,
        operation=operation,
        request_code=code,
        procedure="khai-sinh",
        service_code="G15-TP110",
        officer=officer,
        claim=claim,
        deadline=clock.monotonic() + within,
        account=account,
    )


@dataclass
class Double:
    """A registry by hand: one function answers each request, and each request is recorded."""

    answer: Callable[[httpx.Request], httpx.Response]
    token: Callable[[httpx.Request], httpx.Response] | None = None
    packets: list[httpx.Request] = field(default_factory=list)
    token_packets: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            self.token_packets.append(request)
            return self.token(request) if self.token is not None else token_answer()
        self.packets.append(request)
        return self.answer(request)


class Held(httpx.AsyncBaseTransport):
    """A registry that accepts questions and answers them only after a release."""

    def __init__(self, inner: Callable[[httpx.Request], httpx.Response]) -> None:
        self.inner = inner
        self.let_go = asyncio.Event()
        self.taken = 0
        self.inside = 0
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.taken += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.let_go.wait()
            await asyncio.sleep(0)  # no answer arrives before another question could be sent
        finally:
            self.inside -= 1
        return self.inner(request)


async def settled() -> None:
    """Let everything run that can run without a clock."""
    for _ in range(50):
        await asyncio.sleep(0)


def answering(response: httpx.Response | bytes | str) -> Double:
    """A double that gives every request the same answer."""
    if isinstance(response, httpx.Response):
        found = response
        return Double(
            lambda _request: httpx.Response(found.status_code, headers=found.headers, content=found.content)
        )
    content = response
    return Double(lambda _request: httpx.Response(200, content=content))


def registry_of(double: Double, dialect: Dialect = Dialect.SOAP, **members: object) -> RegistryClient:
    return open_registry(connection(dialect, **members), transport=httpx.MockTransport(double), clock=CLOCK)


def token_answer(value: str = "token-1") -> httpx.Response:
    return httpx.Response(
        200, json={"access_token": value, "scope": "s", "token_type": "Bearer", "expires_in": 3600}
    )


def envelope(payload: str) -> bytes:
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/>'
        f"<soapenv:Body>{payload}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def verdict(word: str = "1") -> bytes:
    return envelope(
        '<XacThucThongTinCongDanResponse xmlns="http://www.mic.gov.vn/dancu/1.0">'
        f"<SoLuongCongDan>{word}</SoLuongCongDan></XacThucThongTinCongDanResponse>"
    )


PERSON = (
    f"<SoDinhDanh>{NUMBER}</SoDinhDanh><SoCMND>{CARD}</SoCMND>"
    "<HoVaTen><Ho/><ChuDem/><Ten>NGUYỄN VĂN AN</Ten></HoVaTen>"
    "<GioiTinh>1</GioiTinh><DanToc>04</DanToc><TonGiao>06</TonGiao>"
    "<TinhTrangHonNhan>2</TinhTrangHonNhan><NhomMau>00</NhomMau>"
    "<NgayThangNamSinh><Nam>1990</Nam><NgayThangNam>19900131</NgayThangNam></NgayThangNamSinh>"
    "<NoiDangKyKhaiSinh><MaTinhThanh>01</MaTinhThanh><MaQuanHuyen>001</MaQuanHuyen><MaPhuongXa>00004</MaPhuongXa>"
    "<ChiTiet>PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI</ChiTiet><QuocGia>VN</QuocGia></NoiDangKyKhaiSinh>"
    "<QuocTich>VN</QuocTich><QueQuan/><ThuongTru><MaTinhThanh>01</MaTinhThanh><MaPhuongXa>00004</MaPhuongXa>"
    "<ChiTiet>PHƯỜNG BA ĐÌNH, THÀNH PHỐ HÀ NỘI</ChiTiet><QuocGia>VN</QuocGia></ThuongTru>"
    "<Cha><HoVaTen>NGUYỄN VĂN BÌNH</HoVaTen><QuocTich>VN</QuocTich><SoDinhDanh>001060000456</SoDinhDanh><SoCMND/></Cha>"
    "<Me><HoVaTen><Ho>TRẦN</Ho><ChuDem>THỊ</ChuDem><Ten>BÍCH</Ten></HoVaTen></Me><VoChong/><NguoiDaiDien/>"
    f"<ChuHo><QuanHe>CH01</QuanHe><SoDinhDanh>{NUMBER}</SoDinhDanh><SoCMND/><HoVaTen>NGUYỄN VĂN AN</HoVaTen></ChuHo>"
    "<SoSoHoKhau/><TrangThai>1</TrangThai>"
)


JSON_PERSON = {
    "SoDinhDanh": NUMBER,
    "SoCMND": None,
    "HoVaTen": {"Ho": "", "ChuDem": None, "Ten": "NGUYỄN VĂN AN"},
    "GioiTinh": 1,
    "NgayThangNamSinh": {"Nam": 1990, "NgayThangNam": "19900131"},
    "QueQuan": {},
    "Cha": {"HoVaTen": "NGUYỄN VĂN BÌNH"},
    "ThanhVien": {"QuanHe": "CH02", "HoVaTen": "LÊ THỊ HOA"},
}


def people(*persons: str, count: str | None = None, extra: str = "") -> bytes:
    number = str(len(persons)) if count is None else count
    inside = "".join(f"<CongDan>{person}</CongDan>" for person in persons)
    return envelope(
        f'<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0" SoCongDan="{number}"'
        f' ThoiDiemDuLieu="2022-04-27T08:00:00+07:00" GhiChu="DU LIEU THU NGHIEM">{inside}{extra}</CongdanCollection>'
    )


def fault(code: str | None, faultcode: str = "soapenv:Client") -> httpx.Response:
    detail = "" if code is None else f"<detail><MaLoi>{code}</MaLoi></detail>"
    content = envelope(
        f"<soapenv:Fault><faultcode>{faultcode}</faultcode><faultstring>Từ chối</faultstring>{detail}</soapenv:Fault>"
    )
    return httpx.Response(500, headers={"content-type": "text/xml; charset=utf-8"}, content=content)
