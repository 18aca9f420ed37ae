"""Rotate the master key: seal everything that hangs on it anew, in one commit with its row.

What a store's dump and the former master key open together stays open to whoever has both: after a leak of the
master key rotate the others too. Beside an embedded database the new key is made here and replaces the key file, so
that whenever the process dies one of the two files opens the keys; elsewhere the operator gives it, and sets it.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.model import AuditEntry
from gateway.database import Transaction
from gateway.deployment import advance_epoch
from gateway.errors.commands import MasterKeyWrong, StateWrong
from gateway.identifiers import new_identifier
from gateway.keys.master import MasterFile
from gateway.keys.sealing import SealBroken, new_key
from gateway.parts import Parts
from gateway.profiles.host_acts import Permit, actor_of, hold_host, kind_of
from gateway.profiles.key_rotation import BY_ADMIN
from gateway.profiles.model import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRotation:
    """How much was sealed anew (keys, credentials, TOTP secrets), and the key file that holds the new master key, where there is one."""

    resealed: int
    file: Path | None


async def rotate_master(
    gateway: Gateway, *, given: bytes | None, permit: Permit | None = None
) -> MasterRotation:
    """Seal everything under a new master key, the one `given` where the present one is a setting.

    It is official's too: `permit` is an admin's.

    Raises:
        StateWrong: no key where one must be given, one given where it is made here, or the present one; or there are
            operators, and no permit.
        RoleMissing, TokenInvalid: as the permit says.
        MasterKeyWrong: another rotated it meanwhile.
    """
    vault, master = gateway.vault, _choose(gateway, given)
    await hold_host(gateway.parts, permit, tried="rotate_master_key", remedy=BY_ADMIN)
    resealed: list[int] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        resealed.clear()
        actor = await actor_of(transaction, permit, remedy=BY_ADMIN)
        try:
            resealed.append(await vault.reseal(transaction, master=master))
        except SealBroken:
            raise MasterKeyWrong("another rotated the master key just now: run the command again") from None
        await advance_epoch(transaction)
        if vault.file is not None:
            _write_next(vault.file, master)  # last before the commit: on the disk before anything hangs on it
        return [_entry(gateway.parts, actor)]

    await gateway.parts.audit.commit(decide)
    vault.master = master
    if vault.file is not None:
        await _promote(gateway.parts, vault.file, master)
    # The write-ahead log still holds the keys as the former master key opens them.
    await gateway.parts.database.truncate_journal()
    return MasterRotation(resealed=resealed[0], file=vault.file.path if vault.file else None)


def _choose(gateway: Gateway, given: bytes | None) -> bytes:
    file = gateway.vault.file
    if file is None and given is None:
        raise StateWrong("the master key is a setting here: give the new one by --new-key-file FILE")
    if file is not None and given is not None:
        raise StateWrong(f"{file.path} is replaced by this command itself: leave --new-key-file out")
    if given is not None and hmac.compare_digest(given, gateway.vault.master):
        raise StateWrong("the new key is the present one: give another")
    return given or new_key()


def _write_next(file: MasterFile, master: bytes) -> None:
    try:
        file.write_next(master)
    except OSError as error:
        raise StateWrong(
            f"no new key can be written beside {file.path} ({error.strerror}): nothing changed"
        ) from None


async def _promote(parts: Parts, file: MasterFile, master: bytes) -> None:
    """Put the new key in the file's place, alone among processes."""
    async with parts.database.write():
        try:
            file.promote(master)
        except OSError as error:
            raise StateWrong(
                f"{file.path}.next holds the new master key and could not be renamed ({error.strerror}): "
                "the next command, or start, does it"
            ) from None


def _entry(parts: Parts, actor: str) -> AuditEntry:
    return AuditEntry(
        at=parts.clock.now(),
        kind=kind_of(actor),
        profile=None,
        act=new_identifier("act"),
        outcome="master_key_rotated",
        actor=actor,
    )
