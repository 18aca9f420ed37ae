"""Epochs: what changes under running workers, which follow without a restart and without losing a request.

A change such as a rotated key or a switched revision moves the store's epoch in its own transaction. Every worker looks five times a second and,
when it has moved, reads anew what hangs on it and puts it in place as a whole; requests under way end with what
they took. See docs/decisions/0037 and 0056.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import structlog

from gateway.background import beside
from gateway.deployment import read_epoch
from gateway.errors.commands import MasterKeyWrong
from gateway.errors.places import Overloaded
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Standings

LOOK_SECONDS = 0.2

log = structlog.get_logger("gateway.profiles")


async def refresh(gateway: Gateway) -> bool:
    """Put the store's keys and standings in place where its epoch has moved; say whether it had.

    Raises:
        MasterKeyWrong: the master key was rotated elsewhere; the present keys stay, but no revision is served that
            the store has replaced meanwhile, and a suspension holds.
        Overloaded: the store can't be read now.
    """
    async with gateway.parts.database.read() as transaction:
        epoch = await read_epoch(transaction)
        if epoch == gateway.places.epoch:
            return False
        try:
            rings = await gateway.vault.read(transaction)
            found = await store.read_standings(transaction, master=gateway.vault.master)
        except MasterKeyWrong:
            found = await store.read_standings(transaction, master=None)
            _close_replaced(gateway, found)
            raise
    gateway.places.take_over(gateway.opener.open_all(rings.keys, found, gateway.places), epoch=epoch)
    return True


def _close_replaced(gateway: Gateway, found: Standings) -> None:
    """Ask nothing more by a revision that is no longer active, though its successor can't be unsealed here."""
    places = dict(gateway.places)
    for profile, place in gateway.places.items():
        standing = found.standings[profile]
        number = place.revision.number if place.revision is not None else None
        if number != standing.active or place.suspension != standing.suspension:
            link = place.link if number == standing.active else None
            places[profile] = replace(place, link=link, suspension=standing.suspension)
    gateway.places.take_over(places, epoch=gateway.places.epoch)


def watching(gateway: Gateway) -> AbstractAsyncContextManager[None]:
    """Follow the store's epochs in the background while a block runs."""
    return beside(_watch(gateway))


async def _watch(gateway: Gateway) -> None:
    """Look for ever. What goes wrong is said once, not at each look, until it goes well again."""
    troubled = ""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await refresh(gateway):
                log.info("epoch_followed", epoch=gateway.places.epoch)
            trouble = ""
        except Overloaded:
            trouble = "epoch_unread"
        except MasterKeyWrong:
            trouble = "master_key_rotated"
        except Exception:  # a background task's outermost edge: without it the worker would never look again
            if troubled != "epoch_failed":
                log.exception("epoch_failed")
            trouble = "epoch_failed"
        if trouble and trouble != troubled:
            log.warning(trouble, remedy=_REMEDIES[trouble])
        troubled = trouble


_REMEDIES = {
    "epoch_unread": "the store can't be read: the present keys stay until it can",
    "master_key_rotated": "set GATEWAY_MASTER_KEY (or _FILE) to the new key and restart; till then the present keys stay",
    "epoch_failed": "the present keys stay",
}
