"""The table of keys. Each is sealed under the master key to its profile, purpose, serial and times of use.

So nobody without the master key can move a key to another row, or give a leaked one a later end. A key made before
schema 0025 is not sealed to its serial and times until the store is opened; see docs/decisions/0093.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.keys.model import FIRST_KEYS, Key, Purpose
from gateway.keys.sealing import SealBroken, seal, unseal
from gateway.storage.database import Instant, metadata
from gateway.storage.driver import any_text

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("kid", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("serves_from", Instant, nullable=False),
    sa.Column("accepted_until", Instant),
    sa.UniqueConstraint("profile", "purpose", "serial"),
)
_INSERT = sa.insert(keys)
_SIDE_FILES = ("-wal", "-shm", "-journal", ".lock")
_BOTH = "both"
"""The stored profile of a key that both profiles share."""


async def lock_keys(connection: AsyncConnection) -> None:
    """Let nobody else write a key until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("LOCK TABLE keys IN SHARE ROW EXCLUSIVE MODE"))


async def insert_first_key(connection: AsyncConnection, key: Key, *, master: bytes) -> None:
    """Add the first key of a purpose."""
    first = _INSERT.execution_options(
        unrecorded="a first start has no audit yet; the seal shows that the gateway made a key"
    )
    await connection.execute(first, _row(key, master))


async def insert_key(connection: AsyncConnection, key: Key, *, master: bytes) -> None:
    """Add a key, sealed."""
    await connection.execute(_INSERT, _row(key, master))


async def end_key(connection: AsyncConnection, key: Key, *, master: bytes) -> None:
    """Store until when a key is accepted, and seal the key to it."""
    values = {"accepted_until": key.accepted_until, "sealed": _seal(key, master)}
    await connection.execute(sa.update(keys).where(keys.c.kid == key.kid).values(**values))


async def list_kids(connection: AsyncConnection) -> Sequence[str]:
    """Return the id of every key."""
    return [str(row.kid) for row in await _read_rows(connection, sa.select(keys.c.kid))]


