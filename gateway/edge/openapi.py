"""The OpenAPI document: FastAPI's, with the bodies that `StrictBody` reads and the problems of each operation.

A test compares it with `openapi/gateway.json`. An operation's problems come from its dependencies (`edge/responses.py`),
from the route itself, and from the checks of every call.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from gateway.edge.openapi_parts import (
    CLIENT_SECRET,
    HEADERS,
    OPERATOR,
    add_headers,
    finish_schemas,
    headers_of_caller,
    oauth2_scheme,
    problem_responses,
    problem_schemas,
    security_of_api,
    security_schemes,
    share_responses,
    split_alternatives,
)
from gateway.edge.openapi_words import EVERYBODY, OPERATIONS, PATH_WORDS, PORTALS, READERS
from gateway.edge.openapi_words import OPERATORS as OF_OPERATORS
from gateway.edge.problems import PROBLEMS, Internal
from gateway.edge.requests import Body, OptionalBody, StrictBody, StrictQuery
from gateway.edge.responses import REFUSALS, VERIFICATION_ID, CallerCheck, Check, OperatorCheck
from gateway.errors import GatewayError
from gateway.errors.requests import (
    BodySlow,
    BodyTooLarge,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    StoreUnavailable,
)
from gateway.identifiers import OPERATORS, Profile

_REF = "#/components/schemas/{model}"
_PROFILE_PATH = "/{profile}/"
_OF_OPERATORS = f"/{OPERATORS}/"
_OF_EVERY_CALL = (BodyTooLarge, BodySlow, HeadersTooLarge, MethodNotAllowed)
_IN_PATH: dict[str, dict[str, Any]] = {
    "profile": {"type": "string", "enum": [profile.value for profile in Profile]},
    "change": {"type": "string", "pattern": "^chg_[a-z2-7]{25}$"},
    "verification_id": {"type": "string", "pattern": VERIFICATION_ID},
    "discrepancy_id": {"type": "string", "pattern": "^dis_[a-z2-7]{25}$"},
    "procedure": {
        "type": "string",
        "pattern": r"^([a-z0-9-]+|[0-9]\.[0-9]{6})$",
        "examples": ["khai-sinh", "1.001193"],
    },
    "code": {"type": "string", "enum": sorted(kind.code for kind in PROBLEMS)},
}


def build_openapi(app: FastAPI, base: str, profiles: Iterable[Profile] = Profile) -> dict[str, Any]:
    """Return the document of a server with this address, which answers for these profiles."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": base}],
        tags=[{"name": name, "description": text} for name, text in READERS.items()],
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= problem_schemas()
    components["headers"] = HEADERS
    components["securitySchemes"] = security_schemes()
    for route in iter_route_contexts(app.routes):
        if route.include_in_schema:
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                _finish_operation(operation, route, schemas)
    components["responses"] = share_responses(document["paths"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    split_alternatives(schemas)
    finish_schemas(document)
    _leave_out(document, set(Profile) - set(profiles))
    return document


def _leave_out(document: dict[str, Any], others: set[Profile]) -> None:
    """Leave out the profiles that another process answers for, except at the operators' API."""
    schemes = {oauth2_scheme(profile) for profile in others}
    for scheme in schemes:
        del document["components"]["securitySchemes"][scheme]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "security" in operation:
                operation["security"] = [each for each in operation["security"] if schemes.isdisjoint(each)]
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "profile" and not path.startswith(_OF_OPERATORS):
                    served = [profile.value for profile in Profile if profile not in others]
                    parameter["schema"] = _IN_PATH["profile"] | {"enum": served}


def _finish_operation(operation: dict[str, Any], route: RouteContext, schemas: dict[str, Any]) -> None:
    path = route.path_format or ""
    checks = [found for found in _walk(route.dependant) if isinstance(found, Check)]
    callers = [check for check in checks if isinstance(check, CallerCheck)]
    at_place = path.startswith(_PROFILE_PATH)
    operation["tags"] = [_reader_of(path)]
    operation.setdefault("description", OPERATIONS.get(operation["operationId"], ""))
    operation["responses"].pop("422", None)  # FastAPI's own form, which no answer has
    codes = {error.code for error in _refusals(path, checks)} | set(operation.pop(REFUSALS, ()))
    operation["responses"] |= problem_responses(codes)
    for check in checks:
        if isinstance(check, StrictBody):
            operation["requestBody"] = _body(check, schemas)
        elif isinstance(check, StrictQuery):
            operation.setdefault("parameters", []).extend(_query(check))
    _add_parameters(operation, path)
    if callers:
        operation["parameters"] += callers[0].parameters
        operation["security"] = security_of_api(callers[0].scope)
    elif any(isinstance(check, OperatorCheck) for check in checks):
        operation["security"] = [{OPERATOR: []}]
    elif "requestBody" in operation and at_place:
        # A secret in a header, or an assertion in the form.
        operation["security"] = [{CLIENT_SECRET: []}, {}]
    _add_examples(operation)
    add_headers(
        operation["responses"],
        at_place=at_place,
        of_operators=path.startswith(_OF_OPERATORS),
        asks_token=bool(callers),
    )


def _add_examples(operation: dict[str, Any]) -> None:
    """Add an example of the body, an empty one where nothing is needed, and of each success."""
    known = _load_examples().get(operation["operationId"], {})
    for shown in operation.get("requestBody", {}).get("content", {}).values():
        shown["example"] = known.get("request", {})
    for status, response in operation["responses"].items():
        if status in known:
            for shown in response["content"].values():
                shown["example"] = known[status]


@cache
def _load_examples() -> dict[str, dict[str, Any]]:
    """Return examples by operation id, then `request` or status. The answers are a gateway's beside the mock, shortened."""
    found: dict[str, dict[str, Any]] = json.loads(
        resources.files(__package__).joinpath("data/examples.json").read_text(encoding="utf-8")
    )
    return found


def _reader_of(path: str) -> str:
    if path.startswith(_OF_OPERATORS):
        return OF_OPERATORS
    return PORTALS if path.startswith(_PROFILE_PATH) and not path.endswith(".json") else EVERYBODY


def _walk(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        # Those that one dependency runs one after the other.
        yield from getattr(dependency.call, "checks", ())
        yield from _walk(dependency)


def _refusals(path: str, checks: list[Check]) -> Iterator[type[GatewayError]]:
    yield from _OF_EVERY_CALL
    if "{" in path:
        yield NotFound
    if "{profile}" in path or path.startswith(_OF_OPERATORS):
        yield Internal
    for check in checks:
        if isinstance(check, CallerCheck | OperatorCheck):
            yield StoreUnavailable  # these checks read the store
        yield from check.refuses


def _body(check: StrictBody[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if check.model is not Body:
        schema = check.model.model_json_schema(ref_template=_REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[check.model.__name__] = schema
        shown = {"$ref": _REF.format(model=check.model.__name__)}
    required = not isinstance(check, OptionalBody)
    return {"required": required, "content": {"application/json": {"schema": shown}}}


def _query(check: StrictQuery[Any]) -> Iterator[dict[str, Any]]:
    schema = check.model.model_json_schema()
    for name, found in schema["properties"].items():
        shown = {key: value for key, value in found.items() if key not in {"title", "description"}}
        if "anyOf" in shown:  # a parameter that may be absent is never null
            shown = next(each for each in shown["anyOf"] if each.get("type") != "null")
        described = {"description": found["description"]} if "description" in found else {}
        required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": shown, **described}


def _add_parameters(operation: dict[str, Any], path: str) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _IN_PATH.get(parameter["name"], parameter["schema"])
        parameter.setdefault("description", PATH_WORDS.get(parameter["name"], ""))
    if path.startswith(_OF_OPERATORS):
        parameters += headers_of_caller(proof=False)
    if path.startswith(_PROFILE_PATH) and not path.endswith(".json"):
        parameters += headers_of_caller(proof="/v1/" in path or path.endswith("/oauth2/token"))
