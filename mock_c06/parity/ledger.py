"""The parity ledger: every behaviour of C06 that the mock imitates or guesses, read from ledger.toml.

Refuses an entry without source, without tests, or a guess without a switch.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mock_c06.accounts.model import NAMES

LEDGER = Path(__file__).with_name("ledger.toml")
_REQUIRED = {"id", "claim", "mark", "source", "sure", "since", "tests"}
_OPTIONAL = {"switch", "fixed"}


class LedgerInvalid(ValueError):
    """An entry of the ledger lacks a member, or has one too many."""


class Mark(StrEnum):
    """Where a claim comes from."""

    SOURCED = "sourced"
    INFERRED = "inferred"
    GUESS = "guess"


class Sure(StrEnum):
    """How sure we are that C06 does so."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One entry. `switch` selects the other form; a guess without a switch says why in `fixed`."""

    id: str
    claim: str
    mark: Mark
    source: str
    sure: Sure
    since: str
    switch: str | None = None
    fixed: str | None = None
    tests: tuple[str, ...]


def load_ledger() -> tuple[Behaviour, ...]:
    """Read the ledger that is shipped; raises `LedgerInvalid`."""
    return parse_ledger(LEDGER.read_text(encoding="utf-8"))


def parse_ledger(text: str) -> tuple[Behaviour, ...]:
    """Read a ledger; raises `LedgerInvalid` naming the entry."""
    behaviours = tuple(_behaviour(entry) for entry in tomllib.loads(text).get("behaviour", []))
    _require_distinct([behaviour.id for behaviour in behaviours], "id")
    switches = [behaviour.switch for behaviour in behaviours if behaviour.switch is not None]
    _require_distinct(switches, "switch")
    if missing := sorted(set(NAMES) - set(switches)):
        raise LedgerInvalid(f"switch {missing[0]} has no entry")
    return behaviours


def behaviour_json(behaviour: Behaviour) -> dict[str, Any]:
    """Write an entry without its missing members."""
    members = {name: getattr(behaviour, name) for name in Behaviour.__dataclass_fields__}
    written = {name: value for name, value in members.items() if value is not None}
    return written | {"tests": list(behaviour.tests)}


def _behaviour(entry: Mapping[str, Any]) -> Behaviour:
    where = entry.get("id", "an entry without id")
    if missing := sorted(name for name in _REQUIRED if not entry.get(name)):
        raise LedgerInvalid(f"{where}: {missing[0]} is missing")
    if unknown := sorted(set(entry) - _REQUIRED - _OPTIONAL):
        raise LedgerInvalid(f"{where}: {unknown[0]} is no member of an entry")
    switch = entry.get("switch")
    if switch is not None and switch not in NAMES:
        raise LedgerInvalid(f"{where}: {switch} is no switch")
    try:
        mark, sure = Mark(entry["mark"]), Sure(entry["sure"])
    except ValueError as error:
        raise LedgerInvalid(f"{where}: {error}") from error
    if mark is Mark.GUESS and (switch is None) is (entry.get("fixed") is None):
        raise LedgerInvalid(f"{where}: a guess needs a switch or fixed")
    return Behaviour(**{**entry, "mark": mark, "sure": sure, "tests": tuple(entry["tests"])})


def _require_distinct(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise LedgerInvalid(f"{what} {name} is not unique")
