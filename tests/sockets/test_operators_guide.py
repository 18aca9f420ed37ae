"""`docs/operators.md` stays true: every command of it is typed, everything it prints compared, in the page's order."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from gateway.profiles.model import Watch
from gateway.profiles.preflight_sheet import LOGIN, QUESTIONS, WITHOUT_PACKETS
from tests.gateway.cli.commands import Commands
from tests.mock_c06.programs import Served
from tests.shape.source import ROOT
from tests.sockets.operators_guide import File, Meanwhile, Reader, Step, read_script
from tests.sockets.operators_scene import FOLLOWED, Stage

TEXT = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
SCRIPT = list(read_script(TEXT))


@pytest.fixture
def stage(mock: Served, tmp_path: Path) -> Iterator[Stage]:
    addresses = {"http://127.0.0.1:8100": mock.test, "http://127.0.0.1:8110": mock.official}
    with ExitStack() as running:
        yield Stage(mock=mock, folder=tmp_path, reader=Reader(addresses=addresses), running=running)


def issue(stage: Stage, name: str, environment: str) -> None:
    stage.issue(name, environment)


def suspend(stage: Stage, name: str) -> None:
    stage.control("PATCH", f"/accounts/{name}", {"status": "suspended"})


def resume(stage: Stage, name: str) -> None:
    stage.control("PATCH", f"/accounts/{name}", {"status": "active"})


def ask(stage: Stage) -> None:
    assert stage.ask() == 201


def ask_again_and_again(stage: Stage) -> None:
    stage.keep_asking()


def count_answers(stage: Stage, name: str) -> None:
    answers = stage.stop_asking()
    assert len(answers) > 2
    assert set(answers) == {201}
    assert stage.last_account() == name


def ask_and_wait(stage: Stage, name: str) -> None:
    suspend(stage, name)
    time.sleep(FOLLOWED)
    assert [stage.ask(), stage.ask()] == [502, 502]
    until = time.monotonic() + 30
    history = ("profiles", "history", "sandbox", "--json")
    while Commands(stage.folder)(*history).json()[0]["ended_by"] is None:
        assert time.monotonic() < until, "the gateway did not return"
        time.sleep(0.2)


def hand_over(stage: Stage) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    (stage.folder / "official.jwk.json").write_text(json.dumps(key), encoding="utf-8")
    (stage.folder / "officers.txt").write_text("can.bo.01\ncan.bo.02\n", encoding="utf-8")


def hand_over_another(stage: Stage) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    (stage.folder / "official-2.jwk.json").write_text(json.dumps(key), encoding="utf-8")


def lose_key(stage: Stage) -> None:
    stage.running.close()
    (stage.folder / "var" / "master.key").rename(stage.folder / "master.copy")


def find_key(stage: Stage) -> None:
    made = stage.folder / "var" / "master.key"
    copy = stage.folder / "master.copy"
    assert made.read_text() != copy.read_text()
    copy.replace(made)


EVENTS: dict[str, Callable[..., None]] = {
    r"C06 issues (\S+) for (test|official)": issue,
    r"C06 suspends (\S+)": suspend,
    r"C06 resumes (\S+)": resume,
    r"the portal asks and is answered": ask,
    r"C06 suspends (\S+), and two questions are refused": ask_and_wait,
    r"the portal asks again and again": ask_again_and_again,
    r"every question was answered, the last ones by (\S+)": count_answers,
    r"the portal hands over official.jwk.json and officers.txt": hand_over,
    r"the portal hands over official-2.jwk.json": hand_over_another,
    r"the master key is lost": lose_key,
    r"a copy of the master key is found": find_key,
}


def happen(stage: Stage, event: Meanwhile) -> None:
    """Let happen what the page says that others do."""
    for pattern, act in EVENTS.items():
        if found := re.fullmatch(pattern, event.what):
            act(stage, *found.groups())
            return
    pytest.fail(f"nobody knows how: {event.what}")


def exit_code_of(step: Step) -> int:
    """Return how a command ends that prints this: refused or failed where it says so."""
    return int(any(line.startswith(("error: ", "FAIL  ")) for line in step.shown.splitlines()))


def test_every_command_of_the_page_prints_what_it_shows(stage: Stage) -> None:
    for part in SCRIPT:
        match part:
            case File():
                stage.write(part)
            case Meanwhile():
                happen(stage, part)
            case Step():
                if part.prompts:
                    assert stage.asked_at(part) == part.prompts, f"line {part.line}"
                code, printed = stage.type(part)
                assert stage.reader.difference(part.shown, printed) is None, f"line {part.line}"
                assert code == exit_code_of(part), f"line {part.line}"


def test_the_page_shows_every_act_of_a_change_and_fits_80_columns() -> None:
    steps = [part for part in SCRIPT if isinstance(part, Step)]
    acts = {part.command.split()[2] for part in steps if part.command.startswith("gateway profiles ")}
    assert acts == {
        *("list", "show", "history", "propose", "set-policy", "preflight", "approve", "activate"),
        *("reject", "rollback", "suspend", "resume"),
    }
    assert all(part.shown for part in steps)
    lines = [line for part in steps for line in part.shown.splitlines() if not line.startswith("error: ")]
    assert max(map(len, lines)) <= 80


def test_every_line_of_a_preflight_is_explained_on_the_page() -> None:
    rows = {
        name
        for row in re.findall(r"^\| (`.*?`) \|", TEXT, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    between = {f"operation_0{number}" for number in (37, 38, 39)}
    assert {*WITHOUT_PACKETS, *LOGIN, *QUESTIONS} - between <= rows


def test_the_thresholds_on_the_page_are_those_in_force() -> None:
    told = re.search(
        r"For (\d+) s each worker .*?: (\d+) refused logins, (\d+) invalid answers or (\d+) failures", TEXT
    )
    assert told
    watch = Watch()
    in_force = (watch.seconds, watch.refused_logins, watch.invalid_answers, watch.failures)
    assert tuple(map(int, told.groups())) == in_force


@pytest.mark.parametrize(
    ("shown", "seen", "same"),
    [
        ("change: chg_gb5a… ok", f"change: chg_{'a' * 25} ok", True),
        ("change: chg_gb5a… chg_gb5a…", f"change: chg_{'a' * 25} chg_{'b' * 25}", False),
        ("at 2026-11-25T10:00:00Z (3 ms)", "at 2030-01-01T00:00:00Z (17 ms)", True),
        ("first\n…\nlast", "first between last", True),
        ("first\n…\nlast", "first last more", False),
        ("first\n…", "first and more", True),
        ("first", "first and more", False),
        ("…\nlast", "before last", True),
        ("first third", "first second", False),
        ("", "anything", False),
    ],
)
def test_what_is_printed_otherwise_is_a_difference(shown: str, seen: str, *, same: bool) -> None:
    assert (Reader().difference(shown, seen) is None) is same
