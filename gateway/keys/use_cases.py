"""Open the key ring: make what is missing, insert-or-read, so that all workers hold the same keys."""

import json
from collections.abc import Sequence
from datetime import datetime

from joserfc.jwk import ECKey

from gateway.clock import Clock
from gateway.database import Database
from gateway.errors.commands import MasterKeyWrong
from gateway.identifiers import new_identifier
from gateway.keys import store
from gateway.keys.model import PAIRS, Key, PlaceKeys, Purpose
from gateway.keys.sealing import SealBroken, new_key
from gateway.places import Profile

REMEDY = "set GATEWAY_MASTER_KEY (or _FILE) to the key this database was made with"


async def open_key_ring(database: Database, *, master: bytes, clock: Clock) -> dict[Profile, PlaceKeys]:
    """Return every profile's keys, making the first of each purpose where there is none.

    Raises:
        MasterKeyWrong: the master key does not open the keys that are there.
    """
    try:
        async with database.read() as connection:
            present = {(key.profile, key.purpose) for key in await store.list_keys(connection, master=master)}
        missing = [(place, use) for place in Profile for use in Purpose if (place, use) not in present]
        async with database.write() as connection:
            for profile, purpose in missing:
                first = make_key(profile, purpose, serial=1, now=clock.now())
                await store.insert_or_skip(connection, first, master=master)
            found = await store.list_keys(connection, master=master)
    except SealBroken:
        raise MasterKeyWrong(f"the master key does not open this database's keys: {REMEDY}") from None
    return by_profile(found)


def by_profile(keys: Sequence[Key]) -> dict[Profile, PlaceKeys]:
    """Return each profile's own keys."""
    return {
        profile: PlaceKeys(profile=profile, keys=tuple(key for key in keys if key.profile is profile))
        for profile in Profile
    }


def make_key(
    profile: Profile, purpose: Purpose, *, serial: int, now: datetime, serves_from: datetime | None = None
) -> Key:
    """Return a new random key; it serves at once unless told from when."""
    if purpose in PAIRS:
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
