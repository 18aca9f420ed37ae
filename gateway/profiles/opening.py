"""Open a revision for an operator's act: with its secrets, or said to be sealed for good.

A secret that was moved to another row, or changed, opens nowhere: nothing is asked by its revision, and a way to
another one stays open.
"""

from gateway.database import Transaction
from gateway.errors.commands import StateWrong
from gateway.keys.sealing import SealBroken
from gateway.places import Profile
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Revision


async def open_revision(
    transaction: Transaction, gateway: Gateway, profile: Profile, number: int
) -> Revision:
    """Return a revision with its secrets.

    Raises:
        StateWrong: there is none, or its secrets don't open.
    """
    try:
        found = await store.find_revision(transaction, profile, number, master=gateway.vault.master)
    except SealBroken:
        raise StateWrong(
            f"the secrets of revision {number} of {profile.value} don't open: they were moved or changed, "
            "or sealed under another master key"
        ) from None
    if found is None:
        raise StateWrong(f"{profile.value} has no revision {number}")
    return found


async def open_or_show(
    transaction: Transaction, gateway: Gateway, profile: Profile, number: int
) -> Revision | None:
    """Return a revision; one whose secrets don't open comes with each as an empty text."""
    try:
        return await store.find_revision(transaction, profile, number, master=gateway.vault.master)
    except SealBroken:
        found = await store.list_revisions(transaction, profile)
        return next((each for each in found if each.number == number), None)
