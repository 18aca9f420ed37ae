"""The `application/problem+json` answer of an error (RFC 9457).

An answer has only the texts of the error's row and the members of the contract, never an internal text or a value of a
person. Pydantic's messages are for programmers ("Input should be a valid string"), so each kind of its errors has a plain
text here, and each text of our own validators has its Vietnamese one; a text without one gets its problem's title.
"""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from gateway.edge.problems import PROBLEMS, Internal, Problem, find_problem
from gateway.errors import FieldError, GatewayError, operators, registry, requests

MEDIA_TYPE = "application/problem+json"


def _body(error: GatewayError, *, base: str, request_id: str) -> dict[str, Any]:
    """Return the RFC 9457 members of an error."""
    problem = find_problem(error)
    body = problem_members(error.code, problem, base=base, request_id=request_id)
    if problem.status in {403, 422}:
        body["errors"] = [_field_error(found) for found in getattr(error, "errors", ())]
    if isinstance(error, requests.DpopProofInvalid | requests.CitizenTokenInvalid) and error.wrong:
        body["detail"] += f" Wrong: {error.wrong}."
        body["detail_vi"] += f" Sai: {error.wrong}."
    if isinstance(error, registry.RegistryRefused):
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


def _field_error(found: FieldError) -> dict[str, str]:
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
            return f'Bearer error="invalid_token", error_description="{find_problem(error).title}"'
        case requests.CitizenTokenMissing() | requests.CitizenTokenInvalid():
            named = f'error_description="{find_problem(error).title}"'
            return f'Bearer error="insufficient_user_authentication", {named}, max_age="900"'
        case requests.DpopProofInvalid(wrong=wrong):
            named = f', error_description="{wrong}"' if wrong else ""
            return f'DPoP error="invalid_dpop_proof"{named}, algs="ES256 EdDSA PS256"'
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


_PLAIN: Mapping[str, str] = {
    "missing": "this member is required",
    "extra_forbidden": "no such member",
    "string_type": "a text",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text of another form; see openapi.json",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "model_type": "a JSON object",
    "model_attributes_type": "a JSON object",
    "dict_type": "a JSON object",
    "string_unicode": "a text in UTF-8",
}

_VIETNAMESE: tuple[tuple[str, str], ...] = (
    ("this member is required", "thành phần này là bắt buộc"),
    ("a text of another form", "chuỗi không đúng dạng; xem openapi.json"),
    ("a text in UTF-8", "một chuỗi UTF-8"),
    ("a text", "một chuỗi"),
    ("a whole number from ", "một số nguyên từ "),
    ("a whole number", "một số nguyên"),
    ("a number", "một số"),
    ("true or false", "true hoặc false"),
    ("a list", "một danh sách"),
    ("a JSON object", "một đối tượng JSON"),
    ("one of ", "một trong các giá trị "),
    ("12 digits, as printed on the card", "12 chữ số như trên thẻ căn cước"),
    ("9 digits, as printed on the card", "9 chữ số như trên chứng minh nhân dân"),
    ("a date written YYYY-MM-DD", "ngày viết theo dạng YYYY-MM-DD"),
    ("a day that exists in the calendar", "một ngày có thật"),
    ("a day that is not in the future", "một ngày không ở tương lai"),
    ("a day in ", "một ngày từ năm "),
    ("a year from ", "một năm từ "),
    (
        "no control, bidirectional or unassigned characters",
        "không có ký tự điều khiển, ký tự đổi hướng chữ hoặc ký tự chưa có trong Unicode",
    ),
    ("write a week of the calendar as 2022-W17", "viết một tuần có trong lịch theo dạng 2022-W17"),
    ("the parameter is repeated or not known", "tham số bị lặp lại hoặc không có"),
    ("vi or en", "vi hoặc en"),
    ("exactly one of citizen_id and id_card_number", "đúng một trong citizen_id và id_card_number"),
    ("exactly one of birth_date and birth_year", "đúng một trong birth_date và birth_year"),
    ("exactly one of receipt and verification", "đúng một trong receipt và verification"),
    ("an id for an officer, none for a citizen", "có id nếu là cán bộ, không có nếu là công dân"),
    ("each field once", "mỗi trường một lần"),
    (
        "no run of nine or more digits",
        "không có dãy từ 9 chữ số trở lên, cũng không có 9 hoặc 12 chữ số chia thành nhóm: đó có thể là số định danh",
    ),
    ("at least ", "ít nhất "),
    ("at most ", "nhiều nhất "),
)
_UNITS = (
    (" characters", " ký tự"),
    (" items", " mục"),
    (" marks on one letter", " dấu trên một chữ"),
    (" or more", " trở lên"),
    (" or less", " trở xuống"),
    (" to this year", " đến năm nay"),
    (" or later", " trở đi"),
    (" to ", " đến "),
    (" or ", " hoặc "),
)


def in_plain_words(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """Return what is expected where Pydantic found an error of this kind; our own messages are plain already."""
    words = "a date written YYYY-MM-DD" if kind.startswith("date_") else _PLAIN.get(kind)
    if words is not None:
        return words.format_map(dict(context))
    return message.removeprefix("Value error, ")


def in_vietnamese(words: str) -> str | None:
    """Return what is expected in Vietnamese; None without a translation."""
    for start, meaning in _VIETNAMESE:
        if words.startswith(start):
            rest = words.removeprefix(start)
            if start.endswith(" "):
                for unit, translated in _UNITS:
                    rest = rest.replace(unit, translated)
                return meaning + rest
            return meaning
    return None
