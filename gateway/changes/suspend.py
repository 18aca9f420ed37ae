"""Suspend a profile by hand: one person's act in an emergency, loudly audited. Its end is a change (`resume_subject.py`)."""

from collections.abc import Sequence

from gateway.audit.model import AuditEntry, Kind
from gateway.changes import rules
from gateway.changes.evidence import refusals_recorded
from gateway.database import Transaction
from gateway.identifiers import new_identifier
from gateway.operators.model import Operator
from gateway.operators.use_cases import confirm_operator
from gateway.places import Profile
from gateway.profiles.epochs import refresh
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Suspension
from gateway.profiles.switching import suspend


async def suspend_profile(gateway: Gateway, by: Operator, profile: Profile, reason: str | None) -> None:
    """Ask the registry nothing more in a profile; this worker follows at once, the others within a second.

    Raises:
        RoleMissing
        StateWrong: it is suspended already.
        TokenInvalid: the operator was disabled, or given another role, meanwhile.
    """

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        rules.may_suspend(by, profile)
        await confirm_operator(transaction, by)
        now = gateway.parts.clock.now()
        suspension = Suspension(at=now, by=by.name, reason=reason or "suspended by hand")
        await suspend(transaction, profile, suspension)
        return [
            AuditEntry(
                at=now,
                kind=Kind.OPERATOR,
                profile=profile,
                act=new_identifier("act"),
                outcome="profile_suspended",
                actor=by.name,
            )
        ]

    async with refusals_recorded(gateway.parts, by, "suspend", profile=profile):
        await gateway.parts.audit.commit(decide)
    await refresh(gateway)
