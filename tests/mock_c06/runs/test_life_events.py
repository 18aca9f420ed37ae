"""Life events: what the registry answers before and after, on both sides of a marriage, by the run's clock."""

from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.app import MockRegistry
from mock_c06.control.recording_json import restore
from tests.mock_c06.callers import AN, SoapPortal

HAI = {"SoDinhDanh": "001094000127", "HoVaTen": "NGUYENVANHAI", "NgayThangNam": "19941222"}
DUNG = {"SoDinhDanh": "001192000124", "HoVaTen": "LETHIDUNG", "NgayThangNam": "19920308"}
BRIDE = {"citizen_id": "001195000990", "full_name": "Phạm Thị Mới", "birth_date": "1995-05-06"}
BRIDE_CLAIM = {"SoDinhDanh": "001195000990", "HoVaTen": "PHAMTHIMOI", "NgayThangNam": "19950506"}
HOME = {"province_code": "01", "district_code": "001", "ward_code": "00001", "detail": "Phường Phúc Xá"}


async def happen(control: httpx.AsyncClient, kind: str, **members: Any) -> dict[str, Any]:
    answer = await control.post("/runs/default/events", json={"kind": kind, **members})
    assert answer.status_code == 201, answer.text
    happened: dict[str, Any] = answer.json()
    return happened


async def refused(control: httpx.AsyncClient, kind: str, **members: Any) -> tuple[int, str, str]:
    answer = await control.post("/runs/default/events", json={"kind": kind, **members})
    error = answer.json()["errors"][0]
    return answer.status_code, error["field"], error["detail"]


async def told(portal: SoapPortal, *paths: str, **claim: str | None) -> list[str | None]:
    """Read elements of the record of whom the claim is about; None where nobody agrees."""
    person = etree.fromstring((await portal.record(**claim)).content).find(".//{*}CongDan")
    if person is None:
        return [None for _ in paths]
    return [person.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) for path in paths]


async def confirmed(portal: SoapPortal, **claim: str | None) -> bool:
    return "<SoLuongCongDan>1<" in (await portal.verdict(**claim)).text


