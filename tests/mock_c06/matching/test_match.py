"""Number, name and birth must all agree, and like is compared with like."""

from dataclasses import asdict, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_c06.accounts.model import Switches
from mock_c06.matching import matches
from mock_c06.people.model import Claim, LifeStatus, Person
from mock_c06.people.personas import get_persona, load_personas

BRIDGED = Switches(year_matches_date=True)
AN = get_persona("nguyen-van-an").person
OLD = get_persona("chi-nam-sinh-nam").person
CARD_ONLY = get_persona("chi-co-so-cu").person
people = st.sampled_from([persona.person for persona in load_personas()])


def claim_about(person: Person) -> Claim:
    return Claim(
        citizen_id=person.citizen_id,
        id_card_number=None if person.citizen_id else person.id_card_number,
        full_name=person.full_name,
        birth_date=person.birth_date,
        birth_year=None if person.birth_date else person.birth_year,
    )


def test_everybody_matches_their_own_number_name_and_birth() -> None:
    assert [p.slug for p in load_personas() if not matches(p.person, claim_about(p.person))] == []


def test_a_question_matches_nobody_but_the_person_asked_about() -> None:
    for asked in load_personas():
        claim = claim_about(asked.person)
        assert [p.slug for p in load_personas() if matches(p.person, claim)] == [asked.slug]


@pytest.mark.parametrize("name", ["NGUYENVANAN", "nguyễn văn an", " Nguyễn\u00a0Văn  An\u200b"])
def test_a_name_matches_in_any_dress_that_folds_alike(name: str) -> None:
    assert matches(AN, replace(claim_about(AN), full_name=name))


@pytest.mark.parametrize("name", ["Nguyễn An", "Nguyễn Văn Am", "Nguyễn Văn An Б", "", " ", "王"])
def test_a_name_that_folds_otherwise_or_to_nothing_never_matches(name: str) -> None:
    assert not matches(AN, replace(claim_about(AN), full_name=name))


def test_a_person_whose_name_folds_to_nothing_matches_no_empty_name() -> None:
    stranger = replace(AN, full_name="王")
    assert not matches(stranger, replace(claim_about(AN), full_name=""))
    assert not matches(stranger, claim_about(stranger))


@pytest.mark.parametrize(
    ("citizen_id", "card", "agrees"),
    [
        ("001090000123", None, True),
        (None, "012345678", True),
        ("001090000123", "012345678", True),
        ("001090000124", None, False),
        (None, "012345679", False),
        ("001090000123", "012345679", False),
        ("001090000124", "012345678", False),
        (None, None, False),
        ("", None, False),
        (" 001090000123", None, False),
        ("012345678", None, False),
    ],
)
def test_every_number_that_is_given_must_be_the_persons(
    citizen_id: str | None, card: str | None, agrees: bool
) -> None:
    claim = replace(claim_about(AN), citizen_id=citizen_id, id_card_number=card)
    assert matches(AN, claim) is agrees


def test_somebody_without_twelve_digits_is_found_by_nine() -> None:
    assert matches(CARD_ONLY, claim_about(CARD_ONLY))
    assert not matches(CARD_ONLY, replace(claim_about(CARD_ONLY), citizen_id="024157000301"))


@pytest.mark.parametrize(
    ("birth_date", "birth_year", "agrees", "agrees_when_bridged"),
    [
        (date(1990, 1, 31), None, True, True),
        (date(1990, 1, 31), 1990, True, True),
        (date(1990, 1, 31), 1991, False, False),
        (date(1990, 1, 30), None, False, False),
        (None, 1990, False, True),
        (None, 1991, False, False),
        (None, None, False, False),
    ],
)
def test_somebody_with_a_date_is_asked_for_by_date(
    birth_date: date | None, birth_year: int | None, agrees: bool, agrees_when_bridged: bool
) -> None:
    claim = replace(claim_about(AN), birth_date=birth_date, birth_year=birth_year)
    assert matches(AN, claim) is agrees
    assert matches(AN, claim, BRIDGED) is agrees_when_bridged


@pytest.mark.parametrize(
    ("birth_date", "birth_year", "agrees", "agrees_when_bridged"),
    [
        (None, 1944, True, True),
        (None, 1945, False, False),
        (date(1944, 1, 1), None, False, True),
        (date(1944, 1, 1), 1944, False, True),
        (date(1945, 1, 1), None, False, False),
        (None, None, False, False),
    ],
)
def test_somebody_known_by_year_is_asked_for_by_year(
    birth_date: date | None, birth_year: int | None, agrees: bool, agrees_when_bridged: bool
) -> None:
    claim = replace(claim_about(OLD), birth_date=birth_date, birth_year=birth_year)
    assert matches(OLD, claim) is agrees
    assert matches(OLD, claim, BRIDGED) is agrees_when_bridged


@pytest.mark.parametrize("status", LifeStatus)
def test_life_status_does_not_count_in_matching(status: LifeStatus) -> None:
    assert matches(replace(AN, status=status), claim_about(AN))


@pytest.mark.parametrize(
    ("one", "other"),
    [("ly-my-y-dai", "li-mi-i-ngan"), ("ky-y-dai", "ki-i-ngan"), ("binh-co-chu-dem", "binh-khong-chu-dem"),
     ("linh-chu-l", "linh-chu-n"), ("mong-ba-thang-tu", "mong-bon-thang-ba")],
)  # fmt: skip
def test_a_near_pair_never_matches_across_even_with_the_number(one: str, other: str) -> None:
    first, second = get_persona(one).person, get_persona(other).person
    assert not matches(first, replace(claim_about(second), citizen_id=first.citizen_id))
    assert not matches(second, replace(claim_about(first), citizen_id=second.citizen_id))


@pytest.mark.parametrize(
    ("one", "other"),
    [("hoa-dau-tren-a", "hoa-dau-tren-o"), ("thuy-dau-tren-y", "thuy-dau-tren-u"),
     ("tuan-dau-sac", "tuan-khong-dau"), ("dat-chu-d-viet", "dat-chu-eth"), ("dat-chu-d-viet", "dat-khong-dau"),
     ("huong-nfc", "huong-nfd"), ("anh-thu-tach", "anh-thu-lien"), ("h-nhien-nie", "h-nhien-nie-dau-cong"),
     ("trung-ten-ngay-mot", "trung-ten-ngay-hai")],
)  # fmt: skip
def test_a_pair_alike_when_folded_is_told_apart_by_number_alone(one: str, other: str) -> None:
    first, second = get_persona(one).person, get_persona(other).person
    assert not matches(first, claim_about(second))
    assert matches(first, replace(claim_about(second), citizen_id=first.citizen_id))


@given(people, st.integers(0, 11), st.integers(1, 9))
def test_a_changed_digit_of_the_number_never_matches(person: Person, at: int, step: int) -> None:
    claim = claim_about(person)
    number = claim.citizen_id or claim.id_card_number or ""
    at %= len(number)
    changed = number[:at] + str((int(number[at]) + step) % 10) + number[at + 1 :]
    member = "citizen_id" if claim.citizen_id else "id_card_number"
    other = Claim(**asdict(claim) | {member: changed})
    assert not matches(person, other)


@given(people, st.integers(1, 40_000))
def test_another_birth_date_or_year_never_matches(person: Person, off: int) -> None:
    claim = claim_about(person)
    if claim.birth_date:
        other = replace(claim, birth_date=claim.birth_date - timedelta(days=off))
    else:
        other = replace(claim, birth_year=person.birth_year - off)
    assert not matches(person, other)
