"""The audit rows of changes: who did what to which, with the hash of what they saw."""

from gateway.audit.model import AuditEntry, Kind
from gateway.changes.model import Change
from gateway.parts import Parts


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
