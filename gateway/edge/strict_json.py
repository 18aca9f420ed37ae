"""Strict JSON: UTF-8, one object, distinct names, no NaN, bounded depth. Used for what callers send.

Refuses what Python's reader lets pass (RFC 8259 §4 leaves repeated names open; I-JSON, RFC 7493, forbids them).
"""

import json
from typing import Any

from gateway.errors import FieldError
from gateway.errors.requests import JsonInvalid, RequestInvalid

MAX_DEPTH = 16


def parse_object(body: bytes) -> dict[str, Any]:
    """Read one JSON object. Raises `JsonInvalid`, or `RequestInvalid` for JSON that is no object."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise JsonInvalid from None
    if _too_deep(value, MAX_DEPTH) or _has_surrogate(text):
        raise JsonInvalid
    if not isinstance(value, dict):
        raise RequestInvalid((FieldError(field="body", code="request_invalid", detail="a JSON object"),))
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated name")
    return members


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)


def _too_deep(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(child, levels - 1) for child in children)


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
