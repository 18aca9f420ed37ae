"""An answer that was kept goes out again: the guards run anew, and what it says must still be so.

Nothing is asked and no budget touched. That it went out again is a delivery, with a row of its own, durable before
it leaves.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.profiles.model import Place
from gateway.verifications.evidence import of_verification, refusals_recorded
from gateway.verifications.model import Enquiry, Verdict, Verification
from gateway.verifications.rights import Rights, check_rights
from gateway.verifications.use_cases import ReceiptCheck, check_live, check_receipt, get_verification
from gateway.verifications.verify import pass_guards

REPLAY = "replay"
"""The origin of a row about an answer that was kept."""


async def allow_verification(
    parts: Parts, place: Place, caller: Caller, enquiry: Enquiry, verification_id: str
) -> tuple[AuditEntry, Verification]:
    """Let a kept verification pass while its act is granted and, where it was confirmed, it lives.

    Raises:
        FieldsError, GrantError, ProfileError, VerificationExpired, VerificationInvalidated
    """
    act, _ = await pass_guards(parts, place, caller, enquiry)
    async with refusals_recorded(parts, act.entry):
        found = await get_verification(parts, place, caller, verification_id)
        if found.verdict is Verdict.CONFIRMED:
            check_live(found, parts.clock.now())
    return of_verification(act.entry, found), found


async def record_replay(
    parts: Parts, entry: AuditEntry, rights: Rights, *, outcome: str, fields: Sequence[str] = ()
) -> None:
    """Record that a kept answer goes out again, with the names of the fields in it.

    Raises:
        TokenInvalid, AccountSuspended, VerificationError, ProfileSuspended: a right to it ended meanwhile.
    """
    delivered = replace(
        entry,
        at=parts.clock.now(),
        kind=Kind.DELIVERED,
        origin=REPLAY,
        outcome=outcome,
        fields=tuple(fields),
    )

    async def change(transaction: Transaction) -> None:
        await check_rights(transaction, rights, parts.clock.now())

    async with refusals_recorded(parts, entry):
        await parts.audit.record(delivered, change=change)


async def check_receipt_again(
    parts: Parts, place: Place, caller: Caller, raw: str, *, valid: bool
) -> ReceiptCheck:
    """Return what a receipt is worth now; where it was said to stand, it still must.

    Raises:
        ReceiptInvalid, VerificationExpired, VerificationInvalidated
    """
    found = await check_receipt(parts, place, caller, raw)
    if valid:
        check_live(found.verification, parts.clock.now())
    return found
