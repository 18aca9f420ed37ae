"""Whether work in flight may go on: account, grants, token, officer, profile and verification, as they stand now.

`find_ended` is one statement. The commits of `intended`, of `answered` and of `delivered` all call it behind the audit's
lock, where accounts, profiles and verifications are changed too: what it finds is so when the rows are written. A packet
that had to wait, and a second one after a renewed token, is preceded by it as well (`Recheck`). A switched revision ends
no right: work in flight ends by the way it took (decisions/0056). See docs/decisions/0065.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from gateway.accounts.model import AccountState
from gateway.database import Transaction
from gateway.errors import FieldError, GatewayError
from gateway.errors.callers import AccountSuspended, OfficerNotGranted, TokenInvalid
from gateway.errors.places import ProfileSuspended
from gateway.errors.verifications import VerificationError, VerificationExpired, VerificationInvalidated
from gateway.identifiers import VerificationId
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.places import Profile
from gateway.verifications import store
from gateway.verifications.model import VerificationState

ENDED_RIGHTS = (
    TokenInvalid,
    AccountSuspended,
    OfficerNotGranted,
    VerificationExpired,
    VerificationInvalidated,
    ProfileSuspended,
)
"""What ends a right. It is one caller's: whoever shares the question with them looks for themselves."""


_OFFICER = FieldError(
    field="initiated_by.id", code="officer_not_granted", detail="not among the account's officers"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a call hangs on. `asks`: it needs the profile's registry; `verification`: it is on the strength of that one.

    `officer` is the pseudonym of the officer who acts, None where a citizen does.
    """

    profile: Profile
    client_id: str
    grant_epoch: int
    token_id: str
    officer: str | None = None
    asks: bool = True
    verification: VerificationId | None = None


def rights_of(
    caller: Caller,
    *,
    officer: str | None = None,
    asks: bool = True,
    verification: VerificationId | None = None,
) -> Rights:
    """Return what a caller's work hangs on from here."""
    account = caller.account
    return Rights(
        profile=account.profile,
        client_id=account.client_id,
        grant_epoch=account.grant_epoch,
        token_id=caller.token_id,
        officer=officer,
        asks=asks,
        verification=verification,
    )


async def find_ended(transaction: Transaction, rights: Rights, now: datetime) -> GatewayError | None:
    """Return what ended a right since the guards passed, in the guards' order; None where all is as it was."""
    found = await store.find_standing(
        transaction,
        rights.client_id,
        rights.profile,
        rights.verification,
        token_id=rights.token_id,
        officer=rights.officer,
    )
    if found is None or found.account is AccountState.REVOKED:
        return TokenInvalid()
    if found.account is AccountState.SUSPENDED:
        return AccountSuspended()
    if found.grant_epoch != rights.grant_epoch or found.is_token_revoked:
        return TokenInvalid()
    if rights.officer is not None and not found.has_officer:
        return OfficerNotGranted((_OFFICER,))
    if rights.verification is not None and (ended := _ended_verification(found, rights.verification, now)):
        return ended
    return ProfileSuspended() if rights.asks and found.is_profile_suspended else None


def _ended_verification(
    found: store.Standing, verification: VerificationId, now: datetime
) -> VerificationError | None:
    if found.verification in {VerificationState.INVALIDATED, VerificationState.REVOKED}:
        return VerificationInvalidated(verification=verification)
    lives = found.verification is VerificationState.LIVE
    return (
        None if lives and found.expires_at is not None and now < found.expires_at else VerificationExpired()
    )


async def check_rights(transaction: Transaction, rights: Rights, now: datetime) -> None:
    """Let work go on whose rights are as the guards found them.

    Raises:
        TokenInvalid, AccountSuspended, OfficerNotGranted, VerificationExpired, VerificationInvalidated, ProfileSuspended
    """
    ended = await find_ended(transaction, rights, now)
    if ended is not None:
        raise ended


class Recheck:
    """Checks rights before a packet, unless the event loop has not turned since this was made: then nothing was waited for."""

    def __init__(self, parts: Parts, rights: Rights) -> None:
        self._parts = parts
        self._rights = rights
        self._waited = False
        asyncio.get_running_loop().call_soon(self._note_wait)

    async def __call__(self) -> None:
        """Raise what `check_rights` raises; `Overloaded` where the store can't be asked."""
        if self._waited:
            async with self._parts.database.read() as connection:
                await check_rights(connection, self._rights, self._parts.clock.now())

    def _note_wait(self) -> None:
        self._waited = True
