"""Sign of decay D5: layers don't leak. Import-linter holds the rooms; this holds what it can't see.

Only a room's `store`, `web` with its `answers` and `bodies`, and `cli` with what it prints know SQL, HTTP and a
terminal; parts are built in one place; the programs share only `openapi/`.
"""

import ast
from collections.abc import Iterable, Iterator

from tests.shape.source import PROGRAMS, Source, read_python

NO_ROOMS = {"edge", "registry", "errors"}
"""Folders of the gateway that are edges themselves, or know nothing."""

EDGES = ("store", "web", "answers", "bodies", "cli", "cli_acts", "printing")
FILES_FORMS = {"gateway/applications/statement.py"}
"""What a person writes in a file is read at an edge too, by pydantic."""

OUTER_LIBRARIES = {
    "fastapi",
    "starlette",
    "pydantic",
    "sqlalchemy",
    "httpx",
    "httpx_aiohttp",
    "aiohttp",
    "typer",
    "uvicorn",
}
HTTP_WORDS = {"status_code", "HTTPStatus", "HTTPException", "Request", "Response", "JSONResponse"}
BUILT_ONCE = {
    "FastAPI": {"gateway/web.py", "mock_c06/app.py", "portal/app.py"},
    "create_async_engine": {"gateway/database.py", "demo/used_store.py"},
    "AiohttpTransport": {"gateway/registry/transport.py"},
}
MAY_IMPORT = {("demo", "portal")}


def _is_inner(source: Source) -> bool:
    """Say whether this file of a room is neither its SQL, nor its HTTP, nor its commands."""
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


def test_only_the_edges_of_a_room_know_http_or_sql() -> None:
    assert list(_find_leaks(read_python("gateway"))) == []


def test_application_engine_and_transport_are_built_once() -> None:
    assert list(_find_second_builders(read_python(*PROGRAMS))) == []


def test_the_programs_never_import_each_other() -> None:
    assert list(_find_strangers(read_python(*PROGRAMS))) == []


def test_a_library_of_the_edge_in_a_use_case_is_found() -> None:
    bad = Source("gateway/verifications/use_cases.py", "from fastapi import HTTPException\n")
    assert list(_find_leaks([bad])) == ["gateway/verifications/use_cases.py:1 imports fastapi.HTTPException"]


def test_sql_beside_the_store_of_a_room_is_found() -> None:
    bad = Source("gateway/verifications/budgets.py", "import sqlalchemy as sa\n")
    assert list(_find_leaks([bad])) == ["gateway/verifications/budgets.py:1 imports sqlalchemy"]


def test_every_folder_but_the_edges_is_a_room() -> None:
    rooms = {source.parts[1] for source in read_python("gateway") if _is_inner(source)}
    assert {"applications", "changes", "verifications"} <= rooms
    assert NO_ROOMS.isdisjoint(rooms)


def test_a_status_code_in_a_model_is_found() -> None:
    bad = Source("gateway/prefills/model.py", "raise Refused(status_code=409)\n")
    assert list(_find_leaks([bad])) == ["gateway/prefills/model.py:1 says status_code"]


def test_a_second_place_that_builds_an_engine_is_found() -> None:
    bad = Source("gateway/audit/store.py", "engine = create_async_engine(url)\n")
    assert list(_find_second_builders([bad])) == ["gateway/audit/store.py:1 builds create_async_engine"]


def test_a_mock_that_imports_the_gateway_is_found() -> None:
    bad = Source("mock_c06/wire/soap.py", "def answer():\n    import gateway.registry.wire\n")
    assert list(_find_strangers([bad])) == ["mock_c06/wire/soap.py:2 imports gateway.registry.wire"]
