"""The table of name vectors, asked one by one at the registry face; and the same for birth and number."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal
from tests.mock_c06.matching.name_vectors import VECTORS

NUMBER, BORN = "001085000991", "1985-04-03"
TRAPS = tuple(dict.fromkeys(vector.trap for vector in VECTORS))
YES, NO = "<SoLuongCongDan>1<", "<SoLuongCongDan>0<"


async def verdict(
    portal: SoapPortal, control: httpx.AsyncClient, held: dict[str, Any], **asked: str | None
) -> bool:
    """Put one person into the run and ask yes or no about them."""
    person = {"citizen_id": NUMBER, "full_name": "Đỗ Ân", "birth_date": BORN} | held
    put = await control.put("/runs/default/world", json={"people": [person]})
    assert put.status_code == 200, put.text
    claim = {"SoDinhDanh": NUMBER, "HoVaTen": "DOAN", "NgayThangNam": "19850403"} | asked
    answer = await portal.verdict(**claim)
    assert answer.status_code == 200, answer.text
    assert (YES in answer.text) is not (NO in answer.text)
    return YES in answer.text


@pytest.mark.parametrize("trap", TRAPS)
async def test_a_name_gets_the_verdict_that_the_matching_rule_gives(
    portal: SoapPortal, control: httpx.AsyncClient, trap: str
) -> None:
    vectors = [vector for vector in VECTORS if vector.trap == trap]
    said = [await verdict(portal, control, {"full_name": v.held}, HoVaTen=v.asked) for v in vectors]
    assert [v for v, is_same in zip(vectors, said, strict=True) if v.is_same is not is_same] == []


def test_the_table_has_over_a_hundred_pairs_that_no_other_test_has() -> None:
    pairs = {(vector.held, vector.asked) for vector in VECTORS}
    others = [Path(__file__).with_name(name) for name in ("test_rules.py", "test_fold.py", "test_match.py")]
    written = "".join(file.read_text(encoding="utf-8") for file in others)
    assert len(pairs) == len(VECTORS) > 100
    assert [pair for pair in pairs if f'"{pair[0]}", "{pair[1]}"' in written] == []


@pytest.mark.parametrize(
    ("held", "asked", "is_same"),
    [
        ({}, {}, True),
        ({}, {"NgayThangNam": "1985-04-03"}, True),
        ({}, {"NgayThangNam": "19850304"}, False),
        ({}, {"NgayThangNam": "19850402"}, False),
        ({}, {"NgayThangNam": "19840403"}, False),
        ({}, {"NgayThangNam": None, "Nam": "1985"}, False),
        ({"birth_date": "1985-05-05"}, {"NgayThangNam": "19850505"}, True),
        ({"birth_date": "1984-02-29"}, {"NgayThangNam": "19840229"}, True),
        ({"birth_date": "1984-02-29"}, {"NgayThangNam": "19840301"}, False),
        ({"birth_date": None, "birth_year": 1985}, {"NgayThangNam": None, "Nam": "1985"}, True),
        ({"birth_date": None, "birth_year": 1985}, {"NgayThangNam": "1985"}, True),
        ({"birth_date": None, "birth_year": 1985}, {"NgayThangNam": None, "Nam": "1986"}, False),
        ({"birth_date": None, "birth_year": 1985}, {"NgayThangNam": "19850101"}, False),
        ({"birth_date": None, "birth_year": 1985}, {"NgayThangNam": "19850403"}, False),
        ({}, {"SoDinhDanh": "001085000992"}, False),
        ({"id_card_number": "012345991"}, {"SoDinhDanh": None, "SoCMND": "012345991"}, True),
        ({"id_card_number": "012345991"}, {"SoDinhDanh": None, "SoCMND": "012345992"}, False),
    ],
)
async def test_birth_and_number_get_the_verdict_that_the_matching_rule_gives(
    portal: SoapPortal,
    control: httpx.AsyncClient,
    held: dict[str, Any],
    asked: dict[str, str | None],
    is_same: bool,
) -> None:
    held = {name: value for name, value in held.items() if value is not None or name == "birth_date"}
    assert await verdict(portal, control, held, **asked) is is_same
