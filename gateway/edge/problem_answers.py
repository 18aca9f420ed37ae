"""The `application/problem+json` answer of an error (RFC 9457).

An answer has only the texts of the error's row and the members of the contract, never an internal text or a value of a
person.
"""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from gateway.edge.problems import PROBLEMS, Internal, Problem, find_problem
from gateway.errors import FieldError, GatewayError, operators, requests
from gateway.errors.validation import in_vietnamese

MEDIA_TYPE = "application/problem+json"
_DPOP_ALGORITHMS = 'algs="ES256 EdDSA PS256"'


def _body(error: GatewayError, *, base: str, request_id: str) -> dict[str, Any]:
    """Return the RFC 9457 members of an error."""
    problem = find_problem(error)
    body = problem_members(error.code, problem, base=base, request_id=request_id)
    if problem.status in {403, 422}:
        body["errors"] = [field_members(found) for found in getattr(error, "errors", ())]
    if error.wrong:
        wrong_vi = error.wrong_vi or in_vietnamese(error.wrong) or error.wrong
        told, told_vi = f"Wrong: {error.wrong}.", f"Sai: {wrong_vi}."
        if isinstance(error, requests.TokenInvalid):  # a new token would be refused in the same way
            body |= {"detail": told, "detail_vi": told_vi}
        else:
            body |= {"detail": f"{body['detail']} {told}", "detail_vi": f"{body['detail_vi']} {told_vi}"}
    if isinstance(error, requests.ScopeMissing):
        body["detail"] += f" Needed: {error.scope}."
        body["detail_vi"] += f" Cần: {error.scope}."
    if isinstance(error, requests.RegistryRefused):
        body["registry_code"] = error.registry_code
    if isinstance(error, requests.EnquiryBudgetSpent):
        body["budget"] = error.budget
    if verification := getattr(error, "verification", None):
        body["verification"] = verification
    return body


def problem_members(code: str, problem: Problem, *, base: str, request_id: str) -> dict[str, Any]:
    """Return the members that every answer with this problem has."""
    members: dict[str, Any] = {
        "type": f"{base}/problems/{code}",
        "title": problem.title,
        "title_vi": problem.title_vi,
        "status": problem.status,
        "detail": problem.detail,
        "detail_vi": problem.detail_vi,
        "code": code,
        "request_id": request_id,
    }
    if problem.citizen_vi:
        members |= {"citizen_vi": problem.citizen_vi, "citizen": problem.citizen}
    return members


def field_members(found: FieldError) -> dict[str, str]:
    """Return an error of a field; without words of its own in Vietnamese it has its code's."""
    row = next((row for kind, row in PROBLEMS.items() if kind.code == found.code), PROBLEMS[Internal])
    return {
        "field": found.field,
        "code": found.code,
        "detail": found.detail,
        "detail_vi": in_vietnamese(found.detail) or row.title_vi,
    }


def _headers(error: GatewayError, *, metadata_url: str | None, challenge: bool) -> dict[str, str]:
    """Return `Retry-After` (429, 503, 504, a request in progress) and `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1).

    `challenge`: the path requires a token; `metadata_url`: the metadata that says how to get one.
    """
    headers: dict[str, str] = {}
    if find_problem(error).status in {429, 503, 504} or isinstance(error, requests.IdempotencyInProgress):
        headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    asked = _challenge(error) if challenge or metadata_url is not None else None
    if asked is not None:
        separator = ", " if "=" in asked else " "
        where = "" if metadata_url is None else f'{separator}resource_metadata="{metadata_url}"'
        headers["WWW-Authenticate"] = f"{asked}{where}"
    return headers


def _challenge(error: GatewayError) -> str | None:
    match error:
        case requests.TokenMissing() | operators.LoginInvalid():
            return "Bearer"
        case requests.TokenInvalid() | requests.TokenExpired():
            wrong = error.wrong or find_problem(error).title
            scheme = getattr(error, "scheme", "Bearer")
            named = f'{scheme} error="invalid_token", error_description="{wrong}"'
            return named if scheme == "Bearer" else f"{named}, {_DPOP_ALGORITHMS}"
        case requests.CitizenTokenMissing() | requests.CitizenTokenInvalid():
            named = f'error_description="{find_problem(error).title}"'
            return f'Bearer error="insufficient_user_authentication", {named}, max_age="900"'
        case requests.DpopProofInvalid(wrong=wrong):
            named = f', error_description="{wrong}"' if wrong else ""
            return f'DPoP error="invalid_dpop_proof"{named}, {_DPOP_ALGORITHMS}'
        case requests.ScopeMissing(scope=scope):
            return f'Bearer error="insufficient_scope", scope="{scope}"'
    return None


Write = Callable[[Mapping[str, Any], Mapping[str, str]], Response]
"""Returns the answer of a problem's members and headers."""


def problem_response(
    error: GatewayError,
    *,
    base: str,
    request_id: str,
    metadata_url: str | None = None,
    challenge: bool = False,
    write: Write | None = None,
) -> Response:
    """Return an error as `write` writes it, by default `application/problem+json`; parameters as in `_headers`."""
    body = _body(error, base=base, request_id=request_id)
    headers = {"Cache-Control": "no-store"} if metadata_url is None else {}
    headers |= _headers(error, metadata_url=metadata_url, challenge=challenge)
    return (write or _as_json)(body, headers)


def _as_json(members: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    return JSONResponse(members, status_code=members["status"], media_type=MEDIA_TYPE, headers=headers)
