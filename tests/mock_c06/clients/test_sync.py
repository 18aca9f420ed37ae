"""The bulk client reads every change once, over any size of page, as far as its account may.

A bulk client that keeps a copy up to date: it asks who changed in a span of time, page after page.

TraCuuThongTinCongDan with TuNgay, DenNgay (epoch ms), Loai, Trang, SoBanGhi in the place of a person; Timestamp in
milliseconds; behind an X-Road it says who it is in two more headers, which the registry itself doesn't read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import httpx
import pytest
from lxml import etree

from mock_c06.testing.scene import C06
from tests.mock_c06.clients.logins import basic

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


pytestmark = pytest.mark.sockets
AN, DUNG, HAI = "001090000123", "001192000124", "001094000127"
DAY = 86_400_000
NINE = int(datetime.fromisoformat("2026-11-24T09:00:00+00:00").timestamp() * 1000)


@pytest.fixture
def sync(c06: C06, now_ms: Callable[[], int]) -> SyncClient:
    """At nine An dies, which widows Dung; at ten Hai gets another name."""
    c06.event("death", AN, at="2026-11-24T09:00:00Z")
    c06.event("name_correction", HAI, full_name="Hai", at="2026-11-24T10:00:00Z")
    c06.clock.freeze("2026-11-24T12:00:00Z")
    account = c06.account("dvctt-hanoi")
    return SyncClient(c06.url(), account["user"], account["secret"], now_ms)


@pytest.mark.parametrize(("size", "pages"), [(1, 4), (2, 2), (3, 2), (100, 1)])
def test_every_change_is_read_once_over_any_size_of_page(
    c06: C06, sync: SyncClient, size: int, pages: int
) -> None:
    found = list(replace(sync, size=size).changed(NINE - DAY, NINE + DAY))
    assert found == [(AN, "2"), (DUNG, "1"), (HAI, "1")]
    c06.journal.assert_asked("TraCuuThongTinCongDan", account="dvctt-hanoi", times=pages)


def test_a_copy_is_kept_up_to_date_from_where_it_ended(sync: SyncClient) -> None:
    first = list(sync.changed(NINE - DAY, NINE + 1))
    rest = list(sync.changed(NINE + 1, NINE + DAY))
    assert [number for number, _ in first + rest] == [AN, DUNG, HAI]


def test_one_kind_of_change_is_read_alone(sync: SyncClient) -> None:
    assert list(sync.changed(NINE - DAY, NINE + DAY, kind="6")) == [(HAI, "1")]


def test_an_account_without_the_feed_is_refused(c06: C06, sync: SyncClient) -> None:
    account = c06.issue("no-feed")
    with pytest.raises(httpx.HTTPStatusError):
        list(replace(sync, user=account["user"], secret=account["secret"]).changed(NINE - DAY, NINE))
    c06.journal.assert_asked(account="no-feed", code="006", times=1)
