"""Hold a revision against the other profile's: before its packets leave, and once more in the commit that activates it.

A preflight alone compares with what is there then: one credential could wait at both profiles, each preflight
passed before either was active (docs/decisions/0057). Changes nothing.
"""

from collections.abc import Collection
from dataclasses import replace

from gateway.changes.model import OPEN, ChangeState
from gateway.changes.store import list_changes
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.operators import PreflightFailed
from gateway.places import Profile, other_than
from gateway.profiles.across import read_other
from gateway.profiles.model import Gateway
from gateway.profiles.other_profile import OtherProfile, beside, find_shared_members
from gateway.profiles.revisions import Revision

READY = (ChangeState.PREFLIGHTED, ChangeState.APPROVED)


async def find_other(gateway: Gateway, revision: Revision) -> OtherProfile:
    """Return what a revision must not be taken for: all that stands at the other profile, and all that is proposed there.

    A proposal there with something of what stands here is itself the mistaken one: it must not stop this profile.
    """
    profile = revision.profile
    async with gateway.parts.database.read() as transaction:
        waiting = await _numbers(transaction, other_than(profile), OPEN)
        found = await read_other(transaction, gateway, profile, waiting=waiting)
        standing = await read_other(transaction, gateway, other_than(profile))
    kept = [
        each
        for each in found.connections
        if each.revision not in waiting or not find_shared_members(each, standing)
    ]
    return replace(found, connections=tuple(kept))


async def hold_fence(transaction: Transaction, gateway: Gateway, revision: Revision) -> None:
    """Let a revision be activated that has nothing of what the other profile stands on, or may stand on next.

    Raises:
        PreflightFailed: it has, or what the other profile has can't be unsealed to compare.
    """
    name = other_than(revision.profile).value
    ready = await _numbers(transaction, other_than(revision.profile), READY)
    other = await read_other(transaction, gateway, revision.profile, waiting=ready)
    for number in other.sealed:
        raise _mistaken(f"revision {number} of {name} can't be unsealed to compare")
    candidate = gateway.opener.connection(revision)
    for each in other.connections:
        if shared := find_shared_members(candidate, beside(each)):
            detail = (
                f"revision {each.revision} of {name} has the same {', '.join(shared)}: reject one of them"
            )
            raise _mistaken(detail)


async def _numbers(
    transaction: Transaction, profile: Profile, states: Collection[ChangeState]
) -> list[int | None]:
    """Return the revisions of a profile's changes in some states."""
    found = await list_changes(transaction, profile=profile, states=sorted(states))
    return [change.revision for change in found]


def _mistaken(detail: str) -> PreflightFailed:
    return PreflightFailed(
        (FieldError(field="not_the_other_profile", code="preflight_failed", detail=detail),)
    )
