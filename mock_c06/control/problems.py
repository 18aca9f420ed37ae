"""The control face's errors, one row a class: a test's author reads them, so they say what to change."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mock_c06.control.wording import Error, word_error
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
)

ROWS: dict[type[ControlError], tuple[int, str]] = {
    RunUnknown: (404, "no such run: create it by POST /runs"),
    RunExists: (409, "a run of that name exists: drop it first"),
    RunNameInvalid: (422, "a run's name is 1 to 64 of A-Z a-z 0-9 . _ -"),
    FaultUnknown: (404, "no such fault in this run"),
    PersonIncomplete: (422, "a person is incomplete"),
    PersonUnknown: (404, "no such person in this run"),
    EventRefused: (409, "this event can't happen"),
    ClockOutOfRange: (422, "a time at which no registry is"),
    RecordingTooLong: (
        409,
        "too many or too large answers to record: use a run of its own, and a shorter one",
    ),
    AccountInvalid: (422, "an account can't be so"),
    AccountUnknown: (404, "no such account: GET /accounts lists them"),
    StatusWrong: (409, "an account goes granted, active, suspended, revoked"),
    SwitchUnknown: (422, "no such switch: GET /parity lists them"),
    ApplicationUnknown: (404, "no such application"),
    BundleInvalid: (422, "a bundle that can't be taken"),
    DecisionRefused: (409, "an application can't be decided so"),
    NothingIssued: (404, "nothing was issued on this application: GET it for the reasons"),
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
        # FastAPI reads as JSON only what says that it is.
        if isinstance(error.body, bytes):
            return problem(415, "send the body with Content-Type: application/json", [])
        worded = [_word(each, error.body) for each in error.errors()]
        errors = [{"field": field, "detail": detail} for field, detail in worded]
        return problem(422, "the request has wrong members", errors)

    @app.exception_handler(HTTPException)
    async def refuse_otherwise(_request: Request, error: HTTPException) -> JSONResponse:
        unread = error.status_code == 400
        title = "the body can't be read: JSON in UTF-8 is expected" if unread else error.detail
        return problem(error.status_code, title, [], error.headers)


def _word(error: Error, body: Any) -> tuple[str, str]:
    if error["loc"][0] == "body":
        return word_error(error, body, within=1)
    # A query or a path is flat: behind the name stands at most the shape that it could have had.
    return ".".join(error["loc"][1:2]), error["msg"].removeprefix("Value error, ")


def problem(
    status: int, title: str, errors: list[dict[str, Any]], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a problem as this face writes it."""
    content: dict[str, Any] = {"status": status, "title": title}
    if errors:
        content["errors"] = errors
    return JSONResponse(content, status, headers, media_type="application/problem+json")
