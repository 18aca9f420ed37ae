"""A catalogue with one wrong line is refused whole, naming file and place."""

import shutil
from pathlib import Path

import pytest

from gateway.procedures.catalogue import DATA, CatalogueInvalid, load_catalogue

KHAI_SINH = "procedures/09-khai-sinh.toml"
FULL_NAME = '{ name = "full_name", from = "TraCuuThongTinCongDan", source = "contract" }'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(DATA, copy, ignore=shutil.ignore_patterns("units", "codes"))
    return copy


def break_line(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(CatalogueInvalid) as caught:
        load_catalogue(folder)
    return caught.value.reason


def test_an_unchanged_copy_of_the_catalogue_is_accepted(folder: Path) -> None:
    assert load_catalogue(folder).procedures == load_catalogue().procedures


def test_the_catalogue_is_read_once_for_a_folder() -> None:
    assert load_catalogue() is load_catalogue()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            'name = "relation_to_child"',
            'name = "salary"',
            "roles[requester].fields[salary].name: unknown field",
        ),
        (
            FULL_NAME,
            FULL_NAME.replace("TraCuuThongTinCongDan", "DocTatCa"),
            "roles[requester].fields[full_name].from: unknown operation",
        ),
        (
            FULL_NAME,
            FULL_NAME.replace("TraCuuThongTinCongDan", "XacMinhThongTinNhanThan"),
            "roles[requester].fields[full_name].from: this field comes from TraCuuThongTinCongDan",
        ),
        (
            FULL_NAME,
            FULL_NAME.replace("TraCuuThongTinCongDan", "citizen"),
            "roles[requester].fields[full_name].from: this field comes from TraCuuThongTinCongDan",
        ),
        (
            'name = "child_gender", from = "citizen"',
            'name = "child_gender", from = "TraCuuThongTinCongDan"',
            "roles[requester].fields[child_gender].from: this field comes from citizen",
        ),
        (FULL_NAME, f"{FULL_NAME}, {FULL_NAME}", "roles[requester].fields: full_name occurs twice"),
        (FULL_NAME, FULL_NAME.replace("contract", "hearsay"), "fields[full_name].source: unknown source"),
        (
            FULL_NAME,
            FULL_NAME.replace("contract", "own"),
            "fields[full_name].guess: a line from 'own' must say",
        ),
        (
            FULL_NAME,
            FULL_NAME.replace(', source = "contract"', ""),
            "fields[full_name].source: missing",
        ),
        (FULL_NAME, FULL_NAME.replace(" }", ", locked = true }"), "fields[full_name].locked: unknown member"),
        (FULL_NAME, FULL_NAME.replace(" }", ", guess = 1 }"), "fields[full_name].guess: true or false"),
        ('name = "father"\n', 'name = "godfather"\n', "roles[godfather].name: unknown role"),
        ('name = "father"\n', 'name = "mother"\n', "roles: mother occurs twice"),
        ('name = "requester"\n', 'name = "guest"\n', "roles: the requester is missing"),
        ("number = 9", 'number = "9"', "number: a whole number is expected"),
        ("number = 9", "number = 8", "slug: the file should be 08-khai-sinh.toml"),
        ('slug = "khai-sinh"', 'slug = "Khai sinh"', "slug: lower case words"),
        ('code = "G15-TP110"', 'code = "TP110"', "service_code.code: a MaDVC"),
        ('code = "1.001193"', 'code = "1001193"', "codes[1001193].code: a mã TTHC"),
        ('code = "1.001193"', 'code = "1.001193"\nvalid_to = "2030"', "codes[1.001193].valid_to: a date"),
        (
            'code = "1.001193"',
            'code = "1.001193"\nvalid_from = 2025-01-02\nvalid_to = 2025-01-01',
            "codes[1.001193].valid_to: ends before it begins",
        ),
        ('[purpose]\nvi = "', '[purpose]\nvi = "" #', "purpose.vi: a text is expected"),
        ("[purpose]", "[aim]", "aim: unknown member"),
        ("[[codes]]", "[codes]", "codes: a list of tables is expected"),
        ("[[roles]]", "[roles]", "file: can't be read as TOML"),
    ],
)
def test_one_wrong_line_of_a_service_is_named_by_its_place(
    folder: Path, old: str, new: str, reason: str
) -> None:
    break_line(folder, KHAI_SINH, old, new)
    assert refusal(folder).startswith("09-khai-sinh.toml: ")
    assert reason in refusal(folder)


def test_a_service_without_legal_basis_is_refused_by_name(folder: Path) -> None:
    text = (folder / KHAI_SINH).read_text(encoding="utf-8")
    head, _, rest = text.partition("[[legal_basis]]")
    (folder / KHAI_SINH).write_text(f"{head}[[roles]]{rest.partition('[[roles]]')[2]}", encoding="utf-8")
    assert refusal(folder) == "09-khai-sinh.toml: legal_basis: missing"


def test_a_role_without_any_form_field_is_refused(folder: Path) -> None:
    text = (folder / KHAI_SINH).read_text(encoding="utf-8")
    (folder / KHAI_SINH).write_text(f'{text}\n[[roles]]\nname = "guest"\n', encoding="utf-8")
    assert "roles[guest].fields: missing" in refusal(folder)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            'slug = "khai-tu"',
            'slug = "khai-sinh"',
            "10-khai-tu.toml: slug: the file should be 10-khai-sinh.toml",
        ),
        ('"G15-TP111"', '"G15-TP110"', "service_code: G15-TP110 is already in 09-khai-sinh.toml"),
        ('"1.000656"', '"1.001193"', "codes: 1.001193 is already in 09-khai-sinh.toml"),
        ('code = "1.000656"', 'code = "1.000894"', "codes: 1.000894 is already in 10-khai-tu.toml"),
    ],
)
def test_two_services_never_share_slug_service_code_or_code(
    folder: Path, old: str, new: str, reason: str
) -> None:
    break_line(folder, "procedures/10-khai-tu.toml", old, new)
    assert reason in refusal(folder)


def test_a_slug_that_stands_in_two_files_is_refused(folder: Path) -> None:
    text = (folder / KHAI_SINH).read_text(encoding="utf-8").replace("number = 9", "number = 26", 1)
    (folder / "procedures" / "26-khai-sinh.toml").write_text(text, encoding="utf-8")
    assert refusal(folder) == "26-khai-sinh.toml: slug: khai-sinh is already in 09-khai-sinh.toml"


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (
            "fields.toml",
            'codes = "ethnic-qd121"',
            'codes = "ethnic-gso"',
            "ethnicity.codes: unknown code list",
        ),
        ("fields.toml", "religion = ", "creed = ", "religion: the registry returns this field"),
        ("fields.toml", 'vi = "Tôn giáo", ', "", "religion.vi: missing"),
        ("fields.toml", "full_name = {", "full_name = 1 # {", "full_name: a table is expected"),
        ("sources.toml", "title =", "name =", "contract.name: unknown member"),
    ],
)
def test_one_wrong_line_of_a_word_list_is_named(
    folder: Path, file: str, old: str, new: str, reason: str
) -> None:
    break_line(folder, file, old, new)
    assert refusal(folder).startswith(f"{file}: ")
    assert reason in refusal(folder)


def test_a_folder_without_services_is_no_catalogue(folder: Path) -> None:
    shutil.rmtree(folder / "procedures")
    assert "has no services" in refusal(folder)


def test_a_missing_word_list_is_named_with_its_file(folder: Path) -> None:
    (folder / "fields.toml").unlink()
    assert refusal(folder).startswith("fields.toml: file: can't be read as TOML")
