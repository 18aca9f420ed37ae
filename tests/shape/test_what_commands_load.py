"""A command loads only the libraries that it works with, so that it answers at once (docs/decisions/0100).

The list of loaded modules is the measure: seconds differ between machines.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway.cli import build_cli
from mock_c06.commands.main import app as mock_app
from tests.kit.commands import BARE, Commands

SLOW = {
    "aiohttp", "aiosqlite", "alembic", "asyncio", "asyncpg", "authlib", "cryptography", "fastapi", "httpx", "jinja2",
    "joserfc", "lxml", "prometheus_client", "pydantic", "pydantic_settings", "pygments", "rich", "sqlalchemy",
    "starlette", "structlog", "uvicorn", "uvloop",
}  # fmt: skip
"""The libraries that take time, and asyncio."""

OF_A_TABLE = {"aiosqlite", "asyncio", "pydantic", "sqlalchemy", "structlog"}
"""What a command needs that reads a table of the store: the settings, the logs and the database."""

OF_THE_STORE = {*OF_A_TABLE, "cryptography"}
"""What a command on the store needs that opens its keys, or reads a table with something sealed."""

NOT_FOR_LISTS = {
    "cryptography.x509", "gateway.enquiries", "gateway.procedures.catalogue", "joserfc", "sqlalchemy.dialects.postgresql",
    "starlette",
}  # fmt: skip
"""What a command that only lists doesn't load: the catalogue, the enquiries, the signatures, the other database, HTTP."""

_LIST = """
import json, sys
from {program}.__main__ import main
sys.argv = {arguments!r}
try:
    main()
finally:
    sys.stderr.write(json.dumps([name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]))
"""


def load(folder: Path, program: str, *arguments: str) -> set[str]:
    """Run a command and return the names of the modules that it has loaded."""
    code = _LIST.format(program=program, arguments=[program, *arguments])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=folder, env=BARE, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return set(json.loads(done.stderr))


def slow_of(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & SLOW


@pytest.mark.parametrize("program", ["gateway", "mock_c06", "portal", "witness"])
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_load_no_command_and_no_library_but_typer(
    tmp_path: Path, program: str, option: str
) -> None:
    modules = load(tmp_path, program, option)
    assert slow_of(modules) == set()
    assert [name for name in modules if name.startswith((f"{program}.commands.", "gateway."))] == [
        name for name in modules if name in ALWAYS
    ]


ALWAYS = {
    "gateway.__main__", "gateway.cli", "gateway.clock", "gateway.edge", "gateway.edge.problems", "gateway.errors",
    "gateway.errors.operators", "gateway.errors.requests", "gateway.identifiers",
    "gateway.terminal", "mock_c06.commands.main",
}  # fmt: skip


HELPS = {
    "gateway": [
        *("accounts create", "audit verify", "discrepancies list", "keys rotate", "login", "official open", "operators enrol"),
        *("organisations add", "procedures list", "profiles show", "report weekly", "serve", "backup"),
    ],
    "mock_c06": ["serve", "explain", "population sample", "replay", "report", "faults"],
    "portal": ["serve"],
    "witness": ["serve"],
}  # fmt: skip
_HELP = """
import json, sys
from {program}.__main__ import main
slow = {{}}
for command in {commands!r}:
    sys.argv = [{program!r}, *command.split(), "--help"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (command, ended.code)
    slow[command] = [name for name in {names!r} if getattr(sys.modules.get(name), "__spec__", None)]
sys.stderr.write(json.dumps(slow))
"""


@pytest.mark.parametrize("program", HELPS)
def test_the_help_of_a_command_loads_nothing_that_it_works_with(tmp_path: Path, program: str) -> None:
    """One after the other: what one has loaded, the ones after it have too."""
    code = _HELP.format(program=program, commands=HELPS[program], names=sorted(SLOW))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, env=BARE, check=True
    )
    assert json.loads(done.stderr) == {command: [] for command in HELPS[program]}
    assert done.stdout.count(b"Usage: ") == len(HELPS[program])


