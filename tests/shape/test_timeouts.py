"""A test that hangs fails after its time limit, with its traceback, and the tests after it run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.source import ROOT

HANGING = """
import asyncio
import threading

def test_that_waits_for_a_thread():
    threading.Event().wait()

async def test_that_waits_for_a_task():
    await asyncio.Event().wait()

async def test_that_comes_after_them():
    await asyncio.sleep(0)
"""


def test_each_test_has_a_time_limit_that_lets_the_run_continue(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) <= 600
    assert pytestconfig.getini("timeout_method") == "signal"


def test_a_test_that_hangs_fails_and_the_next_one_runs(tmp_path: Path) -> None:
    file = tmp_path / "test_hanging.py"
    file.write_text(HANGING, encoding="utf-8")
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *settings, "--timeout=1", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert "2 failed, 1 passed" in ended.stdout
    assert ended.stdout.count("Failed: Timeout (>1.0s) from pytest-timeout") >= 2
