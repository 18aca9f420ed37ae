"""The court's client works against the mock, and its two known weaknesses show there before they show at C06."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from mock_c06.testing.scene import C06
from tests.mock_c06.clients.court import Address, CourtClient, OfficerHasNoId

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
