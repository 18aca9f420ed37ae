"""Epochs: running workers apply a rotated key or a switched revision without a restart and without losing a request.

Such a change increments the store's epoch in its own transaction. Every worker reads the epoch five times a second on SQLite,
and on PostgreSQL when it is notified (`accounts/kept_store.py`); when it has changed, the worker reads the keys and the profiles' states
again and replaces its places as a whole. A request under way keeps the place that it began with. See docs/decisions/0037,
0056 and 0091.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import structlog

from gateway.background import run_in_background
from gateway.deployment import fetch_epoch, read_epoch
from gateway.errors.operators import MasterKeyWrong
from gateway.errors.registry import Overloaded
from gateway.profiles import store
from gateway.profiles.connections import open_places
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import StatesByProfile

POLL_SECONDS = 0.2
"""How long to wait after a failure."""

_REMEDIES = {
    "epoch_unread": "the store can't be read: the present keys stay until it can",
    "master_key_rotated": "set GATEWAY_MASTER_KEY (or _FILE) to the new key and restart; until then the present keys stay",
    "epoch_failed": "the present keys stay",
}

log = structlog.get_logger("gateway.profiles")


async def refresh(gateway: Gateway) -> bool:
    """Replace the places if the store's epoch has changed; return whether it has.

    Raises:
        MasterKeyWrong: the master key was rotated elsewhere. The present keys stay, but a revision that was replaced
            meanwhile is no longer used, and a suspension is applied.
        Overloaded: the store can't be read now.
    """
    if await fetch_epoch(gateway.deps.database) == gateway.places.epoch:
        return False
    async with gateway.places.replacing, gateway.deps.database.read() as transaction:
        epoch = await read_epoch(transaction)
        if epoch == gateway.places.epoch:
            return False
        try:
            rings = await gateway.vault.read(transaction)
            opened = gateway.clients.served
            found = await store.read_states(transaction, master=gateway.vault.master, opened=opened)
        except MasterKeyWrong:
            _drop_replaced_clients(gateway, await store.read_states(transaction, master=None))
            raise
        places = open_places(
            gateway.settings, gateway.clients, rings.keys, found, gateway.places, base=gateway.deps.base
        )
        gateway.places.replace_all(places, epoch=epoch)
        gateway.deps.audit.macs.use(rings.evidence)
    return True


def _drop_replaced_clients(gateway: Gateway, found: StatesByProfile) -> None:
    """Stop using a revision that is no longer active, even if its successor can't be unsealed here."""
    places = dict(gateway.places)
    for profile, place in gateway.places.items():
        state = found.states[profile]
        number = place.revision.number if place.revision is not None else None
        if number != state.active or place.suspension != state.suspension:
            client = place.client if number == state.active else None
            places[profile] = replace(place, client=client, suspension=state.suspension)
    gateway.places.replace_all(places, epoch=gateway.places.epoch)


def follow_epochs(gateway: Gateway) -> AbstractAsyncContextManager[None]:
    """Refresh in the background while a block runs."""
    return run_in_background(_watch(gateway))


async def _watch(gateway: Gateway) -> None:
    """Refresh until cancelled. A failure is logged once, and again only after a refresh has succeeded."""
    troubled = ""
    while True:
        await (asyncio.sleep(POLL_SECONDS) if troubled else gateway.deps.kept.versions.wait())
        trouble = ""
        try:
            if await refresh(gateway):
                log.info("epoch_followed", epoch=gateway.places.epoch)
        except Overloaded:
            trouble = "epoch_unread"
        except MasterKeyWrong:
            trouble = "master_key_rotated"
        except Exception:  # the outermost edge of a task: without it the refresh would stop
            if troubled != "epoch_failed":
                log.exception("epoch_failed")
            trouble = "epoch_failed"
        if trouble and trouble != troubled:
            log.warning(trouble, remedy=_REMEDIES[trouble])
        troubled = trouble
