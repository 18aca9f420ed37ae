"""What can be done with a verification that exists: find, open by receipt, check, show the ledger."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.audit.use_cases import list_enquiries
from gateway.errors.requests import NotFound
from gateway.errors.verifications import (
    ReceiptInvalid,
    VerificationExpired,
    VerificationInvalidated,
    VerificationNotConfirmed,
)
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.profiles.model import Place
from gateway.verifications import budgets, persons, store, volume
from gateway.verifications.evidence import of_call, refusals_recorded
from gateway.verifications.model import Verdict, Verification, VerificationState
from gateway.verifications.persons_store import Person
from gateway.verifications.receipts import Receipt, verify_receipt
from gateway.verifications.rights import check_rights, rights_of

_ID = re.compile(r"ver_[a-z2-7]{25}")


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


async def show_ledger(
    parts: Parts, place: Place, caller: Caller, raw: str
) -> tuple[Sequence[dict[str, object]], bool]:
    """Return what `list_enquiries` does, on the citizen of a receipt.

    Raises:
        ReceiptInvalid: not a receipt of this account.
        TokenInvalid, AccountSuspended: the account may not any more, though it might when the call came.
    """
    _, verification = await open_receipt(parts, place, caller, raw)
    async with parts.database.read() as connection:
        person = await persons.find_person(connection, place.keys, verification)
    rows, has_earlier = await list_enquiries(
        parts.database,
        profile=place.profile,
        organisation=caller.account.organisation,
        citizens=sorted(person.pseudonyms),
    )
    if person.held:
        rows = await _list_own(parts, person, verification, rows)
    async with refusals_recorded(parts, of_call(parts, place, caller)), parts.database.read() as connection:
        await check_rights(connection, rights_of(caller, asks=False), parts.clock.now())
    return rows, has_earlier


async def _list_own(
    parts: Parts, person: Person, verification: Verification, rows: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    """Leave out what is about another holder of a number, or can't be told to be about none."""
    named = [str(row["verification"]) for row in rows if "verification" in row]
    async with parts.database.read() as connection:
        marks = await store.list_marks(connection, named)

    def is_own(row: dict[str, object]) -> bool:
        mark = marks.get(str(row.get("verification")))
        citizen = str(row["citizen"])
        if citizen in person.whole:
            return True
        if mark is None or not mark.confirmed:
            return citizen in person.sole
        if mark.holder is None:  # of before holders were kept
            return mark.claim_key == verification.claim_key
        return mark.holder == person.held[citizen]

    return [row for row in rows if is_own(row)]


async def read_budgets(parts: Parts, place: Place, caller: Caller) -> Mapping[str, int]:
    """Return how much of each of the account's own budgets is used."""
    client_id = caller.account.client_id
    async with parts.database.read() as connection:
        wrong = await budgets.count_account_hour(
            connection, profile=place.profile.value, client_id=client_id, now=parts.clock.now()
        )
    return {"account_hour": wrong, **await volume.read_used(parts, place, client_id)}
