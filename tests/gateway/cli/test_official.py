"""`gateway official`: a template that is read back, what is missing line by line, drafts, and files that can't be opened."""

import hashlib
import json
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from gateway.applications.statement import TEMPLATE
from tests.kit.commands import Commands
from tests.kit.staff import Staff

STATED = """\
application_id = "DVCTT-HN"
application_name = "Cổng dịch vụ công"
security_level = 3
retention = "không lưu"
deletion = "xóa ngay"
[rate]
per_second = 5
per_day = 20000
[contact]
unit = "Trung tâm Dữ liệu"
email = "ketnoi@dvctt.example"
phone = "024 3000 0000"
"""


def test_the_template_is_read_back_and_lacks_everything_stated(gateway: Commands, tmp_path: Path) -> None:
    printed = gateway("official", "application", "--template")
    assert (printed.code, printed.out) == (0, TEMPLATE)
    assert set(tomllib.loads(TEMPLATE)) == set(tomllib.loads(STATED))
    (tmp_path / "a.toml").write_text(printed.out, encoding="utf-8")
    done = gateway("official", "application", "--file", "a.toml")
    assert done.code == 1
    lines = done.out.splitlines()
    assert "missing: application_id: state it in --file (gateway official application --template)" in lines
    assert all(line.startswith("missing: ") for line in lines)
    assert (
        done.err
        == f"error: incomplete, {len(lines)} missing: nothing was written; --draft writes it anyway\n"
    )
    assert not (tmp_path / "official-application.json").exists()


def test_a_draft_is_written_marked_and_printed_as_json(gateway: Commands, tmp_path: Path) -> None:
    gateway.account("--all-fields")
    (tmp_path / "a.toml").write_text(STATED, encoding="utf-8")
    told = gateway("official", "application", "--file", "a.toml", "--draft", "--json").json()
    bundle = (tmp_path / "official-application.json").read_bytes()
    assert (told["bundle"], told["page"]) == ("official-application.json", "official-application.html")
    assert (told["sha256"], told["complete"]) == (hashlib.sha256(bundle).hexdigest(), False)
    assert json.loads(bundle)["document"]["draft"] is True
    assert "BẢN NHÁP" in (tmp_path / told["page"]).read_text(encoding="utf-8")
    assert {"what", "remedy"} == set(told["missing"][0])
    assert "preflight of the sandbox (the sandbox has no connection)" in [
        each["what"] for each in told["missing"]
    ]


def test_a_bundle_that_may_have_been_sent_is_not_written_over(gateway: Commands, tmp_path: Path) -> None:
    (tmp_path / "official-application.html").write_text("signed", encoding="utf-8")
    reason = gateway("official", "application", "--draft").reason()
    assert reason.startswith("official-application.html: exists, and may have been sent")
    assert (tmp_path / "official-application.html").read_text(encoding="utf-8") == "signed"


def test_an_incomplete_application_as_json_still_lists_what_is_missing(gateway: Commands) -> None:
    done = gateway("official", "application", "--json")
    told = json.loads(done.out)
    assert done.code == 1
    assert (told["bundle"], told["sha256"], told["page"], told["complete"]) == (None, None, None, False)
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "colour: no such member"),
        ('application_id = "a b"', "application_id: at most 64 of A-Z a-z 0-9 . _ / -"),
        ('retention = "hồ sơ 001090000123"', "retention: no run of nine or more digits"),
        ('[contact]\nunit = "a\\u0007"', "contact.unit: one line of printable characters"),
        ("security_level = 9", "security_level: 5 or less"),
        ("= 1", "a TOML, or .json, file is expected"),
    ],
)
def test_a_malformed_file_is_one_line_that_names_the_member(
    gateway: Commands, tmp_path: Path, text: str, named: str
) -> None:
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    reason = gateway("official", "application", "--file", "a.toml").reason()
    assert reason.startswith(f"a.toml: {named}")
    assert "001090000123" not in reason


def test_a_json_file_is_read_and_one_that_is_not_there_is_named(gateway: Commands, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(tomllib.loads(STATED)), encoding="utf-8")
    done = gateway("official", "application", "--file", "a.json", "--no-preflight")
    assert "application_id" not in done.out
    assert "missing: agency: " in done.out
    assert gateway("official", "application", "--file", "b.toml").reason().startswith("b.toml: can't be read")


def test_an_issued_file_is_opened_only_by_a_signed_in_operator(gateway: Commands, tmp_path: Path) -> None:
    assert gateway("official", "open", "--file", "i.json").reason() == "i.json: No such file or directory"
    (tmp_path / "i.json").write_text("{}", encoding="utf-8")
    reason = gateway("official", "open", "--file", "i.json").reason()
    assert reason == "there is no operator yet: gateway operators create NAME --role admin --bootstrap"


def test_eight_characters_of_an_applications_hash_are_enough_for_a_proposal(staff: Staff) -> None:
    digest, file = "c0ffee" + "a1" * 29, staff.write("official")
    propose = ("profiles", "propose", "official", "--file", file, "--json", "--application")
    with closing(sqlite3.connect(staff.gateway.folder / "var" / "gateway.db")) as store:
        values = (digest, "2099-01-01 00:00:00.000000", "lan.nguyen", "[]", "[]")
        columns = "sha256, made_at, made_by, procedures, operations"
        store.execute(f"INSERT INTO applications ({columns}) VALUES (?, ?, ?, ?, ?)", values)
        store.commit()

    assert "application: " in staff.proposer(*propose, digest[:7]).reason()
    assert digest in staff.proposer(*propose, digest[:8]).out
