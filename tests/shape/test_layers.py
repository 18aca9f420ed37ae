"""Sign of decay D5: no layer uses what belongs to another. Import-linter checks the folders; these tests
check the rest.

Only a folder's `store`, `web` with its `responses` and `requests`, `cli` with its output, and what reads the
citizens' login's keys use SQL, HTTP and a terminal; the program is assembled in one place; the programs share only `openapi/`.
"""

import ast
import tomllib
from collections.abc import Iterable, Iterator

import pytest

from tests.kit.source import PROGRAMS, ROOT, Source, read_python

NO_ROOMS = {"edge", "registry", "errors", "storage"}
"""Folders of the gateway that are edges themselves, or know nothing."""

EDGES = ("store", "web", "responses", "requests", "cli", "cli_acts", "cli_reads", "login")
FILES_FORMS = {"gateway/applications/statement.py", "gateway/procedures/catalogue.py"}
"""What a person writes in a file is read at an edge too, by pydantic."""

OUTER_LIBRARIES = {
    "fastapi",
    "starlette",
    "pydantic",
    "sqlalchemy",
    "httpx",
    "aiohttp",
    "typer",
    "uvicorn",
}
HTTP_WORDS = {"status_code", "HTTPStatus", "HTTPException", "Request", "Response", "JSONResponse"}
BUILT_ONCE = {
    "FastAPI": {"gateway/web.py", "mock_c06/app.py", "portal/app.py"},
    "create_async_engine": {"gateway/storage/database.py", "portal/store.py"},
    "ClientSession": {"gateway/registry/egress.py"},
}
MAY_IMPORT = {("demo", "portal"), ("portal", "witness")}


def _is_inner(source: Source) -> bool:
    """Say whether this file of a folder is neither its SQL, nor its HTTP, nor its commands."""
    in_a_room = source.is_within("gateway") and len(source.parts) > 2 and source.parts[1] not in NO_ROOMS
    return in_a_room and not source.parts[-1].endswith(EDGES) and source.place not in FILES_FORMS


def _find_leaks(sources: Iterable[Source]) -> Iterator[str]:
    for source in filter(_is_inner, sources):
        for line, name in source.imports():
            if name.split(".")[0] in OUTER_LIBRARIES:
                yield f"{source.place}:{line} imports {name}"
        for node in ast.walk(source.tree):
            if (word := _name_of(node)) in HTTP_WORDS:
                yield f"{source.place}:{getattr(node, 'lineno', 0)} says {word}"


def _find_second_builders(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call):
                name = _name_of(node.func)
                if name in BUILT_ONCE and source.place not in BUILT_ONCE[name]:
                    yield f"{source.place}:{node.lineno} builds {name}"


def _find_strangers(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        own = source.parts[0]
        for line, name in source.imports():
            other = name.split(".")[0]
            if other in PROGRAMS and other != own and (own, other) not in MAY_IMPORT:
                yield f"{source.place}:{line} imports {name}"


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.arg if isinstance(node, ast.keyword) else None


def _read_layers(program: str) -> list[str]:
    """Return every module that the program's import contract orders, once for each occurrence."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    found = next(contract for contract in contracts if contract["id"] == f"{program}-files")
    assert "ignore_imports" not in found
    return [module.strip() for layer in found["layers"] for module in layer.split("|")]


@pytest.mark.parametrize("program", ["gateway", "mock_c06"])
def test_the_import_contract_orders_every_file_once_and_exempts_none(program: str) -> None:
    modules = [".".join(source.parts) for source in read_python(program) if source.parts[-1] != "__init__"]
    assert sorted(_read_layers(program)) == sorted(modules)


def test_only_the_edge_files_of_a_folder_use_http_or_sql() -> None:
    assert list(_find_leaks(read_python("gateway"))) == []


def test_application_engine_and_transport_are_built_in_one_place() -> None:
    assert list(_find_second_builders(read_python(*PROGRAMS))) == []


def test_the_programs_never_import_each_other() -> None:
    assert list(_find_strangers(read_python(*PROGRAMS))) == []


def test_a_library_of_the_edge_in_a_use_case_is_found() -> None:
    bad = Source("gateway/enquiries/receipts.py", "from fastapi import HTTPException\n")
    assert list(_find_leaks([bad])) == ["gateway/enquiries/receipts.py:1 imports fastapi.HTTPException"]


def test_sql_outside_the_store_of_a_folder_is_found() -> None:
    bad = Source("gateway/enquiries/verify.py", "import sqlalchemy as sa\n")
    assert list(_find_leaks([bad])) == ["gateway/enquiries/verify.py:1 imports sqlalchemy"]


def test_every_folder_except_the_edges_is_checked() -> None:
    rooms = {source.parts[1] for source in read_python("gateway") if _is_inner(source)}
    assert {"applications", "changes", "enquiries"} <= rooms
    assert NO_ROOMS.isdisjoint(rooms)


def test_a_status_code_in_a_model_is_found() -> None:
    bad = Source("gateway/enquiries/model.py", "raise Refused(status_code=409)\n")
    assert list(_find_leaks([bad])) == ["gateway/enquiries/model.py:1 says status_code"]


def test_a_second_place_that_builds_an_engine_is_found() -> None:
    bad = Source("gateway/audit/store.py", "engine = create_async_engine(url)\n")
    assert list(_find_second_builders([bad])) == ["gateway/audit/store.py:1 builds create_async_engine"]


def test_a_mock_that_imports_the_gateway_is_found() -> None:
    bad = Source("mock_c06/wire/soap.py", "def answer():\n    import gateway.registry.wire\n")
    assert list(_find_strangers([bad])) == ["mock_c06/wire/soap.py:2 imports gateway.registry.wire"]
