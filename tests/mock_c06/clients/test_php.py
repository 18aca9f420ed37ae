"""The PHP client works where its account counts seconds; its upper-casing and its unescaped text are found."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mock_c06.testing.scene import C06
from tests.mock_c06.clients.php import PhpClient, mb_strtoupper, strtoupper

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