async def test_a_death_ends_the_yes_and_widows_the_spouse(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    before = await confirmed(portal)
    await happen(control, "death", citizen_id=AN["SoDinhDanh"])
    assert (before, await confirmed(portal)) == (True, False)
    assert await told(portal, "TrangThai") == ["2"]
    assert await told(portal, "TinhTrangHonNhan", "VoChong/SoDinhDanh", **DUNG) == ["3", None]


async def test_a_marriage_and_its_divorce_change_both_records(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.put("/runs/default/world", json={"people": [BRIDE]})
    asked = ("TinhTrangHonNhan", "VoChong/SoDinhDanh")
    await happen(control, "marriage", citizen_id=HAI["SoDinhDanh"], spouse_id=BRIDE["citizen_id"])
    married = [await told(portal, *asked, **claim) for claim in (HAI, BRIDE_CLAIM)]
    await happen(control, "divorce", citizen_id=BRIDE["citizen_id"])
    parted = [await told(portal, *asked, **claim) for claim in (HAI, BRIDE_CLAIM)]
    assert married == [["2", BRIDE["citizen_id"]], ["2", HAI["SoDinhDanh"]]]
    assert parted == [["3", None], ["3", None]]


async def test_a_whole_household_moves_and_who_moves_alone_leaves_it(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    where = ("ThuongTru/MaPhuongXa", "NoiOHienTai/MaPhuongXa")
    moved = await happen(control, "move", citizen_id=AN["SoDinhDanh"], to=HOME, whole_household=True)
    assert len(moved["people"]) == 6
    assert await told(portal, *where, **DUNG) == ["00001", "00001"]
    await happen(control, "move", citizen_id=DUNG["SoDinhDanh"], to=HOME | {"ward_code": "00004"})
    assert await told(portal, *where, "ChuHo/SoDinhDanh", **DUNG) == ["00004", "00004", None]
    assert await told(portal, *where) == ["00001", "00001"]


async def test_who_moves_only_to_live_there_stays_registered_at_home(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await happen(control, "move", citizen_id=DUNG["SoDinhDanh"], to=HOME, residence="current")
    where = await told(portal, "ThuongTru/MaPhuongXa", "NoiOHienTai/MaPhuongXa", "ChuHo/SoDinhDanh", **DUNG)
    assert where == ["00004", "00001", AN["SoDinhDanh"]]


async def test_a_corrected_name_is_asked_by_anew_and_stands_in_the_relatives_records(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await happen(control, "name_correction", citizen_id=AN["SoDinhDanh"], full_name="Nguyễn Văn Ân Sửa")
    assert await confirmed(portal, HoVaTen="NGUYENVANAN") is False
    assert await confirmed(portal, HoVaTen="NGUYENVANANSUA") is True
    assert await told(portal, "VoChong/HoVaTen", **DUNG) == ["NGUYỄN VĂN ÂN SỬA"]


async def test_a_renumbered_person_answers_under_the_new_number_alone(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    happened = await happen(control, "renumbered", citizen_id=AN["SoDinhDanh"])
    old, new = happened["people"][:2]
    assert (old["status"], new["status"]) == ("cancelled", "living")
    assert new["citizen_id"] == "001090000500"
    assert (await confirmed(portal), await confirmed(portal, SoDinhDanh=new["citizen_id"])) == (False, True)
    assert await told(portal, "TrangThai") == ["4"]
    assert await told(portal, "VoChong/SoDinhDanh", "ChuHo/SoDinhDanh", **DUNG) == [new["citizen_id"]] * 2


async def test_a_child_that_is_born_has_a_number_and_shows_in_the_household(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    happened = await happen(
        control, "birth", citizen_id=DUNG["SoDinhDanh"], full_name="Nguyễn Bé Mới", gender="female"
    )
    child = happened["people"][0]
    claim = {"SoDinhDanh": child["citizen_id"], "HoVaTen": "NGUYENBEMOI", "NgayThangNam": "20261124"}
    household = (await portal.ask("CungCapThongTinHoGiaDinh")).text
    assert child["citizen_id"] == "001326000500"
    assert await confirmed(portal, **claim)
    assert await told(portal, "Cha/SoDinhDanh", "Me/SoDinhDanh", "ChuHo/SoDinhDanh", **claim) == [
        AN["SoDinhDanh"],
        DUNG["SoDinhDanh"],
        AN["SoDinhDanh"],
    ]
    assert f"<QuanHe>CH03</QuanHe><SoDinhDanh>{child['citizen_id']}<" in household


async def test_an_event_holds_from_its_instant_by_the_runs_clock(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await happen(control, "death", citizen_id=AN["SoDinhDanh"], at="2026-12-01T00:00:00Z")
    seen = []
    for instant in ("2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z"):
        await control.post("/runs/default/clock", json={"freeze": instant})
        answer = await portal.record()
        stamp = etree.fromstring(answer.content).find(".//{*}CongdanCollection")
        assert stamp is not None
        seen.append((stamp.get("ThoiDiemDuLieu"), "<TrangThai>2<" in answer.text))
    assert seen == [
        ("2026-12-01T06:59:59+07:00", False),
        ("2026-12-01T07:00:00+07:00", True),
        ("2026-11-01T07:00:00+07:00", False),
    ]


CHIN = {"SoDinhDanh": None, "SoCMND": "024000301", "HoVaTen": "VUTHICHIN", "NgayThangNam": "19570312"}


async def test_nine_digits_become_twelve_and_still_find_the_same_person(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    at = "2026-06-01T00:00:00Z"
    await control.post("/runs/default/clock", json={"freeze": "2026-05-01T00:00:00Z"})
    renewed = await happen(control, "cmnd_to_cccd", id_card_number="024000301", at=at)
    number = renewed["people"][0]["citizen_id"]
    asked = CHIN | {"SoDinhDanh": number, "SoCMND": None}
    before = await confirmed(portal, **CHIN), await confirmed(portal, **asked)
    await control.post("/runs/default/clock", json={"freeze": at})
    assert before == (True, False)
    assert (number[3], number[4:6]) == ("1", "57")
    assert renewed["people"][0]["id_card_number"] == "024000301"
    assert await confirmed(portal, **asked)
    assert await told(portal, "SoDinhDanh", "SoCMND", **CHIN) == [number, "024000301"]
    world = (await control.get("/runs/default/world")).json()["people"]
    assert [one["citizen_id"] for one in world if one["id_card_number"] == "024000301"] == [number]


async def test_a_recorded_run_is_restored_without_the_key_of_nine_digits(
    mock: MockRegistry, control: httpx.AsyncClient
) -> None:
    await control.post("/runs", json={"name": "copy"})
    await happen(control, "cmnd_to_cccd", id_card_number="024000301", new_citizen_id="024157000700")
    recorded = (await control.get("/runs/default/recording")).json()
    restore(mock.runs.get("copy"), recorded)
    world = mock.runs.get("copy").world.to_come()
    assert world.find_by_key("cmnd:024000301") is None
    assert world.find_by_key("024157000700") is not None


async def test_relatives_who_name_nine_digits_name_twelve_afterwards(control: httpx.AsyncClient) -> None:
    mother = {
        "id_card_number": "010000991",
        "full_name": "Lê Thị Cũ",
        "birth_date": "1950-01-02",
        "gender": "2",
    }
    home = {"permanent_residence": HOME}
    kin = {"full_name": "Lê Thị Cũ", "id_card_number": "010000991"}
    child = BRIDE | {"birth_date": "1975-05-06", "citizen_id": "001175000990", "mother": kin}
    await control.put("/runs/default/world", json={"people": [mother | home, child]})
    renewed = (await happen(control, "cmnd_to_cccd", id_card_number="010000991"))["people"]
    assert [one["full_name"] for one in renewed] == ["Lê Thị Cũ", "Phạm Thị Mới"]
    assert renewed[1]["mother"]["citizen_id"] == renewed[0]["citizen_id"]


async def test_an_event_takes_nine_digits_for_each_of_its_people(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    bride = BRIDE | {"id_card_number": "010000992"}
    await control.put("/runs/default/world", json={"people": [bride]})
    await happen(control, "divorce", id_card_number="012345678")
    assert await told(portal, "TinhTrangHonNhan", **DUNG) == ["3"]
    await happen(control, "marriage", citizen_id=HAI["SoDinhDanh"], spouse_id="010000992")
    assert await told(portal, "VoChong/SoDinhDanh", **HAI) == [BRIDE["citizen_id"]]
    assert await refused(control, "death", id_card_number="010999999") == (
        404, "id_card_number", "nobody has this number in this run",
    )  # fmt: skip


async def test_nine_digits_of_two_people_are_refused_in_an_event(control: httpx.AsyncClient) -> None:
    twin = BRIDE | {"id_card_number": "012345678"}
    await control.put("/runs/default/world", json={"people": [twin]})
    assert await refused(control, "death", id_card_number="012345678") == (
        409, "id_card_number", "is the number of several people: write the twelve digits",
    )  # fmt: skip


async def test_a_dead_heads_household_has_the_spouse_as_its_head_and_all_relations_follow(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    before = etree.fromstring((await portal.ask("CungCapThongTinHoGiaDinh", **DUNG)).content)
    await happen(control, "death", citizen_id=AN["SoDinhDanh"])
    after = etree.fromstring((await portal.ask("CungCapThongTinHoGiaDinh", **DUNG)).content)
    assert after.findtext(".//{*}ChuHo/{*}SoDinhDanh") == DUNG["SoDinhDanh"]
    assert after.findtext(".//{*}ChuHo/{*}QuanHe") == "CH01"
    relations = {
        member.findtext("{*}SoDinhDanh"): member.findtext("{*}QuanHe")
        for member in after.iter("{*}ThanhVien")
    }
    assert len(relations) == len(list(before.iter("{*}ThanhVien"))) - 1
    assert AN["SoDinhDanh"] not in relations
    assert [*relations.values()].count("CH01") == 1
    assert relations["001218000125"] == "CH03"
    assert await told(portal, "ChuHo/SoDinhDanh") == [None]


async def test_the_eldest_adult_follows_a_head_without_a_spouse(control: httpx.AsyncClient) -> None:
    home = {"household": "nha-ba-me"}
    mother = {"citizen_id": "001160000991", "full_name": "Bà Mẹ", "birth_date": "1960-01-01"}
    kin = {"mother": {"full_name": "Bà Mẹ", "citizen_id": "001160000991"}}
    people = [
        mother | home | {"relation_to_head": "CH01"},
        {"citizen_id": "001090000992", "full_name": "Con Hai", "birth_date": "1990-01-01", "relation_to_head": "CH03"} | home | kin,
        {"citizen_id": "001185000993", "full_name": "Con Cả", "birth_date": "1985-01-01", "relation_to_head": "CH03"} | home | kin,
        {"citizen_id": "001215000994", "full_name": "Cháu", "birth_date": "2015-01-01", "relation_to_head": "CH06",
         "mother": {"full_name": "Con Cả", "citizen_id": "001185000993"}} | home,
    ]  # fmt: skip
    await control.put("/runs/default/world", json={"people": people})
    changed = (await happen(control, "death", citizen_id="001160000991"))["people"]
    assert [(one["full_name"], one["relation_to_head"]) for one in changed] == [
        ("Bà Mẹ", None), ("Con Cả", "CH01"), ("Con Hai", "CH07"), ("Cháu", "CH03"),
    ]  # fmt: skip


async def test_an_event_of_one_run_is_none_of_anothers(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await control.post("/runs", json={"name": "other"})
    await happen(control, "death", citizen_id=AN["SoDinhDanh"])
    portal.base = "http://registry.test/r/other"
    assert await confirmed(portal)
    assert (await control.get("/runs/other/events")).json() == {"events": []}


DEAD, GONE, CANCELLED = "001050000404", "044068000407", "001221000406"
AN_ID, DUNG_ID, HAI_ID = AN["SoDinhDanh"], DUNG["SoDinhDanh"], HAI["SoDinhDanh"]


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("death", {"citizen_id": DEAD}, (409, "citizen_id", "is deceased")),
        ("death", {"citizen_id": "001090000998"}, (404, "citizen_id", "nobody has this number in this run")),
        ("marriage", {"citizen_id": DEAD, "spouse_id": "001153000405"}, (409, "citizen_id", "is deceased")),
        ("marriage", {"citizen_id": HAI_ID, "spouse_id": DUNG_ID}, (409, "spouse_id", "is married")),
        ("marriage", {"citizen_id": HAI_ID, "spouse_id": HAI_ID}, (409, "spouse_id", "is the same person")),
        (
            "marriage",
            {"citizen_id": HAI_ID, "spouse_id": "001326000126"},
            (409, "spouse_id", "is too young to marry"),
        ),
        ("divorce", {"citizen_id": HAI_ID}, (409, "citizen_id", "is not married")),
        ("divorce", {"citizen_id": GONE}, (409, "citizen_id", "is missing")),
        (
            "death",
            {"citizen_id": AN_ID, "at": "1990-01-30T00:00:00+07:00"},
            (409, "at", "is before the birth of the person"),
        ),
        (
            "divorce",
            {"citizen_id": AN_ID, "at": "1989-01-01T00:00:00Z"},
            (409, "at", "is before the birth of the person"),
        ),
        (
            "move",
            {"citizen_id": AN_ID, "to": HOME, "whole_household": True, "relation_to_head": "CH02"},
            (409, "household", "only a person who moves alone and for good joins another household"),
        ),
        (
            "move",
            {"citizen_id": DUNG_ID, "to": HOME, "residence": "current", "household": "no"},
            (409, "household", "only a person who moves alone and for good joins another household"),
        ),
        (
            "renumbered",
            {"citizen_id": AN_ID, "birth_date": "2030-01-01"},
            (409, "birth_date", "is after the event"),
        ),
        (
            "move",
            {"citizen_id": AN_ID, "to": HOME},
            (409, "citizen_id", "is the head of a household with others: move whole_household"),
        ),
        (
            "move",
            {"citizen_id": DUNG_ID, "to": HOME, "household": "no", "relation_to_head": "CH99"},
            (409, "household", "there is no such household"),
        ),
        (
            "name_correction",
            {"citizen_id": AN_ID, "full_name": "Nguyễn Văn An"},
            (409, "full_name", "is already the name"),
        ),
        ("cmnd_to_cccd", {"citizen_id": AN_ID}, (409, "citizen_id", "has twelve digits already")),
        (
            "cmnd_to_cccd",
            {"id_card_number": "024000301", "new_citizen_id": AN_ID},
            (409, "new_citizen_id", "does not match the person's gender and birth year"),
        ),
        (
            "renumbered",
            {"id_card_number": "024000301"},
            (409, "id_card_number", "has no twelve digits to renumber: use cmnd_to_cccd"),
        ),
        (
            "renumbered",
            {"citizen_id": AN_ID, "new_citizen_id": "001094000127"},
            (409, "new_citizen_id", "does not match the person's gender and birth year"),
        ),
        (
            "renumbered",
            {"citizen_id": AN_ID, "new_citizen_id": AN_ID},
            (409, "new_citizen_id", "is used: a number is never issued twice"),
        ),
        (
            "birth",
            {"citizen_id": DUNG_ID, "full_name": "Bé", "gender": "1", "birth_date": "2099-01-01"},
            (409, "birth_date", "is after the event"),
        ),
        (
            "birth",
            {"citizen_id": "001218000125", "full_name": "Bé", "gender": "1"},
            (409, "citizen_id", "is less than 15 years older than the child"),
        ),
        (
            "birth",
            {"citizen_id": DUNG_ID, "other_parent_id": "036162000457", "full_name": "Bé", "gender": "1"},
            (409, "other_parent_id", "a child has a father and a mother"),
        ),
    ],
)
async def test_an_event_that_cannot_be_is_refused_and_nobody_changes(
    control: httpx.AsyncClient, kind: str, members: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    before = (await control.get("/runs/default/world")).json()
    assert await refused(control, kind, **members) == expected
    assert (await control.get("/runs/default/world")).json() == before
    assert (await control.get("/runs/default/events")).json() == {"events": []}


async def test_an_event_before_one_that_the_person_had_is_refused(control: httpx.AsyncClient) -> None:
    await happen(control, "name_correction", citizen_id=AN_ID, full_name="Nguyễn Văn Á")
    earlier = await refused(control, "death", citizen_id=AN_ID, at="2026-01-01T00:00:00Z")
    assert earlier == (409, "at", "is before an earlier event of these people")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "wedding", "citizen_id": AN_ID},
        {"kind": "death"},
        {"kind": "death", "citizen_id": AN_ID, "full_name": "x"},
        {"kind": "birth", "citizen_id": DUNG_ID, "full_name": "Bé", "gender": "0"},
        {"kind": "death", "citizen_id": AN_ID, "at": "2026-01-01"},
    ],
)
async def test_an_event_that_is_written_wrongly_is_a_422(
    control: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    assert (await control.post("/runs/default/events", json=body)).status_code == 422
