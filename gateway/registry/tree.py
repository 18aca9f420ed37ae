"""An answer as a bounded tree of text: what XML and JSON both become before anyone reads values.

A leaf is text, an empty leaf is `""`. Refuses a branch where a leaf belongs and the reverse; knows no
element's meaning, `records.py` does.
"""

from collections.abc import Mapping
from typing import TypeAlias

from gateway.errors.registry import RegistryAnswerInvalid

Tree: TypeAlias = str | dict[str, "Tree"] | list["Tree"]
Branch: TypeAlias = Mapping[str, Tree]

MAX_DEPTH = 32
MAX_NODES = 10_000

_EMPTY: Branch = {}
_BLANKS = " \t\r\n"


def leaf(branch: Branch, name: str) -> str:
    """Return the text under a name, trimmed; `""` where it is absent or empty."""
    value = branch.get(name)
    if not value:
        return ""
    if not isinstance(value, str):
        raise RegistryAnswerInvalid("structure where a value belongs")
    return value.strip(_BLANKS)


def branch_of(value: Tree | None) -> Branch:
    """Return a value as a branch; an absent or empty one has no members."""
    if not value or (isinstance(value, str) and not value.strip(_BLANKS)):
        return _EMPTY
    if not isinstance(value, dict):
        raise RegistryAnswerInvalid("value where a structure belongs")
    return value


def branches_of(value: Tree | None) -> list[Branch]:
    """Return a repeatable value as branches: wrappers send one object or a list."""
    if isinstance(value, list):
        return [branch_of(item) for item in value]
    branch = branch_of(value)
    return [branch] if branch else []


def is_blank(value: Tree | Branch) -> bool:
    """Say whether nothing but blanks stands anywhere below."""
    if isinstance(value, str):
        return not value.strip(_BLANKS)
    return all(is_blank(below) for below in (value if isinstance(value, list) else value.values()))