async def _read_rows(
    connection: AsyncConnection, query: sa.Select[*tuple[Any, ...]]
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return rows, also those in which SQLite has text that is no UTF-8: no seal is for it.

    Raises `SealBroken` where SQLite has something else in place of a time: no seal is for it either.
    """
    async with any_text(connection):
        try:
            return (await connection.execute(query)).all()
        except (TypeError, ValueError):
            raise SealBroken from None


def list_other_stores(own: Path, kids: Collection[str]) -> list[Path]:
    """Return the embedded stores in the folder of `own` that have keys, but none of `kids`.

    A backup or an earlier state of `own` has some of `kids`, so it is not among them. The files of `own` are not opened:
    to close one would end this process's locks on it (POSIX; sqlite.org/howtocorrupt.html §2.2).
    """
    return [
        path
        for path in sorted(own.parent.iterdir())
        if path.is_file()
        and not path.name.endswith(_SIDE_FILES)
        and not path.samefile(own)
        and (found := _read_kids(path))
        and found.isdisjoint(kids)
    ]


def _read_kids(path: Path) -> set[str]:
    """Return the ids of the keys in an SQLite file; none of any other file."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as other:
            return {kid for (kid,) in other.execute("SELECT kid FROM keys")}
    except sqlite3.Error:
        return set()


async def opens_keys(connection: AsyncConnection, *, master: bytes) -> bool:
    """Return whether a master key opens every stored key; False for a store without keys."""
    try:
        return bool(await list_keys(connection, master=master))
    except SealBroken:
        return False


async def reseal_keys(transaction: AsyncConnection, *, former: bytes, master: bytes) -> int:
    """Seal every key under another master key; return how many. Raises `SealBroken` under a wrong former one."""
    # A first start elsewhere with the former master key must not add a key now: it could never be opened.
    await lock_keys(transaction)
    found = await list_keys(transaction, master=former)
    for key in found:
        change = sa.update(keys).where(keys.c.kid == key.kid).values(sealed=_seal(key, master))
        await transaction.execute(change)
    return len(found)


async def list_audit_keys(
    connection: AsyncConnection, purpose: Purpose, *, master: bytes, opened: Mapping[str, Key]
) -> Sequence[Key]:
    """Return the keys of one of the audit's purposes, newest first. Those in `opened`, by id, are not opened again.

    Raises:
        SealBroken: a wrong master key, or a changed row.
    """
    query = sa.select(keys).where(keys.c.purpose == purpose.value).order_by(keys.c.serial.desc())
    return [
        opened[row.kid] if row.kid in opened and _is_row_of(row, opened[row.kid]) else _key(row, master)
        for row in await _read_rows(connection, query)
    ]


def _is_row_of(row: sa.Row[Any], key: Key) -> bool:
    found = (row.serial, row.serves_from, row.accepted_until)
    return found == (key.serial, key.serves_from, key.accepted_until)


async def find_missing_key(connection: AsyncConnection) -> str | None:
    """Return the name of a key that was deleted, or None: every purpose has keys with the serials 1, 2, 3, ….

    The newest key of several may be deleted unnoticed here; the audit shows it, by the row of its rotation. Also None if
    no key is stored at all.
    """
    query = sa.select(keys.c.profile, keys.c.purpose, keys.c.serial)
    found: dict[tuple[str, str], set[int]] = {}
    for profile, purpose, serial in await _read_rows(connection, query):
        # As text where SQLite has a value of another type, which is no profile, purpose or serial.
        known = found.setdefault((str(profile), str(purpose)), set())
        known.add(serial if isinstance(serial, int) else 0)
    wanted = {(_written(profile), purpose.value) for profile, purpose in FIRST_KEYS} if found else set()
    for profile, purpose in sorted(wanted | set(found)):
        serials = found.get((profile, purpose), set())
        # Counts up to the first gap only: a serial that somebody changed may be huge.
        missing = next(serial for serial in count(1) if serial not in serials)
        if missing <= max(serials, default=1):
            return _printable(f"{purpose} key {missing} ({profile})")
    return None


async def list_keys(connection: AsyncConnection, *, master: bytes) -> Sequence[Key]:
    """Return every key, unsealed.

    Raises:
        SealBroken: a wrong master key.
        StateWrong: the master key opens some keys, and not others: their rows were changed.
    """
    query = sa.select(keys).order_by(keys.c.profile, keys.c.purpose, keys.c.serial)
    found, changed = [], []
    try:
        rows = await _read_rows(connection, query)
    except SealBroken:
        raise StateWrong("a row of the table keys has no valid time: put the row back") from None
    for row in rows:
        try:
            found.append(_key(row, master))
        except SealBroken:
            changed.append(row.kid)
    if changed and not found:
        raise SealBroken
    if changed:
        raise StateWrong(
            f"the row {_printable(changed[0])} of the table keys was changed outside the gateway: put it back"
        )
    return found


def _printable(stored: object) -> str:
    """Return a stored value as text that steers no terminal and that can be written, such as a lone surrogate."""
    text = str(stored)
    return text if text.isprintable() else ascii(text)


def _row(key: Key, master: bytes) -> dict[str, object]:
    return {
        "kid": key.kid,
        "profile": _written(key.profile),
        "purpose": key.purpose.value,
        "serial": key.serial,
        "sealed": _seal(key, master),
        "created_at": key.created_at,
        "serves_from": key.serves_from,
        "accepted_until": key.accepted_until,
    }


def _key(row: sa.Row[*tuple[Any, ...]], master: bytes) -> Key:
    """Return the key of a row. Raises `SealBroken`, also for values of other types, which SQLite keeps: no seal is for them."""
    try:
        key = Key(
            kid=row.kid,
            profile=None if row.profile == _BOTH else Profile(row.profile),
            purpose=Purpose(row.purpose),
            serial=row.serial,
            material=b"",
            created_at=row.created_at,
            serves_from=row.serves_from,
            accepted_until=row.accepted_until,
        )
        try:
            return replace(key, material=unseal(master, row.sealed, location=_location(key)))
        except SealBroken:
            former = _location_before_0025(key)
            return replace(key, material=unseal(master, row.sealed, location=former), bound=False)
    except (ValueError, TypeError, AttributeError):
        raise SealBroken from None


def _seal(key: Key, master: bytes) -> bytes:
    return seal(master, key.material, location=_location(key))


def _location(key: Key) -> str:
    """Return the location to which a key is sealed."""
    times = (each and each.astimezone(UTC).isoformat() for each in (key.serves_from, key.accepted_until))
    return "/".join((_location_before_0025(key), str(key.serial), *(each or "" for each in times)))


def _location_before_0025(key: Key) -> str:
    return f"key/{_written(key.profile)}/{key.purpose.value}/{key.kid}"


def _written(profile: Profile | None) -> str:
    return _BOTH if profile is None else profile.value
