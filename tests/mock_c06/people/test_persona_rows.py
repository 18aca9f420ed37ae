"""A row that cannot be read is refused by its slug and reason."""

import pytest

from mock_c06.people.personas import PersonaRowInvalid, parse_personas

WELL = 'why = "x"\nwhy_vi = "y"\ncitizen_id = "001090000001"\nfull_name = "A"\ngender = "1"\n'


def test_a_row_of_the_least_keys_becomes_a_persona() -> None:
    (persona,) = parse_personas({"theme": f"[a]\n{WELL}born = 1990\n"})
    assert (persona.slug, persona.theme, persona.person.birth_year) == ("a", "theme", 1990)
    assert persona.person.birth_date is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{WELL}born = 1990\nnickname = 'B'", r"a: unknown keys \['nickname'\]"),
        (WELL, r"a: lacks \['born'\]"),
        (f"{WELL}born = 1990".replace('why_vi = "y"', ""), r"a: lacks \['why_vi'\]"),
        (f"{WELL}born = '1990'", "a: born is neither a date nor a year"),
        (f"{WELL}born = 1990-01-01T00:00:00", "a: born is neither a date nor a year"),
        (f"{WELL}born = true", "a: born is neither a date nor a year"),
        (f"{WELL}born = 1990\nnative_place = 'old:99999'", "a: unknown unit old:99999"),
        (f"{WELL}born = 1990\nfather = 'nobody'", "a: unknown relative nobody"),
        (f"{WELL}born = 1990".replace("citizen_id", "household"), "a: has no number at all"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_reason(row: str, reason: str) -> None:
    with pytest.raises(PersonaRowInvalid, match=reason) as refused:
        parse_personas({"theme": f"[a]\n{row}\n"})
    assert refused.value.slug == "a"


def test_a_slug_in_two_files_is_refused_with_both() -> None:
    text = f"[a]\n{WELL}born = 1990\n"
    with pytest.raises(PersonaRowInvalid, match="is in one and again in two"):
        parse_personas({"one": text, "two": text})
