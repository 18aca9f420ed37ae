"""What a route may refuse, said where the guard or the route is written, so that the document can tell it.

A guard is a dependency of a route. A route adds with `refuses` what its own use case raises.
"""

from typing import Any

from gateway.edge.problems import find_problem
from gateway.errors import GatewayError

REFUSALS = "x-refusals"
"""The member of an operation that `refuses` leaves and the document's builder takes away."""

WHOLE_BODY = {"x-schemathesis": {"merge_body": False}}
"""What a link says whose `requestBody` is the whole body: a test tool adds no member of its own."""


class Guard:
    """A dependency that may refuse a request."""

    refuses: tuple[type[GatewayError], ...] = ()


class CallerGuard(Guard):
    """A guard that asks for an access token, with a scope (None: any)."""

    scope: str | None = None


class OperatorGuard(Guard):
    """A guard that asks for an operator's token, at `/ops/v1`."""


def refuses(*errors: type[GatewayError]) -> dict[str, Any]:
    """Return a route's `openapi_extra` that says which errors its use case may raise."""
    return {REFUSALS: [find_problem(error).code for error in errors]}
