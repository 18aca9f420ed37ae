"""How the document tells of answers: the problems that an operation may refuse with, and the headers of each.

A problem's codes are an `enum` for each status, so that a code nobody declared breaks a test.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.edge.problems import MEDIA_TYPE, PROBLEMS

_WITH_ERRORS = (403, 422)
_FEW = 4


def problem_responses(codes: Iterable[str]) -> dict[str, Any]:
    """Return the responses of problems with these codes, by status."""
    wanted = set(codes)
    by_status: dict[int, list[str]] = {}
    for problem in PROBLEMS.values():
        if problem.code in wanted:
            by_status.setdefault(problem.status, []).append(problem.code)
    return {str(status): _response(status, found) for status, found in sorted(by_status.items())}


def _response(status: int, codes: list[str]) -> dict[str, Any]:
    narrowed: dict[str, Any] = {
        "properties": {"status": {"const": status}, "code": {"enum": codes}},
        "required": ["errors"] if status in _WITH_ERRORS else [],
    }
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]}
    return {"description": " · ".join(codes), "content": {MEDIA_TYPE: {"schema": schema}}}


def add_headers(responses: dict[str, Any], *, at_place: bool, of_operators: bool, asks_token: bool) -> None:
    """Say which headers each answer carries."""
    keyed = "idempotency_in_progress" in responses.get("409", {}).get("description", "")
    for status, response in responses.items():
        names = ["X-Request-Id", "X-Content-Type-Options"]
        if at_place or of_operators:
            names.append("Cache-Control")
        if at_place:
            names.append("X-Test-Data")
        if status == "429" or (status == "503" and MEDIA_TYPE in response.get("content", {})):
            names.append("Retry-After")
        if keyed and status in {"200", "201"}:
            names.append("Idempotent-Replayed")
        if keyed and status == "409":
            names.append("Retry-After-In-Progress")
        if status in {"401", "403"}:
            names += _challenges(status, of_operators=of_operators, asks_token=asks_token)
        if status == "405":
            names.append("Allow")
        response["headers"] = {_shown(name): {"$ref": f"#/components/headers/{name}"} for name in names}


def _challenges(status: str, *, of_operators: bool, asks_token: bool) -> list[str]:
    """Name the header by which a caller is told what to prove."""
    if of_operators:
        return ["WWW-Authenticate-Operator"] if status == "401" else []
    if status == "403":
        return ["WWW-Authenticate-Scope"]
    return ["WWW-Authenticate" if asks_token else "WWW-Authenticate-Basic"]


def share_responses(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Put answers of few problems that are told alike in one place; return them by status and codes."""
    shared: dict[str, Any] = {}
    for operations in paths.values():
        for operation in operations.values():
            responses = operation["responses"]
            for status, response in responses.items():
                codes = response["description"].split(" · ")
                name = ".".join([status, *codes])
                if MEDIA_TYPE in response.get("content", {}) and len(codes) <= _FEW:
                    name += _where(response["headers"])
                    responses[status] = {"$ref": f"#/components/responses/{name}"}
                    shared[name] = response
    return shared


def _where(headers: Mapping[str, Any]) -> str:
    """Say by its headers where an answer is given: at a place, to operators, or at an open page."""
    if "X-Test-Data" in headers:
        return ".at_place"
    return ".of_operators" if "Cache-Control" in headers else ""


def _shown(name: str) -> str:
    return next((shown for shown in ("WWW-Authenticate", "Retry-After") if name.startswith(shown)), name)


def _header(description: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


HEADERS: Mapping[str, Any] = {
    "X-Request-Id": _header("This call's id: ours, in every log line.", pattern="^req_[a-z2-7]{25}$"),
    "X-Content-Type-Options": _header("Always nosniff.", const="nosniff"),
    "Cache-Control": _header("`no-store`; public keys may be kept for a minute."),
    "X-Test-Data": _header(
        "There where the registry behind is a mock or a test.", required=False, const="true"
    ),
    "Retry-After": _header("Whole seconds to wait.", pattern="^[0-9]+$"),
    "Retry-After-In-Progress": _header(
        "With `idempotency_in_progress`: whole seconds to wait.", required=False, pattern="^[0-9]+$"
    ),
    "Idempotent-Replayed": _header(
        "There where the answer was kept and is given again.", required=False, const="true"
    ),
    "Allow": _header("The methods that this path has."),
    "WWW-Authenticate": _header("RFC 6750 §3 or RFC 9449 §7.1, with `resource_metadata` (RFC 9728 §5.1)."),
    "WWW-Authenticate-Scope": _header("With `scope_missing`: the scope that is needed.", required=False),
    "WWW-Authenticate-Operator": _header("RFC 6750 §3."),
    "WWW-Authenticate-Basic": _header("Where the caller tried the Basic header.", required=False),
}

PROBLEM: Mapping[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457. `errors` stands for 403 and 422; a wrong value is never echoed.",
    "required": ["type", "title", "title_vi", "status", "detail", "code", "request_id"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`{base}/problems/{code}`"},
        "title": {"type": "string"},
        "title_vi": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "registry_code": {"type": "string", "description": "With registry_refused: the registry's own code."},
        "budget": {
            "type": "string",
            "enum": ["account_hour", "subject_day", "confirmed_hour", "confirmed_day"],
            "description": "With enquiry_budget_spent: which budget has no place left.",
        },
        "verification": {
            "type": "string",
            "description": "With verification_invalidated or idempotency_answer_gone, where there is one.",
        },
        "errors": {
            "type": "array",
            "description": "All errors of the winning class.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "additionalProperties": False,
                "properties": {
                    "field": {
                        "type": "string",
                        "description": "Dotted (`claim.citizen_id`, `fields.3`), or a known field's name.",
                    },
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
