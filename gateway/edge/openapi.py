"""The OpenAPI document: what FastAPI finds, plus bodies that are read by `StrictBody`, plus what may be refused.

`openapi/gateway.json` is this document, and a test holds them equal. What a route may refuse is gathered from
its guards (`edge/guards.py`), from the route itself, and from what holds for every call.
"""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from gateway.edge.bodies import OptionalBody, StrictBody, check_acceptable, check_empty
from gateway.edge.forms import VERIFICATION_ID
from gateway.edge.guards import REFUSALS, CallerGuard, Guard, OperatorGuard
from gateway.edge.openapi_answers import HEADERS, PROBLEM, add_headers, problem_responses, share_responses
from gateway.edge.openapi_security import (
    headers_of_caller,
    security_of_api,
    security_of_oauth,
    security_of_operators,
    security_schemes,
)
from gateway.edge.problems import PROBLEMS, Internal, find_problem
from gateway.errors import GatewayError
from gateway.errors.places import Overloaded
from gateway.errors.requests import (
    BodySlow,
    BodyTooLarge,
    HeadersTooLarge,
    JsonInvalid,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestInvalid,
)
from gateway.places import OPERATORS, Profile

_REF = "#/components/schemas/{model}"
_AT_PLACE = "/{profile}/"
_OF_OPERATORS = f"/{OPERATORS}/"
_OF_EVERY_CALL = (BodyTooLarge, BodySlow, HeadersTooLarge, MethodNotAllowed)
_OF_FUNCTIONS: dict[Callable[..., Any], tuple[type[GatewayError], ...]] = {
    check_acceptable: (NotAcceptable,),
    check_empty: (MediaTypeUnsupported, NotAcceptable, JsonInvalid, RequestInvalid),
}
_IN_PATH: dict[str, dict[str, Any]] = {
    "profile": {"type": "string", "enum": [profile.value for profile in Profile]},
    "change": {"type": "string", "pattern": "^chg_[a-z2-7]{25}$"},
    "verification_id": {"type": "string", "pattern": VERIFICATION_ID},
    "procedure": {
        "type": "string",
        "pattern": r"^([a-z0-9-]+|[0-9]\.[0-9]{6})$",
        "examples": ["khai-sinh", "1.001193"],
    },
    "code": {"type": "string", "enum": sorted({problem.code for problem in PROBLEMS.values()})},
}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the document, without any server's address in it."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
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
    return document


def _finish_operation(operation: dict[str, Any], route: RouteContext, schemas: dict[str, Any]) -> None:
    path = route.path_format or ""
    guards = list(_walk(route.dependant))
    callers = [guard for guard in guards if isinstance(guard, CallerGuard)]
    operation["responses"].pop("422", None)  # FastAPI's own form, which never leaves
    codes = {find_problem(error).code for error in _refusals(path, guards)} | set(operation.pop(REFUSALS, ()))
    operation["responses"] |= problem_responses(codes)
    _add_body(operation, guards, schemas)
    _add_parameters(operation, path)
    at_place, signed_in = (
        path.startswith(_AT_PLACE),
        any(isinstance(guard, OperatorGuard) for guard in guards),
    )
    if callers:
        operation["security"] = security_of_api(callers[0].scope)
    elif signed_in:
        operation["security"] = security_of_operators()
    elif "requestBody" in operation and at_place:
        operation["security"] = security_of_oauth()
    add_headers(
        operation["responses"],
        at_place=at_place,
        of_operators=path.startswith(_OF_OPERATORS),
        asks_token=bool(callers),
    )


def _walk(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _walk(dependency)


def _refusals(path: str, guards: list[Any]) -> Iterator[type[GatewayError]]:
    yield from _OF_EVERY_CALL
    if "{" in path:
        yield NotFound
    if "{profile}" in path or path.startswith(_OF_OPERATORS):
        yield Internal
    for guard in guards:
        if isinstance(guard, CallerGuard | OperatorGuard):
            yield Overloaded  # who is calling is read from the store
        if isinstance(guard, Guard):
            yield from guard.refuses
        yield from _OF_FUNCTIONS.get(guard, ())


def _add_body(operation: dict[str, Any], guards: list[Any], schemas: dict[str, Any]) -> None:
    for guard in guards:
        if isinstance(guard, StrictBody):
            schema = guard.model.model_json_schema(ref_template=_REF)
            schemas.update(schema.pop("$defs", {}))
            schemas[guard.model.__name__] = schema
            reference = {"$ref": _REF.format(model=guard.model.__name__)}
            operation["requestBody"] = {
                "required": not isinstance(guard, OptionalBody),
                "content": {"application/json": {"schema": reference}},
            }

    if check_empty in guards:
        empty = {"type": "object", "additionalProperties": False}
        operation["requestBody"] = {"required": False, "content": {"application/json": {"schema": empty}}}


def _add_parameters(operation: dict[str, Any], path: str) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _IN_PATH.get(parameter["name"], parameter["schema"])
    if path.startswith(_OF_OPERATORS):
        parameters += headers_of_caller(proof=False)
    if path.startswith(_AT_PLACE) and not path.endswith(".json"):
        parameters += headers_of_caller(proof="/v1/" in path or path.endswith("/oauth2/token"))
