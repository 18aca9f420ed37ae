"""`gateway discrepancies` on a real store: list, show and resolve, as a signed-in operator."""

import asyncio
from pathlib import Path

import pytest

from gateway.settings import Settings
from mock_c06.app import build_mock
from mock_c06.settings import Settings as MockSettings
from tests.kit.clocks import HandClock
from tests.kit.commands import Commands
from tests.kit.enquiries import verified
from tests.kit.scene import open_scene, settings_for
from tests.kit.staff import sign_in

NOTE = "Sai số nhà"
REASONS = "Đã sửa.\nIt was corrected.\n"


async def file_one(folder: Path) -> str:
    """File a discrepancy in the store of a folder, and return its id."""
    key = (folder / "var" / "master.key").read_text().strip()
    clock, mock = HandClock(), build_mock(MockSettings(), clock=HandClock())
    settings: Settings = settings_for(
        f"sqlite:///{folder}/var/gateway.db", mock, master_key=key, public_url="http://gateway.test"
    )
    async with open_scene(settings, mock, clock) as scene:
        portal = await scene.portal()
        prefill = (await (await verified(portal)).fill("gender")).json()["id"]
        body = {"prefill": prefill, "field": "gender", "note": NOTE}
        return str((await portal.call("POST", "/discrepancies", body)).json()["id"])


@pytest.fixture
def officer(gateway: Commands) -> Commands:
    """The program, with an officer for data protection signed in."""
    first = ("operators", "create", "lan", "--role", "admin", "--bootstrap", "--json")
    sign_in(gateway, "lan", gateway(*first).json()["one_time_code"])
    code = gateway("operators", "create", "an.vo", "--role", "data_protection", "--json").json()
    assert sign_in(gateway, "an.vo", code["one_time_code"]).code == 0
    return gateway


def test_a_discrepancy_is_listed_shown_and_resolved_with_two_lines_of_reason(
    officer: Commands, tmp_path: Path
) -> None:
    name = asyncio.run(file_one(tmp_path))

    listed = officer("discrepancies", "list", "--state", "open", "--json").json()
    shown = officer("discrepancies", "show", name[:12])
    resolve = ("discrepancies", "resolve", name.removeprefix("dis_")[:8], "--as", "corrected", "--json")
    ended = officer(*resolve, stdin=REASONS).json()

    assert [(each["id"], each["field"], each["state"]) for each in listed] == [(name, "gender", "open")]
    assert f"note: {NOTE}\n" in shown.out
    assert (ended["state"], ended["reason_vi"], ended["reason"], ended["note"]) == (
        "corrected",
        "Đã sửa.",
        "It was corrected.",
        None,
    )
    assert officer("discrepancies", "list", "--state", "open", "--json").json() == []
    again = officer("discrepancies", "resolve", name, "--as", "rejected", stdin=REASONS)
    assert again.reason() == f"discrepancy {name} is corrected already"
    assert officer("audit", "verify").code == 0


def test_what_is_refused_about_discrepancies_says_why_in_one_line(officer: Commands) -> None:
    name = "dis_" + "a" * 25
    resolve = ("discrepancies", "resolve", name, "--as", "rejected")
    assert "2 lines are expected" in officer(*resolve, stdin="một\n").reason()
    assert "could be a person's number" in officer(*resolve, stdin="001090000123\nno\n").reason()
    for arguments in (resolve, ("discrepancies", "show", name)):
        done = officer(*arguments, stdin=REASONS)
        assert done.reason() == "there is no such discrepancy: gateway discrepancies list"
    assert officer(*resolve[:-1], "open", stdin=REASONS).code == 2
    officer("logout")
    assert "no operator is signed in" in officer("discrepancies", "list").reason()
