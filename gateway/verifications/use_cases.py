"""What can be done with a verification that exists: find, open by receipt, check, show the ledger, sweep."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.audit.orphans import close_orphans
from gateway.audit.use_cases import list_enquiries
from gateway.errors.requests import NotFound
from gateway.errors.verifications import (
    ReceiptInvalid,
    VerificationExpired,
    VerificationInvalidated,
    VerificationNotConfirmed,
)
from gateway.idempotency.use_cases import delete_ended
from gateway.oauth.model import Caller
from gateway.oauth.store import delete_expired
from gateway.parts import Parts
from gateway.profiles.model import Place
from gateway.verifications import budgets, budgets_store, flights_store, store
from gateway.verifications.model import Verdict, Verification, VerificationState
from gateway.verifications.receipts import Receipt, verify_receipt

_ID = re.compile(r"ver_[a-z2-7]{25}")
_LANDED_KEPT = timedelta(minutes=1)
"""How much longer a landed question is kept than its lease: longer than any twin is on its way to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptCheck:
    """Whether a genuine receipt still carries anything, and if not, why."""

    verification: Verification
    state: VerificationState


async def get_verification(parts: Parts, place: Place, caller: Caller, verification_id: str) -> Verification:
    """Return the account's own verification, whatever its state. Raises `NotFound`."""
    if not _ID.fullmatch(verification_id):
        raise NotFound  # before the store, which can't even be asked about some characters
    async with parts.database.read() as connection:
        found = await store.find_verification(
            connection, verification_id, profile=place.profile, client_id=caller.account.client_id
        )
    if found is None:
        raise NotFound
    return found


async def open_receipt(parts: Parts, place: Place, caller: Caller, raw: str) -> tuple[Receipt, Verification]:
    """Return a genuine receipt of this account and its verification, live or not. Raises `ReceiptInvalid`."""
    receipt = verify_receipt(place, raw, client_id=caller.account.client_id, now=parts.clock.now())
    try:
        return receipt, await get_verification(parts, place, caller, receipt.verification)
    except NotFound:
        raise ReceiptInvalid from None


def check_live(verification: Verification, now: datetime) -> None:
    """Let only a confirmed, live verification pass.

    Raises:
        VerificationNotConfirmed, VerificationExpired, VerificationInvalidated
    """
    if verification.verdict is not Verdict.CONFIRMED:
        raise VerificationNotConfirmed
    match verification.state_at(now):
        case VerificationState.EXPIRED:
            raise VerificationExpired
        case VerificationState.INVALIDATED | VerificationState.REVOKED:
            raise VerificationInvalidated(verification=verification.id)


async def check_receipt(parts: Parts, place: Place, caller: Caller, raw: str) -> ReceiptCheck:
    """Say whether a receipt of this account stands. Raises `ReceiptInvalid` where it isn't one."""
    _, verification = await open_receipt(parts, place, caller, raw)
    return ReceiptCheck(verification=verification, state=verification.state_at(parts.clock.now()))


async def show_ledger(parts: Parts, place: Place, caller: Caller, raw: str) -> Sequence[dict[str, object]]:
    """Return this organisation's own enquiries on the citizen of a receipt. Raises `ReceiptInvalid`."""
    _, verification = await open_receipt(parts, place, caller, raw)
    return await list_enquiries(
        parts.database,
        profile=place.profile,
        organisation=caller.account.organisation,
        citizens=[verification.subject],
    )


async def sweep(parts: Parts) -> int:
    """Delete the data keys and kept answers whose time is over, and used ids; on SQLite also from the journal.
    Close the questions whose worker died.

    Each in a transaction of its own: workers sweep at the same time, and none may wait for a row with another locked.
    """
    now = parts.clock.now()
    async with parts.database.write() as connection:
        deleted = await store.delete_expired_keys(connection, now=now)
    async with parts.database.write() as connection:
        deleted += await delete_ended(connection, now=now)
    async with parts.database.write() as connection:
        await delete_expired(connection, at=now)
    async with parts.database.write() as connection:
        await budgets_store.delete_ended(connection, now=now)
    async with parts.database.write() as connection:
        await flights_store.delete_landed(connection, before=now - _LANDED_KEPT)
    if deleted:
        await parts.database.truncate_journal()
    await close_orphans(parts.database, parts.audit, now=now)
    return deleted


async def count_wrong_claims(parts: Parts, place: Place, caller: Caller) -> int:
    """Return how much of the account's hourly budget is used."""
    async with parts.database.read() as connection:
        return await budgets.count_account_hour(
            connection,
            profile=place.profile.value,
            client_id=caller.account.client_id,
            now=parts.clock.now(),
        )
