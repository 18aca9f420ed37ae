"""The OpenAPI document: what FastAPI finds, plus bodies that are read by `StrictBody`, plus the problems.

`openapi/gateway.json` is this document, and a test holds them equal.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from gateway.edge.bodies import StrictBody
from gateway.edge.problems import MEDIA_TYPE, PROBLEMS

_REF = "#/components/schemas/{model}"
_API = "/{profile}/v1/"


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the document, without any server's address in it."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for route in iter_route_contexts(app.routes):
        if route.include_in_schema:
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                _finish_operation(operation, route, schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _finish_operation(operation: dict[str, Any], route: RouteContext, schemas: dict[str, Any]) -> None:
    operation["responses"].pop("422", None)  # FastAPI's own form, which never leaves
    _add_body(operation, route.dependant, schemas)
    if (route.path_format or "").startswith(_API):
        _add_problems(operation)


def _add_body(operation: dict[str, Any], dependant: Dependant, schemas: dict[str, Any]) -> None:
    for body in _bodies(dependant):
        schema = body.model.model_json_schema(ref_template=_REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[body.model.__name__] = schema
        reference = {"$ref": _REF.format(model=body.model.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": reference}}}


def _bodies(dependant: Dependant) -> Iterator[StrictBody[Any]]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, StrictBody):
            yield dependency.call


def _add_problems(operation: dict[str, Any]) -> None:
    operation["security"] = [{"bearer": []}]
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
    by_status: dict[int, list[str]] = {}
    for problem in PROBLEMS.values():
        by_status.setdefault(problem.status, []).append(problem.code)
    for status, codes in sorted(by_status.items()):
        operation["responses"][str(status)] = {"description": " · ".join(codes), "content": content}


_PROBLEM: Mapping[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457. `errors` stands for 403 and 422; a wrong value is never echoed.",
    "required": ["type", "title", "title_vi", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "title_vi": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "registry_code": {"type": "string"},
        "verification": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
