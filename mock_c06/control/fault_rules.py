"""What in a fault goes with what: where its members leave nothing to hit, whoever planned it is told so.

Such a fault is taken all the same: it is well-formed, and a plan may name every kind with one operation.
"""

from typing import Any

from mock_c06.operations import Operation
from mock_c06.runs.faults import Kind, calls_met_by
from mock_c06.runs.journal import TOKEN


def find_futility(kind: Kind, operation: str | None, number: str | None) -> str | None:
    """Say why a fault can hit nothing, naming the member that stands against it; None where it can."""
    met = calls_met_by(kind)
    if operation is not None and operation not in met:
        hit = [name for name in (*Operation, TOKEN) if name in met]
        return f"operation: {kind} hits {', '.join(hit)} alone, so this fault hits nothing"
    if number is not None and (operation == TOKEN or met == {TOKEN}):
        return "citizen_id: a token call is about nobody, so this fault hits nothing"
    return None


def schema_rules() -> dict[str, Any]:
    """Give, as JSON Schema, which members belong to which kind."""
    reset = {"properties": {"kind": {"const": Kind.RESET}}}
    latency = {"properties": {"kind": {"const": Kind.LATENCY}, "delay_ms": {"type": "null"}}}
    return {
        "allOf": [_when("at", {"type": "string"}, reset), _when("distribution", {"type": "object"}, latency)]
    }


def _when(member: str, is_so: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"required": [member], "properties": {member: is_so}}, "then": then}
