"""What operators are answered."""

from collections.abc import Sequence

from gateway.clock import rfc3339
from gateway.edge.answers import Answer
from gateway.edge.forms import Instant
from gateway.operators.model import Operator, OperatorState, Role, Session


class SessionAnswer(Answer):
    """A session, its token shown this once: 30 minutes without a call end it, and `expires_at` in any case."""

    token: str
    expires_at: Instant


class OperatorAnswer(Answer):
    """One operator; `created_by` admitted them and saw their one-time code, `local` for whoever had the host.

    `admitted_in` is the change that two people admitted them by, `role_since` when they enrolled or got their role.
    """

    name: str
    role: Role
    state: OperatorState
    created_at: Instant
    created_by: str
    admitted_in: str | None
    role_since: Instant | None


class OperatorsAnswer(Answer):
    """Every operator, by name."""

    operators: list[OperatorAnswer]


def shape_session(session: Session) -> SessionAnswer:
    """Return the contract's members."""
    return SessionAnswer(token=session.token, expires_at=rfc3339(session.expires_at))


def shape_operator(operator: Operator) -> OperatorAnswer:
    """Return what any operator may know of another."""
    return OperatorAnswer(
        name=operator.name,
        role=operator.role,
        state=operator.state,
        created_at=rfc3339(operator.created_at),
        created_by=operator.created_by,
        admitted_in=operator.admitted_in,
        role_since=rfc3339(operator.role_since) if operator.role_since else None,
    )


def shape_operators(operators: Sequence[Operator]) -> OperatorsAnswer:
    """Return them all."""
    return OperatorsAnswer(operators=[shape_operator(operator) for operator in operators])
