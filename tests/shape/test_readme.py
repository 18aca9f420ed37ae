"""Sign of decay D8: a command that the documents name exists."""

import re
import subprocess
import sys

from tests.shape.source import ROOT

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


def test_every_make_target_in_the_documents_exists() -> None:
    named = {words.split()[0] for program, words in _read_commands() if program == "make"}
    assert {"demo", "serve", "check", "test"} <= named
    assert _find_missing_targets(named) == []


def test_every_console_command_in_the_documents_exists() -> None:
    named = sorted(pair for pair in _read_commands() if pair[0] != "make")
    assert [pair for pair in named if not _runs(*pair)] == []


def test_a_target_that_is_not_made_is_found() -> None:
    assert _find_missing_targets({"check", "magic"}) == ["magic"]


def test_a_command_that_does_not_exist_is_found() -> None:
    assert not _runs("gateway", "conjure")
