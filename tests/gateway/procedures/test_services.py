"""The 25 services as portals were promised them, and the laws that every line of their files keeps.

What portals were promised, written down a second time: services, codes, roles, least forms.
"""

import tomllib
from datetime import date

import pytest

from gateway.procedures.catalogue import DATA, load_catalogue
from gateway.procedures.model import FIELD_OPERATIONS, SENSITIVE_FIELDS, FormField, Operation, Procedure

SERVICES = {
    1: ("xac-nhan-cmnd", "G01-CA01", ("requester",)),
    2: ("cap-doi-cccd", "G01-CA02", ("requester",)),
    3: ("dang-ky-thuong-tru", "G01-CA03", ("requester", "household_head")),
    4: ("dang-ky-tam-tru", "G01-CA04", ("requester", "household_head")),
    5: ("khai-bao-tam-vang", "G01-CA05", ("requester",)),
    6: ("thong-bao-luu-tru", "G01-CA06", ("requester", "guest")),
    7: ("dang-ky-xe-may", "G01-CA07", ("requester",)),
    8: ("nop-phat-giao-thong", "G01-CA08", ("requester",)),
    9: ("khai-sinh", "G15-TP110", ("requester", "father", "mother")),
    10: ("khai-tu", "G15-TP111", ("requester", "deceased")),
    11: ("ket-hon", "G15-TP112", ("requester", "husband", "wife")),
    12: ("ho-chieu", "G01-CA09", ("requester",)),
    13: ("con-dau-moi", "G01-CA10", ("requester",)),
    14: ("con-dau-thu-nho", "G01-CA11", ("requester",)),
    15: ("lien-thong-khai-sinh", "G15-TP113", ("requester", "father", "mother")),
    16: ("lien-thong-khai-tu", "G15-TP114", ("requester", "deceased")),
    17: ("giam-tru-bhyt", "G24-BH01", ("requester", "household_head")),
    18: ("dang-ky-thue", "G12-TC01", ("requester",)),
    19: ("bien-dong-dat-dai", "G13-TN01", ("requester",)),
    20: ("doi-giay-phep-lai-xe", "G09-GT01", ("requester",)),
    21: ("thi-tot-nghiep", "G22-GD01", ("requester",)),
    22: ("ly-lich-tu-phap", "G15-TP115", ("requester",)),
    23: ("tro-cap-that-nghiep", "G14-LD01", ("requester",)),
    24: ("cap-dien-moi", "G04-CT01", ("requester",)),
    25: ("doi-chu-hop-dong-dien", "G04-CT02", ("requester",)),
}

CODES = {
    "xac-nhan-cmnd": ("1.012566",),
    "cap-doi-cccd": ("1.014063", "2.001195", "1.000889", "1.014064", "2.001194", "1.000757"),
    "dang-ky-thuong-tru": ("1.004222",),
    "dang-ky-tam-tru": ("1.004194", "1.002755"),
    "khai-bao-tam-vang": ("1.003677",),
    "thong-bao-luu-tru": ("2.001159",),
    "dang-ky-xe-may": ("1.012575", "1.013067"),
    "khai-sinh": ("1.001193",),
    "khai-tu": ("1.000656",),
    "ket-hon": ("1.000894",),
    "ho-chieu": ("1.001456", "1.001471"),
    "con-dau-moi": ("2.001403",),
    "lien-thong-khai-sinh": ("2.000986", "2.002621"),
    "lien-thong-khai-tu": ("2.002622",),
    "dang-ky-thue": ("1.008498", "1.008503"),
    "bien-dong-dat-dai": ("1.013833",),
    "doi-giay-phep-lai-xe": ("3.000347", "3.000348"),
    "ly-lich-tu-phap": ("2.000488", "3.000333", "3.000330"),
    "tro-cap-that-nghiep": ("1.001978", "1.014748"),
}

REQUESTER = "full_name birth_date gender citizen_id current_residence permanent_residence nationality"
_PARENT = "full_name birth_year ethnicity nationality current_residence"
_SPOUSE = "full_name birth_date ethnicity nationality current_residence permanent_residence citizen_id marital_status"

