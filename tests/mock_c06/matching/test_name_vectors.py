"""The table of name vectors, asked one by one at the registry face; and the same for birth and number.

Names as they are held and as they are asked for, with the verdict that the matching rule gives (docs/mock-matching.md).

Written from the rule alone, not from the code that folds: each line says which trap it sets. C06 folds to capitals
without marks or spaces; what it can't see is the same name, everything else another.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.mock_c06.callers import SoapPortal

SAME, OTHER = True, False


@dataclass(frozen=True, slots=True)
class Vector:
    """A pair and its verdict."""

    trap: str
    held: str
    asked: str
    is_same: bool


def _of(trap: str, *pairs: tuple[str, str, bool]) -> list[Vector]:
    return [Vector(trap, *pair) for pair in pairs]


VECTORS = [
    *_of(
        "composed and decomposed",
        ("Nguyễn Thị Hoà", "Nguye\u0302\u0303n Thi\u0323 Hoa\u0300", SAME),
        ("Nguye\u0302\u0303n Thi\u0323 Hoa\u0300", "Nguyễn Thị Hoà", SAME),
        # Half composed: one mark in the letter, the other behind it.
        ("Lệ", "L\u00ea\u0323", SAME),
        ("Lệ", "L\u1eb9\u0302", SAME),
        # The two marks in the other order.
        ("Lệ", "Le\u0302\u0323", SAME),
        ("Lệ", "Le\u0323\u0302", SAME),
        ("Trường Ưởng", "Tru\u031bo\u031b\u0300ng U\u031bo\u031b\u0309ng", SAME),
        # The tone marks that Unicode keeps beside the common ones.
        ("Bùi Sáng", "Bu\u0340i Sa\u0341ng", SAME),
        ("Phạm Quốc", "Pha\u0323m Qu\u1ed1c", SAME),
    ),
    *_of(
        "d with a stroke and its look-alikes",
        ("Đặng Đức Độ", "đặng đức độ", SAME),
        ("Đặng Đức Độ", "\u00d0ặng \u00d0ức \u00d0ộ", SAME),
        ("Đặng Đức Độ", "\u00f0ặng \u00f0ức \u00f0ộ", SAME),
        ("Đặng Đức Độ", "\u0189ặng \u0256ức Độ", SAME),
        ("Đặng Đức Độ", "Dang Duc Do", SAME),
        ("\u00d0inh Đạo", "Đinh Đạo", SAME),
        ("Đinh Đạo", "Đinh Dao\u0300", SAME),
        ("Đinh Đạo", "Đính Đáo", SAME),
        ("Đinh Đạo", "Đinh Bạo", OTHER),
        ("Đinh Đạo", "Inh Ạo", OTHER),
        ("Đinh Đạo", "Dinh DDao", OTHER),
    ),
    *_of(
        "where the tone stands in open syllables",
        ("Trần Hoà", "Trần Hòa", SAME),
        ("Trần Xoè", "Trần Xòe", SAME),
        ("Trần Thuỷ", "Trần Thủy", SAME),
        ("Trần Tuỵ", "Trần Tụy", SAME),
        ("Trần Loã Ngoạ", "Trần Lõa Ngọa", SAME),
        ("Đào Thuý", "Đào Thúy", SAME),
    ),
    *_of(
        "closed syllables, and after qu and gi",
        ("Hoàng Khoét Suýt", "Hoang Khoet Suyt", SAME),
        ("Huỳnh", "Hùynh", SAME),
        ("Quý Quỳnh", "Qúy Qùynh", SAME),
        ("Già Giàng Giá", "Gìa Gìang Gía", SAME),
        ("Quý", "Quí", OTHER),
        ("Quỳnh", "Quình", OTHER),
        ("Giang", "Dang", OTHER),
        ("Giang", "Gang", OTHER),
        ("Hoàn", "Hòan", SAME),
        ("Hoan", "Hon", OTHER),
        ("Thuý", "Thú", OTHER),
        ("Quyên", "Quên", OTHER),
    ),
    *_of(
        "spaces of every kind, and none",
        ("Phan Thị Mai", "Phan\u00a0Thị\u00a0Mai", SAME),
        ("Phan Thị Mai", "\u00a0Phan Thị Mai\u00a0", SAME),
        ("Phan Thị Mai", "Phan\u202fThị\u2007Mai", SAME),
        ("Phan Thị Mai", "Phan\u3000Thị\u2003Mai", SAME),
        ("Phan Thị Mai", "   Phan    Thị Mai  ", SAME),
        ("Phan Thị Mai", "PhanThịMai", SAME),
        ("Phan Thị Mai", "Pha nThị Mai", SAME),
        ("Phan Thị Mai", "P h a n T h ị M a i", SAME),
        ("Phan Thị Mai", "Phan Mai Thị", OTHER),
    ),
    *_of(
        "characters of no width",
        ("Vũ Ánh", "Vũ\u200bÁnh", SAME),
        ("Vũ Ánh", "V\u200dũ Á\u200cnh", SAME),
        ("Vũ Ánh", "\ufeffVũ Ánh", SAME),
        ("Vũ Ánh", "Vũ\u2060 Á\u00adnh", SAME),
        ("Vũ Ánh", "Vũ Ánh\ufe0f", SAME),
        ("Vũ Ánh", "Vũ Á\u034fnh", SAME),
    ),
    *_of(
        "apostrophes of every kind, and none",
        ("H'Hen Niê", "H\u2019Hen Niê", SAME),
        ("H'Hen Niê", "H\u2018Hen Niê", SAME),
        ("H'Hen Niê", "H\u02bcHen Niê", SAME),
        ("H'Hen Niê", "H`Hen Niê", SAME),
        ("H'Hen Niê", "H\u00b4Hen Niê", SAME),
        ("H'Hen Niê", "H\u2032Hen Niê", SAME),
        ("H'Hen Niê", "H\uff07Hen Niê", SAME),
        ("H'Hen Niê", 'H"Hen Niê', SAME),
        ("H'Hen Niê", "H Hen Niê", SAME),
        ("H'Hen Niê", "HHen Niê", SAME),
        ("H'Hen Niê", "HHENNIE", SAME),
        ("H'Hen Niê", "Hen Niê", OTHER),
        ("H'Hen Niê", "H'H'Hen Niê", OTHER),
        ("Đinh K'Brêu", "Đinh Kbreu", SAME),
    ),
    *_of(
        "hyphens of every kind, and none",
        ("Tôn-Nữ Thu-Hà", "Tôn Nữ Thu Hà", SAME),
        ("Tôn-Nữ Thu-Hà", "Tôn\u2010Nữ Thu\u2011Hà", SAME),
        ("Tôn-Nữ Thu-Hà", "Tôn\u2012Nữ Thu\u2013Hà", SAME),
        ("Tôn-Nữ Thu-Hà", "Tôn\u2014Nữ Thu\u2212Hà", SAME),
        ("Tôn-Nữ Thu-Hà", "TônNữ ThuHà", SAME),
        ("Tôn-Nữ Thu-Hà", "Tôn_Nữ.Thu/Hà", SAME),
        ("Tôn-Nữ Thu-Hà", "Tôn-Thu-Hà", OTHER),
    ),
    *_of(
        "names of the peoples",
        ("Y Phương Êban", "Y PHƯƠNG ÊBAN", SAME),
        ("Y Phương Êban", "Yphuong Eban", SAME),
        ("Y Phương Êban", "Phương Êban", OTHER),
        ("Ksor H'Blăm", "KSOR HBLAM", SAME),
        ("Rơ Châm Pruih", "Ro Cham Pruih", SAME),
        ("Rơ Ô Bhung", "Rơ Ở Bhùng", SAME),
        ("Giàng A Pháo", "GIANGAPHAO", SAME),
        ("Giàng A Pháo", "Giàng Pháo", OTHER),
        ("Thạch Sô Ka Na", "Thạch Sôkana", SAME),
        ("Chế Linh Bô", "Chế Linh Bổ", SAME),
        ("Lò Văn Ơn", "Lò Văn Ơn ", SAME),
        ("Po Long", "Pơ Loong", OTHER),
        ("Quàng Thị Ỏ", "Quàng Thị O", SAME),
    ),
    *_of(
        "case by Unicode, not by bytes",
        ("Ngô Thế Ước", "NGÔ THẾ ƯỚC", SAME),
        ("Ngô Thế Ước", "ngô thế ước", SAME),
        ("Ngô Thế Ước", "NGô THế ướC", SAME),
        ("Ngô Thế Ước", "nGÔ tHẾ Ước", SAME),
        ("NGÔ THẾ ƯỚC", "Ngô Thế Ước", SAME),
        ("Ỷ Ỵ Ỹ Ỳ", "ỷ ỵ ỹ ỳ", SAME),
    ),
    *_of(
        "i and y",
        ("Lý Kỳ Mỹ", "Lí Kỳ Mỹ", OTHER),
        ("Lý Kỳ Mỹ", "Lý Kì Mỹ", OTHER),
        ("Lý Kỳ Mỹ", "Lý Kỳ Mĩ", OTHER),
        ("Lý Kỳ Mỹ", "LIKIMI", OTHER),
        ("Vi Hy", "Vy Hy", OTHER),
        ("Thuý Vy", "Thúi Vy", OTHER),
        ("Hỉ", "Hĩ", SAME),
    ),
    *_of(
        "a middle name more or less",
        ("Nguyễn Thị Minh Khai", "Nguyễn Minh Khai", OTHER),
        ("Nguyễn Thị Minh Khai", "Nguyễn Thị Khai", OTHER),
        ("Nguyễn Thị Minh Khai", "Nguyễn Khai", OTHER),
        ("Nguyễn Minh Khai", "Nguyễn Thị Minh Khai", OTHER),
        ("Nguyễn Thị Minh Khai", "Nguyễn T. Minh Khai", OTHER),
        ("Nguyễn Thị Minh Khai", "Thị Minh Khai", OTHER),
        ("Nguyễn Thị Minh Khai", "Nguyễn Thị Minh", OTHER),
        ("Nguyễn Thị Minh Khai", "Nguyễn Thị Minh Khai (Mẹ)", OTHER),
    ),
    *_of(
        "one letter",
        ("Trịnh Công Sơn", "Trịnh Công Sơ", OTHER),
        ("Trịnh Công Sơn", "Trịnh Công Sơnn", OTHER),
        ("Trịnh Công Sơn", "Trịnh Công Xơn", OTHER),
        ("Trịnh Công Sơn", "Chịnh Công Sơn", OTHER),
        ("Trịnh Công Sơn", "Trịnh Côn Sơn", OTHER),
        ("Trịnh Công Sơn", "Trinh Cong Son", SAME),
        ("Trịnh Công Sơn", "Trịnh C\u00f4ng S\u043en", OTHER),
        ("Trịnh Công Sơn", "Trịnh Công S\u03bfn", OTHER),
        ("Trịnh Công Sơn", "Trịnh Công S0n", OTHER),
        ("Lê A", "Lê B", OTHER),
        ("Lê A", "Le Á", SAME),
        ("Lê Phi", "Lê Fi", OTHER),
        ("Lê Ngọc", "Lê Nghọc", OTHER),
    ),
]


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
