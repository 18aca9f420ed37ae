"""Open the key ring: make what is missing, insert-or-read, so that all workers hold the same keys."""

import json

from joserfc.jwk import ECKey

from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import MasterKeyWrong
from gateway.identifiers import new_identifier
from gateway.keys import store
from gateway.keys.model import SIGNING, Key, PlaceKeys, Purpose
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
                await store.insert_or_skip(connection, _new(profile, purpose, clock), master=master)
            found = await store.list_keys(connection, master=master)
    except SealBroken:
        raise MasterKeyWrong(f"the master key does not open this database's keys: {REMEDY}") from None
    return {
        profile: PlaceKeys(profile=profile, keys=tuple(key for key in found if key.profile is profile))
        for profile in Profile
    }


def _new(profile: Profile, purpose: Purpose, clock: Clock) -> Key:
    if purpose in SIGNING:
        material = json.dumps(ECKey.generate_key("P-256", private=True).as_dict(private=True)).encode()
    else:
        material = new_key()
    now = clock.now()
    return Key(
        kid=new_identifier("key"),
        profile=profile,
        purpose=purpose,
        serial=1,
        material=material,
        created_at=now,
        serves_from=now,
    )
