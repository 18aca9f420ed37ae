"""The catalogue is sound, and each way to break it is found and named."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mock_c06.people.model import Address, Kin, LifeStatus, Persona
from mock_c06.people.personas import get_persona, load_personas
from mock_c06.people.selfcheck import check_catalogue


def check_with(*changed: Persona) -> list[str]:
    """Check the catalogue with these in place of those of the same slug; without the slug's opening."""
    by_slug = {persona.slug: persona for persona in changed}
    return list(check_catalogue([by_slug.get(persona.slug, persona) for persona in load_personas()]))


def persona_with(slug: str, **parts: Any) -> Persona:
    persona = get_persona(slug)
    return replace(persona, person=replace(persona.person, **parts))


def test_the_catalogue_breaks_no_invariant_of_its_own() -> None:
    assert check_catalogue(load_personas()) == ()


@pytest.mark.parametrize(
    ("slug", "parts", "complaint"),
    [
        ("nam-nhuan", {"citizen_id": "00130000031"}, "has a number that is not 12 digits with a leading 0"),
        ("nam-nhuan", {"citizen_id": "101300000315"}, "has a number that is not 12 digits with a leading 0"),
        ("nam-nhuan", {"citizen_id": "003300000315"}, "has a number of the unknown province 03"),
        ("nam-nhuan", {"citizen_id": "001300001000"}, "has a number outside the personas' block"),
        ("nam-nhuan", {"citizen_id": "001200000315"}, "has a number that contradicts gender or birth year"),
        ("nam-nhuan", {"citizen_id": "001301000315"}, "has a number that contradicts gender or birth year"),
        ("nam-nhuan", {"citizen_id": None}, "has no number at all"),
        ("nam-nhuan", {"id_card_number": "12345678"}, "has an identity card number that is not 9 digits"),
        ("nam-nhuan", {"birth_year": 2001, "citizen_id": "001301000315"},
         "has a birth year that is not its birth date's"),
        ("nam-nhuan", {"birth_date": None, "birth_year": 2027, "citizen_id": "001327000315"},
         "is born after 2026-07-01"),
        ("da-chet", {"status": LifeStatus.LIVING}, "has status LIVING but confirmed is False"),
        ("nam-nhuan", {"status": LifeStatus.CANCELLED}, "has status CANCELLED but confirmed is True"),
        ("nam-nhuan", {"relation_to_head": "CH02"}, "has a household without a relation to its head, or the reverse"),
        ("ly-van-thue", {"relation_to_head": "CH77"}, "has the unknown relation CH77"),
        ("nguyen-van-hai", {"relation_to_head": "CH02"}, "household nguyen-van-hai has 0 heads"),
        ("nguyen-minh-em", {"representative": None}, "is a living minor without a representative"),
        ("nguyen-minh-em", {"marital_status": "2"}, "is a minor and married"),
        ("le-thi-dung", {"marital_status": "1"}, "has a spouse but is not recorded as married"),
        ("nam-nhuan", {"father": Kin(full_name="A", citizen_id="001090000001")},
         "father is less than 15 years older"),
        ("nam-nhuan", {"father": Kin(full_name="A", citizen_id="9")},
         "father has a number that is not 12 digits with a leading 0"),
        ("nam-nhuan", {"mother": Kin(full_name="A", id_card_number="9")},
         "mother has an identity card number that is not 9 digits"),
        ("nam-nhuan", {"mother": Kin(full_name="Nguyễn Văn Bình", citizen_id="001060000456")},
         "mother has another gender in the mother's record"),
        ("nam-nhuan", {"representative": Kin(full_name="Ai Đó", citizen_id="001060000456")},
         "representative is named otherwise than in the representative's record"),
    ],
)  # fmt: skip
def test_a_broken_record_is_found_and_the_breach_named(
    slug: str, parts: dict[str, Any], complaint: str
) -> None:
    assert check_with(persona_with(slug, **parts)) == [f"{slug}: {complaint}"]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        (Address(ward_code="00004"), "has a district or ward without a province"),
        (Address(province_code="01", ward_code="00004", country="DE"), "lies abroad but has Vietnamese codes"),
        (Address(province_code="02"), "has the province 02, which its list does not know"),
        (Address(province_code="99", district_code="001"), "has the province 99, which its list does not know"),
        (Address(province_code="01", district_code="002", ward_code="00004"),
         "has the ward 00004, which its list does not know there"),
        (Address(province_code="01", ward_code="00001"), "has the ward 00001, which its list does not know there"),
        (Address(province_code="01", ward_code="00004", detail="PHƯỜNG TRÚC BẠCH"),
         "has a text that does not match its code"),
    ],
)  # fmt: skip
def test_an_address_of_no_list_is_found_and_the_breach_named(address: Address, complaint: str) -> None:
    said = check_with(persona_with("nam-nhuan", native_place=address))
    assert said == [f"nam-nhuan: native place {complaint}"]


