"""Read what a candidate must not be taken for: the other profile's connections, and what the deployment keeps for it.

The store is asked, not the places in hand: they may be a moment old. Which proposals wait there is the caller's
to say. Changes nothing.
"""

from collections.abc import Collection

from gateway.database import Transaction
from gateway.keys.sealing import SealBroken
from gateway.places import Profile, other_than
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.other_profile import OtherProfile
from gateway.registry.connection import Connection


async def read_other(
    transaction: Transaction, gateway: Gateway, profile: Profile, *, waiting: Collection[int | None] = ()
) -> OtherProfile:
    """Return what stands at the profile that this one is fenced from, and those of its revisions that wait."""
    other = other_than(profile)
    standing = await store.read_standing(transaction, other)
    wanted = {standing.active, standing.former, *waiting}
    connections: list[Connection] = []
    sealed: list[int] = []
    for number in sorted(number for number in wanted if number is not None):
        try:
            found = await store.find_revision(transaction, other, number, master=gateway.vault.master)
        except SealBroken:
            sealed.append(number)
            continue
        if found is not None:
            connections.append(gateway.opener.connection(found))
    own = gateway.opener.settings.of(other)
    return OtherProfile(
        connections=tuple(connections), hosts=own.hosts, networks=own.networks, sealed=tuple(sealed)
    )
