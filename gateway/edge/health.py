"""Open pages of the edge: `/livez`, `/readyz` and `/problems/{code}`."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gateway.database import Database, Transaction
from gateway.edge.answers import Answer
from gateway.edge.guards import refuses
from gateway.edge.problems import PROBLEMS, Internal
from gateway.errors.places import Overloaded
from gateway.errors.requests import NotFound


class LiveAnswer(Answer):
    """The process answers."""

    status: Literal["ok"]


class ProfileStates(Answer):
    """Each place's state in a word."""

    sandbox: Literal["ready", "degraded", "suspended", "unconfigured"]
    official: Literal["ready", "degraded", "suspended", "unconfigured"]


class CredentialEnds(Answer):
    """When a place's credentials at the registry end; null where no end is known."""

    sandbox: int | None
    official: int | None


class CredentialWarnings(Answer):
    """What to do about a place's credentials: from 30 days before they end, and while the registry refuses them; else null."""

    sandbox: str | None
    official: str | None


class EnquiryWarnings(Answer):
    """That accounts of a place near the end of their enquiries of an hour or a day; else null."""

    sandbox: str | None
    official: str | None


class ReadyAnswer(Answer):
    """The store works. `credential_days_left`: whole days; negative once they have ended."""

    status: Literal["ok"]
    profiles: ProfileStates
    credential_days_left: CredentialEnds
    credential_warnings: CredentialWarnings
    enquiry_warnings: EnquiryWarnings


class NotReadyAnswer(Answer):
    """The store doesn't work: nothing of a place can be answered."""

    status: Literal["store_unavailable"]
    profiles: ProfileStates
    credential_days_left: CredentialEnds
    credential_warnings: CredentialWarnings
    enquiry_warnings: EnquiryWarnings


Profiles = Callable[[], dict[str, dict[str, Any]]]
"""Says of now what `ReadyAnswer` holds of the profiles."""

Enquiries = Callable[[Transaction], Awaitable[dict[str, str | None]]]
"""Says of now what the store knows of accounts near the end of their enquiries."""


def build_router(database: Database, *, profiles: Profiles, enquiries: Enquiries) -> APIRouter:
    """Return the open routes; `profiles` says how each profile is, `enquiries` what their accounts have used."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/livez",
        operation_id="live",
        summary="The process answers",
        responses={200: {"model": LiveAnswer}},
    )
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get(
        "/readyz",
        operation_id="ready",
        summary="The store works; each profile's state",
        openapi_extra=refuses(Internal),
        responses={200: {"model": ReadyAnswer}, 503: {"model": NotReadyAnswer}},
    )
    async def readyz() -> JSONResponse:
        try:
            async with database.read() as connection:
                await connection.execute(sa.text("SELECT version_num FROM alembic_version"))
                warnings = await enquiries(connection)
        except Overloaded:
            unknown = {"enquiry_warnings": dict.fromkeys(("sandbox", "official"))}
            return JSONResponse({"status": "store_unavailable"} | profiles() | unknown, status_code=503)
        return JSONResponse({"status": "ok"} | profiles() | {"enquiry_warnings": warnings})

    @router.get(
        "/problems/{code}",
        operation_id="get_problem",
        summary="What a problem means",
        response_class=HTMLResponse,
    )
    async def problem_page(code: str, request: Request) -> HTMLResponse:
        del request
        for problem in PROBLEMS.values():
            if problem.code == code:
                return HTMLResponse(
                    _PAGE.format(
                        status=problem.status,
                        code=escape(problem.code),
                        title=escape(problem.title),
                        title_vi=escape(problem.title_vi),
                        detail=escape(problem.detail),
                    )
                )
        raise NotFound

    return router


_PAGE = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><title>{code}</title></head>
<body><h1>{title_vi}</h1><h2 lang="en">{title}</h2>
<p><code>{code}</code> · HTTP {status}</p><p lang="en">{detail}</p></body></html>
"""
