"""The small language for choosing people: what it means, and what it says of what it can't read."""

import pytest

from mock_c06.errors import WhereInvalid
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import parse_where, sample, scattered_indexes
from mock_c06.people.model import LifeStatus, Person


def chosen(generated: GeneratedPopulation, where: str, count: int = 25) -> list[Person]:
    found = sample(generated, where=parse_where(where), count=count, looked_at=200_000, seed="7")
    return [persona.person for persona in found]


def test_conditions_joined_by_and_all_hold(generated: GeneratedPopulation) -> None:
    found = chosen(
        generated, "birth_year<1950 and gender=female AND has_id_card and not year_only and province=079"
    )
    assert len(found) == 25
    for person in found:
        assert person.birth_year < 1950
        assert person.gender == "2"
        assert person.id_card_number is not None
        assert person.birth_date is not None
        assert (person.citizen_id or "").startswith("079")


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("married", lambda p: p.spouse is not None),
        ("not married", lambda p: p.spouse is None),
        ("married=no", lambda p: p.spouse is None),
        ("alive != true", lambda p: p.status is LifeStatus.DECEASED),
        ("status = 'cancelled'", lambda p: p.status is LifeStatus.CANCELLED),
        ("ethnicity=hmông", lambda p: p.ethnicity == "08"),
        ("ethnicity != 01", lambda p: p.ethnicity != "01"),
        ("year_only", lambda p: p.birth_date is None),
        ("age>=100", lambda p: p.birth_year <= 1926),
        ("gender=nam", lambda p: p.gender == "1"),
        ("", lambda p: True),
    ],
)
def test_each_field_chooses_whom_it_says(generated: GeneratedPopulation, where: str, holds: object) -> None:
    found = chosen(generated, where, 5)
    assert len(found) == 5
    assert callable(holds)
    assert all(holds(person) for person in found)


@pytest.mark.parametrize(
    ("where", "remedy"),
    [
        ("height>170", "use age, alive, birth_year"),
        ("age", "age needs a comparison, such as age=80"),
        ("age>old", "write 80 or another whole number"),
        ("gender<male", "gender can only be compared by = or !="),
        ("gender=x", "write male or female"),
        ("province=99", "another code of the 63 provinces"),
        ("ethnicity=Elf", "another code of the 54 peoples"),
        ("status=happy", "living, deceased, missing or cancelled"),
        ("married=maybe", "write true or false"),
        ("age>80 or age<5", "write 80 or another whole number"),
        ("__import__('os')", "joined by and"),
        ("age>80 and", "there is no field 'and'|joined by and|can't read|write 80"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_remedy(where: str, remedy: str) -> None:
    with pytest.raises(WhereInvalid, match=remedy.replace("(", r"\(")):
        parse_where(where)


def test_a_cancelled_number_and_the_one_in_its_place_say_so_of_each_other(
    generated: GeneratedPopulation,
) -> None:
    (former,) = sample(generated, where=parse_where("status=cancelled"), count=1, looked_at=9_000, seed="7")
    assert former.person.citizen_id is not None
    assert not former.confirmed
    number = former.why.split("; cancelled, ")[1][:12]
    assert former.why_vi.startswith("Dân số giả lập: bản ghi ")
    assert former.why_vi.endswith(f"; đã hủy, số cấp thay là {number}")
    member = generated.numbering.find(number)
    assert member is not None
    assert generated.former_number(member) == former.person.citizen_id
    assert generated.number_in_force(member) == number


@pytest.mark.parametrize("count", [1, 2, 10, 999, 1_000])
def test_scattered_places_are_all_different_and_all_there(count: int) -> None:
    generated = GeneratedPopulation(count=1_000, seed="3")
    places = list(scattered_indexes(count, generated))
    assert len(set(places)) == count
    assert set(places) <= set(range(1_000))