HO_TICH_BY_REGISTRY = {
    ("khai-sinh", "requester"): REQUESTER,
    ("khai-sinh", "father"): _PARENT,
    ("khai-sinh", "mother"): _PARENT,
    ("khai-tu", "requester"): REQUESTER,
    (
        "khai-tu",
        "deceased",
    ): "full_name birth_date gender ethnicity nationality citizen_id permanent_residence",
    ("ket-hon", "requester"): REQUESTER,
    ("ket-hon", "husband"): _SPOUSE,
    ("ket-hon", "wife"): _SPOUSE,
}

HO_TICH_BY_CITIZEN = {
    "khai-sinh": "child_full_name child_gender child_birth_date child_birth_place child_native_place"
    " child_ethnicity child_nationality relation_to_child",
    "khai-tu": "death_date death_place death_cause relation_to_deceased death_notice_number",
    "ket-hon": "marriage_count_husband marriage_count_wife registration_date_wanted",
}


SEED_DAY = date(2022, 4, 27)
TODAY = date(2026, 11, 24)


def form_of(procedure: Procedure, role: str) -> tuple[FormField, ...]:
    return next(each.fields for each in procedure.roles if each.name == role)


def find_procedure(slug: str) -> Procedure:
    procedure = load_catalogue().find(slug, TODAY)
    assert procedure is not None
    return procedure


def names(fields: tuple[FormField, ...], *, from_registry: bool) -> set[str]:
    return {field.name for field in fields if field.from_registry is from_registry}


def test_all_25_services_have_their_slug_service_code_and_roles() -> None:
    found = {
        procedure.number: (
            procedure.slug,
            procedure.service_code,
            tuple(role.name for role in procedure.roles),
        )
        for procedure in load_catalogue().procedures
    }
    assert found == SERVICES
    assert list(found) == list(range(1, 26))


def test_every_service_has_the_codes_of_the_national_list() -> None:
    found = {
        procedure.slug: tuple(code.code for code in procedure.codes)
        for procedure in load_catalogue().procedures
        if procedure.codes
    }
    assert found == CODES


@pytest.mark.parametrize(("slug", "role"), HO_TICH_BY_REGISTRY)
def test_a_ho_tich_form_takes_exactly_these_fields_from_the_registry(slug: str, role: str) -> None:
    form = form_of(find_procedure(slug), role)
    assert names(form, from_registry=True) == set(HO_TICH_BY_REGISTRY[slug, role].split())
    assert not any(field.guess for field in form)


@pytest.mark.parametrize("slug", HO_TICH_BY_CITIZEN)
def test_a_ho_tich_form_lets_only_the_requester_declare_these_fields(slug: str) -> None:
    declared = {role.name: names(role.fields, from_registry=False) for role in find_procedure(slug).roles}
    assert declared.pop("requester") == set(HO_TICH_BY_CITIZEN[slug].split())
    assert not any(declared.values())


@pytest.mark.parametrize("procedure", load_catalogue().procedures, ids=lambda procedure: procedure.slug)
def test_every_requester_form_takes_the_promised_fields_from_the_registry(procedure: Procedure) -> None:
    promised = set(REQUESTER.split())
    form = form_of(procedure, "requester")
    assert promised <= names(form, from_registry=True)
    assert names(form, from_registry=False), "a form without anything to declare"


@pytest.mark.parametrize("procedure", load_catalogue().procedures, ids=lambda procedure: procedure.slug)
def test_every_field_comes_from_where_its_operation_says(procedure: Procedure) -> None:
    for field in (field for role in procedure.roles for field in role.fields):
        assert field.operation == FIELD_OPERATIONS.get(field.name)
        assert field.from_registry is (field.operation is not None)
        assert field.sensitive is (field.name in SENSITIVE_FIELDS)
        assert field.operation is not Operation.AUTHENTICATE


@pytest.mark.parametrize("procedure", load_catalogue().procedures, ids=lambda procedure: procedure.slug)
def test_every_service_says_why_and_on_which_ground_it_reads(procedure: Procedure) -> None:
    assert procedure.legal_basis
    assert all(basis.strip() for basis in procedure.legal_basis)
    assert procedure.purpose.endswith(".")
    assert procedure.purpose.startswith("Điền sẵn ")
    assert procedure.purpose_en.startswith("Fill ")


