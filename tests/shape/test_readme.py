"""Sign of decay D8: every command in the documents exists. A README's first screen names the two commands
of the set-up.
"""

import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from mock_c06.commands.main import app as mock
from portal.cli import app as portal
from tests.kit.source import ROOT
from tools.install import OLDEST, TOO_NEW
from witness.cli import app as witness

DOCUMENTS = ("README.md", "README.vi.md", "CONTRIBUTING.md")
MODULES = {"gateway": "gateway", "mock-c06": "mock_c06"}
COMMAND = re.compile(
    r"^(?:\$ )?(?:\.venv/bin/)?(make|gateway|mock-c06) ((?:[a-z][a-z0-9-]*(?: |$))+)", re.MULTILINE
)


def _read_commands() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            found |= {(program, words.strip()) for program, words in COMMAND.findall(block)}
        found |= {("make", target) for target in re.findall(r"`make ([a-z]+)`", text)}
    return found


def _find_missing_targets(targets: set[str]) -> list[str]:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    return sorted(targets - made)


def _runs(program: str, words: str) -> bool:
    command = [sys.executable, "-m", MODULES[program], *words.split(), "--help"]
    return subprocess.run(command, capture_output=True, check=False, cwd=ROOT).returncode == 0


FIRST_SCREEN = 40
"""Lines."""


@pytest.mark.parametrize("document", ["README.md", "README.vi.md"])
def test_the_first_screen_names_both_commands_with_their_last_lines(document: str) -> None:
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN]
    for command in ("demo", "test"):
        row = next(line for line in lines if line.startswith(f"| `make {command}`"))
        *_, time, last_line = [cell.strip() for cell in row.strip("| ").split("|")]
        assert re.search(r"minute|phút", time)
        assert last_line.strip("`").startswith(f"{command}: ok (")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            "README.md",
            ("Python 3.11 to 3.13", "makes `.venv`", "needs the network", "`make serve` does so too"),
        ),
        ("README.vi.md", ("Python 3.11 đến 3.13", "tạo `.venv`", "cần mạng", "`make serve` cũng vậy")),
    ],
)
def test_the_first_screen_says_what_the_first_run_needs(document: str, words: tuple[str, ...]) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    screen = " ".join(" ".join(text.splitlines()[:FIRST_SCREEN]).split())
    assert [each for each in words if each not in screen] == []
    oldest, newest = (".".join(map(str, OLDEST)), f"{TOO_NEW[0]}.{TOO_NEW[1] - 1}")
    assert (oldest, newest) == ("3.11", "3.13")


def test_the_vietnamese_readme_is_linked_near_the_top() -> None:
    assert "(README.vi.md)" in "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:6])


BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("what", [r"`([^`]+)`", r"\]\(([^)]+)\)"], ids=["code", "links"])
def test_both_readmes_show_the_same_blocks_code_and_links(what: str) -> None:
    english, vietnamese = (
        (ROOT / document).read_text(encoding="utf-8") for document in ("README.md", "README.vi.md")
    )
    assert BLOCK.findall(english)[1:] == BLOCK.findall(vietnamese)[1:]  # the first is the picture
    named = [
        {" ".join(found.split()) for found in re.findall(what, BLOCK.sub("", text))}
        for text in (english, vietnamese)
    ]
    assert named[0] - {"README.vi.md"} == named[1] - {"README.md"}


def test_the_readme_shows_the_last_line_of_make_test() -> None:
    target = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ntest: ")[2].partition("\n\n")[0]
    last_line = target.splitlines()[-1].strip().removeprefix('@echo "').removesuffix('"')
    for document in ("README.md", "README.vi.md"):
        assert f"| `{last_line}` |" in (ROOT / document).read_text(encoding="utf-8")


def test_every_make_target_in_the_documents_exists() -> None:
    named = {words.split()[0] for program, words in _read_commands() if program == "make"}
    assert {"demo", "serve", "check", "test"} <= named
    assert _find_missing_targets(named) == []


def test_every_console_command_in_the_documents_exists() -> None:
    named = sorted(pair for pair in _read_commands() if pair[0] != "make")
    assert [pair for pair in named if not _runs(*pair)] == []


@pytest.mark.parametrize(
    ("program", "group"),
    [
        (mock, ()),
        (mock, ("journal",)),
        (mock, ("population",)),
        (portal, ()),
        (portal, ("receipts",)),
        (witness, ()),
    ],
)
def test_the_help_of_a_group_cuts_no_sentence_of_a_command(
    program: typer.Typer, group: tuple[str, ...]
) -> None:
    _, _, commands = CliRunner().invoke(program, [*group, "--help"]).output.partition("Commands:\n")
    assert [line for line in commands.splitlines() if line.endswith("...")] == []
    assert commands


def test_a_make_target_that_does_not_exist_is_found() -> None:
    assert _find_missing_targets({"check", "magic"}) == ["magic"]


def test_a_command_that_does_not_exist_is_found() -> None:
    assert not _runs("gateway", "conjure")


def test_the_vietnamese_readme_uses_one_word_for_one_thing() -> None:
    text = (ROOT / "README.vi.md").read_text(encoding="utf-8")
    assert re.findall(r"[Cc]ổng(?! dịch vụ công| DVC)", text) == []  # neither the gateway nor a port
    assert "khoá" not in text


def test_the_vietnamese_readme_says_once_which_pages_are_english() -> None:
    _, _, table = (ROOT / "README.vi.md").read_text(encoding="utf-8").partition("## Đọc tiếp\n")
    table, _, _ = table.partition("\n## ")
    assert table.count("tiếng Anh") - table.count("`--lang en`: bản tiếng Anh") == 1
    assert "mật khẩu giả" not in (ROOT / "README.vi.md").read_text(encoding="utf-8")
