"""Where a profile stands is changed here and nowhere else: each act is one row, in the caller's one commit.

Every worker follows within a second, since the epoch moves in the same commit. Who may do it, and when, is not this
file's: `changes` asks for a preflight and a second person, and a suspension is one person's.
"""

from dataclasses import replace

from gateway.database import Transaction
from gateway.deployment import advance_epoch
from gateway.errors.commands import StateWrong
from gateway.places import Profile
from gateway.profiles import store
from gateway.profiles.revisions import PolicyChange, Standing, Suspension


async def activate_revision(transaction: Transaction, profile: Profile, number: int) -> Standing:
    """Make a revision the active one; the one before it stays ready as the former. A suspension stays.

    Raises:
        StateWrong: it is active already.
    """
    standing = await store.read_standing(transaction, profile)
    if standing.active == number:
        raise StateWrong(f"revision {number} of {profile.value} is active already")
    return await _stand(transaction, profile, replace(standing, active=number, former=standing.active))


async def return_to_former(transaction: Transaction, profile: Profile, *, left: int) -> Standing:
    """Make the former revision active again, for good: the one left isn't kept as a former one.

    Raises:
        StateWrong: `left` is no longer the active one, or there is no former.
    """
    standing = await store.read_standing(transaction, profile)
    if standing.active != left or standing.former is None:
        raise StateWrong(f"revision {left} of {profile.value} is not active with a former one to return to")
    return await _stand(transaction, profile, replace(standing, active=standing.former, former=None))


async def suspend(transaction: Transaction, profile: Profile, suspension: Suspension) -> Standing:
    """Ask the registry nothing more in this profile. Raises `StateWrong` where it is suspended already."""
    standing = await store.read_standing(transaction, profile)
    if standing.suspension is not None:
        raise StateWrong(f"{profile.value} is suspended already: {standing.suspension.reason}")
    return await _stand(transaction, profile, replace(standing, suspension=suspension))


async def resume(transaction: Transaction, profile: Profile) -> Standing:
    """End a suspension. Raises `StateWrong` where there is none."""
    standing = await store.read_standing(transaction, profile)
    if standing.suspension is None:
        raise StateWrong(f"{profile.value} is not suspended")
    return await _stand(transaction, profile, replace(standing, suspension=None))


async def set_policy(transaction: Transaction, profile: Profile, policy: PolicyChange) -> Standing:
    """Lay a whole policy over the settings' one."""
    standing = await store.read_standing(transaction, profile)
    return await _stand(transaction, profile, replace(standing, policy=policy))


async def _stand(transaction: Transaction, profile: Profile, standing: Standing) -> Standing:
    await store.write_standing(transaction, profile, standing)
    await advance_epoch(transaction)
    return standing
