"""Read a provincial platform's JSON answer from hostile bytes into a bounded tree.

Refuses: repeated members, NaN and infinities, more than 32 levels or 10,000 members, anything but an object
at the top, broken UTF-8, NUL. Numbers and booleans become their text, null becomes `""`: the platforms convert
from XML and differ in these. Size is bounded before, in `outbound.py`.
"""

import json
from typing import NoReturn

from gateway.errors.registry import RegistryAnswerInvalid
from gateway.registry.tree import MAX_DEPTH, MAX_NODES, Tree

_MOST_COLONS = 2 * MAX_NODES
"""Counted before the answer is read: each member has one, and the tags of XML inside a text may have others."""


def parse_object(raw: bytes) -> dict[str, Tree]:
    """Return the answer's object as a tree; raises `RegistryAnswerInvalid`."""
    if b"\0" in raw:
        raise RegistryAnswerInvalid("NUL in the answer")
    if raw.count(b"{") + raw.count(b"[") > MAX_NODES:
        raise RegistryAnswerInvalid("too many members")
    if raw.count(b":") > _MOST_COLONS:
        raise RegistryAnswerInvalid("too many members")
    try:
        parsed = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_distinct,
            parse_constant=_refuse_constant,
            parse_int=str,
            parse_float=str,
        )
    except UnicodeDecodeError:
        raise RegistryAnswerInvalid("encoding is not UTF-8") from None
    except RecursionError:
        raise RegistryAnswerInvalid("nested too deep") from None
    except ValueError:
        # The decoder's text may quote a value: it is not passed on.
        raise RegistryAnswerInvalid("not well-formed JSON") from None
    if not isinstance(parsed, dict):
        raise RegistryAnswerInvalid("not a JSON object")
    return _Walk().members(parsed, 1)


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RegistryAnswerInvalid("member repeated")
    return members


def _refuse_constant(_constant: str) -> NoReturn:
    raise RegistryAnswerInvalid("number is not finite")


class _Walk:
    """Turns what the decoder made into a tree, counting as it goes."""

    def __init__(self) -> None:
        self._nodes = 0

    def members(self, found: dict[str, object], depth: int) -> dict[str, Tree]:
        self._count(len(found))
        return {name: self._tree(value, depth) for name, value in found.items()}

    def _tree(self, value: object, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise RegistryAnswerInvalid("nested too deep")
        if isinstance(value, dict):
            return self.members(value, depth + 1)
        if isinstance(value, list):
            self._count(len(value))
            return [self._tree(item, depth + 1) for item in value]
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else ""

    def _count(self, more: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise RegistryAnswerInvalid("too many members")
