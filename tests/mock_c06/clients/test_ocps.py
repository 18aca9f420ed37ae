"""OpenCPS's client works through both of its platforms, with every form of answer that it is known to handle.

OpenCPS: a portal behind a provincial platform that passes SOAP on as JSON, or flattens it to camelCase.

Keeps two lists of its own (procedures, officers) and refuses before it calls; makes MaYeuCau of the clock's milliseconds;
sends one of the two numbers by its length, the name folded by `convertString`, the date with hyphens. Reads an answer under
`Body` or `Envelope.Body`, one person or a list, codes as numbers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from mock_c06.testing.scene import C06, ClientAccount
from tests.mock_c06.clients.logins import Platform

_LETTERS = {
    "a": "àáạảãâầấậẩẫăằắặẳẵ",
    "e": "èéẹẻẽêềếệểễ",
    "i": "ìíịỉĩ",
    "o": "òóọỏõôồốộổỗơờớợởỡ",
    "u": "ùúụủũưừứựửữ",
    "y": "ỳýỵỷỹ",
    "d": "đ",
}
_COMBINING = re.compile("[\u0300\u0301\u0303\u0309\u0323\u02c6\u0306\u031b\u0302]")
ETHNIC = {1: "Kinh", 2: "Tày", 3: "Thái", 4: "Hoa", 5: "Khơ-me", 6: "Mường", 8: "HMông", 12: "Ê-đê"}


class NotMapped(Exception):
    """A procedure or an officer that is in neither list: refused before any call."""


class Refused(Exception):
    """The platform's error code."""


def convert_string(text: str) -> str:
    """Fold as the front end does: small letters by a table, combining marks off, everything else that is no letter off."""
    lower = text.lower()
    for plain, marked in _LETTERS.items():
        lower = re.sub(f"[{marked}]", plain, lower)
    return re.sub("[^a-z0-9]", "", _COMBINING.sub("", lower))


@dataclass(slots=True)
class OcpsClient:
    """Asks in one of two variants. `birth` is `yyyy-MM-dd` or `yyyy`."""

    platform: Platform
    is_camel: bool
    now_ms: Callable[[], int]
    procedures: Mapping[str, str] = field(default_factory=lambda: {"1.001193": "G15-TP110"})
    officers: tuple[str, ...] = ("can.bo.01",)
    _token: str = ""

    def is_confirmed(self, number: str, full_name: str, birth: str, **asked: str) -> bool:
        """Ask yes or no, in any of the three ways it is answered."""
        answer = self._ask("XacThucThongTinCongDan", "003", number, full_name, birth, **asked)
        if self.is_camel:
            return str(answer["data"]).lower() == "true"
        body = _body(answer)
        counted: str | None = body.get("XacThucThongTinCongDanResponse", {}).get("SoLuongCongDan")
        exists: str | None = body.get("KetQuaXacThuc", {}).get("TonTai")
        return counted == "1" or exists == "true"

    def person(self, number: str, full_name: str, birth: str, **asked: str) -> dict[str, Any] | None:
        """Ask for the record; no person, or one without a name, is no information."""
        answer = self._ask("TraCuuThongTinCongDan", "037", number, full_name, birth, **asked)
        found = answer["data"] if self.is_camel else _body(answer).get("CongdanCollection", {}).get("CongDan")
        person = found[0] if isinstance(found, list) else found
        return person if person and isinstance(person["HoVaTen"], dict) and person["HoVaTen"]["Ten"] else None

    def _ask(
        self,
        operation: str,
        code: str,
        number: str,
        full_name: str,
        birth: str,
        *,
        procedure: str = "1.001193",
        officer: str = "can.bo.01",
    ) -> dict[str, Any]:
        if procedure not in self.procedures or officer not in self.officers:
            raise NotMapped(procedure, officer)
        self._token = self._token or self.platform.token()
        head = {
            "MaYeuCau": str(self.now_ms()),
            "MaDVC": self.procedures[procedure],
            "MaTichHop": code,
            "MaCanBo": officer,
            "SoDinhDanh" if len(number) == 12 else "SoCMND": number,
            "HoVaTen": convert_string(full_name).upper(),
        }
        answer = self.platform.call(self._token, operation, self._written(head, birth))
        if "error_code" in answer:
            raise Refused(answer["error_code"])
        return answer

    def _written(self, head: dict[str, str], birth: str) -> dict[str, object]:
        if self.is_camel:
            small: dict[str, object] = {name[0].lower() + name[1:]: value for name, value in head.items()}
            # This platform takes the service's code from the path, and wants to know who of its own is asking.
            del small["maTichHop"]
            return small | {"ngayThangNam": birth, "userNameService": "dvctt"}
        return head | {"NgayThangNamSinh": {"NgayThangNam" if len(birth) == 10 else "Nam": birth}}


def _body(answer: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = answer.get("Envelope", answer)["Body"]
    return body


def ethnic_name(person: Mapping[str, Any]) -> str | None:
    """Name the people by the code as a number, so that `01` and `1` are one."""
    return ETHNIC.get(int(person["DanToc"])) if person["DanToc"] else None


def swapped_ethnic_name(person: Mapping[str, Any]) -> str | None:
    """Do it as one release did: the people read out of the faith."""
    return ethnic_name({"DanToc": person["TonGiao"]})


pytestmark = pytest.mark.sockets
AN = ("001090000123", "Nguyễn Văn An", "1990-01-31")
Open = Callable[..., OcpsClient]
BOTH = pytest.mark.parametrize("variant", ["passthrough", "camel"])


@pytest.fixture
def ocps(c06: C06, platform: Callable[[ClientAccount], Platform], now_ms: Callable[[], int]) -> Open:
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
