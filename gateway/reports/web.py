"""`/reports/`: the weekly report as a page, for a token with the scope `reports.read`, or a signed-in operator.

An operator comes with a session's token, or with the cookie of `/console/login`; a browser without one is sent there.
The report counts what all accounts asked; it names no person.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from gateway.clock import Week, parse_week, this_week
from gateway.console.responses import HEADERS, answer_stylesheet, wants_page
from gateway.console.web import ask_to_sign_in, find_operator
from gateway.edge.openapi_parts import OPERATOR, security_of_api
from gateway.edge.requests import MAX_ERRORS, find_wrong_parameters
from gateway.edge.responses import refuses
from gateway.errors.requests import (
    RequestInvalid,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from gateway.identifiers import Language
from gateway.oauth.bearer_web import Bearer
from gateway.oauth.tokens import verify_token
from gateway.oauth.web import gateway_of
from gateway.operators.sessions import TOKEN_PREFIX, identify
from gateway.profiles.model import Gateway, Place
from gateway.reports.page import STYLESHEET, report_page
from gateway.reports.use_cases import KeptReports

SCOPE = "reports.read"
_BEARER = Bearer(SCOPE)
_PATH, _STYLE = "/reports/", "/reports/report.css"
_HEADERS = {**HEADERS, "Cache-Control": "no-store"}
_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "week",
        "in": "query",
        "required": False,
        "description": "An ISO week of Vietnam's calendar; by default the present one.",
        "schema": {"type": "string", "pattern": "^[0-9]{4}-W[0-9]{2}$", "examples": ["2022-W17"]},
    },
    {
        "name": "lang",
        "in": "query",
        "required": False,
        "description": "The page's language.",
        "schema": {"type": "string", "enum": ["vi", "en"], "default": "vi"},
    },
]


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    async def show(request: Request) -> Response:
        if not await _may_read(request):
            return ask_to_sign_in(request)
        week, language = _read_query(request)
        catalogue = gateway_of(request).deps.catalogue
        reports: KeptReports = request.app.state.reports
        page = report_page(
            await reports.find(week), catalogue, language, stylesheet=_STYLE, newest=this_week(reports.clock)
        )
        return HTMLResponse(page, headers=_HEADERS)

    router.add_api_route(
        _PATH,
        show,
        methods=["GET"],
        operation_id="show_weekly_report",
        summary="The weekly report of the 25 services, with a chart",
        response_class=HTMLResponse,
        responses={303: {"description": "A browser without a session is sent to sign in"}},
        openapi_extra={
            "parameters": _PARAMETERS,
            "security": [*security_of_api(SCOPE), {OPERATOR: []}],
            **refuses(*_BEARER.refuses, RequestInvalid),
        },
    )
    router.add_api_route(_PATH.rstrip("/"), show, methods=["GET"], include_in_schema=False)
    router.add_api_route(_STYLE, _style, methods=["GET"], include_in_schema=False)
    return router


async def _style() -> Response:
    return answer_stylesheet(STYLESHEET)


async def _may_read(request: Request) -> bool:
    """Return whether the caller may read the report; False for a browser that must sign in.

    Raises:
        TokenMissing, or what `Bearer` and `identify` raise.
    """
    gateway = gateway_of(request)
    sent = request.headers.getlist("authorization")
    if sent:
        scheme, _, token = sent[0].partition(" ")
        if len(sent) == 1 and scheme.lower() == "bearer" and token.strip().startswith(TOKEN_PREFIX):
            await identify(gateway, token.strip())
        else:
            await _BEARER(request, _place_of(gateway, token.strip()))
        request.state.known = True
        return True
    if await find_operator(request) is not None:
        return True
    if wants_page(request):
        return False
    raise TokenMissing


def _place_of(gateway: Gateway, token: str) -> Place:
    """Return the served profile that issued a token; any for a token of none, which is then refused there."""
    places = [place for place in gateway.places.values() if gateway.clients.serves(place.profile)]
    for place in places:
        try:
            verify_token(place, token, now=gateway.deps.clock.now())
        except TokenExpired:
            return place
        except TokenInvalid:
            continue
        return place
    return places[0]


def _read_query(request: Request) -> tuple[Week, Language]:
    """Return week and language. Raises `RequestInvalid`."""
    week = this_week(request.app.state.clock)
    language = Language.VI
    errors = find_wrong_parameters(request, {"week", "lang"})
    for name, text in request.query_params.multi_items():
        if name == "lang" and text not in set(Language):
            errors.append(RequestInvalid.about("query.lang", "vi or en"))
        elif name == "lang":
            language = Language(text)
        elif name == "week":
            try:
                week = parse_week(text)
            except ValueError:
                errors.append(RequestInvalid.about("query.week", "write a week of the calendar as 2022-W17"))
    if errors:
        raise RequestInvalid(tuple(errors[:MAX_ERRORS]))
    return week, language
