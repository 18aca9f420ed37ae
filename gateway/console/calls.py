"""The calls of an OpenAPI document and the problems, in the form in which `/docs` and `/problems/` show them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.edge.problem_answers import problem_members
from gateway.edge.problems import PROBLEMS, Problem

_ORDER = ("token", "oauth2", "procedures", "me", "verifications", "prefills", "discrepancies", "receipts", "evaluations",
          "ledger", "audit", "sessions", "profiles", "changes", "operators", "reports")  # fmt: skip
"""The order of a reader's calls: as a newcomer needs them. Others follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """One operation. `example` is a body, `scope` what a token needs; both may be empty."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    media_type: str
    example: str
    scope: str
    statuses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProblem:
    """One problem with an answer as a caller gets it."""

    code: str
    problem: Problem
    example: str


_PLAIN: Mapping[str, Any] = {"integer": 1, "number": 1, "boolean": True, "object": {}}


def list_problems(base: str) -> tuple[ShownProblem, ...]:
    """Return every problem, by status."""
    found = [_shown_problem(kind.code, row, base) for kind, row in PROBLEMS.items()]
    return tuple(sorted(found, key=lambda each: each.problem.status))


def _shown_problem(code: str, row: Problem, base: str) -> ShownProblem:
    members = problem_members(code, row, base=base, request_id="req_" + "a" * 25)
    if row.status in {403, 422}:
        members["errors"] = [{"field": "…", "code": code, "detail": row.title, "detail_vi": row.title_vi}]
    return ShownProblem(code=code, problem=row, example=json.dumps(members, ensure_ascii=False, indent=2))


def list_calls(document: Mapping[str, Any]) -> Iterator[tuple[str, str, list[ShownCall]]]:
    """Yield each reader's tag, its description, and their calls in order."""
    for tag in document["tags"]:
        calls = [
            _shown_call(method, path, operation, document["components"])
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if operation["tags"] == [tag["name"]]
        ]
        yield tag["name"], tag["description"], sorted(calls, key=_place)


def _place(call: ShownCall) -> tuple[int, str, str]:
    parts = call.path.split("/")
    at = next((index for index, word in enumerate(_ORDER) if word in parts), len(_ORDER))
    return at, call.path, call.method


def _shown_call(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> ShownCall:
    schemas, shared = components["schemas"], components["responses"]
    content: dict[str, dict[str, Any]] = operation.get("requestBody", {}).get("content", {})
    media_type, body = next(iter(content.items()), ("", dict[str, Any]()))
    example = body.get("example", _sample(body.get("schema", {}), schemas) if body else None)
    scopes = [scope for each in operation.get("security", ()) for wanted in each.values() for scope in wanted]
    return ShownCall(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        media_type=media_type,
        example=_write_body(media_type, example),
        scope=scopes[0] if scopes else "",
        statuses=tuple(
            (status, shared.get(response.get("$ref", "").rpartition("/")[2], response)["description"])
            for status, response in sorted(operation["responses"].items())
        ),
    )


def _write_body(media_type: str, example: Any) -> str:
    if media_type in {"", "application/json"}:
        return "" if not media_type else json.dumps(example, ensure_ascii=False, indent=2)
    return "&".join(f"{name}={value}" for name, value in example.items())


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return a value of a schema, with its required members."""
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    given = [schema[name] for name in ("example", "const", "default") if name in schema]
    given += [*schema.get("examples", ()), *schema.get("enum", ())]
    ways = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if given:
        return given[0]
    if "properties" in schema:
        required = schema.get("required", ())
        return {
            name: _sample(found, schemas) for name, found in schema["properties"].items() if name in required
        }
    if ways:
        return _sample(ways[0], schemas)
    if schema.get("type") == "array":
        return [_sample(schema.get("items", {}), schemas)]
    return _PLAIN.get(schema.get("type", ""), "…")