@pytest.mark.parametrize(
    ("program", "arguments", "needed"),
    [
        ("gateway", "procedures list", {"pydantic"}),
        ("gateway", "official application --template", {"pydantic"}),
        ("gateway", "accounts list", OF_A_TABLE),
        ("gateway", "organisations list", OF_A_TABLE),
        ("gateway", "accounts officers list acc_sandbox", OF_THE_STORE),
        ("gateway", "accounts show acc_sandbox", OF_THE_STORE),
        ("gateway", "audit search", OF_THE_STORE),
        ("gateway", "audit verify --keyless", OF_THE_STORE),
        ("mock_c06", "parity", set()),
        ("mock_c06", "personas", {"asyncio", "lxml", "pydantic", "starlette"}),
        ("mock_c06", "accounts", {"asyncio", "lxml", "pydantic", "pydantic_settings", "starlette"}),
        ("mock_c06", "faults", {"asyncio", "lxml", "starlette"}),
    ],
)
def test_a_command_loads_only_the_libraries_that_it_works_with(
    store: Path, program: str, arguments: str, needed: set[str]
) -> None:
    account = (store / "account").read_text(encoding="utf-8")
    arguments = arguments.replace("acc_sandbox", account)
    assert slow_of(load(store, program, *arguments.split())) <= needed


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, its first keys, and one account, whose id is in the file `account`."""
    folder = tmp_path_factory.mktemp("store")
    gateway = Commands(folder)
    gateway("migrate")
    made = gateway.account("--all-fields")
    (folder / "account").write_text(made["client_id"], encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        *("accounts list", "audit verify", "keys list", "operators list", "organisations list"),
        *("profiles history", "profiles list", "profiles show sandbox"),
    ],
)
def test_a_command_that_lists_loads_no_catalogue_and_no_library_for_signatures_or_http(
    store: Path, arguments: str
) -> None:
    modules = load(store, "gateway", *arguments.split())
    assert slow_of(modules) <= OF_THE_STORE
    assert [name for name in modules if name.startswith(tuple(NOT_FOR_LISTS))] == []


def test_the_garbage_collector_never_looks_through_what_a_command_has_loaded(store: Path) -> None:
    code = _LIST.format(program="gateway", arguments=["gateway", "accounts", "list"])
    shown = f"import gc\n{code}    print(gc.get_freeze_count(), len(gc.get_objects()))\n"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, cwd=store, env=BARE, check=True)
    frozen, looked_through = map(int, done.stdout.split()[-2:])
    assert frozen > looked_through


def test_the_models_of_the_settings_are_built_once_and_not_also_each_by_itself(tmp_path: Path) -> None:
    shown = """
from gateway.settings import ProfileSettings, Settings, read_settings
read_settings({})
print(Settings.__pydantic_complete__, ProfileSettings.__pydantic_complete__)
"""
    done = subprocess.run(
        [sys.executable, "-c", shown], capture_output=True, cwd=tmp_path, env=BARE, check=True
    )
    assert done.stdout.split() == [b"True", b"False"]


LEFT_OUT = {"pydantic.plugin._loader", "pydantic.v1", "pygments", "rich", "sqlalchemy.orm"}
"""What libraries load and the gateway never uses."""

_SERVING = """
import json, runpy, sys
runpy.run_module("gateway.__main__", run_name={name!r}, alter_sys=True)
import gateway.workers, gateway.server, gateway.web
print(json.dumps([name for name, module in sys.modules.items() if getattr(module, "__spec__", None)]))
"""
_UNBUILT = """
from gateway.edge.requests import Body
from gateway.edge.responses import Answer
def below(model):
    return [one for direct in model.__subclasses__() for one in (direct, *below(direct))]
models = below(Answer) + below(Body)
print(sum(model.__pydantic_complete__ for model in models), len(models))
"""


def test_a_worker_loads_no_command_and_nothing_of_what_is_left_out(tmp_path: Path) -> None:
    # multiprocessing runs the program's entry by this name in a new process.
    code = _SERVING.format(name="__mp_main__")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, env=BARE, check=True
    )
    modules = set(json.loads(done.stdout))
    assert modules & LEFT_OUT == set()
    unneeded = re.compile(
        r"gateway\..*\b(?:\w*cli|cli_acts)$|(?:aiosqlite|alembic|httpcore|jinja2|lxml|sqlalchemy\.dialects\.\w+ql\w*)$"
    )
    assert [name for name in modules if unneeded.match(name)] == []


def test_the_models_of_requests_and_answers_are_built_at_their_first_use(tmp_path: Path) -> None:
    code = _SERVING.format(name="__mp_main__") + _UNBUILT
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, env=BARE, check=True
    )
    built, models = map(int, done.stdout.split()[-2:])
    assert models > 50
    assert built < models / 10


def test_the_store_works_without_the_orm(store: Path) -> None:
    for command in ("accounts list", "audit verify"):
        assert load(store, "gateway", *command.split()) & LEFT_OUT == set()


@pytest.mark.parametrize("root", [build_cli(), mock_app], ids=["gateway", "mock-c06"])
def test_the_line_of_each_command_is_how_its_own_help_begins(root: typer.Typer) -> None:
    group: Any = typer.main.get_command(root)
    rows = group.commands.rows
    assert {
        name: row.help for name, row in rows.items() if not begins(group.commands[name].help, row.help)
    } == {}


def begins(text: str, line: str) -> bool:
    words: Sequence[str] = line.rstrip(".").split()
    return text.split()[: len(words) - 1] == words[:-1] and text.split()[len(words) - 1].startswith(words[-1])
