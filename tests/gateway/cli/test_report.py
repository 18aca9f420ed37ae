"""`gateway report weekly` as people run it: in an empty folder, and beside a store."""

import asyncio
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import parse_week
from gateway.identifiers import Language
from gateway.procedures.catalogue import load_catalogue
from gateway.reports.page import report_page
from gateway.reports.use_cases import make_weekly_report
from tests.kit.commands import Commands
from tests.kit.source import ROOT


def test_a_report_in_an_empty_folder_prints_the_seed_says_that_no_store_is_there_and_creates_nothing(
    tmp_path: Path,
) -> None:
    told = Commands(tmp_path)("report", "weekly", "--week", "2022-W17")
    assert told.code == 0
    assert told.err.startswith("there is no store here, so nothing was measured: ")
    assert "GATEWAY_DATABASE_URL" in told.err
    for figure in ("17/25 (68 %)", "14/14", "11/14", "3/14 – Đăng ký khai sinh", "3/11"):
        assert figure in told.out
    assert list(tmp_path.iterdir()) == []


def test_json_is_the_same_by_both_options_and_beside_a_store(gateway: Commands) -> None:
    without = gateway("report", "weekly", "--week", "2022-W17", "--json").json()
    assert gateway("organisations", "add", "000.00.01.H26", "UBND TP").code == 0
    beside = gateway("report", "weekly", "--week", "2022-W17", "--format", "json")
    assert (beside.json(), beside.err) == (without, "")


@pytest.mark.parametrize(
    "options",
    [
        ("--week", "2022-W53"),
        ("--week", "x"),
        ("--week", ""),
        ("--format", "pdf"),
        ("--lang", "fr"),
        ("--json", "--format", "html"),
    ],
)
def test_a_week_or_form_that_is_none_is_wrong_usage(gateway: Commands, options: tuple[str, ...]) -> None:
    told = gateway("report", "weekly", *options)
    assert (told.code, told.out) == (2, "")


def count_sheets(page: str, folder: Path) -> bytes:
    """Return how Chromium's PDF counts its pages."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    written, sheet = folder / "report.html", folder / "report.pdf"
    written.write_text(page, encoding="utf-8")
    quiet = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-pdf-header-footer",
        f"--user-data-dir={folder}",
    )
    subprocess.run(
        [browser, *quiet, f"--print-to-pdf={sheet}", written.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return b"".join(re.findall(rb"/Count [0-9]+", sheet.read_bytes()))


def test_the_page_prints_on_one_sheet_of_a4(gateway: Commands, tmp_path: Path) -> None:
    page = gateway("report", "weekly", "--week", "2022-W17", "--format", "html").out
    assert count_sheets(page, tmp_path) == b"/Count 1"


def test_a_week_of_many_portals_and_every_failure_prints_on_one_sheet_of_a4(tmp_path: Path) -> None:
    report = asyncio.run(make_weekly_report(None, parse_week("2022-W17")))
    counts, codes = {"asked": 123456, "reused": 45678}, ("unavailable", "timeout", "answer_invalid")
    measured = replace(
        report.measured,
        asked=123456,
        failures={f"registry_{code}": 123 for code in codes},
        by={
            "service": {},
            "portal": {f"acc_{n}ywgwow4xa7tvzpktmifdi4qqw": counts for n in range(7)},
            "profile": {"official": counts, "sandbox": counts},
            "organisation": {f"000.00.01.H{n}": counts for n in range(7)},
        },
    )
    page = report_page(replace(report, measured=measured), load_catalogue(), Language.EN)
    assert count_sheets(page, tmp_path) == b"/Count 1"


def test_the_document_shows_what_the_command_prints(gateway: Commands) -> None:
    told = gateway("report", "weekly", "--week", "2022-W17", "--lang", "en").out.strip()
    assert told in (ROOT / "docs" / "weekly-report.md").read_text(encoding="utf-8")
