"""Strict JSON: UTF-8, one object, distinct names, no NaN or infinity, bounded depth and width.

`read_object` parses callers' bodies (`parse_object`) and the registry's answers (`registry/reader.py`); each has its own
limits and its own errors. It refuses input that Python's parser accepts (RFC 8259 §4 leaves repeated names open; I-JSON,
RFC 7493, forbids them).
"""

import codecs
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from gateway.errors.requests import JsonInvalid, RequestInvalid

MAX_DEPTH = 16
MAX_MEMBERS = 256
"""Members of one object: no body has as many, and listing thousands of unknown ones would delay other requests."""
MAX_COLONS = 2048
"""Colons in a body, counted before it is parsed: each member has one, and no valid body has as many."""

_BRANCHES = (dict, list)


class NotStrictJson(Exception):
    """The bytes are not a strict JSON object; `reason` is the violated rule and never quotes a value.

    `place` is the line and the column from which the text is no JSON, counted from 1.
    """

    def __init__(self, reason: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(reason)
        self.reason, self.place = reason, place


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
    except json.JSONDecodeError as error:
        raise NotStrictJson("not well-formed JSON", (error.lineno, error.colno)) from None
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
            raise RequestInvalid.of("body", _EXPECTED[error.reason]) from None
        raise _describe(error, body) from None
    if b"\\ud" in body.lower() and _has_surrogate(found):
        raise JsonInvalid("a text has half of a surrogate pair", "một chuỗi có nửa cặp surrogate")
    return found


def _describe(error: NotStrictJson, body: bytes) -> JsonInvalid:
    if not body.strip():
        return JsonInvalid("the body is empty", "phần thân trống")
    if body.startswith(codecs.BOM_UTF8):
        return JsonInvalid("the body begins with a byte order mark", "phần thân bắt đầu bằng dấu BOM")
    wrong, wrong_vi = _WRONG[error.reason]
    if error.place is None:
        return JsonInvalid(wrong, wrong_vi)
    line, column = error.place
    return JsonInvalid(
        f"{wrong} at line {line}, column {column}", f"{wrong_vi} tại dòng {line}, cột {column}"
    )


_WRONG = {
    "encoding is not UTF-8": ("the body is not in UTF-8", "phần thân không ở dạng UTF-8"),
    "nested too deep": (f"nested deeper than {MAX_DEPTH} levels", f"lồng nhau sâu hơn {MAX_DEPTH} mức"),
    "not well-formed JSON": ("not well-formed JSON", "không đúng cú pháp JSON"),
    "member repeated": ("a member is there twice", "một thành phần xuất hiện hai lần"),
    "number is not finite": ("a number is not finite", "có số không hữu hạn"),
}


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
