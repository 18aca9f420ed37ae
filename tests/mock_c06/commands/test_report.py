"""`mock-c06 report` as a program: JSON, text, a page, one account's, and what it refuses in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.programs import Served, run_mock_here, serving_mock

pytestmark = pytest.mark.sockets
BAD = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:d="http://dancuquocgia.bca">'
    b"<s:Header/><s:Body><d:XacThucThongTinCongDan><d:MaYeuCau>a</d:MaYeuCau><d:SoDinhDanh>001090000123"
    b"</d:SoDinhDanh><d:SoCMND>012345678</d:SoCMND><d:HoVaTen>An</d:HoVaTen></d:XacThucThongTinCongDan>"
    b"</s:Body></s:Envelope>"
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A mock that one client asked badly: two numbers, a name that is not folded."""
    with serving_mock() as running:
        headers = {"Content-Type": "text/xml", "Timestamp": "1650990000"}
        httpx.post(f"{running.test}/XacThucThongTinCongDan", content=BAD, headers=headers)
        yield running


def report(served: Served, *arguments: str, token: str | None = None) -> tuple[int, str, str]:
    """Run the command against the mock."""
    command = ("report", "--control", served.control, *arguments)
    ended = run_mock_here(*command, MOCK_C06_CONTROL_TOKEN=served.token if token is None else token)
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def test_a_report_is_one_json_object_as_the_control_face_gives_it(served: Served) -> None:
    code, printed, _ = report(served, "--json")
    headers = {"Authorization": f"Bearer {served.token}"}
    assert code == 0
    assert json.loads(printed) == httpx.get(f"{served.control}/runs/default/report", headers=headers).json()


def test_the_json_names_every_check_with_its_verdict_entries_and_remedy(served: Served) -> None:
    card = json.loads(report(served, "--json")[1])
    by_id = {check["id"]: check for check in card["checks"]}
    assert (card["run"], card["account"], card["calls"]) == ("default", None, 1)
    assert card["summary"] == {"right": 0, "wrong": 4, "not_seen": 5}
    assert set(card["checks"][0]) == {"id", "verdict", "title", "seen", "entries", "remedy", "reasons"}
    assert by_id["one_number"]["verdict"] == "wrong"
    assert by_id["one_number"]["entries"] == {"looked_at": [1], "wrong": [1]}
    assert {"vi", "en"} == set(by_id["timestamp_ms"]["remedy"])


def test_the_json_of_one_account_counts_its_calls_alone(served: Served) -> None:
    card = json.loads(report(served, "--json", "--account", "limited")[1])
    assert (card["account"], card["calls"]) == ("limited", 0)
    assert {check["verdict"] for check in card["checks"]} == {"not_seen"}


def test_the_text_keeps_to_eighty_columns_and_names_nobody(served: Served) -> None:
    code, printed, _ = report(served)
    assert code == 0
    assert "wrong    one_number" in printed
    assert max(len(line) for line in printed.splitlines()) <= 80
    assert "001090000123" not in printed


def test_a_page_is_written_to_a_file_and_nothing_printed(served: Served, tmp_path: Path) -> None:
    page = tmp_path / "card.html"
    assert report(served, "--html", str(page)) == (0, "", "")
    assert page.read_text(encoding="utf-8").startswith('<!doctype html><html lang="vi">')


def test_a_report_in_two_forms_at_once_is_wrong_usage(served: Served, tmp_path: Path) -> None:
    code, printed, told = report(served, "--json", "--html", str(tmp_path / "card.html"))
    assert (code, printed, "cannot be combined with --html" in told) == (2, "", True)


@pytest.mark.parametrize(
    ("arguments", "token", "reason"),
    [
        (("--run", "none"), None, "run none: no such run"),
        (("--account", "nobody"), None, "no such account: mock-c06 accounts lists them"),
        (
            ("--json",),
            "wrong",
            "refuses the token: set MOCK_C06_CONTROL_TOKEN to the one that its serve printed",
        ),
        (("--html", "/nowhere/card.html"), None, "can't write"),
    ],
)
def test_what_cannot_be_reported_is_one_line_and_exit_one(
    served: Served, arguments: tuple[str, ...], token: str | None, reason: str
) -> None:
    code, printed, told = report(served, *arguments, token=token)
    assert (code, printed, told.count("\n"), reason in told) == (1, "", 1, True)


def test_a_refused_token_names_the_control_face_and_the_option_for_another_one(served: Served) -> None:
    """Beside `make serve` a mock has another port, and the default one is that of `make serve`."""
    _, _, told = report(served, token="wrong")
    assert f"the control face at {served.control} refuses the token" in told
    assert told.rstrip().endswith("or name another mock's control face with --control")


def test_an_address_that_is_no_control_face_is_named_instead_of_a_missing_run(served: Served) -> None:
    for wrong in (served.test, served.control.removeprefix("http://"), "http://127.0.0.1:1"):
        code, printed, told = report(served, "--control", wrong)
        assert (code, printed) == (1, "")
        assert told.startswith(
            f"mock-c06: no control face answers at {wrong}: start mock-c06 serve, or name with"
        )


def test_the_journal_is_exported_as_the_control_face_gives_it(served: Served, tmp_path: Path) -> None:
    settings = {"MOCK_C06_CONTROL_TOKEN": served.token}
    printed = run_mock_here("journal", "export", "--control", served.control, **settings)
    as_json = run_mock_here("journal", "export", "--json", "--control", served.control, **settings)
    assert (as_json.returncode, as_json.stdout) == (0, printed.stdout)
    assert (printed.returncode, printed.stderr) == (0, b"")
    exported = json.loads(printed.stdout)
    answer = httpx.get(
        f"{served.control}/runs/default/journal", headers={"Authorization": f"Bearer {served.token}"}
    )
    assert exported == {"run": "default", "entries": answer.json()["entries"]}
    assert len(exported["entries"]) == 1
    file = tmp_path / "c06.json"
    written = run_mock_here("journal", "export", "--control", served.control, "--out", str(file), **settings)
    assert (written.stdout, file.read_bytes()) == (b"", printed.stdout)


def test_the_journal_of_an_unknown_run_or_account_is_refused_in_one_line(served: Served) -> None:
    settings = {"MOCK_C06_CONTROL_TOKEN": served.token}
    for wrong, reason in (
        (("--run", "nothing"), b"no such run"),
        (("--account", "nobody"), b"no such account"),
        (("--account", "no body"), b"no such account"),
    ):
        refused = run_mock_here("journal", "export", "--control", served.control, *wrong, **settings)
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert refused.stderr.count(b"\n") == 1
        assert reason in refused.stderr
