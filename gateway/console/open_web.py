"""Pages without authentication: `/`, `/docs`, `/openapi.json`, `/problems/` and `/problems/{code}`.

`/docs` shows the calls of the OpenAPI document, `/problems/` the problems, each with an example.
"""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.console.responses import (
    FONTS,
    HEADERS,
    STYLESHEET,
    answer_stylesheet,
    read_asset,
    read_fonts,
    render,
)
from gateway.edge.problem_answers import field_members, problem_members
from gateway.edge.problems import PROBLEMS, Problem
from gateway.edge.responses import add_route
from gateway.errors import FieldError
from gateway.errors.requests import NotFound

_ORDER = ("token", "oauth2", "procedures", "me", "verifications", "prefills", "discrepancies", "receipts", "evaluations",
          "ledger", "audit", "sessions", "profiles", "changes", "operators", "reports")  # fmt: skip
"""The order of a reader's calls: as a newcomer needs them. Others follow."""


_SHARED = ("profile", "X-Request-Id", "DPoP")
"""Parameters of several calls: a reader's section shows them once."""

_MOST_VALUES = 8
"""A parameter with more values, such as a problem's code, is shown without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownParameter:
    """One parameter. `place` is path, query or header; `values` are the only ones, and may be empty, as `default` may."""

    name: str
    place: str
    required: bool
    values: tuple[str, ...]
    default: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """One operation. `example` is a body, `scope` what a token needs; both may be empty. `statuses`: status, what it
    means, and an example of the answer, empty for a problem (`/problems/` has them)."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[ShownParameter, ...]
    media_type: str
    example: str
    scope: str
    statuses: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProblem:
    """One problem with an answer as a caller gets it."""

    code: str
    problem: Problem
    example: str


_PLAIN: Mapping[str, Any] = {"integer": 1, "number": 1, "boolean": True, "object": {}}


_WRONG: Mapping[str, tuple[str, str]] = {
    "scope_missing": ("fields", "needs scope prefill"),
    "procedure_not_granted": ("procedure", "not in the grants"),
    "subject_role_not_granted": ("subject_role", "not in the grants"),
    "field_not_granted": ("religion", "not in the grants for this procedure and role"),
    "officer_not_granted": ("initiated_by.id", "not among the account's officers"),
    "role_missing": ("role", "needs the role approver"),
    "request_invalid": ("initiated_by", "this member is required"),
    "claim_invalid": ("claim.birth_date", "a day that is not in the future"),
    "field_unknown": ("fields.0", "a field that GET procedures lists"),
    "field_not_in_procedure": ("blood_type", "this procedure's form has no such field for this role"),
    "procedure_unknown": ("procedure", "a slug, or a code that is valid today"),
    "subject_role_unknown": ("subject_role", "one of requester, father, mother"),
    "receipt_invalid": ("dossier", "not what the receipt was issued for"),
    "idempotency_conflict": ("Idempotency-Key", "sent before with another body; use a new key"),
    "preflight_failed": ("preflight", "was not run"),
}
"""An error of a field by its problem, as a gateway answers it. The other problems name no field."""


def list_problems(base: str) -> tuple[ShownProblem, ...]:
    """Return every problem, by status."""
    found = [_shown_problem(kind.code, row, base) for kind, row in PROBLEMS.items()]
    return tuple(sorted(found, key=lambda each: each.problem.status))


