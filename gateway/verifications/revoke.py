"""End a verification because its portal says so: the citizen withdrew, or the act is over.

Ends this one only, not its root or what was derived with it; its data key goes with it. An ended one stays as
it ended. Source: the contract's lifetimes, docs/decisions/0005.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.errors.requests import NotFound
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.profiles.model import Place
from gateway.verifications import store
from gateway.verifications.evidence import of_call, of_verification
from gateway.verifications.model import Verification, VerificationState
from gateway.verifications.use_cases import get_verification


async def revoke_verification(
    parts: Parts, place: Place, caller: Caller, verification_id: str
) -> Verification:
    """Return the account's own verification, ended. Raises `NotFound`."""
    found = await get_verification(parts, place, caller, verification_id)
    entry = of_verification(of_call(parts, place, caller), found)
    ended: list[VerificationState] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        ended.clear()
        now = parts.clock.now()
        # Read again where nobody else writes: it may have ended since, and then stays as it ended.
        current = await store.find_verification(
            transaction, found.id, profile=place.profile, client_id=caller.account.client_id
        )
        if current is None:
            raise NotFound
        ended.append(current.state_at(now))
        if ended[0] is not VerificationState.LIVE:
            return ()
        await store.end_one(transaction, found.id, VerificationState.REVOKED)
        ended[0] = VerificationState.REVOKED
        return (replace(entry, at=now, kind=Kind.ENDED, outcome=VerificationState.REVOKED.value),)

    await parts.audit.commit(decide)
    await parts.database.truncate_journal()
    return replace(found, state=ended[0], sealed_claim=None, wrapped_key=None)
