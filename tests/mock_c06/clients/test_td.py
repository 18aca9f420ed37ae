"""The PascalCase client reads the envelope out of `message`; its request codes collide within a second.

A portal whose platform takes PascalCase JSON and answers the whole XML envelope as a string in `message`.

Its MaYeuCau is a constant with the clock's seconds, so that two questions of one second collide. Writes a row of its log
before it calls; what names the service and the officer comes from its configuration, never from its caller.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from lxml import etree

from mock_c06.testing.scene import C06, ClientAccount
from tests.mock_c06.clients.logins import Platform

_D = "{http://www.mic.gov.vn/dancu/1.0}"
CONFIGURED = {"MaDVC": "G15-TP110", "MaCanBo": "can.bo.01", "MaDonVi": "000.00.01.H26"}


class Refused(Exception):
    """The platform's error code, when it is not 0."""


def to_upper_case_non_white_space_non_accent_vietnamese(text: str) -> str:
    """Fold a name as the client's function of that name does."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return "".join(bare.upper().replace("Đ", "D").split())


@dataclass(slots=True)
class TdClient:
    """Asks about one citizen at a time. `birth` is `yyyyMMdd` or `yyyy`."""

    platform: Platform
    now_s: Callable[[], int]
    log: list[tuple[int, str]] = field(default_factory=list)
    _token: str = ""

    def is_confirmed(self, number: str, full_name: str, birth: str) -> bool:
        """Ask yes or no."""
        body = self._ask("XacThucThongTinCongDan", "003", number, full_name, birth)
        return body.findtext(f"{_D}XacThucThongTinCongDanResponse/{_D}SoLuongCongDan") == "1"

    def full_name(self, number: str, full_name: str, birth: str) -> str | None:
        """Ask for the record and read the name out of `Ten`."""
        body = self._ask("TraCuuThongTinCongDan", "037", number, full_name, birth)
        return body.findtext(f"{_D}CongdanCollection/{_D}CongDan/{_D}HoVaTen/{_D}Ten") or None

    def _ask(self, operation: str, code: str, number: str, full_name: str, birth: str) -> etree._Element:
        request = {
            "MaYeuCau": f"TD{self.now_s()}",
            **CONFIGURED,
            "MaTichHop": code,
            "SoDinhDanh" if len(number) == 12 else "SoCMND": number,
            "HoVaTen": to_upper_case_non_white_space_non_accent_vietnamese(full_name),
            "NgayThangNamSinh": birth,
        }
        self.log.append((self.now_s(), operation))
        self._token = self._token or self.platform.token()
        answer = self.platform.call(self._token, operation, request)
        if answer["error_code"] != "0":
            raise Refused(answer["error_code"])
        body = etree.fromstring(str(answer["message"]).encode()).find("{*}Body")
        assert body is not None
        return body


pytestmark = pytest.mark.sockets
AN = ("001090000123", "Nguyễn Văn An", "19900131")


@pytest.fixture
def td(c06: C06, platform: Callable[[ClientAccount], Platform]) -> TdClient:
    """A client whose every question has a second of its own."""
    seconds = iter(range(1_650_000_000, 1_650_100_000))
    return TdClient(platform(c06.account("dvctt-lgsp-pascal")), lambda: next(seconds))


def test_a_verdict_and_a_name_are_read_out_of_the_message(c06: C06, td: TdClient) -> None:
    assert td.is_confirmed(*AN)
    assert td.full_name(*AN) == "NGUYỄN VĂN AN"
    assert not td.is_confirmed(AN[0], "Nguyễn Văn Anh", AN[2])
    assert td.full_name(AN[0], "Nguyễn Văn Anh", AN[2]) is None
    c06.journal.in_order(["token", "XacThucThongTinCongDan", "TraCuuThongTinCongDan"])


@pytest.mark.parametrize("slug", ["giang-a-thu", "chi-co-so-cu-va-nam-sinh"])
def test_a_year_alone_and_nine_digits_are_taken(c06: C06, td: TdClient, slug: str) -> None:
    person = c06.person(slug)
    assert td.is_confirmed(person.number, person.full_name, str(person.birth_year))


def test_two_questions_of_one_second_collide_as_they_do_for_the_real_client(c06: C06, td: TdClient) -> None:
    td.now_s = lambda: 1_650_000_000
    assert td.is_confirmed(*AN)
    with pytest.raises(Refused, match="007"):
        td.full_name(*AN)
    card = {check["id"]: check["verdict"] for check in c06.report()["checks"]}
    assert card["request_id_unique"] == "wrong"


def test_a_registry_that_stores_answers_answers_the_collision_again(c06: C06, td: TdClient) -> None:
    c06.switch(stored_answer=True)
    td.now_s = lambda: 1_650_000_000
    assert td.is_confirmed(*AN)
    assert td.is_confirmed(AN[0], "Somebody Else", AN[2])


def test_the_row_of_the_log_stands_before_the_call_that_fails(c06: C06, td: TdClient) -> None:
    c06.issue("dvctt-lgsp-pascal", dialect="lgsp-pascal", procedures=["ket-hon"])
    with pytest.raises(Refused, match="004"):
        td.is_confirmed(*AN)
    assert [operation for _, operation in td.log] == ["XacThucThongTinCongDan"]
