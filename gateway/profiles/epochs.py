"""Epochs: what changes under running workers, which follow without a restart and without losing a request.

A change such as a rotated key moves the store's epoch in its own transaction. Every worker looks twice a second and,
when it has moved, reads anew what hangs on it and puts it in place as a whole; requests under way end with what
they took. See docs/decisions/0037.
"""

import asyncio
from contextlib import AbstractAsyncContextManager

import structlog

from gateway.background import beside
from gateway.deployment import read_epoch
from gateway.errors import MasterKeyWrong, Overloaded
from gateway.profiles.model import Gateway

LOOK_SECONDS = 0.5

log = structlog.get_logger("gateway.profiles")


async def refresh_keys(gateway: Gateway) -> bool:
    """Put the store's keys in place where its epoch has moved; say whether it had.

    Raises:
        MasterKeyWrong: the master key was rotated elsewhere; the present keys stay.
        Overloaded: the store can't be read now.
    """
    async with gateway.parts.database.read() as transaction:
        if await read_epoch(transaction) == gateway.places.epoch:
            return False
        rings = await gateway.vault.read(transaction)
    gateway.places.take_over(rings)
    return True


def watching(gateway: Gateway) -> AbstractAsyncContextManager[None]:
    """Follow the store's epochs in the background while a block runs."""
    return beside(_watch(gateway))


async def _watch(gateway: Gateway) -> None:
    """Look for ever. What goes wrong is said once, not twice a second, until it goes well again."""
    troubled = ""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await refresh_keys(gateway):
                log.info("keys_refreshed", epoch=gateway.places.epoch)
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
