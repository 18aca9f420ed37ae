"""Request bodies, read where the order of guards puts them: media types, JSON, shape.

FastAPI would parse a body before it asks who is calling; here a body is a dependency like the guards
before it, and the order of a route's parameters is their order (docs/decisions/0019).
"""

import itertools
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from gateway.clock import Clock, today
from gateway.edge.guards import Guard
from gateway.edge.idempotency_key import list_key_errors
from gateway.edge.strict_json import parse_object
from gateway.errors import FieldError, GatewayError
from gateway.errors.requests import (
    ClaimInvalid,
    FieldsError,
    JsonInvalid,
    MediaTypeUnsupported,
    NotAcceptable,
    RequestInvalid,
)

Model = TypeVar("Model", bound=BaseModel)

REPEATED = "repeated_item"
"""The type of a validator's error about a list's item; its context says at which `position`."""

MOST_ERRORS = 100
"""How many wrong members are named at most; no body of ours has as many."""

_ACCEPTABLE = ("*/*", "application/*", "application/json", "application/problem+json")
_NEVER = re.compile(r"q=0(\.0{0,3})?")


class Body(BaseModel):
    """A request body: frozen, exact types, no unknown members."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def exactly_one(*groups: tuple[str, ...]) -> ConfigDict:
    """Return a body's configuration whose document says that of each group one member stands, the others not."""
    ways: list[JsonValue] = []
    for chosen in itertools.product(*groups):
        left_out = [name for group in groups for name in group if name not in chosen]
        stands: dict[str, JsonValue] = {name: {"type": ["string", "integer"]} for name in chosen}
        ways.append(
            {"required": [*chosen], "properties": stands | {name: {"type": "null"} for name in left_out}}
        )
    return ConfigDict(json_schema_extra={"anyOf": ways})


class StrictBody(Guard, Generic[Model]):
    """A dependency that reads the body as `model`. `model` is also what the OpenAPI document shows."""

    refuses: tuple[type[GatewayError], ...] = (
        MediaTypeUnsupported,
        NotAcceptable,
        JsonInvalid,
        RequestInvalid,
    )

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        if "claim" in model.model_fields:
            self.refuses = (*StrictBody.refuses, ClaimInvalid)

    async def __call__(self, request: Request) -> Model:
        """Return the body.

        Raises:
            MediaTypeUnsupported, NotAcceptable, JsonInvalid, RequestInvalid, ClaimInvalid
        """
        check_media_types(request)
        return _read(self.model, request, await request.body())


class OptionalBody(StrictBody[Model]):
    """A dependency that reads the body as `model`, and no body as an empty one."""

    async def __call__(self, request: Request) -> Model:
        """Return the body; raises as `StrictBody`."""
        body = await request.body()
        if body:
            return await super().__call__(request)
        _check_accept(request)
        return _read(self.model, request, b"{}")


def _read(model: type[Model], request: Request, body: bytes) -> Model:
    """Read a body, and the form of the key beside it: both are shape, so that one answer names what is wrong."""
    clock: Clock = request.app.state.clock
    key_errors = list_key_errors(request)
    try:
        found = parse_members(model, parse_object(body), on=today(clock))
    except FieldsError as error:
        if key_errors:
            raise RequestInvalid((*error.errors, *key_errors)) from None
        raise
    if key_errors:
        raise RequestInvalid(key_errors)
    return found


def check_media_types(request: Request) -> None:
    """Raise `MediaTypeUnsupported` for anything but plain JSON, `NotAcceptable` where none is accepted."""
    named = request.headers.getlist("content-type")
    if len(named) != 1:  # two may be read as either
        raise MediaTypeUnsupported
    media_type, _, parameters = named[0].partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        raise MediaTypeUnsupported
    if set(request.headers.getlist("content-encoding")) - {"identity"}:
        raise MediaTypeUnsupported
    _check_accept(request)


async def check_acceptable(request: Request) -> None:
    """Raise `NotAcceptable` where the caller accepts no JSON; a dependency of routes without a body."""
    _check_accept(request)


def _check_accept(request: Request) -> None:
    accepted = ",".join(request.headers.getlist("accept")) or "*/*"
    if not any(_accepts_json(part) for part in accepted.lower().split(",")):
        raise NotAcceptable


async def check_empty(request: Request) -> None:
    """Let pass no body, or an empty object; a dependency of calls that say everything in their path.

    Raises:
        MediaTypeUnsupported, NotAcceptable, JsonInvalid, RequestInvalid
    """
    body = await request.body()
    if body:
        check_media_types(request)
    else:
        _check_accept(request)
    _read(Body, request, body or b"{}")


def _accepts_json(part: str) -> bool:
    media_type, *parameters = (word.replace(" ", "") for word in part.split(";"))
    return media_type in _ACCEPTABLE and not any(_NEVER.fullmatch(word) for word in parameters)


def parse_members(model: type[Model], members: Mapping[str, Any], *, on: date) -> Model:
    """Read members as `model`, with `on` as today. Raises `RequestInvalid` or `ClaimInvalid`."""
    try:
        return model.model_validate(members, context={"today": on})
    except ValidationError as error:
        raise _refusal(error, members) from None


def _refusal(error: ValidationError, members: Mapping[str, Any]) -> FieldsError:
    problems = error.errors(include_input=False, include_url=False)[:MOST_ERRORS]
    errors = tuple(_field_error(problem, members) for problem in problems)
    about_claim = all(found.code == "claim_invalid" for found in errors)
    return ClaimInvalid(errors) if about_claim else RequestInvalid(errors)


def _field_error(problem: ErrorDetails, members: Mapping[str, Any]) -> FieldError:
    loc = problem["loc"]
    if problem["type"] == "extra_forbidden":
        return _unknown_member(loc, members)
    if problem["type"] == REPEATED:
        loc = (*loc, problem["ctx"]["position"])
    code = "claim_invalid" if loc[:1] == ("claim",) and "claim" in members else "request_invalid"
    is_object = problem["type"] in {"model_type", "model_attributes_type", "dict_type"}
    detail = "a JSON object" if is_object else problem["msg"].removeprefix("Value error, ")
    return FieldError(field=".".join(map(str, loc)) or "body", code=code, detail=detail)


def _unknown_member(loc: tuple[int | str, ...], members: Mapping[str, Any]) -> FieldError:
    """Name the parent and the position, never the member: its name may be a person's number."""
    parent: Any = members
    for step in loc[:-1]:
        parent = parent[step]
    place = ".".join(map(str, loc[:-1])) or "body"
    position = list(parent).index(loc[-1])
    return FieldError(
        field=f"{place}.{position}",
        code="request_invalid",
        detail=f"the member at position {position} of {place} (counting from 0) is not known here",
    )
