"""Audit entries to append in tests."""

from datetime import UTC, datetime
from typing import Any

from gateway.audit.model import AuditEntry, Kind
from gateway.places import Profile


def entry(**members: Any) -> AuditEntry:
    """Return an entry of one organisation's enquiry on one citizen."""
    usual: dict[str, Any] = {
        "at": datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC),
        "kind": Kind.ANSWERED,
        "profile": Profile.SANDBOX,
        "act": "act_one",
        "organisation": "000.00.01.H26",
        "citizen": "c" * 40,
        "outcome": "confirmed",
    }
    return AuditEntry(**(usual | members))
