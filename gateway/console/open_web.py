"""Pages without authentication: `/`, `/docs`, `/openapi.json`, `/problems/` and `/problems/{code}`."""

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.console.calls import ShownProblem, list_calls, list_problems
from gateway.console.responses import (
    FONTS,
    HEADERS,
    STYLESHEET,
    answer_stylesheet,
    read_asset,
    read_fonts,
    render,
)
from gateway.edge.responses import add_route
from gateway.errors.requests import NotFound

_PAGE = "text/html; charset=utf-8"
States = Callable[[], Mapping[str, str]]
Document = Callable[[], dict[str, Any]]


def build_router() -> APIRouter:
    """Return the routes. Their pages are the application's: `app.state.open_pages`."""
    router = APIRouter()
    for path, page in (
        ("/", _home),
        (STYLESHEET, _stylesheet),
        ("/favicon.ico", _icon),
        (FONTS + "/{name}", _font),
        ("/problems", _problem_index),
        ("/problems/", _problem_index),
    ):
        router.add_api_route(path, page, methods=["GET"], include_in_schema=False)
    router.add_api_route(
        "/openapi.json", _openapi, methods=["GET"], operation_id="get_document", summary="This document"
    )
    add_route(router, "GET", "/docs", _get_docs, "This document as a page", "text/html")
    add_route(router, "GET", "/problems/{code}", _get_problem, "What a problem means", "text/html")
    return router


async def _home(request: Request) -> Response:
    return render("home.html", states=_pages_of(request).states())


async def _stylesheet() -> Response:
    return answer_stylesheet(read_asset("pages.css"))


async def _font(name: str) -> Response:
    found = read_fonts().get(name)
    if found is None:
        raise NotFound
    return Response(found, media_type="font/woff2", headers={**HEADERS, "Cache-Control": "max-age=604800"})


async def _icon() -> Response:
    headers = {"Cache-Control": "max-age=86400", **HEADERS}
    return Response(read_asset("mark.svg"), media_type="image/svg+xml", headers=headers)


async def _openapi(request: Request) -> Response:
    return _pages_of(request).openapi.answer(request)


async def _get_docs(request: Request) -> Response:
    return _pages_of(request).docs.answer(request)


async def _problem_index(request: Request) -> Response:
    return _pages_of(request).index.answer(request)


async def _get_problem(request: Request, code: str) -> Response:
    found = next((each for each in _pages_of(request).problems if each.code == code), None)
    if found is None:
        raise NotFound
    return render("problem.html", found=found)


def _pages_of(request: Request) -> "OpenPages":
    pages: OpenPages = request.app.state.open_pages
    return pages


class OpenPages:
    """What the pages of one application show. What is the same each time is made at the first call."""

    def __init__(self, document: Document, states: States, *, base: str) -> None:
        """`document` returns the OpenAPI document, `states` each profile's state as `/readyz` shows it."""
        self._document, self.states, self._base = document, states, base

    @cached_property
    def problems(self) -> tuple[ShownProblem, ...]:
        """Return every problem with its address."""
        return list_problems(self._base)

    @cached_property
    def openapi(self) -> "_Written":
        """Return the OpenAPI document as JSON."""
        text = json.dumps(self._document(), ensure_ascii=False, separators=(",", ":"))
        return _Written(text.encode(), "application/json", {})

    @cached_property
    def docs(self) -> "_Written":
        """Return the OpenAPI document as a page."""
        shown = self._document()
        page = render("docs.html", info=shown["info"], readers=list_calls(shown), problems=self.problems)
        return _Written(bytes(page.body), _PAGE, HEADERS)

    @cached_property
    def index(self) -> "_Written":
        """Return the page that lists the problems."""
        page = render("problems.html", problems=self.problems)
        return _Written(bytes(page.body), _PAGE, HEADERS)


class _Written:
    """A document's bytes, plain and compressed, each with its ETag (RFC 9110 §8.8.3)."""

    def __init__(self, plain: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        self._media_type, self._headers = media_type, headers
        tag = hashlib.sha256(plain).hexdigest()[:32]
        self._plain, self._plain_tag = plain, f'"{tag}"'
        self._packed, self._packed_tag = gzip.compress(plain, mtime=0), f'"{tag}-gzip"'

    def answer(self, request: Request) -> Response:
        """Return the document, or 304 if the caller has it."""
        packed = _takes_gzip(request.headers.get("accept-encoding", ""))
        tag = self._packed_tag if packed else self._plain_tag
        headers = {**self._headers, "ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        known = {
            each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
        }
        if known & {"*", self._plain_tag, self._packed_tag}:
            return Response(status_code=304, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(self._packed if packed else self._plain, media_type=self._media_type, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Return whether `Accept-Encoding` names gzip with a weight above zero (RFC 9110 §12.5.3)."""
    for each in accepted.lower().split(","):
        name, _, weight = each.strip().partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
