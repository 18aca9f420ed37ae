"""What all routes of the control face share: errors, one row a class, and the bearer token, which every route needs but
`/livez` and `/metrics`. The author of a test reads the errors, so they say what to change."""

import hmac
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from mock_c06.bodies import ValidationDetail, in_plain_words, validation_message
from mock_c06.errors import (
    AccountInvalid,
    AccountUnknown,
    ApplicationUnknown,
    BundleInvalid,
    ClockOutOfRange,
    ControlError,
    DecisionRefused,
    EventRefused,
    FaultUnknown,
    MemberWrong,
    NothingIssued,
    PersonIncomplete,
    PersonUnknown,
    RecordingTooLong,
    RunExists,
    RunNameInvalid,
    RunUnknown,
    StatusWrong,
    SwitchUnknown,
    TooManyRuns,
)

_MOST_MESSAGES = 100
"""Wrong members that an answer names at most."""

ROWS: dict[type[ControlError], tuple[int, str]] = {
    RunUnknown: (404, "no such run: create it with POST /runs"),
    RunExists: (409, "a run of that name exists: delete it first"),
    TooManyRuns: (409, "too many runs: delete those that have ended (DELETE /runs/{run})"),
    RunNameInvalid: (422, "a run's name is 1 to 64 of A-Z a-z 0-9 . _ -"),
    FaultUnknown: (404, "no such fault in this run"),
    PersonIncomplete: (422, "a person is incomplete or wrong"),
    PersonUnknown: (404, "no such person in this run"),
    EventRefused: (409, "the event contradicts the people's records"),
    ClockOutOfRange: (422, "the time is outside a run's years"),
    RecordingTooLong: (
        409,
        "too many or too large answers to record: use a shorter run",
    ),
    AccountInvalid: (422, "the account has a wrong member"),
    AccountUnknown: (404, "no such account: GET /accounts lists them"),
    StatusWrong: (409, "the account's status does not allow this: granted, active, suspended, revoked"),
    SwitchUnknown: (422, "no such switch: GET /parity lists them"),
    ApplicationUnknown: (404, "no such application"),
    BundleInvalid: (422, "the bundle is not valid"),
    DecisionRefused: (409, "the application's state does not allow this"),
    NothingIssued: (404, "nothing was issued for this application: GET it for the reasons"),
}


def install_problems(app: FastAPI) -> None:
    """Answer our errors, and malformed bodies, as problems that name the member."""

    @app.exception_handler(ControlError)
    async def refuse(_request: Request, error: ControlError) -> JSONResponse:
        status, title = ROWS[type(error)]
        errors = []
        if isinstance(error, MemberWrong):
            errors = [{"field": error.field, "detail": error.detail}]
        return problem(status, title, errors)

    @app.exception_handler(RequestValidationError)
    async def refuse_body(_request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI reads a body as JSON only if its Content-Type says so.
        if isinstance(error.body, bytes):
            return problem(415, "send the body with Content-Type: application/json", [])
        messages = [_message(each, error.body) for each in islice(error.errors(), _MOST_MESSAGES)]
        errors = [{"field": field, "detail": detail} for field, detail in messages]
        return problem(422, "the request has wrong members", errors)

    @app.exception_handler(HTTPException)
    async def refuse_otherwise(_request: Request, error: HTTPException) -> JSONResponse:
        is_unreadable = error.status_code == 400
        title = "the body cannot be read: JSON in UTF-8 is expected" if is_unreadable else error.detail
        return problem(error.status_code, title, [], error.headers)


def _message(error: ValidationDetail, body: Any) -> tuple[str, str]:
    if error["loc"][0] == "body":
        return validation_message(error, body, within=1)
    # A query or a path is flat: after the name comes at most the name of a union's variant.
    return ".".join(error["loc"][1:2]), in_plain_words(error)


def problem(
    status: int, title: str, errors: list[dict[str, Any]], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a problem document of this face."""
    content: dict[str, Any] = {"status": status, "title": title}
    if errors:
        content["errors"] = errors
    return JSONResponse(content, status, headers, media_type="application/problem+json")


_BEARER = HTTPBearer(auto_error=False)


def _require_token(
    request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> None:
    """Refuse a request without the token of its application (`app.state.control_token`)."""
    offered = sent.credentials if sent is not None else ""
    if not hmac.compare_digest(offered.encode(), request.app.state.control_token.encode()):
        raise HTTPException(401, "bearer token required", {"WWW-Authenticate": "Bearer"})


def guarded_router(tag: str) -> APIRouter:
    """Return an empty router whose routes need the token."""
    return APIRouter(tags=[tag], dependencies=[Depends(_require_token)])
