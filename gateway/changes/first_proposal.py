"""The first revision of an official that can reach further than this machine: its settings only propose it.

The proposer is `local`, whoever has the host: any approver is another person.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.model import LOCAL, AuditEntry
from gateway.changes import store
from gateway.changes.evidence import change_entry
from gateway.changes.model import LIFETIME, Change, ChangeKind, ChangeState
from gateway.changes.revision_subject import diff
from gateway.database import Transaction
from gateway.identifiers import new_identifier
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Revision


async def propose_first(gateway: Gateway, revision: Revision) -> None:
    """Keep the proposal of a profile's first revision."""

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        now = gateway.parts.clock.now()
        change = Change(
            id=new_identifier("chg"),
            kind=ChangeKind.ACTIVATE_REVISION,
            profile=revision.profile,
            state=ChangeState.PROPOSED,
            document={"revision": revision.number},
            diff=(),
            proposed_by=LOCAL,
            proposed_at=now,
            expires_at=now + LIFETIME,
        )
        change = replace(change, diff=await diff(transaction, gateway, change))
        await store.insert_change(transaction, change)
        return [change_entry(gateway.parts, change, "change_proposed", actor=LOCAL)]

    await gateway.parts.audit.commit(decide)
