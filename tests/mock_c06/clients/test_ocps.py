"""OpenCPS's client works through both of its platforms, with every form of answer that it is known to handle."""

from collections.abc import Callable

import pytest

from mock_c06.testing.login import Account
from mock_c06.testing.scene import C06
from tests.mock_c06.clients.lgsp import Platform
from tests.mock_c06.clients.ocps import (
    NotMapped,
    OcpsClient,
    Refused,
    convert_string,
    ethnic_name,
    swapped_ethnic_name,
)

pytestmark = pytest.mark.sockets
AN = ("001090000123", "Nguyễn Văn An", "1990-01-31")
Open = Callable[..., OcpsClient]
BOTH = pytest.mark.parametrize("variant", ["passthrough", "camel"])


@pytest.fixture
def ocps(c06: C06, platform: Callable[[Account], Platform], now_ms: Callable[[], int]) -> Open:
    def open_client(variant: str, *quirks: str) -> OcpsClient:
        account = c06.issue(
            "ocps",
            dialect=f"lgsp-{variant}",
            quirks=list(quirks),
            fields=["full_name", "ethnicity", "religion", "gender", "permanent_residence"],
        )
        return OcpsClient(platform(account), variant == "camel", now_ms)

    return open_client


@pytest.mark.parametrize(
    ("variant", "quirks"),
    [
        ("passthrough", ()),
        ("passthrough", ("json_envelope",)),
        ("passthrough", ("exists_verdict",)),
        ("passthrough", ("people_as_list", "unpadded_codes")),
        ("passthrough", ("hyphens_only",)),
        ("camel", ()),
        ("camel", ("text_verdict",)),
        ("camel", ("people_as_list", "unpadded_codes")),
    ],
)
def test_each_form_of_answer_is_read_alike(ocps: Open, variant: str, quirks: tuple[str, ...]) -> None:
    client = ocps(variant, *quirks)
    assert client.is_confirmed(*AN)
    assert not client.is_confirmed(AN[0], "Nguyễn Văn Anh", AN[2])
    person = client.person(*AN)
    assert person is not None
    assert person["HoVaTen"]["Ten"] == "NGUYỄN VĂN AN"
    assert ethnic_name(person) == "Kinh"


@BOTH
@pytest.mark.parametrize("quirk", ["bare_collection", "empty_person", "empty_body"])
def test_nobody_is_no_information_in_any_form(ocps: Open, variant: str, quirk: str) -> None:
    client = ocps(variant, quirk)
    assert client.person(AN[0], "Nguyễn Văn Anh", AN[2]) is None


@BOTH
def test_one_of_the_two_numbers_is_sent_by_its_length(c06: C06, ocps: Open, variant: str) -> None:
    client, old = ocps(variant), c06.person("chi-co-so-cu")
    assert old.birth_date is not None
    assert client.is_confirmed(old.number, old.full_name, old.birth_date)
    assert client.is_confirmed(*AN)
    card = {check["id"]: check["verdict"] for check in c06.report()["checks"]}
    assert (card["one_number"], card["name_folded"], card["request_id_unique"]) == ("right",) * 3


@BOTH
def test_a_person_known_by_year_is_asked_for_by_year(c06: C06, ocps: Open, variant: str) -> None:
    old = c06.person("giang-a-thu")
    assert ocps(variant).is_confirmed(old.number, old.full_name, str(old.birth_year))


def test_what_the_portals_own_lists_lack_never_leaves_it(c06: C06, ocps: Open) -> None:
    client = ocps("camel")
    with pytest.raises(NotMapped):
        client.is_confirmed(*AN, procedure="1.009999")
    with pytest.raises(NotMapped):
        client.is_confirmed(*AN, officer="can.bo.99")
    c06.journal.never()


@BOTH
def test_what_the_portals_lists_have_and_c06_does_not_is_refused_by_code(ocps: Open, variant: str) -> None:
    client = ocps(variant)
    client.procedures, client.officers = {"1.001193": "G18-YT04"}, ("can.bo.01", "can.bo.99")
    with pytest.raises(Refused, match="004"):
        client.is_confirmed(*AN)
    client.procedures = {"1.001193": "G15-TP110"}
    with pytest.raises(Refused, match="005"):
        client.is_confirmed(*AN, officer="can.bo.99")


def test_a_release_that_swapped_people_and_faith_is_found_by_somebody_of_neither_one(
    c06: C06, ocps: Open
) -> None:
    c06.put_person(citizen_id=AN[0], ethnicity="04", religion="01")
    person = ocps("passthrough").person(*AN)
    assert person is not None
    assert (ethnic_name(person), swapped_ethnic_name(person)) == ("Hoa", "Kinh")


def test_the_front_ends_folding_takes_composed_and_decomposed_text() -> None:
    assert convert_string("Nguyễn Thị Hoà-Ưởng Đ'ạt") == "nguyenthihoauongdat"
    assert convert_string("Nguye\u0302\u0303n U\u031bo\u031b\u0309ng") == "nguyenuong"
