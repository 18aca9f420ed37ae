"""The files that a page of examples shows: each Python block that opens with the name of its file."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "mock-pytest.md"
INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
CONFTEST = """
from mock_c06.testing import plugin as c06_plugin

def pytest_addoption(parser, pluginmanager):
    if not pluginmanager.has_plugin("c06"):  # where it is not installed
        pluginmanager.register(c06_plugin, "c06")
"""


def read_files(page: str) -> dict[str, str]:
    """Give the text of each file by its name."""
    return dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