def test_only_the_service_code_of_khai_sinh_is_no_guess() -> None:
    certain = [each.slug for each in load_catalogue().procedures if not each.service_code_guess]
    assert certain == ["khai-sinh"]


def test_every_declared_field_in_the_word_list_is_in_some_form() -> None:
    known = set(tomllib.loads((DATA / "fields.toml").read_text(encoding="utf-8")))
    used = {
        field.name
        for procedure in load_catalogue().procedures
        for role in procedure.roles
        for field in role.fields
    }
    assert known - used == set()


def test_nobody_but_the_requester_is_asked_to_declare_anything() -> None:
    others = [
        role.fields for each in load_catalogue().procedures for role in each.roles if role.name != "requester"
    ]
    assert not any(names(fields, from_registry=False) for fields in others)


@pytest.mark.parametrize(
    ("field", "code_list"),
    [
        ("gender", "gender"),
        ("ethnicity", "ethnic-qd121"),
        ("religion", "religion-portal"),
        ("nationality", "iso3166-1"),
        ("blood_type", "blood"),
        ("marital_status", "marital"),
        ("full_name", None),
        ("permanent_residence", None),
    ],
)
def test_threat_29_a_coded_field_is_read_in_its_own_list(field: str, code_list: str | None) -> None:
    found = find_procedure("cap-doi-cccd").roles[0].find_field(field)
    assert found is not None
    assert found.code_list == code_list


@pytest.mark.parametrize(
    ("slug", "seed_day", "today"),
    [
        ("khai-sinh", "1.001193", "1.001193"),
        ("ly-lich-tu-phap", "2.000488", "3.000333"),
        ("lien-thong-khai-sinh", "2.000986", None),
        ("dang-ky-xe-may", None, "1.012575"),
        ("cap-doi-cccd", "2.001195", "1.014063"),
        ("nop-phat-giao-thong", None, None),
    ],
)
def test_a_code_is_only_the_one_valid_on_the_day(slug: str, seed_day: str | None, today: str | None) -> None:
    procedure = find_procedure(slug)
    assert (procedure.code_on(SEED_DAY), procedure.code_on(TODAY)) == (seed_day, today)


def test_a_code_is_valid_on_its_first_and_last_day_and_not_beyond() -> None:
    code = find_procedure("lien-thong-khai-sinh").codes[1]
    days = [date(2024, 6, 30), date(2024, 7, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [code.valid_on(day) for day in days] == [False, True, True, False]


def test_a_service_is_found_by_slug_or_by_a_code_valid_that_day() -> None:
    catalogue = load_catalogue()
    assert catalogue.find("1.001193", TODAY) is catalogue.find("khai-sinh", TODAY)
    assert catalogue.find("1.000757", TODAY) is catalogue.find("cap-doi-cccd", TODAY)
    assert catalogue.find("2.000488", TODAY) is None
    assert catalogue.find("3.000333", SEED_DAY) is None
    assert catalogue.find("khai-sinhh", TODAY) is None


def test_a_role_that_the_service_lacks_is_not_found() -> None:
    assert find_procedure("khai-tu").role("father") is None


def test_a_field_of_any_form_is_known_and_others_are_not() -> None:
    catalogue = load_catalogue()
    assert catalogue.knows_field("representative")
    assert catalogue.knows_field("child_full_name")
    assert not catalogue.knows_field("salary")


@pytest.mark.parametrize(
    ("day", "cited", "ended"),
    [(date(2025, 10, 21), "47/2020", "278/2025"), (date(2025, 10, 22), "278/2025", "47/2020")],
)
def test_every_service_cites_the_decree_on_sharing_that_is_in_force_on_the_day(
    day: date, cited: str, ended: str
) -> None:
    for procedure in load_catalogue().procedures:
        text = " ".join(procedure.legal_basis_on(day))
        assert (cited in text, ended in text) == (True, False), procedure.slug
