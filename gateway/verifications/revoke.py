"""End a verification because its portal says so: the citizen withdrew, or the act is over.

Ends its whole family, the root and all derived from it, and every other live verification of the account on the same
claim: whoever withdrew is asked about anew or not at all. All their data keys go in the same commit. A question of the
account about the claim that is on its way brings nothing that is kept. One that had ended stays as it ended, and ends
nothing. Source: the contract's lifetimes, docs/decisions/0005 and 0065.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.errors.requests import NotFound
from gateway.keys.sealing import SealBroken
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.profiles.model import Place
from gateway.verifications import flights_store, store
from gateway.verifications.claim_keys import key_claim
from gateway.verifications.evidence import of_call, of_verification, refusals_recorded
from gateway.verifications.model import Verdict, Verification, VerificationState
from gateway.verifications.rights import check_rights, rights_of
from gateway.verifications.sealed_claims import open_claim
from gateway.verifications.use_cases import get_verification


async def revoke_verification(
    parts: Parts, place: Place, caller: Caller, verification_id: str
) -> Verification:
    """Return the account's own verification, ended.

    Raises:
        NotFound: not a verification of this account.
        TokenInvalid, AccountSuspended: the account may not any more.
    """
    found = await get_verification(parts, place, caller, verification_id)
    entry = of_verification(of_call(parts, place, caller), found)
    ended: list[VerificationState] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        ended.clear()
        now = parts.clock.now()
        await check_rights(transaction, rights_of(caller, asks=False), now)
        # Read again where nobody else writes: it may have ended since, and then stays as it ended.
        current = await store.find_verification(
            transaction, found.id, profile=place.profile, client_id=caller.account.client_id
        )
        if current is None:
            raise NotFound
        ended.append(current.state_at(now))
        if ended[0] is not VerificationState.LIVE:
            return ()
        await _revoke(transaction, place, current, now)
        ended[0] = VerificationState.REVOKED
        return (replace(entry, at=now, kind=Kind.ENDED, outcome=VerificationState.REVOKED.value),)

    async with refusals_recorded(parts, entry):
        await parts.audit.commit(decide)
    await parts.database.truncate_journal()
    return replace(found, state=ended[0], sealed_claim=None, wrapped_key=None)


async def _revoke(transaction: Transaction, place: Place, live: Verification, now: datetime) -> None:
    if live.verdict is not Verdict.CONFIRMED:
        await store.revoke_one(transaction, live.id)
        return
    keys: Sequence[str] = ()
    with contextlib.suppress(
        SealBroken
    ):  # whoever withdraws is not kept from it by a claim that can't be opened
        claim = open_claim(place.keys, live)
        # Under every look-up key: another root may be stored under another one.
        keys = key_claim(place.keys, live.organisation, claim, subject=live.subject, now=now).all
    own = {live.claim_key, *keys}
    await store.revoke_claim(transaction, live, own, now=now)
    await flights_store.withdraw(
        transaction, profile=live.profile.value, client_id=live.client_id, claim_keys=own
    )
