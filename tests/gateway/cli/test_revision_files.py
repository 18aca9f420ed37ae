"""The file of `gateway profiles propose`: TOML or JSON, secrets by file or standard input, errors that name the member."""

from pathlib import Path

import pytest

from tests.gateway.cli.terminals import type_at_terminal
from tests.kit.programs import find_account
from tests.kit.staff import ACCOUNTS, Staff


def test_a_toml_file_takes_its_secret_from_a_file_beside_it(staff: Staff, tmp_path: Path) -> None:
    account = find_account(staff.mock, ACCOUNTS["sandbox"])
    folder = tmp_path / "revisions"
    folder.mkdir()
    (folder / "secret.txt").write_text(f"{account['secret']}\n", encoding="utf-8")
    toml = f'''registry_url = "{staff.mock.test}"
c06_user = "{account["user"]}"
c06_secret = {{file = "secret.txt"}}
agency = "{account["agency"]}"
officer = "dvctt.dichvu"
expires_on = 2099-01-31
'''
    (folder / "sandbox.toml").write_text(toml, encoding="utf-8")
    change = staff.proposer(
        "profiles", "propose", "sandbox", "--file", "revisions/sandbox.toml", "--json"
    ).json()
    assert staff.proposer("profiles", "preflight", change["id"]).code == 0
    shown = {line["member"]: line["to"] for line in change["diff"]}
    assert (shown["c06_secret"], shown["expires_on"]) == ("(sealed)", "2099-01-31")


def test_secrets_come_by_standard_input_a_line_each_in_the_files_order(staff: Staff) -> None:
    secret = staff.members("sandbox")["c06_secret"]
    by_stdin = {"c06_secret": {"stdin": True}}
    file = staff.write("sandbox", **by_stdin)
    propose = ("profiles", "propose", "sandbox", "--file", file)
    change = staff.proposer(*propose, "--json", stdin=f"{secret}\n").json()
    assert staff.proposer("profiles", "preflight", change["id"]).code == 0
    assert staff.proposer(*propose).reason() == "c06_secret: a line on standard input is expected"

    adapter = {
        "access_key": {"stdin": True},
        "secret_key": {"stdin": True},
        "app_name": "dvctt",
        "partner_code": "p",
        "partner_code_cus": "c",
    }
    nested = staff.write("sandbox", adapter=adapter, ngsp_key={"stdin": True})
    reason = staff.proposer("profiles", "propose", "sandbox", "--file", nested, stdin="one\n").reason()
    assert reason == "adapter.secret_key: a line on standard input is expected"


def test_a_secret_by_another_reference_is_refused_with_the_references_that_there_are(staff: Staff) -> None:
    for reference in ({"env": "SECRET"}, {"file": 7}, {"stdin": "true"}, {}):
        file = staff.write("sandbox", c06_secret=reference)
        reason = staff.proposer("profiles", "propose", "sandbox", "--file", file).reason()
        assert reason == "c06_secret: text, {file = PATH} or {stdin = true} is expected"


def test_standard_input_that_is_not_text_is_refused_before_it_is_sealed(staff: Staff) -> None:
    file = staff.write("sandbox", c06_secret={"stdin": True})
    done = staff.proposer("profiles", "propose", "sandbox", "--file", file, stdin=b"\xff\n")
    assert done.reason() == "c06_secret: standard input is not UTF-8 text"


def test_a_byte_order_mark_is_not_part_of_a_file_or_secret(staff: Staff, tmp_path: Path) -> None:
    secret = staff.members("sandbox")["c06_secret"]
    (tmp_path / "secret.txt").write_text(f"{secret}\r\n", encoding="utf-8-sig")
    file = tmp_path / staff.write("sandbox", c06_secret={"file": "secret.txt"})
    file.write_text(file.read_text(encoding="utf-8"), encoding="utf-8-sig")
    change = staff.proposer("profiles", "propose", "sandbox", "--file", str(file), "--json").json()
    assert staff.proposer("profiles", "preflight", change["id"]).code == 0


def test_at_a_terminal_a_secret_is_asked_for_and_not_shown(staff: Staff) -> None:
    secret = staff.members("sandbox")["c06_secret"]
    file = staff.write("sandbox", c06_secret={"stdin": True})
    out, shown = type_at_terminal(
        staff.gateway.folder,
        *("profiles", "propose", "sandbox", "--file", file),
        typed={"c06_secret": secret},
        hidden=True,
        GATEWAY_OPERATOR_TOKEN=staff.proposer.token,
        **staff.proposer.settings,
    )
    assert "state: proposed\n" in out
    assert secret not in out + shown
    assert staff.proposer("profiles", "preflight", out.split()[1]).code == 0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.toml", None, "none.toml: can't be read (No such file or directory)"),
        ("a.toml", "registry_url = ", "a.toml: not TOML (at end of document)"),
        ("a.toml", 'agency = "a"\nagency = "b"\n', "a.toml: not TOML (at line 2, column 13)"),
        ("a.toml", f"agency = {'[' * 9000}", "a.toml: not TOML"),
        ("a.toml", "#" * 65_537, "a.toml is over 64 KiB"),
        ("/dev/zero", None, "/dev/zero is over 64 KiB"),
        ("a.json", "{", "a.json: not one JSON object with distinct member names"),
        ("a.json", "[]", "a.json: not one JSON object"),
        ("a.json", "[" * 9000, "a.json: not one JSON object"),
        ("a.json", '{"agency": "a", "agency": "b"}', "a.json: not one JSON object"),
        ("a.toml", 'c06_secret = {file = "a\\u0000b"}', "can't be read (no file's name)"),
        ("a.toml", 'c06_secret = {file = "/dev/null"}', "c06_secret: /dev/null is empty"),
        (
            "a.toml",
            'c06_secret = {file = "none"}',
            "c06_secret: none: can't be read (No such file or directory)",
        ),
        ("a.toml", 'registry_url = "http://127.0.0.1:1"', "revision.agency: this member is required"),
        ("a.toml", 'agncy = "000.00.01.H26"', "a.toml: agncy: a revision has no such member"),
        ("a.toml", '001090000123 = "x"', "position 0 of revision"),
        ("a.toml", 'registry_url = "http://u:secret@127.0.0.1/"', "revision.registry_url: an http"),
        ("a.toml", 'registry_url = "some text"', "is expected, such as https://name.example.vn"),
        ("a.toml", 'registry_url = "http://the registry/"', "is expected, such as https://name.example.vn"),
        ("a.toml", "deadline_ms = 1", "revision.deadline_ms: "),
        ("a.toml", 'dialect = "telepathy"', "revision.dialect: "),
    ],
)
def test_a_file_without_a_valid_revision_is_refused_naming_the_member(
    staff: Staff, tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    told = staff.proposer("profiles", "propose", "official", "--file", name).reason()
    assert reason in told
    assert "secret@" not in told
    assert staff.gateway("profiles", "history", "--json").json() == []
