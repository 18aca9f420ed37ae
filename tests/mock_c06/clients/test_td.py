"""The PascalCase client reads the envelope out of `message`; its request codes collide within a second."""

from collections.abc import Callable

import pytest

from mock_c06.testing.login import Account
from mock_c06.testing.scene import C06
from tests.mock_c06.clients.lgsp import Platform
from tests.mock_c06.clients.td import Refused, TdClient

pytestmark = pytest.mark.sockets
AN = ("001090000123", "Nguyễn Văn An", "19900131")


@pytest.fixture
def td(c06: C06, platform: Callable[[Account], Platform]) -> TdClient:
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
