"""The bulk client reads every change once, over any size of page, as far as its account may."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import httpx
import pytest

from mock_c06.testing.scene import C06
from tests.mock_c06.clients.sync import SyncClient

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
