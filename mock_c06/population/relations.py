"""Codes for what a member is to the head of the household.

Only CH01 (the head) was ever seen on the wire. The rest are invented for this mock, so `invented` says so
beside each: nothing may treat them as C06's own list.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

HEAD = "CH01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A code, its Vietnamese name, and whether this mock made it up."""

    code: str
    name: str
    invented: bool


@cache
def load_relations() -> Mapping[str, Relation]:
    """Give the relations by code; the first call reads the data file."""
    path = resources.files(__package__).joinpath("data/relations.toml")
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {code: Relation(code=code, **row) for code, row in data.items()}
