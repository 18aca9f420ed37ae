"""The master key, its file, and the keys that it unseals.

The master key is 32 bytes, base64url, from a setting; for an embedded database the first start creates a key file. It
is never in the database. PostgreSQL requires the setting, since all replicas need the same key.

A rotation first writes the new key to a second file (`MasterFile`): even if the process dies, one of the two opens
the keys. A running worker of another process then reads the key file again, or the file that the setting names. A
worker with the key in its environment keeps the keys that it has opened until its restart.
"""

import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from gateway.bounded_files import read_bounded
from gateway.clock import Clock
from gateway.deployment import read_epoch
from gateway.errors.operators import MasterKeyWrong, SettingInvalid, StateWrong
from gateway.identifiers import Profile, new_identifier
from gateway.keys import store
from gateway.keys.model import (
    AUDIT_PURPOSES,
    FIRST_KEYS,
    PAIRS,
    AuditKeys,
    Key,
    PlaceKeys,
    Purpose,
    parse_master_key,
    write_base64url,
)
from gateway.keys.sealing import SealBroken, new_key
from gateway.private_files import (
    remove_leftovers,
    replace_private_file,
    sync_to_disk,
    temporary_beside,
    tighten_secret,
)
from gateway.storage.database import Database, Transaction


def load_or_make_master_key(path: Path) -> bytes:
    """Read the key file of an embedded database; make it if there is none, readable by its owner only.

    Delete what killed processes left of this file and of a rotation's next key.
    """
    if not path.exists():
        _make(path)
    tighten_secret(path)
    remove_leftovers(path)
    remove_leftovers(MasterFile(path=path).next)
    return _read_key(path)


def read_master_key_file(path: Path) -> bytes:
    """Read a key from a file. Raises `SettingInvalid`, which names the file and doesn't repeat its text."""
    try:
        return _read_key(path)
    except OSError as error:
        raise SettingInvalid(f"{path}: can't be read ({error.strerror})") from None
    except SettingInvalid:
        raise SettingInvalid(f"{path}: 32 bytes as base64url (43 characters) is expected") from None


