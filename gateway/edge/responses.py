"""Answers and refusals of routes, with what the OpenAPI document needs.

An answer is built from the values of a use case and not validated again. A dependency that may refuse a request
lists its errors in `refuses`; a route adds the errors of its own use case with the function `refuses`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from gateway.clock import rfc3339
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.responses import Response


class Answer(BaseModel):
    """The members of a successful answer. A model is built at its first use: most processes never use most of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def of(cls, value: object, **others: Any) -> Self:
        """Return an answer with the value's members of the same names, its times as RFC 3339, and the other members."""
        own = {name: getattr(value, name) for name in cls.model_fields.keys() - others.keys()}
        times = {name: rfc3339(each) for name, each in own.items() if isinstance(each, datetime)}
        return super().model_construct(**own | times | others)


def respond(answer: Answer, *, status: int = 200) -> Response:
    """Return the answer as JSON without the members that were never set."""
    from starlette.responses import Response  # noqa: PLC0415 - commands shape answers and send none

    return Response(to_json(answer), status_code=status, media_type="application/json")


def to_json(answer: Answer) -> bytes:
    """Return the answer as compact JSON in UTF-8, without the members that were never set."""
    return answer.__pydantic_serializer__.to_json(answer, exclude_unset=True)


VERIFICATION_ID = "^ver_[a-z2-7]{25}$"

JWS = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"

Jws = Annotated[str, Field(json_schema_extra={"pattern": JWS})]
"""A signed token in its compact form."""

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time", "pattern": _INSTANT})]
"""An RFC 3339 time in UTC, ending in Z."""

VerificationId = Annotated[str, Field(json_schema_extra={"pattern": VERIFICATION_ID})]
PrefillId = Annotated[str, Field(json_schema_extra={"pattern": "^pre_[a-z2-7]{25}$"})]
DiscrepancyId = Annotated[str, Field(json_schema_extra={"pattern": "^dis_[a-z2-7]{25}$"})]


REFUSALS = "x-refusals"
"""The member of an operation that `refuses` sets; `build_openapi` replaces it by the problems' responses."""

WHOLE_BODY = {"x-schemathesis": {"merge_body": False}}
"""For a link whose `requestBody` is the whole body: schemathesis adds no member to it."""


class Check:
    """A dependency of a route that may refuse a request; `refuses` lists its errors."""

    refuses: tuple[type[GatewayError], ...] = ()


class CallerCheck(Check):
    """A check that requires an access token, with a scope (None: any).

    `parameters` are the headers that it reads besides the token's, for the OpenAPI document.
    """

    scope: str | None = None
    parameters: Sequence[Mapping[str, Any]] = ()


class OperatorCheck(Check):
    """A check that requires an operator's token, at `/ops/v1`."""


def add_route(
    router: APIRouter,
    method: str,
    path: str,
    endpoint: Callable[..., Awaitable[Response]],
    summary: str,
    answer: type[Answer] | str | None,
    *refused: type[GatewayError],
    status: int = 200,
    description: str | None = None,
    also: Mapping[int, str] | None = None,
    links: Mapping[str, Any] | None = None,
    more: Mapping[int | str, dict[str, Any]] | None = None,
) -> None:
    """Add a route whose operation id is its function's name, with `refused` as in `refuses`.

    `answer` is the type of the body, or the media type of a text. `description` is that of the answer; `also` has those of
    the same body with other statuses. `links` are the document's links from the body. `more` are answers of another form.
    """
    from starlette.responses import Response  # noqa: PLC0415 - as in `respond`

    body = (
        {"content": {answer: {"schema": {"type": "string"}}}}
        if isinstance(answer, str)
        else {"model": answer}
    )
    described = {**(also or {}), status: description}
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        operation_id=endpoint.__name__.removeprefix("_"),
        summary=summary,
        status_code=status,
        response_class=Response,
        openapi_extra=refuses(*refused),
        responses={
            **{each: {**body, "description": text, "links": links} for each, text in described.items()},
            **(more or {}),
        },
    )


def refuses(*errors: type[GatewayError]) -> dict[str, Any]:
    """Return a route's `openapi_extra` with the errors that its use case may raise."""
    return {REFUSALS: [error.code for error in errors]}
