"""The audit rows of changes: who did what to which, with the hash of what they saw; and who was refused what."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.audit.model import AuditEntry, Kind
from gateway.changes.model import Change
from gateway.edge.problems import find_problem
from gateway.errors.commands import StateWrong
from gateway.errors.operators import OperatorError
from gateway.identifiers import new_identifier
from gateway.operators.model import Operator
from gateway.parts import Parts
from gateway.places import Profile


def change_entry(parts: Parts, change: Change, outcome: str, *, actor: str) -> AuditEntry:
    """Return the row of an act on a change: `act` is the change, so that its rows stand together."""
    return AuditEntry(
        at=parts.clock.now(),
        kind=Kind.OPERATOR,
        profile=change.profile,
        act=change.id,
        outcome=f"{outcome}:{change.kind.value}:{change.diff_hash[:16]}",
        actor=actor,
    )


@asynccontextmanager
async def refusals_recorded(
    parts: Parts, by: Operator, tried: str, *, profile: Profile | None, change: str | None = None
) -> AsyncIterator[None]:
    """Record a guard that held against an operator, in a transaction of its own: the refused act's was undone."""
    try:
        yield
    except (OperatorError, StateWrong) as error:
        entry = AuditEntry(
            at=parts.clock.now(),
            kind=Kind.REFUSED,
            profile=profile,
            act=change or new_identifier("act"),
            outcome=f"{find_problem(error).code}:{tried}",
            actor=by.name,
        )
        await parts.refusals.record(entry)
        raise
