"""The portal's code lists are the gateway's: the same codes and labels, and each field asked by its own list."""

import tomllib
from datetime import date
from importlib import resources

import pytest

from gateway.procedures.catalogue import load_catalogue
from gateway.procedures.model import FieldType, FormField, labels_of
from gateway.procedures.units import load_units
from portal.dossiers.forms import Control, check_typed, control_of
from portal.pages import write_value
from portal.services.code_lists import UNITS, provinces, read_codes, wards

FIELDS: dict[str, FormField] = {
    field.name: field
    for procedure in load_catalogue().procedures
    for role in procedure.roles
    for field in role.fields
}
LISTS = sorted({field.code_list for field in FIELDS.values() if field.code_list is not None})


def control(field: FormField) -> Control:
    return control_of(field.name, day=date(2026, 11, 28))


@pytest.mark.parametrize("name", LISTS)
def test_a_short_list_has_the_codes_and_labels_of_the_gateway_in_its_order(name: str) -> None:
    assert [(each.code, each.label) for each in read_codes(name)] == [*labels_of(name).items()]


@pytest.mark.parametrize("field", [name for name, field in FIELDS.items() if field.code_list is not None])
def test_what_a_citizen_types_in_either_language_means_the_code_of_that_name(field: str) -> None:
    """Áo, in Vietnamese, is Austria, although AO is the code of Angola."""
    asked = control(FIELDS[field])
    for each in asked.codes:
        for typed in (each.label, each.label.upper(), each.of("en")):
            checked = check_typed(field, asked, {field: typed})
            assert checked.value == {"code": each.code, "label": each.label, "code_list": asked.list_name}


def test_every_english_name_belongs_to_a_code_and_differs_from_its_label() -> None:
    text = resources.files("portal.services").joinpath("lists", "english.toml").read_text(encoding="utf-8")
    for name, english in tomllib.loads(text).items():
        if name != "source":
            assert {
                code: label for code, label in labels_of(name).items() if english.get(code) == label
            } == {}
            assert english.keys() <= labels_of(name).keys()


def test_a_code_is_shown_in_the_language_of_the_page() -> None:
    male = {"code": "1", "label": "Nam", "code_list": "gender"}
    kinh = {"code": "01", "label": "Kinh", "code_list": "ethnic-qd121"}
    child = {
        "full_name": "TRẦN VĂN CON",
        "relation": {"code": "CH03", "label": "Con", "code_list": "relation-mock"},
    }
    assert [write_value(each, "vi") for each in (male, kinh, child)] == ["Nam", "Kinh", "TRẦN VĂN CON, Con"]
    assert [write_value(each, "en") for each in (male, kinh, child)] == [
        "Male",
        "Kinh",
        "TRẦN VĂN CON, Child",
    ]


def test_the_units_of_an_address_are_those_of_the_gateway() -> None:
    known: set[tuple[str, str, str | None]] = {(each.code, each.label, None) for each in provinces()}
    known |= {(ward.code, ward.label, each.code) for each in provinces() for ward in wards(each.code)}
    theirs = {(code, unit.name, unit.parent) for code, unit in load_units(UNITS).units.items()}
    assert known == theirs


def test_a_field_with_codes_is_asked_by_the_list_that_the_gateway_names() -> None:
    coded = {name: field.code_list for name, field in FIELDS.items() if field.code_list is not None}
    assert {name: control(FIELDS[name]).list_name for name in coded} == coded


def test_a_field_of_the_catalogue_is_asked_with_a_control_of_its_type() -> None:
    kinds = {
        FieldType.ADDRESS: {"address"},
        FieldType.CODE: {"choice", "list"},
        FieldType.DATE: {"date"},
    }
    wrong = {
        name: (field.type, control(field).kind)
        for name, field in FIELDS.items()
        if control(field).kind not in kinds.get(field.type, {"text", "long", "number"})
    }
    assert wrong == {}


@pytest.mark.parametrize("name", ["relation_to_child", "relation_to_deceased", "relation_to_head"])
def test_a_suggested_relation_is_offered_and_shown_in_the_language_of_the_page(name: str) -> None:
    asked = control(FIELDS[name])
    assert len(asked.suggested) >= 5
    for each in asked.suggested:
        assert each.vi != each.en
        for typed in (each.vi, each.en.upper()):
            checked = check_typed(name, asked, {name: typed})
            assert [write_value(checked.value, language) for language in ("vi", "en")] == [each.vi, each.en]
    assert check_typed(name, asked, {name: "Bạn của cha"}).value == "Bạn của cha"


@pytest.mark.parametrize("word", ["Ba", "ba", "Cháu dâu", "Vo", "Me"])
def test_a_relation_with_other_tone_marks_is_another_word_and_stays_as_typed(word: str) -> None:
    # In the South `ba` is the father, and the suggested `bà` a grandmother.
    for name in ("relation_to_child", "relation_to_deceased", "relation_to_head"):
        assert check_typed(name, control(FIELDS[name]), {name: word}).value == word