def _read_key(path: Path) -> bytes:
    return parse_master_key(read_bounded(path).decode(errors="replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterFile:
    """The key file of an embedded database, and during a rotation the file of the next key.

    A caller of `write_next`, `promote` or `discard` has the database's write lock.
    """

    path: Path

    @property
    def next(self) -> Path:
        """The file of the next key, during a rotation."""
        return self.path.with_name(self.path.name + ".next")

    def read(self) -> list[bytes]:
        """Return the key in use, then the next one if there is one. Raises `OSError`, `SettingInvalid`."""
        # Read the next one first: if it is renamed meanwhile, it is read under its new name.
        coming = [_read_key(self.next)] if self.next.exists() else []
        return [_read_key(self.path), *coming]

    def write_next(self, key: bytes) -> None:
        """Write the next key and sync it to the disk."""
        replace_private_file(self.next, f"{write_base64url(key)}\n")
        sync_to_disk(self.path.parent)

    def promote(self, key: bytes) -> None:
        """Make the next key the key in use, unless another process has done so."""
        if self.next.exists() and key in self.read()[1:]:
            self.next.replace(self.path)
            sync_to_disk(self.path.parent)

    def discard(self) -> None:
        """Delete a next key that was never used."""
        self.next.unlink(missing_ok=True)
        sync_to_disk(self.path.parent)


def _make(path: Path) -> None:
    """Write a temporary file and link it into place, so that two first starts get the same key."""
    with (
        temporary_beside(path, f"{write_base64url(new_key())}\n") as temporary,
        contextlib.suppress(FileExistsError),
    ):
        os.link(temporary, path)


_REMEDY = "set GATEWAY_MASTER_KEY (or _FILE) to the key this database was made with"


ResealKeys = Callable[[], Awaitable[int]]
"""Seals every stored key anew, each to its serial; returns their number."""


class BeginEvidence(Protocol):
    """Begins the MACs of the audit's entries, in the transaction that makes the first evidence key (`audit/state_store.py`)."""

    async def __call__(
        self, database: Database, transaction: Transaction, key: Key, *, reseal: ResealKeys | None
    ) -> None:
        """Mark the rows that have no MAC; `reseal` is None in a store that had no key.

        Raises:
            StateWrong: that store has an audit.
        """


async def open_key_ring(
    database: Database, *, master: bytes, clock: Clock, begin: BeginEvidence
) -> Sequence[Key]:
    """Return every key; make the first key of each purpose in a new store, or one from before schema 0025.

    Raises:
        MasterKeyWrong: the master key does not open the keys that are there.
        StateWrong: a key was deleted, or an older one was put in its place.
    """
    try:
        async with database.read() as connection:
            found = await store.list_keys(connection, master=master)
            missing = await store.find_missing_key(connection)
        if not found or missing is not None or not all(key.bound for key in found):
            async with database.write() as connection:
                await store.lock_keys(connection)
                await _make_first_keys(database, connection, master, clock.now(), begin)
                found = await store.list_keys(connection, master=master)
    except SealBroken:
        raise MasterKeyWrong(f"the master key does not open this database's keys: {_REMEDY}") from None
    return found


async def _make_first_keys(
    database: Database, connection: Transaction, master: bytes, now: datetime, begin: BeginEvidence
) -> None:
    """Make the missing first keys, unless the store had them; the keys are locked."""
    found = await store.list_keys(connection, master=master)
    if any(key.bound for key in found):
        missing = await store.find_missing_key(connection)
        if missing is not None:
            raise StateWrong(f"the store has lost the {missing}: put back the row of the table keys")
        if not all(key.bound for key in found):
            raise StateWrong(
                "the store has a key from before schema 0025 beside later ones: restore the table keys"
            )
        return  # another process made them
    present = {(key.profile, key.purpose) for key in found}
    for profile, purpose in FIRST_KEYS:
        if (profile, purpose) in present:
            continue
        first = make_key(profile, purpose, serial=1, now=now)
        await store.insert_first_key(connection, first, master=master)
        if purpose is Purpose.EVIDENCE:
            reseal = partial(store.reseal_keys, connection, former=master, master=master)
            await begin(database, connection, first, reseal=reseal if found else None)


def by_profile(keys: Sequence[Key]) -> dict[Profile, PlaceKeys]:
    """Return each profile's own keys."""
    return {
        profile: PlaceKeys(profile=profile, keys=tuple(key for key in keys if key.profile is profile))
        for profile in Profile
    }


def make_key(
    profile: Profile | None,
    purpose: Purpose,
    *,
    serial: int,
    now: datetime,
    serves_from: datetime | None = None,
) -> Key:
    """Return a new random key; it serves from `now` unless `serves_from` is given."""
    if purpose in PAIRS:
        from joserfc.jwk import ECKey  # noqa: PLC0415 - only a new pair needs it

        material = json.dumps(ECKey.generate_key("P-256", private=True).as_dict(private=True)).encode()
    else:
        material = new_key()
    return Key(
        kid=new_identifier("key"),
        profile=profile,
        purpose=purpose,
        serial=serial,
        material=material,
        created_at=now,
        serves_from=serves_from or now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings:
    """Every profile's keys in an epoch, and the evidence keys."""

    epoch: int
    keys: Mapping[Profile, PlaceKeys]
    evidence: tuple[Key, ...]


def _rings(epoch: int, keys: Sequence[Key]) -> Rings:
    evidence = tuple(key for key in keys if key.purpose is Purpose.EVIDENCE)
    return Rings(epoch=epoch, keys=by_profile(keys), evidence=evidence)


class Reseal(Protocol):
    """Seals the values of one table under another master key; returns their number. Raises `SealBroken`."""

    async def __call__(self, transaction: Transaction, *, former: bytes, master: bytes) -> int:
        """Seal under `master` what `former` opens."""


class Vault:
    """Opens keys with the master key.

    `file` is None if the key is a setting; `setting_file` is the file that the setting names, if it names one.
    `sealed` reseals each table that the master key seals; `app.py` lists them. `begin` as in `open_key_ring`.
    """

    def __init__(
        self,
        master: bytes,
        *,
        file: MasterFile | None,
        sealed: Sequence[Reseal],
        begin: BeginEvidence,
        setting_file: MasterFile | None = None,
    ) -> None:
        self.master = master
        self.file = file
        self.setting_file = setting_file
        self._sealed = sealed
        self._begin = begin
        self._audit_keys: dict[Purpose, dict[str, Key]] = {purpose: {} for purpose in AUDIT_PURPOSES}

    async def reseal(self, transaction: Transaction, *, master: bytes) -> int:
        """Seal everything that the master key seals under another one; return how many values. Raises `SealBroken`."""
        return sum([await each(transaction, former=self.master, master=master) for each in self._sealed])

    async def open(self, database: Database, clock: Clock) -> Rings:
        """Return the keys, as `open_key_ring`, with its errors; first ends a rotation whose process died."""
        tried: list[bytes] = []
        while True:
            await self._settle(database)
            async with database.read() as transaction:
                # Before the keys, so that a change in between causes another read.
                epoch = await read_epoch(transaction)
            try:
                return _rings(
                    epoch,
                    await open_key_ring(database, master=self.master, clock=clock, begin=self._begin),
                )
            except MasterKeyWrong:
                tried.append(self.master)
                untried = [each for each in self._candidates() if each not in tried]
                if self.file is None and untried:
                    self.master = untried[0]
                elif self.file is None or self.file.read() == [self.master]:
                    raise
                # The master key was rotated after it was read: try again with the new one.

    async def read(self, transaction: Transaction) -> Rings:
        """Return the stored keys. Raises `MasterKeyWrong`."""
        epoch = await read_epoch(transaction)
        for master in self._candidates():
            try:
                found = await store.list_keys(transaction, master=master)
            except SealBroken:
                continue
            self.master = master
            return _rings(epoch, found)
        raise MasterKeyWrong(f"the master key does not open this database's keys: {_REMEDY}")

    async def read_checkpoint_keys(self, transaction: Transaction) -> AuditKeys:
        """Return the keys that sign checkpoints, as `read_audit_keys`."""
        return await self.read_audit_keys(transaction, Purpose.CHECKPOINT)

    async def read_audit_keys(self, transaction: Transaction, purpose: Purpose) -> AuditKeys:
        """Return the audit's keys of a purpose as stored now; those that this process has opened are kept.

        Raises:
            MasterKeyWrong: no known master key opens them, or one of their rows was changed.
        """
        for master in self._candidates():
            try:
                found = await store.list_audit_keys(
                    transaction, purpose, master=master, opened=self._audit_keys[purpose]
                )
            except SealBroken:
                continue
            self._audit_keys[purpose] = {key.kid: key for key in found}
            return AuditKeys(keys=tuple(found))
        raise MasterKeyWrong(
            f"the table keys: a row of the {purpose.value} keys was changed, or the master key is another one: {_REMEDY}"
        )

    def _candidates(self) -> list[bytes]:
        found = [self.master]
        file = self.file or self.setting_file
        if file is not None:
            with contextlib.suppress(OSError, SettingInvalid):
                found += file.read()
        return found

    async def _settle(self, database: Database) -> None:
        """Make the next master key the key in use if it opens the stored keys; else delete it.

        A rotation writes the file and commits inside one write transaction, so none is running during this one.
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