def test_a_second_head_and_a_member_from_elsewhere_are_found() -> None:
    head = persona_with("le-thi-dung", relation_to_head="CH01")
    away = persona_with("tran-thi-cam", permanent_residence=None)
    assert check_with(head) == ["nguyen-van-an: household nguyen-van-an has 2 heads"]
    assert check_with(away) == ["nguyen-van-an: household nguyen-van-an has members registered elsewhere"]


def test_a_spouse_who_does_not_point_back_is_found() -> None:
    said = check_with(persona_with("le-thi-dung", spouse=None))
    assert said == ["nguyen-van-an: names a spouse who names somebody else"]


def test_a_slug_or_number_used_twice_is_found() -> None:
    once = get_persona("nam-nhuan")
    assert check_catalogue((once, once)) == (
        "nam-nhuan: is the slug of several personas",
        "nam-nhuan: shares its 12-digit number with another persona",
        "nam-nhuan: shares its 12-digit number with another persona",
    )


def test_a_marker_without_its_contradiction_is_found() -> None:
    legacy = replace(get_persona("nam-nhuan"), legacy_mismatch=True)
    unit = replace(get_persona("nam-nhuan"), unit_mismatch=True)
    assert check_with(legacy) == ["nam-nhuan: is marked as a legacy mismatch, but its number agrees"]
    assert check_with(unit) == ["nam-nhuan: is marked as a unit mismatch, but its addresses agree"]


def test_a_persona_that_does_not_say_why_is_found() -> None:
    assert check_with(replace(get_persona("nam-nhuan"), why=" ")) == ["nam-nhuan: does not say why it exists"]
    assert check_with(replace(get_persona("nam-nhuan"), why_vi=" ")) == [
        "nam-nhuan: does not say in Vietnamese why it exists"
    ]


def test_the_two_records_of_one_human_are_held_together() -> None:
    alone = replace(get_persona("nam-nhuan"), same_human_as="cuoi-1999")
    assert check_with(alone) == [
        "nam-nhuan: names another record of the same human, which does not name this one"
    ]
    alive = replace(persona_with("so-huy-vi-nam-sinh", status=LifeStatus.LIVING), confirmed=True)
    assert check_with(alive) == [
        f"{slug}: and the other record of the same human are not one living and one cancelled"
        for slug in ("so-huy-vi-nam-sinh", "so-moi-vi-nam-sinh")
    ]


def test_somebody_is_of_age_on_their_eighteenth_birthday() -> None:
    of_age = {"citizen_id": "001308000409", "birth_date": date(2008, 7, 1)}
    minor = {"citizen_id": "001308000409", "birth_date": date(2008, 7, 2)}
    assert check_with(persona_with("vua-du-muoi-tam", **of_age)) == []
    assert check_with(persona_with("vua-du-muoi-tam", **minor)) == [
        "vua-du-muoi-tam: is a living minor without a representative"
    ]
