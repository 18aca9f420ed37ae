"""The clients are written from the public notes alone: what they need of the mock is its address."""

import ast
from pathlib import Path

OURS = {"mock_c06", "gateway", "portal", "demo", "tests"}
ITSELF = "tests.mock_c06.clients"


def find_foreign_names(text: str) -> set[str]:
    """Return the names of ours that a file's clients use: its classes and the functions that are no test, no fixture."""
    tree = ast.parse(text)
    foreign: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            foreign |= {
                (alias.asname or alias.name).partition(".")[0]
                for alias in node.names
                if alias.name.partition(".")[0] in OURS
            }
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            ours = module.partition(".")[0] in OURS and not module.startswith(ITSELF)
            foreign |= {alias.asname or alias.name for alias in node.names if ours}
    clients = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        or (
            isinstance(node, ast.FunctionDef)
            and not node.name.startswith("test_")
            and not node.decorator_list
        )
    ]
    used = {name.id for client in clients for name in ast.walk(client) if isinstance(name, ast.Name)}
    return used & foreign


def test_no_client_knows_the_mock_the_gateway_or_the_suites_own_callers() -> None:
    names = ("court", "ocps", "php", "sync", "td")
    files = [Path(__file__).with_name(f"test_{name}.py") for name in names]
    files.append(Path(__file__).with_name("logins.py"))
    assert {name for file in files for name in find_foreign_names(file.read_text(encoding="utf-8"))} == set()


def test_a_client_that_uses_a_module_of_the_mock_is_found() -> None:
    planted = "from mock_c06.wire import names\n\n\nclass Client:\n    codes = names.CODES\n"
    assert find_foreign_names(planted) == {"names"}
    assert find_foreign_names(planted.replace("class Client:", "def test_x():")) == set()
