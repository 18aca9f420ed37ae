"""Strict JSON: UTF-8, one object, distinct names, no NaN or infinity, bounded depth and width.

`read_object` parses callers' bodies (`parse_object`) and the registry's answers (`registry/reader.py`); each has its own
limits and its own errors. It refuses input that Python's parser accepts (RFC 8259 §4 leaves repeated names open; I-JSON,
RFC 7493, forbids them).
"""

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.errors import FieldError
from gateway.errors.requests import JsonInvalid, RequestInvalid

MAX_DEPTH = 16
MAX_MEMBERS = 256
"""Members of one object: no body has as many, and listing thousands of unknown ones would delay other requests."""
MAX_COLONS = 2048
"""Colons in a body, counted before it is parsed: each member has one, and no valid body has as many."""

_BRANCHES = (dict, list)


class NotStrictJson(Exception):
    """The bytes are not a strict JSON object; `reason` is the violated rule and never quotes a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_object(
    raw: bytes,
    *,
    depth: int,
    members: int,
    colons: int,
    parse_float: Callable[[str], object],
    parse_int: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """Return one JSON object of at most `depth` levels, `members` in each object and `colons` in all.

    Raises:
        NotStrictJson: what is wrong.
    """
    if raw.count(b":") > colons:
        raise NotStrictJson("too many members")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=partial(_distinct, members),
            parse_constant=_refuse_constant,
            parse_float=parse_float,
            parse_int=parse_int,
        )
    except UnicodeDecodeError:
        raise NotStrictJson("encoding is not UTF-8") from None
    except RecursionError:
        raise NotStrictJson("nested too deep") from None
    except ValueError:  # the decoder's text may quote a value
        raise NotStrictJson("not well-formed JSON") from None
    if _too_deep(value, depth):
        raise NotStrictJson("nested too deep")
    if not isinstance(value, dict):
        raise NotStrictJson("not a JSON object")
    return value


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a caller's JSON object. Raises `JsonInvalid`, or `RequestInvalid` for JSON that is not an object, or too wide."""
    try:
        found = read_object(
            body, depth=MAX_DEPTH, members=MAX_MEMBERS, colons=MAX_COLONS, parse_float=_finite
        )
    except NotStrictJson as error:
        if error.reason in _EXPECTED:
            detail = _EXPECTED[error.reason]
            raise RequestInvalid((FieldError(field="body", code="request_invalid", detail=detail),)) from None
        raise JsonInvalid from None
    if b"\\ud" in body.lower() and _has_surrogate(found):
        raise JsonInvalid
    return found


_EXPECTED = {
    "too many members": f"an object of at most {MAX_MEMBERS} members",
    "not a JSON object": "a JSON object",
}


def _distinct(most: int, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > most:
        raise NotStrictJson("too many members")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictJson("member repeated")
    return members


def _refuse_constant(_constant: str) -> None:
    raise NotStrictJson("number is not finite")


def _finite(number: str) -> float:
    """Read a number; raises for one that is too large for a float, since it would become infinite."""
    value = float(number)
    if not math.isfinite(value):
        raise NotStrictJson("number is not finite")
    return value


def _too_deep(value: Any, levels: int) -> bool:
    branches = [value] if type(value) in _BRANCHES else []
    for _ in range(levels):
        if not branches:
            return False
        children = [each.values() if type(each) is dict else each for each in branches]
        branches = [child for each in children for child in each if type(child) in _BRANCHES]
    return bool(branches)


def _has_surrogate(found: dict[str, Any]) -> bool:
    """Return whether a text contains half a surrogate pair, which UTF-8 can't encode."""
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
