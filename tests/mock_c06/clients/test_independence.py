"""The clients are written from the public notes alone: what they need of the mock is its address."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parent
ITSELF = "tests.mock_c06.clients"


def imported(file: Path) -> set[str]:
    """Give the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_no_client_knows_the_mock_the_gateway_or_the_suites_own_callers() -> None:
    clients = [file for file in FOLDER.glob("*.py") if not file.name.startswith(("test_", "conftest"))]
    assert len(clients) > 6
    ours = {"mock_c06", "gateway", "portal", "demo", "tests"}
    known = {
        (file.name, name)
        for file in clients
        for name in imported(file)
        if name.partition(".")[0] in ours and not name.startswith(ITSELF)
    }
    assert known == set()
