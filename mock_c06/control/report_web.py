"""The control face's part for report cards: JSON, unless `format` or `Accept` asks for text or a page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from mock_c06.report.card import make_card
from mock_c06.report.writing import card_html, card_json, card_text
from mock_c06.runs.run import Runs

_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_Format = Literal["json", "text", "html"]


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: str | None = Field(default=None, pattern="^[A-Za-z0-9._-]{1,64}$")
    format: _Format | None = None


def report_routes(runs: Runs) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["report"])

    @router.get("/runs/{run}/report", response_class=JSONResponse)
    async def read_report(
        run: str,
        wanted: Annotated[_Wanted, Query()],
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        """Give the report card of the client that asked in this run, of one `account` where it is named."""
        card = make_card(runs.get(run), account=wanted.account)
        match wanted.format or _preferred(accept):
            case "html":
                return HTMLResponse(card_html(card), headers=_POLICY)
            case "text":
                return PlainTextResponse(card_text(card))
        return JSONResponse(card_json(card))

    return router


def _preferred(accept: str) -> _Format:
    """Take the first kind that is named, whatever its weight: three kinds need no more."""
    for named in accept.lower().split(","):
        match named.partition(";")[0].strip():
            case "text/html":
                return "html"
            case "text/plain":
                return "text"
            case "application/json":
                return "json"
    return "json"
