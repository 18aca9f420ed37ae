"""Report cards at the control face: JSON, unless `format` or `Accept` asks for text or HTML."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import Field

from mock_c06.accounts.register import Register
from mock_c06.bodies import ControlBody
from mock_c06.control.accounts_json import verify_accounts
from mock_c06.control.problems import guarded_router
from mock_c06.report.checks import make_card
from mock_c06.report.writing import card_html, card_json, card_text
from mock_c06.runs.run import Runs

_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_Format = Literal["json", "text", "html"]


class ReportQuery(ControlBody):
    """Whose report card, and in which format."""

    account: str | None = Field(default=None, pattern="^[A-Za-z0-9._-]{1,64}$")
    format: _Format | None = None


def report_routes(runs: Runs, register: Register) -> APIRouter:
    """Make the routes of report cards."""
    router = guarded_router("report")

    @router.get("/runs/{run}/report", response_class=JSONResponse)
    async def read_report(
        run: str,
        wanted: Annotated[ReportQuery, Query()],
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        """Return the report card of the client that asked in this run, of one `account` if it is named."""
        found = runs.get(run)
        verify_accounts(found, register, [("account", wanted.account)])
        card = make_card(found, account=wanted.account)
        match wanted.format or _preferred(accept):
            case "html":
                return HTMLResponse(card_html(card), headers=_POLICY)
            case "text":
                return PlainTextResponse(card_text(card))
        return JSONResponse(card_json(card))

    return router


def _preferred(accept: str) -> _Format:
    """Return the first known media type of an Accept header; quality values are ignored."""
    for named in accept.lower().split(","):
        match named.partition(";")[0].strip():
            case "text/html":
                return "html"
            case "text/plain":
                return "text"
            case "application/json":
                return "json"
    return "json"
