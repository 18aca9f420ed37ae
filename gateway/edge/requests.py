"""Request bodies and the header `Idempotency-Key`: media types, JSON, form.

FastAPI would parse a body before the caller is authenticated. Here a body is a dependency like any other, and
dependencies run in the order of a route's parameters (docs/decisions/0019). The key is checked together with the body:
one answer names the errors of both, and never repeats a value.
"""

import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ModelWrapValidatorHandler, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from starlette.requests import Request

from gateway.clock import Clock, today
from gateway.edge.responses import Check
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
from gateway.errors.validation import in_plain_words
from gateway.identifiers import NO_LONG_NUMBER, UUID, is_uuid, refuse_long_number

HEADER = "Idempotency-Key"
_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
PATTERN = f"^(?:{UUID}|{NO_LONG_NUMBER}{_FORM.pattern})$"
"""The rules of `parse_key` as a pattern, for the OpenAPI document."""


def parse_key(values: Sequence[str]) -> str | None:
    """Return the key in a request's headers, None without one.

    Raises:
        ValueError: two headers, a malformed key, or one that could be a person's number and is no UUID.
    """
    if not values:
        return None
    if len(values) > 1:
        raise ValueError("one header at most")
    if not _FORM.fullmatch(values[0]):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ -")
    if not is_uuid(values[0]):
        refuse_long_number(values[0])
    return values[0]


def body_of(request: Request) -> bytes:
    """Return the body, which the middleware has read."""
    body: bytes = request.scope["state"]["body"]
    return body


Model = TypeVar("Model", bound=BaseModel)

REPEATED = "repeated_item"
"""The type of a validator's error about an item of a list; its context has the `position`."""

MAX_ERRORS = 100
"""Limit of the wrong members in an answer; no body has as many members."""

_ACCEPTABLE = ("*/*", "application/*", "application/json", "application/problem+json")
_NEVER = re.compile(r"q=0(\.0{0,3})?")


class RouteChecks(Check, ABC):
    """The only dependency of a route: `run` makes the checks of a call in their order and returns the endpoint's argument."""

    @abstractmethod
    async def run(self, request: Request, profile: str) -> Any:
        """Return the endpoint's only argument. Raises what the checks raise."""

    async def __call__(self, request: Request, profile: str) -> Any:
        """Return what `run` returns, for FastAPI."""
        return await self.run(request, profile)


class Body(BaseModel):
    """A request body: frozen, strict types, no unknown members. A model is built at its first use."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )


def validate_whole(
    read: ModelWrapValidatorHandler[Model], members: Any, errors: Iterable[PydanticCustomError]
) -> Model:
    """Return the model that `read` makes of `members`. `errors` are those of the whole; they are listed after the errors of single members.

    A validator that runs after the members is not reached if one of them is wrong, and then its error is not listed.

    Raises:
        ValidationError: all errors.
    """
    found = [InitErrorDetails(type=error, input=None) for error in errors]
    try:
        body = read(members)
    except ValidationError as error:
        found = [*map(_as_details, error.errors(include_input=False, include_url=False)), *found]
    else:
        if not found:
            return body
    raise ValidationError.from_exception_data("body", found, hide_input=True)


def _as_details(error: ErrorDetails) -> InitErrorDetails:
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    return InitErrorDetails(type=kind, loc=error["loc"], input=None)


def exactly_one(*groups: tuple[str, ...]) -> ConfigDict:
    """Return a body's configuration; the OpenAPI document then requires exactly one member of each group."""
    ways: list[JsonValue] = []
    for chosen in itertools.product(*groups):
        properties: dict[str, JsonValue] = {
            name: {"type": ["string", "integer"] if name in chosen else "null"}
            for group in groups
            for name in group
        }
        ways.append({"required": [*chosen], "properties": properties})
    return ConfigDict(json_schema_extra={"anyOf": ways})


class StrictBody(Check, Generic[Model]):
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
        return _read(self.model, request, body_of(request))


class OptionalBody(StrictBody[Model]):
    """A dependency that reads the body as `model`; a missing body is an empty object."""

    async def __call__(self, request: Request) -> Model:
        """Return the body; raises as `StrictBody`."""
        body = body_of(request)
        if body:
            check_media_types(request)
        else:
            _check_accept(request)
        return _read(self.model, request, body or b"{}")