def _shown_problem(code: str, row: Problem, base: str) -> ShownProblem:
    members = problem_members(code, row, base=base, request_id="req_" + "a" * 25)
    if row.status in {403, 422}:
        members["errors"] = []
        if code in _WRONG:
            field, detail = _WRONG[code]
            members["errors"] = [field_members(FieldError(field=field, code=code, detail=detail))]
    return ShownProblem(code=code, problem=row, example=json.dumps(members, ensure_ascii=False, indent=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCalls:
    """A section of the page, for one kind of reader: its calls in order, and the parameters that several of them take."""

    tag: str
    description: str
    shared: tuple[ShownParameter, ...]
    calls: tuple[ShownCall, ...]


def list_readers(document: Mapping[str, Any]) -> Iterator[ReaderCalls]:
    """Yield the section of each kind of reader."""
    for tag in document["tags"]:
        calls = [
            _shown_call(method, path, operation, document["components"])
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if operation["tags"] == [tag["name"]]
        ]
        shared = {each.name: each for call in calls for each in call.parameters if each.name in _SHARED}
        yield ReaderCalls(
            tag=tag["name"],
            description=tag["description"],
            shared=tuple(shared[name] for name in _SHARED if name in shared),
            calls=tuple(sorted(calls, key=_place)),
        )


def _place(call: ShownCall) -> tuple[int, str, str]:
    parts = call.path.split("/")
    at = next((index for index, word in enumerate(_ORDER) if word in parts), len(_ORDER))
    return at, call.path, call.method


def _shown_call(
    method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]
) -> ShownCall:
    schemas, shared = components["schemas"], components["responses"]
    content: dict[str, dict[str, Any]] = operation.get("requestBody", {}).get("content", {})
    media_type, body = next(iter(content.items()), ("", dict[str, Any]()))
    example = body.get("example", _sample(body.get("schema", {}), schemas) if body else None)
    scopes = [scope for each in operation.get("security", ()) for wanted in each.values() for scope in wanted]
    return ShownCall(
        anchor=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=tuple(_shown_parameter(each) for each in operation.get("parameters", ())),
        media_type=media_type,
        example=_write_body(media_type, example),
        scope=scopes[0] if scopes else "",
        statuses=tuple(
            _shown_answer(status, shared.get(response.get("$ref", "").rpartition("/")[2], response))
            for status, response in sorted(operation["responses"].items())
        ),
    )


def _shown_parameter(parameter: Mapping[str, Any]) -> ShownParameter:
    values = parameter["schema"].get("enum", ())
    return ShownParameter(
        name=parameter["name"],
        place=parameter["in"],
        required=parameter["required"],
        values=tuple(values) if len(values) <= _MOST_VALUES else (),
        default=str(parameter["schema"].get("default") or ""),
        description=parameter["description"],
    )


def _shown_answer(status: str, response: Mapping[str, Any]) -> tuple[str, str, str]:
    for media_type, shown in response.get("content", {}).items():
        if "example" in shown:
            return status, response["description"], _write_body(media_type, shown["example"])
    return status, response["description"], ""


def _write_body(media_type: str, example: Any) -> str:
    if media_type in {"", "application/json"}:
        return "" if not media_type else json.dumps(example, ensure_ascii=False, indent=2)
    if isinstance(example, str):
        return example
    return urlencode(example)


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return a value of a schema, with its required members."""
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    given = [schema[name] for name in ("example", "const", "default") if name in schema]
    given += [*schema.get("examples", ()), *schema.get("enum", ())]
    ways = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if given:
        return given[0]
    if "properties" in schema:
        required = schema.get("required", ())
        return {
            name: _sample(found, schemas) for name, found in schema["properties"].items() if name in required
        }
    if ways:
        return _sample(ways[0], schemas)
    if schema.get("type") == "array":
        return [_sample(schema.get("items", {}), schemas)]
    return _PLAIN.get(schema.get("type", ""), "…")


_PAGE = "text/html; charset=utf-8"
_NOT_CHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not changed: `If-None-Match` has the document's ETag"}
}
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
        "/openapi.json",
        _openapi,
        methods=["GET"],
        operation_id="get_document",
        summary="This document",
        responses=_NOT_CHANGED,
    )
    add_route(router, "GET", "/docs", _get_docs, "This document as a page", "text/html", more=_NOT_CHANGED)
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
        page = render("docs.html", info=shown["info"], readers=list_readers(shown), problems=self.problems)
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
