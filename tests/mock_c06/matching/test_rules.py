"""The rules of docs/mock-matching.md, one vector a rule, through the registry face and the control face alike."""

from typing import Any

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal

NGAN = {"citizen_id": "001085000991", "full_name": "Đặng Thuý H'Hoà-Ngân", "birth_date": "1985-03-04"}
QUY = {"citizen_id": "001090000992", "full_name": "Lý Quý Mỹ", "birth_year": 1990}
FOLDS = {
    "as it is": "Đặng Thuý H'Hoà-Ngân",
    "decomposed": "\u0110a\u0306\u0323ng Thuy\u0301 H'Hoa\u0300-Nga\u0302n",
    "half decomposed": "\u0110\u1ea1\u0306ng Thu\u00fd H'Ho\u00e0-Ng\u00e2n",
    "upper case": "ĐẶNG THUÝ H'HOÀ-NGÂN",
    "bytewise upper case": "ĐặNG THUý H'HOà-NGâN",
    "lower case": "đặng thuý h'hoà-ngân",
    "eth for d": "\u00d0ặng Thuý H'Hoà-Ngân",
    "african d": "\u0189ặng Thuý H'Hoà-Ngân",
    "without marks": "Dang Thuy H'Hoa-Ngan",
    "tone on the other vowel": "Đặng Thúy H'Hòa-Ngân",
    "no-break space": "Đặng\u00a0Thuý\u00a0H'Hoà-Ngân",
    "zero-width space": "Đặng\u200b Thuý\ufeff H'Hoà-Ngân",
    "tabs and line breaks": "Đặng\tThuý\n H'Hoà-Ngân",
    "double space": "  Đặng  Thuý H'Hoà-Ngân ",
    "curly apostrophe": "Đặng Thuý H\u2019Hoà-Ngân",
    "letter apostrophe": "Đặng Thuý H\u02bcHoà-Ngân",
    "no apostrophe": "Đặng Thuý HHoà-Ngân",
    "long hyphen": "Đặng Thuý H'Hoà\u2013Ngân",
    "no hyphen": "Đặng Thuý H'Hoà Ngân",
    "as clients send it": "DANGTHUYHHOANGAN",
}
KEPT = {
    "i for y": ("Đặng Thuí H'Hoà-Ngân", ["name", "hint:i_y"]),
    "a missing middle name": ("Đặng H'Hoà-Ngân", ["name", "hint:middle_name"]),
    "a letter": ("Đặng Thuý H'Hoà-Ngâm", ["name"]),
    "a letter more": ("Đặng Thuýy H'Hoà-Ngân", ["name"]),
    "two words swapped": ("Thuý Đặng H'Hoà-Ngân", ["name"]),
    "a letter of another script": ("Đặng Thuý H'Hоà-Ngân", ["name"]),
    "wide letters": ("Đặng Thuý H'Hoà-Ｎgân", ["name"]),
}


async def ask(
    portal: SoapPortal, control: httpx.AsyncClient, person: dict[str, Any], claim: dict[str, Any]
) -> tuple[bool, list[str]]:
    """Ask yes or no at the registry face, and why at the control face."""
    await control.put("/runs/default/world", json={"people": [person]})
    birth = {"NgayThangNam": claim.get("birth_date"), "Nam": claim.get("birth_year")}
    if birth["Nam"] is not None:
        birth = {"NgayThangNam": None, "Nam": str(birth["Nam"])}
    answer = await portal.verdict(SoDinhDanh=claim["citizen_id"], HoVaTen=claim["full_name"], **birth)
    said = await control.post("/runs/default/explain", json=claim)
    assert (answer.status_code, said.status_code) == (200, 200)
    return "<SoLuongCongDan>1<" in answer.text, said.json()["differs"]


@pytest.mark.parametrize("how", FOLDS)
async def test_what_folds_alike_is_one_name(portal: SoapPortal, control: httpx.AsyncClient, how: str) -> None:
    assert await ask(portal, control, NGAN, NGAN | {"full_name": FOLDS[how]}) == (True, [])


@pytest.mark.parametrize("how", KEPT)
async def test_what_does_not_fold_is_another_name_and_only_the_control_face_says_so(
    portal: SoapPortal, control: httpx.AsyncClient, how: str
) -> None:
    written, differs = KEPT[how]
    assert await ask(portal, control, NGAN, NGAN | {"full_name": written}) == (False, differs)


async def test_a_swapped_day_and_month_is_another_date(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    swapped = NGAN | {"birth_date": "1985-04-03"}
    assert await ask(portal, control, NGAN, swapped) == (False, ["birth", "hint:day_month"])


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        ({"birth_year": 1990}, (True, [])),
        ({"birth_year": 1991}, (False, ["birth"])),
        ({"birth_date": "1990-01-01"}, (False, ["birth", "hint:year_only"])),
    ],
)
async def test_somebody_known_by_year_matches_on_the_year_only(
    portal: SoapPortal,
    control: httpx.AsyncClient,
    birth: dict[str, Any],
    expected: tuple[bool, list[str]],
) -> None:
    claim = {name: value for name, value in QUY.items() if name != "birth_year"} | birth
    assert await ask(portal, control, QUY, claim) == expected


async def test_every_answer_that_finds_nobody_is_the_same_byte_for_byte(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.put("/runs/default/world", json={"people": [NGAN]})
    claims = [
        {"HoVaTen": "DANGTHUYHHOANGAM"},
        {"NgayThangNam": "19850403"},
        {"SoDinhDanh": "001085000990"},
    ]
    right = {"SoDinhDanh": NGAN["citizen_id"], "HoVaTen": "DANGTHUYHHOANGAN", "NgayThangNam": "19850304"}
    answers = [await portal.verdict(**right | claim) for claim in claims]
    assert len({(answer.status_code, answer.content, str(answer.headers)) for answer in answers}) == 1


async def test_an_explanation_is_refused_where_there_is_no_claim(control: httpx.AsyncClient) -> None:
    answer = await control.post("/runs/default/explain", json={"citizen_id": "1", "full_name": "A"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "citizen_id")