def _read(model: type[Model], request: Request, body: bytes) -> Model:
    """Read a body, and the key into the request's state."""
    clock: Clock = request.app.state.clock
    errors = find_wrong_parameters(request, ())
    request.state.idempotency_key = None
    try:
        if keys := request.headers.getlist(HEADER):
            request.state.idempotency_key = parse_key(keys)
    except ValueError as error:
        errors.append(RequestInvalid.about(HEADER, str(error)))
    try:
        found = parse_members(model, parse_object(body), on=today(clock))
    except FieldsError as error:
        if errors:
            raise RequestInvalid((*error.errors, *errors)[:MAX_ERRORS]) from None
        raise
    if errors:
        raise RequestInvalid(tuple(errors[:MAX_ERRORS]))
    return found


check_empty = OptionalBody(Body)
"""A dependency of routes without members in the body: accepts no body, or an empty object."""


def find_repeated(parameters: Sequence[tuple[str, str]]) -> set[int]:
    """Return the positions of the parameters whose name came before."""
    first: dict[str, int] = {}
    return {at for at, (name, _) in enumerate(parameters) if first.setdefault(name, at) != at}


class StrictQuery(Check, Generic[Model]):
    """A dependency that reads the query as `model`: refuses unknown and repeated parameters."""

    refuses = (NotAcceptable, RequestInvalid)

    def __init__(self, model: type[Model]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> Model:
        """Return the parameters. Raises `NotAcceptable`, `RequestInvalid`."""
        _check_accept(request)
        if errors := find_wrong_parameters(request, self.model.model_fields):
            raise RequestInvalid(tuple(errors))
        clock: Clock = request.app.state.clock
        return parse_members(self.model, dict(request.query_params.multi_items()), on=today(clock))


def find_wrong_parameters(request: Request, known: Container[str]) -> list[FieldError]:
    """Return an error for each parameter of the query that is repeated or not one of `known`, by its position; 100 at most."""
    if not request.scope["query_string"]:
        return []
    pairs = request.query_params.multi_items()
    errors, repeated = list[FieldError](), find_repeated(pairs)
    wrong = (at for at, (name, _) in enumerate(pairs) if at in repeated or name not in known)
    for position in itertools.islice(wrong, MAX_ERRORS):
        found = "repeated" if position in repeated else "not known"
        detail = f"the parameter at position {position} (counting from 0) is {found}"
        errors.append(RequestInvalid.about(f"query.{position}", detail))
    return errors


def check_media_types(request: Request) -> None:
    """Raise `MediaTypeUnsupported` for a body that is not plain JSON, `NotAcceptable` if JSON is not accepted."""
    named = request.headers.getlist("content-type")
    if len(named) != 1:  # of two, each parser may read another one
        raise MediaTypeUnsupported
    media_type, _, parameters = named[0].partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        raise MediaTypeUnsupported
    if set(request.headers.getlist("content-encoding")) - {"identity"}:
        raise MediaTypeUnsupported
    _check_accept(request)


class _Acceptable(Check):
    """A dependency of routes without a body or query: refuses a caller that accepts no JSON, or sends parameters."""

    refuses = (NotAcceptable, RequestInvalid)

    async def __call__(self, request: Request) -> None:
        _check_accept(request)
        if errors := find_wrong_parameters(request, ()):
            raise RequestInvalid(tuple(errors))


check_acceptable = _Acceptable()


def _check_accept(request: Request) -> None:
    accepted = ",".join(request.headers.getlist("accept")) or "*/*"
    if accepted not in _ACCEPTABLE and not any(_accepts_json(part) for part in accepted.lower().split(",")):
        raise NotAcceptable


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
    problems = error.errors(include_input=False, include_url=False)[:MAX_ERRORS]
    errors = tuple(_field_error(problem, members) for problem in problems)
    about_claim = all(found.code == ClaimInvalid.code for found in errors)
    return ClaimInvalid(errors) if about_claim else RequestInvalid(errors)


def _field_error(problem: ErrorDetails, members: Mapping[str, Any]) -> FieldError:
    loc = problem["loc"]
    if problem["type"] == "extra_forbidden":
        return _unknown_member(loc, members)
    if problem["type"] == REPEATED:
        loc = (*loc, problem["ctx"]["position"])
    kind = ClaimInvalid if loc[:1] == ("claim",) and "claim" in members else RequestInvalid
    detail = in_plain_words(problem["type"], problem["msg"], problem.get("ctx", {}))
    return kind.about(".".join(map(str, loc)) or "body", detail)


def _unknown_member(loc: tuple[int | str, ...], members: Mapping[str, Any]) -> FieldError:
    """Return an error with the parent and the position, not the member's name, which may be a person's number."""
    parent: Any = members
    for step in loc[:-1]:
        parent = parent[step]
    location = ".".join(map(str, loc[:-1])) or "body"
    position = list(parent).index(loc[-1])
    return RequestInvalid.about(
        f"{location}.{position}",
        f"the member at position {position} of {location} (counting from 0) is not known",
    )
