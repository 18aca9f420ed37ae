"""A bulk client that keeps a copy up to date: it asks who changed in a span of time, page after page.

TraCuuThongTinCongDan with TuNgay, DenNgay (epoch ms), Loai, Trang, SoBanGhi in the place of a person; Timestamp in
milliseconds; behind an X-Road it says who it is in two more headers, which the registry itself doesn't read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from lxml import etree

from tests.mock_c06.clients.c06_login import basic

_OPERATION = "TraCuuThongTinCongDan"


@dataclass(slots=True)
class SyncClient:
    """Reads changes. `size` people a page; a page that is not full is the last."""

    base: str
    user: str
    secret: str
    now_ms: Callable[[], int]
    size: int = 2
    _count: int = 0

    def changed(self, since_ms: int, until_ms: int, kind: str = "0") -> Iterator[tuple[str, str]]:
        """Give number and life status of everybody who changed, in the order the registry tells them."""
        page = 1
        while True:
            people = self._page(since_ms, until_ms, kind, page)
            yield from people
            if len(people) < self.size:
                return
            page += 1

    def _page(self, since_ms: int, until_ms: int, kind: str, page: int) -> list[tuple[str, str]]:
        self._count += 1
        fields = {
            "MaYeuCau": f"SYNC{self.now_ms()}-{self._count}",
            "MaDVC": "G15-TP110",
            "MaTichHop": "037",
            "MaCanBo": "can.bo.01",
            "TuNgay": str(since_ms),
            "DenNgay": str(until_ms),
            "Loai": kind,
            "Trang": str(page),
            "SoBanGhi": str(self.size),
        }
        written = "".join(f"<dan:{name}>{value}</dan:{name}>" for name, value in fields.items())
        body = (
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:dan="http://dancuquocgia.bca"><soapenv:Header/><soapenv:Body>'
            f"<dan:{_OPERATION}>{written}</dan:{_OPERATION}></soapenv:Body></soapenv:Envelope>"
        )
        url, timestamp = f"{self.base}/{_OPERATION}", str(self.now_ms())
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": '""',
            "Timestamp": timestamp,
            "Authorization": basic(url, self.user, self.secret, timestamp),
            "X-Road-Client": "VN/GOV/000.00.01.H26/DVCTT",
            "ApiKey": "synthetic",
        }
        answer = httpx.post(url, content=body.encode(), headers=headers)
        answer.raise_for_status()
        people = etree.fromstring(answer.content).iterfind(".//{*}CongdanCollection/{*}CongDan")
        return [(each.findtext("{*}SoDinhDanh", ""), each.findtext("{*}TrangThai", "")) for each in people]
