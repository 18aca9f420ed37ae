"""The catalogue holds every case it promises, each found by its slug."""

import re
import unicodedata
from collections import Counter

import pytest

from mock_c06.generated.units import NEW, OLD, load_wards
from mock_c06.matching import fold_name
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, LifeStatus, Person
from mock_c06.people.personas import THEMES, get_persona, load_personas
from mock_c06.people.rules import load_relations


def person(slug: str) -> Person:
    return get_persona(slug).person


def test_there_are_at_least_sixty_personas_of_every_theme() -> None:
    themes = Counter(persona.theme for persona in load_personas())
    assert themes.total() >= 60
    assert set(themes) == set(THEMES)


def test_the_catalogue_is_read_once_and_shared() -> None:
    assert load_personas() is load_personas()


def test_a_slug_that_is_nobodys_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="no-such-slug"):
        get_persona("no-such-slug")


def test_slugs_are_plain_and_reasons_are_all_different() -> None:
    personas = load_personas()
    assert [p.slug for p in personas if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", p.slug)] == []
    assert len({p.why for p in personas}) == len({p.why_vi for p in personas}) == len(personas)


def test_every_vietnamese_reason_is_one_composed_line_with_the_codes_of_the_english_one() -> None:
    codes = re.compile(r"U\+[0-9A-F]{4}|[0-9]{2,}|\b(?:SoCMND|NFC|NFD|C06|Cha|Me)\b")
    for persona in load_personas():
        assert persona.why_vi == unicodedata.normalize("NFC", " ".join(persona.why_vi.split())), persona.slug
        assert not persona.why_vi.endswith("."), persona.slug
        assert set(codes.findall(persona.why)) <= set(codes.findall(persona.why_vi)), persona.slug


def test_every_name_fits_the_wire_and_folds_to_something() -> None:
    for persona in load_personas():
        assert len(persona.person.full_name) <= 100
        assert fold_name(persona.person.full_name)


def test_the_demo_citizen_is_as_the_wire_samples_show_him() -> None:
    an = person("nguyen-van-an")
    assert (an.citizen_id, an.id_card_number, str(an.birth_date)) == (
        "001090000123",
        "012345678",
        "1990-01-31",
    )
    assert an.father
    assert (an.father.full_name, an.father.citizen_id) == ("Nguyễn Văn Bình", "001060000456")
    assert an.permanent_residence
    assert an.permanent_residence.detail == "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI"


def test_the_first_household_has_three_generations_and_its_head_between() -> None:
    members = {p.slug: p.person for p in load_personas() if p.person.household == "nguyen-van-an"}
    assert [slug for slug, member in members.items() if member.relation_to_head == HEAD_OF_HOUSEHOLD] == [
        "nguyen-van-an"
    ]
    assert {member.birth_year // 10 * 10 for member in members.values()} >= {1960, 1990, 2010, 2020}


@pytest.mark.parametrize(
    "slug", ["chi-nam-sinh-nam", "chi-nam-sinh-nu", "giang-a-thu", "chi-co-so-cu-va-nam-sinh"]
)
def test_somebody_known_by_birth_year_has_no_invented_date(slug: str) -> None:
    assert person(slug).birth_date is None
    assert get_persona(slug).confirmed


@pytest.mark.parametrize("slug", ["chi-co-so-cu", "chi-co-so-cu-va-nam-sinh"])
def test_somebody_with_nine_digits_alone_has_no_twelve(slug: str) -> None:
    assert person(slug).citizen_id is None
    assert person(slug).id_card_number


def test_two_people_share_one_nine_digit_number() -> None:
    one, two = person("chung-so-cu-mot"), person("chung-so-cu-hai")
    assert one.id_card_number == two.id_card_number
    assert one.citizen_id != two.citizen_id


def test_two_people_share_name_and_birth_date() -> None:
    one, two = person("trung-ten-ngay-mot"), person("trung-ten-ngay-hai")
    assert (one.full_name, one.birth_date) == (two.full_name, two.birth_date)


@pytest.mark.parametrize(
    ("slug", "status", "confirmed"),
    [
        ("da-chet", LifeStatus.DECEASED, False),
        ("tre-da-chet", LifeStatus.DECEASED, False),
        ("mat-tich", LifeStatus.MISSING, True),
        ("so-huy-vi-gioi-tinh", LifeStatus.CANCELLED, False),
        ("so-huy-khong-cap-lai", LifeStatus.CANCELLED, False),
        ("so-moi-vi-gioi-tinh", LifeStatus.LIVING, True),
    ],
)
def test_the_dead_and_the_cancelled_alone_are_not_confirmed(
    slug: str, status: LifeStatus, confirmed: bool
) -> None:
    assert (person(slug).status, get_persona(slug).confirmed) == (status, confirmed)


@pytest.mark.parametrize("reason", ["gioi-tinh", "nam-sinh"])
def test_a_cancelled_number_and_its_successor_name_each_other(reason: str) -> None:
    old, new = get_persona(f"so-huy-vi-{reason}"), get_persona(f"so-moi-vi-{reason}")
    assert (old.same_human_as, new.same_human_as) == (new.slug, old.slug)
    assert old.person.citizen_id != new.person.citizen_id


@pytest.mark.parametrize("slug", ["so-lech-gioi-tinh", "so-lech-nam-sinh"])
def test_a_number_that_contradicts_its_record_is_still_confirmed(slug: str) -> None:
    assert get_persona(slug).legacy_mismatch
    assert get_persona(slug).confirmed


def test_one_name_is_stored_composed_and_once_decomposed() -> None:
    nfc, nfd = person("huong-nfc").full_name, person("huong-nfd").full_name
    assert nfc != nfd
    assert nfc == unicodedata.normalize("NFC", nfd)
    assert nfd == unicodedata.normalize("NFD", nfc)


@pytest.mark.parametrize(
    ("slug", "sign"),
    [
        ("h-nhien-nie", "'"),
        ("h-nhien-nie-dau-cong", "\u2019"),
        ("h-linh-mlo", "\u02bc"),
        ("ksor-h-blam", "-"),
        ("y-thu-eban", "Y "),
        ("dat-chu-eth", "\u00d0"),
        ("dat-chu-d-viet", "Đ"),
        ("hai-khoang-trang", "  "),
        ("khoang-trang-khong-ngat", "\u00a0"),
    ],
)
def test_a_name_keeps_the_sign_it_exists_for(slug: str, sign: str) -> None:
    assert sign in person(slug).full_name


def test_names_of_awkward_length_are_as_long_as_they_say() -> None:
    assert len(person("ten-37-chu").full_name) == 37
    assert len(person("ten-rat-dai").full_name) > 70
    assert len(person("ten-rat-ngan").full_name) == 4


@pytest.mark.parametrize(
    ("slug", "code"),
    [("lam-chan-phat", "04"), ("thach-sa-rinh", "05"), ("bui-thi-noi", "06"), ("h-nhien-nie", "12")],
)
def test_ethnic_codes_are_in_the_order_of_decision_121(slug: str, code: str) -> None:
    assert person(slug).ethnicity == code


def test_a_record_may_lack_father_or_both_parents() -> None:
    assert (person("ho-gia-bao").father, person("bui-van-chau").mother) == (None, None)
    assert (person("mac-vo-danh").father, person("mac-vo-danh").mother) == (None, None)


def test_a_foreign_spouse_has_a_nationality_and_no_number() -> None:
    spouse = person("vo-phuong-nam").spouse
    assert spouse
    assert (spouse.nationality, spouse.citizen_id, spouse.id_card_number) == ("KR", None, None)


def test_the_ages_run_from_this_year_to_over_a_hundred() -> None:
    years = [persona.person.birth_year for persona in load_personas()]
    assert (min(years), max(years)) == (1918, 2026)


def test_what_the_record_does_not_know_is_said_in_codes() -> None:
    unknown = person("chua-ro-hon-nhan")
    assert (unknown.marital_status, unknown.religion, unknown.blood_type) == ("0", "00", "00")
    assert person("khong-so-cu").id_card_number is None
    assert person("chua-ro-gioi-tinh").gender == "0"


@pytest.mark.parametrize("code", ["00004", "00008", "00025", "00070", "00082"])
def test_one_record_holds_a_reused_ward_code_in_both_meanings(code: str) -> None:
    both = person(f"hai-nghia-{code}")
    assert both.native_place
    assert both.permanent_residence
    assert both.native_place.ward_code == both.permanent_residence.ward_code == code
    assert (both.native_place.district_code is None, both.permanent_residence.district_code) == (False, None)
    assert both.native_place.detail != both.permanent_residence.detail


def test_a_mixed_record_keeps_a_province_that_is_gone() -> None:
    mixed = person("que-cu-thuong-tru-moi")
    assert mixed.native_place
    assert mixed.native_place.detail.endswith("TỈNH YÊN BÁI")
    assert mixed.permanent_residence == load_wards().find(NEW, "00025")


def test_both_lists_of_units_count_as_many_provinces_as_the_law() -> None:
    old, new = (load_wards().provinces[code_list] for code_list in (OLD, NEW))
    assert (len(old), len(new)) == (63, 34)
    assert new < old


def test_every_relation_but_the_heads_is_marked_as_invented() -> None:
    assert [code for code, relation in load_relations().items() if not relation["invented"]] == [
        HEAD_OF_HOUSEHOLD
    ]
    assert all(relation["name"] for relation in load_relations().values())
