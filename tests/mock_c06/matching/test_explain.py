"""What the control face says of a question that found nobody."""

from datetime import date

import pytest

from mock_c06.matching.explain import (
    BIRTH,
    HINT_DAY_MONTH,
    HINT_I_Y,
    HINT_MIDDLE_NAME,
    HINT_YEAR_ONLY,
    NAME,
    NUMBER,
    explain,
)
from mock_c06.population.model import Person
from mock_c06.population.personas import get_persona, load_personas


def explain_name(slug: str, full_name: str) -> tuple[str, ...]:
    person = get_persona(slug).person
    return explain(
        person,
        citizen_id=person.citizen_id,
        id_card_number=None,
        full_name=full_name,
        birth_date=person.birth_date,
        birth_year=None if person.birth_date else person.birth_year,
    )


def explain_birth(
    slug: str, birth_date: date | None, birth_year: int | None = None, *, year_matches_date: bool = False
) -> tuple[str, ...]:
    person = get_persona(slug).person
    return explain(
        person,
        citizen_id=person.citizen_id,
        id_card_number=None,
        full_name=person.full_name,
        birth_date=birth_date,
        birth_year=birth_year,
        year_matches_date=year_matches_date,
    )


def explain_own(person: Person) -> tuple[str, ...]:
    return explain(
        person,
        citizen_id=person.citizen_id,
        id_card_number=person.id_card_number,
        full_name=person.full_name,
        birth_date=person.birth_date,
        birth_year=person.birth_year,
    )


def test_nothing_is_said_where_every_part_agrees() -> None:
    assert {persona.slug: said for persona in load_personas() if (said := explain_own(persona.person))} == {}


def test_only_the_number_is_said_where_nobody_was_found() -> None:
    said = explain(None, citizen_id="1", id_card_number=None, full_name="A", birth_date=None, birth_year=1)
    assert said == (NUMBER,)


def test_every_differing_part_is_said_in_order() -> None:
    an = get_persona("nguyen-van-an").person
    said = explain(
        an,
        citizen_id="1",
        id_card_number=None,
        full_name="Trần B",
        birth_date=date(1980, 2, 3),
        birth_year=None,
    )
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
    assert explain_name(slug, asked) == (NAME, *hints)


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
    assert explain_birth(slug, birth_date, birth_year) == (BIRTH, *hints)


def test_the_switch_that_bridges_years_and_dates_leaves_nothing_to_say() -> None:
    assert explain_birth("nguyen-van-an", None, 1990, year_matches_date=True) == ()
