"""Strict JSON: UTF-8, one object, distinct names, no NaN or infinity, bounded depth and width. For what callers send.

Refuses what Python's reader lets pass (RFC 8259 §4 leaves repeated names open; I-JSON, RFC 7493, forbids them).
"""

import json
import math
from typing import Any

from gateway.errors import FieldError
from gateway.errors.requests import JsonInvalid, RequestInvalid

MAX_DEPTH = 16
MAX_MEMBERS = 256
"""Of one object. None of ours has as many, and wording what is unknown about thousands would keep others waiting."""
MOST_COLONS = 2048
"""Of a body, counted before it is read: each member has one, and no text of ours has as many."""


class _TooWide(Exception):
    """An object has more members than any of ours."""


_BRANCHES = (dict, list)


def parse_object(body: bytes) -> dict[str, Any]:
    """Read one JSON object. Raises `JsonInvalid`, or `RequestInvalid` for JSON that is no object."""
    if body.count(b":") > MOST_COLONS:
        raise _too_wide()
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_distinct, parse_constant=_refuse_constant, parse_float=_finite
        )
    except _TooWide:
        raise _too_wide() from None
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise JsonInvalid from None
    if _too_deep(value, MAX_DEPTH) or _has_surrogate(text):
        raise JsonInvalid
    if not isinstance(value, dict):
        raise _refusal("a JSON object")
    return value


def _too_wide() -> RequestInvalid:
    return _refusal(f"an object of at most {MAX_MEMBERS} members")


def _refusal(detail: str) -> RequestInvalid:
    return RequestInvalid((FieldError(field="body", code="request_invalid", detail=detail),))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        raise _TooWide
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated name")
    return members


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


def _finite(number: str) -> float:
    """Read a number; one too large for a float would become infinite, which no JSON can say again."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def _too_deep(value: Any, levels: int) -> bool:
    if type(value) not in _BRANCHES:
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(child, levels - 1) for child in children if type(child) in _BRANCHES)


def _has_surrogate(text: str) -> bool:
    """A lone surrogate escape can't be written back as UTF-8."""
    lowered = text.lower()
    if "\\ud" not in lowered:
        return False
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
