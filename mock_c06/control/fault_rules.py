"""What in a fault goes with what, for the check and for the published schema: a member that could do nothing is refused.

Of windows and bounds the schema can't say that the end comes after the beginning; the server does.
"""

from typing import Any

from mock_c06.operations import Operation
from mock_c06.runs.faults import Kind, calls_met_by
from mock_c06.runs.journal import TOKEN

_EVERY = frozenset({*Operation, TOKEN})


def verify_operation(kind: Kind, operation: str) -> None:
    """Raise `ValueError` where the kind could hit none of these calls."""
    if operation not in (met := calls_met_by(kind)):
        raise ValueError(f"{kind} hits {', '.join(_ordered(met))} alone")


def verify_person(kind: Kind, operation: str | None) -> None:
    """Raise `ValueError` where no such call is about a person."""
    if operation == TOKEN or calls_met_by(kind) == {TOKEN}:
        raise ValueError("a token call is about nobody: leave it out")


def schema_rules() -> dict[str, Any]:
    """Give the same as JSON Schema."""
    nobody = {"properties": {"citizen_id": {"type": "null"}}}
    of_operation = [
        _when("kind", {"const": kind}, {"properties": {"operation": {"enum": [*_ordered(met), None]}}})
        for kind in Kind
        if (met := calls_met_by(kind)) < _EVERY
    ]
    reset = {"properties": {"kind": {"const": Kind.RESET}}}
    latency = {"properties": {"kind": {"const": Kind.LATENCY}, "delay_ms": {"type": "null"}}}
    return {
        "allOf": [
            _when("at", {"type": "string"}, reset),
            _when("distribution", {"type": "object"}, latency),
            *of_operation,
            _when("operation", {"const": TOKEN}, nobody),
            _when("kind", {"const": Kind.TOKEN_EXPIRES_EARLY}, nobody),
        ]
    }


def _when(member: str, is_so: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"required": [member], "properties": {member: is_so}}, "then": then}


def _ordered(met: frozenset[str | None]) -> list[str]:
    return [name for name in (*Operation, TOKEN) if name in met]
