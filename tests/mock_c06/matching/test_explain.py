"""What the control face says of a question that found nobody."""

from dataclasses import replace
from datetime import date

import pytest

from mock_c06.accounts.model import Switches
from mock_c06.control.explain_web import (
    BIRTH,
    HINT_DAY_MONTH,
    HINT_I_Y,
    HINT_MIDDLE_NAME,
    HINT_YEAR_ONLY,
    NAME,
    NUMBER,
    explain,
)
from mock_c06.people.model import Claim, Person
from mock_c06.people.personas import get_persona, load_personas


def claim_of(person: Person) -> Claim:
    return Claim(
        citizen_id=person.citizen_id,
        id_card_number=person.id_card_number,
        full_name=person.full_name,
        birth_date=person.birth_date,
        birth_year=person.birth_year,
    )


def test_nothing_is_said_where_every_part_agrees() -> None:
    assert {
        persona.slug: said
        for persona in load_personas()
        if (said := explain(persona.person, claim_of(persona.person)))
    } == {}


def test_only_the_number_is_said_where_nobody_was_found() -> None:
    said = explain(None, Claim(citizen_id="1", full_name="A", birth_year=1))
    assert said == (NUMBER,)


def test_every_differing_part_is_said_in_order() -> None:
    an = get_persona("nguyen-van-an").person
    said = explain(an, Claim(citizen_id="1", full_name="Trần B", birth_date=date(1980, 2, 3)))
    assert said == (NUMBER, NAME, BIRTH)


@pytest.mark.parametrize(
    ("slug", "asked", "hints"),
    [
        ("ly-my-y-dai", "Lí Thị Mĩ", (HINT_I_Y,)),
        ("ky-y-dai", "HAVINHKI", (HINT_I_Y,)),
        ("nguyen-van-an", "Nguyễn An", (HINT_MIDDLE_NAME,)),
        ("nguyen-van-an", "NGUYENAN", (HINT_MIDDLE_NAME,)),
        ("binh-khong-chu-dem", "Nguyễn An Bình", (HINT_MIDDLE_NAME,)),
        ("ten-37-chu", "Công Tằng Tôn Nữ Anh", (HINT_MIDDLE_NAME,)),
        ("nguyen-van-an", "Nguyễn", ()),
        ("nguyen-van-an", "Nguyễn Văn", ()),
        ("nguyen-van-an", "Nguyễn Văn Am", ()),
        ("nguyen-van-an", "", ()),
        ("po-long", "Long", ()),
        ("nguyen-van-an", "Nguyễn " + "Văn " * 60 + "An", ()),
    ],
)
def test_a_near_miss_of_the_name_is_hinted_at(slug: str, asked: str, hints: tuple[str, ...]) -> None:
    person = get_persona(slug).person
    assert explain(person, replace(claim_of(person), full_name=asked)) == (NAME, *hints)


@pytest.mark.parametrize(
    ("slug", "birth_date", "birth_year", "hints"),
    [
        ("mong-ba-thang-tu", date(1991, 3, 4), None, (HINT_DAY_MONTH,)),
        ("mong-ba-thang-tu", date(1991, 3, 5), None, ()),
        ("nguyen-van-an", None, 1990, (HINT_YEAR_ONLY,)),
        ("nguyen-van-an", None, 1991, ()),
        ("chi-nam-sinh-nam", date(1944, 1, 1), None, (HINT_YEAR_ONLY,)),
        ("chi-nam-sinh-nam", date(1945, 1, 1), None, ()),
    ],
)
def test_a_near_miss_of_the_birth_is_hinted_at(
    slug: str, birth_date: date | None, birth_year: int | None, hints: tuple[str, ...]
) -> None:
    person = get_persona(slug).person
    claim = replace(claim_of(person), birth_date=birth_date, birth_year=birth_year)
    assert explain(person, claim) == (BIRTH, *hints)


def test_the_switch_that_bridges_years_and_dates_leaves_nothing_to_say() -> None:
    an = get_persona("nguyen-van-an").person
    claim = replace(claim_of(an), birth_date=None)
    assert explain(an, claim, Switches(year_matches_date=True)) == ()
