"""Generated people are answered for by all five operations, beside the catalogue, and a run may change them."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from lxml import etree

from mock_c06.app import MockRegistry
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import parse_where, sample, scattered_indexes
from mock_c06.people.model import Person
from mock_c06.runs.world import PeopleIndex
from tests.mock_c06.callers import CODES, PlatformClient, SoapPortal

D = "{http://www.mic.gov.vn/dancu/1.0}"
YES = "<SoLuongCongDan>1<"


def claim(person: Person) -> dict[str, str | None]:
    birth = (
        {"NgayThangNam": f"{person.birth_date:%Y%m%d}"}
        if person.birth_date is not None
        else {"NgayThangNam": None, "Nam": str(person.birth_year)}
    )
    return {"SoDinhDanh": person.citizen_id, "HoVaTen": person.full_name, **birth}


def text_at(answer: httpx.Response, path: str) -> str | None:
    found = etree.fromstring(answer.content).find(".//" + "/".join(D + step for step in path.split("/")))
    return found.text if found is not None else None


@pytest.fixture(scope="module")
def husband(generated: GeneratedPopulation) -> Person:
    where = parse_where("married and alive and gender=male and has_id_card and not year_only and age<60")
    return sample(generated, where=where, count=1, looked_at=10_000, seed="7")[0].person


async def test_a_generated_person_is_confirmed_and_a_wrong_name_is_not(
    portal: SoapPortal, husband: Person
) -> None:
    assert YES in (await portal.verdict(**claim(husband))).text
    assert YES not in (await portal.verdict(**{**claim(husband), "HoVaTen": "NGUYENVANKHAC"})).text
    assert YES in (await portal.verdict()).text


async def test_a_generated_person_is_found_by_nine_digits_too(portal: SoapPortal, husband: Person) -> None:
    asked = {**claim(husband), "SoDinhDanh": None, "SoCMND": husband.id_card_number}
    answer = await portal.record(**dict(sorted(asked.items(), key=lambda item: item[0] != "SoCMND")))
    assert text_at(answer, "CongDan/SoDinhDanh") == husband.citizen_id


async def test_a_generated_couple_name_each_other_on_the_wire(
    portal: SoapPortal, generated: GeneratedPopulation, husband: Person
) -> None:
    assert husband.spouse is not None
    wife = generated.find_by_key(husband.spouse.citizen_id or "")
    assert wife is not None
    for one, other in ((husband, wife), (wife, husband)):
        for operation in ("TraCuuThongTinCongDan", "XacMinhThongTinNhanThan", "XacMinhTinhTrangHonNhan"):
            answer = await portal.ask(operation, **claim(one))
            assert text_at(answer, "VoChong/HoVaTen") == other.full_name.upper()
            assert text_at(answer, "VoChong/SoDinhDanh") == other.citizen_id


async def test_a_generated_household_is_told_with_its_head_first(
    portal: SoapPortal, generated: GeneratedPopulation, husband: Person
) -> None:
    answer = await portal.ask("CungCapThongTinHoGiaDinh", **claim(husband))
    members = etree.fromstring(answer.content).findall(f".//{D}ThanhVien")
    told = [member.findtext(f"{D}SoDinhDanh") for member in members]
    assert told == [member.citizen_id for member in generated.household(husband.household or "")]
    assert members[0].findtext(f"{D}QuanHe") == "CH01"


async def test_a_record_says_address_and_ethnicity_as_they_were_computed(
    portal: SoapPortal, husband: Person
) -> None:
    answer = await portal.record(**claim(husband))
    assert husband.permanent_residence is not None
    assert text_at(answer, "ThuongTru/MaPhuongXa") == husband.permanent_residence.ward_code
    assert text_at(answer, "ThuongTru/ChiTiet") == husband.permanent_residence.detail
    assert text_at(answer, "DanToc") == husband.ethnicity


async def test_a_run_changes_a_generated_person_and_only_what_differs_is_kept(
    portal: SoapPortal, control: httpx.AsyncClient, husband: Person
) -> None:
    change = {"people": [{"citizen_id": husband.citizen_id, "alive": False}]}
    assert (await control.put("/runs/default/world", json=change)).status_code == 200
    assert YES not in (await portal.verdict(**claim(husband))).text
    world = (await control.get("/runs/default/world")).json()["people"]
    assert [person["full_name"] for person in world if person["citizen_id"] == husband.citizen_id] == [
        husband.full_name
    ]
    assert len(world) < 500


async def test_a_mothers_new_name_stands_in_the_records_of_all_her_children(
    mock: MockRegistry, control: httpx.AsyncClient, generated: GeneratedPopulation
) -> None:
    where = parse_where("gender=female and alive and married and age>60")
    mothers = (
        persona.person for persona in sample(generated, where=where, count=50, looked_at=9_000, seed="7")
    )
    mother = next(person for person in mothers if len(generated.children(person.citizen_id or "")) > 2)
    event = {"kind": "name_correction", "citizen_id": mother.citizen_id, "full_name": "Đỗ Thị Mới Sửa"}
    answer = await control.post("/runs/default/events", json=event)
    assert answer.is_success
    world = mock.runs.get("default").world
    children = world.children(mother.citizen_id or "")
    assert len(children) == len(generated.children(mother.citizen_id or ""))
    assert {child.mother.full_name for child in children if child.mother} == {"Đỗ Thị Mới Sửa"}


async def test_a_death_widows_a_generated_spouse_in_this_run_alone(
    mock: MockRegistry, control: httpx.AsyncClient, generated: GeneratedPopulation, husband: Person
) -> None:
    await control.post("/runs", json={"name": "widow"})
    event = {"kind": "death", "citizen_id": husband.citizen_id}
    assert (await control.post("/runs/widow/events", json=event)).is_success
    number = husband.spouse.citizen_id if husband.spouse is not None else None
    here, there = (mock.runs.get(run).world.find_by_key(number or "") for run in ("widow", "default"))
    assert here is not None
    assert there is not None
    assert (here.marital_status, here.spouse) == ("3", None)
    assert (there.marital_status, there.spouse is None) == ("2", False)


async def test_the_impossible_number_is_still_nobodys(portal: SoapPortal) -> None:
    assert YES not in (await portal.verdict(SoDinhDanh="000000000000")).text


async def test_whoever_replaces_a_generated_person_replaces_nine_digits_and_household_too(
    generated: GeneratedPopulation, husband: Person
) -> None:
    own = replace(husband, id_card_number="012000998", household=None, relation_to_head=None)
    index = PeopleIndex([own], generated=generated)
    assert index.by_card(husband.id_card_number or "") == ()
    assert index.by_card("012000998") == (own,)
    assert husband not in index.household(husband.household or "")
    assert (
        len(index.household(husband.household or "")) == len(generated.household(husband.household or "")) - 1
    )


async def test_whoever_joins_a_generated_household_lives_there_with_the_others(
    generated: GeneratedPopulation, husband: Person
) -> None:
    lodger = Person(
        citizen_id="001090000997", full_name="Ở Nhờ", gender="1", birth_date=None, birth_year=1990,
        household=husband.household, relation_to_head="CH99",
    )  # fmt: skip
    index = PeopleIndex([lodger], generated=generated)
    members = index.household(husband.household or "")
    assert set(members) == {lodger, *generated.household(husband.household or "")}
    assert index.head(husband.household or "") == generated.head(husband.household or "")


async def test_the_bytes_of_all_answers_about_known_people_never_change(
    portal: SoapPortal, platform: Callable[[str], PlatformClient], generated: GeneratedPopulation
) -> None:
    camel = platform("camel")
    await camel.log_in()
    told = hashlib.sha256()
    for place in scattered_indexes(30, generated):
        person = generated.person_at_index(place)
        asked = claim(person)
        flat = {"soDinhDanh": person.citizen_id, "hoVaTen": person.full_name}
        flat["ngayThangNam"] = asked["NgayThangNam"] or asked["Nam"]
        for operation in CODES:
            told.update((await portal.ask(operation, **asked)).content)
            told.update((await camel.ask(operation, flat)).content)
    assert told.hexdigest()[:16] == "8475f193d1fb2bbb"
