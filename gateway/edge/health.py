"""Open pages of the edge: `/livez`, `/readyz` and `/problems/{code}`."""

from html import escape

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from gateway.database import Database
from gateway.edge.problems import PROBLEMS
from gateway.errors import NotFound, Overloaded


def build_router(database: Database, *, states: dict[str, str]) -> APIRouter:
    """Return the open routes; `states` says each profile's state in a word."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="The process answers")
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get("/readyz", summary="The store works; each profile's state")
    async def readyz() -> JSONResponse:
        try:
            async with database.read() as connection:
                await connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        except Overloaded:
            return JSONResponse({"status": "store_unavailable", "profiles": states}, status_code=503)
        return JSONResponse({"status": "ok", "profiles": states})

    @router.get("/problems/{code}", summary="What a problem means", response_class=HTMLResponse)
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
