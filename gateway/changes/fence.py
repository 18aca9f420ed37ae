"""Hold a revision against the other profile's: before its packets leave, and once more in the commit that activates it.

A preflight alone compares with what is active then: one credential could wait at both profiles, each preflight
passed before either was active (docs/decisions/0057). Changes nothing.
"""

import contextlib

from gateway.changes.model import OPEN, ChangeState
from gateway.changes.store import list_changes
from gateway.database import Transaction
from gateway.errors import FieldError, PreflightFailed
from gateway.keys.sealing import SealBroken
from gateway.places import Profile
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.other_profile import find_shared_members
from gateway.profiles.revisions import Revision

READY = (ChangeState.PREFLIGHTED, ChangeState.APPROVED)


async def find_other(gateway: Gateway, profile: Profile) -> Revision | None:
    """Return what a revision must not be taken for: the other profile's active one, else its newest proposal.

    Before an official connection is active, its settings' proposal is all that is known of it.
    """
    place = gateway.other(gateway.places[profile])
    if place.revision is not None:
        return place.revision
    async with gateway.parts.database.read() as transaction:
        waiting = await list_changes(transaction, profile=place.profile, states=sorted(OPEN))
        numbers = [change.revision for change in waiting if change.revision is not None]
        if not numbers:
            return None
        with contextlib.suppress(SealBroken):
            return await store.find_revision(
                transaction, place.profile, numbers[0], master=gateway.vault.master
            )
    return None


async def hold_fence(transaction: Transaction, gateway: Gateway, revision: Revision) -> None:
    """Let a revision be activated that has nothing of what the other profile stands on, or may stand on next.

    Raises:
        PreflightFailed: it has, or what the other profile has can't be unsealed to compare.
    """
    other = next(profile for profile in Profile if profile is not revision.profile)
    standing = await store.read_standing(transaction, other)
    ready = await list_changes(transaction, profile=other, states=READY)
    numbers = {standing.active, standing.former, *(change.revision for change in ready)}
    candidate = gateway.opener.connection(revision)
    for number in sorted(number for number in numbers if number is not None):
        try:
            found = await store.find_revision(transaction, other, number, master=gateway.vault.master)
        except SealBroken:
            raise _mistaken(f"revision {number} of {other.value} can't be unsealed to compare") from None
        shared = find_shared_members(candidate, gateway.opener.connection(found)) if found else ()
        if shared:
            raise _mistaken(
                f"revision {number} of {other.value} has the same {', '.join(shared)}: reject one of them"
            )


def _mistaken(detail: str) -> PreflightFailed:
    return PreflightFailed(
        (FieldError(field="not_the_other_profile", code="preflight_failed", detail=detail),)
    )
