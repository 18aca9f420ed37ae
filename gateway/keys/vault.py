"""The master key in hand, where it comes from, and the keys it opens. Never shows a key.

A rotation in another process moves the master key under a running worker: the key file is read again, the
deployment's too where the setting names one. A worker whose key is in its environment keeps the keys that it has
unsealed until it is restarted.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.clock import Clock
from gateway.database import Database, Transaction
from gateway.deployment import read_epoch
from gateway.errors.commands import MasterKeyWrong, SettingInvalid
from gateway.keys import store
from gateway.keys.master import MasterFile
from gateway.keys.model import PlaceKeys
from gateway.keys.sealing import SealBroken
from gateway.keys.use_cases import REMEDY, by_profile, open_key_ring
from gateway.places import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Every profile's keys as they stood in an epoch."""

    epoch: int
    keys: Mapping[Profile, PlaceKeys]


class Reseal(Protocol):
    """Seals what one table keeps under the master key anew; returns how much. Raises `SealBroken`."""

    async def __call__(self, transaction: Transaction, *, former: bytes, master: bytes) -> int:
        """Seal under `master` what `former` opens."""
        ...


class Vault:
    """Opens keys with the master key. `file` is None where the key is a setting; `setting_file` is what that names, if it does.

    `hanging` is everything in the store that is sealed under the master key itself; `app.py` lists it.
    """

    def __init__(
        self,
        master: bytes,
        *,
        file: MasterFile | None,
        hanging: Sequence[Reseal],
        setting_file: MasterFile | None = None,
    ) -> None:
        self.master = master
        self.file = file
        self.setting_file = setting_file
        self._hanging = hanging

    async def reseal(self, transaction: Transaction, *, master: bytes) -> int:
        """Seal everything that hangs on the master key under another one; return how much.

        Raises:
            SealBroken: the present one opens not all of it.
        """
        return sum([await each(transaction, former=self.master, master=master) for each in self._hanging])

    async def open(self, database: Database, clock: Clock) -> Rings:
        """Return the keys, made where there are none; a rotation that died half-way is ended first.

        Raises:
            MasterKeyWrong: the master key does not open the keys that are there.
        """
        tried: list[bytes] = []
        while True:
            await self._settle(database)
            async with database.read() as transaction:
                epoch = await read_epoch(transaction)  # before the keys: what comes in between is read again
            try:
                return Rings(epoch=epoch, keys=await open_key_ring(database, master=self.master, clock=clock))
            except MasterKeyWrong:
                tried.append(self.master)
                untried = [each for each in self._candidates() if each not in tried]
                if self.file is None and untried:
                    self.master = untried[0]
                elif self.file is None or self.file.read() == [self.master]:
                    raise
                # It was rotated between our reading it and opening the keys: once more, with the new one.

    async def read(self, transaction: Transaction) -> Rings:
        """Return the keys as they stand in the store. Raises `MasterKeyWrong` like `open`."""
        epoch = await read_epoch(transaction)
        for master in self._candidates():
            try:
                found = await store.list_keys(transaction, master=master)
            except SealBroken:
                continue
            self.master = master
            return Rings(epoch=epoch, keys=by_profile(found))
        raise MasterKeyWrong(f"the master key does not open this database's keys: {REMEDY}")

    def _candidates(self) -> list[bytes]:
        found = [self.master]
        file = self.file or self.setting_file
        if file is not None:
            with contextlib.suppress(OSError, SettingInvalid):
                found += file.read()
        return found

    async def _settle(self, database: Database) -> None:
        """Take the next master key into use where the store's keys hang on it already; else drop it.

        A rotation writes the file and commits inside one write transaction: while this one is open, none is under way.
        """
        if self.file is None:
            return
        self.master, *coming = self.file.read()
        if not coming:
            return
        async with database.write() as transaction:
            self.master, *coming = self.file.read()
            if await store.opens_keys(transaction, master=self.master):
                self.file.discard()
            elif coming and await store.opens_keys(transaction, master=coming[0]):
                self.file.promote(coming[0])
                self.master = coming[0]
            elif coming:
                raise MasterKeyWrong(f"neither {self.file.path} nor its .next opens this database's keys")
