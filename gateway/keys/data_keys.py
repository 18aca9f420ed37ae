"""A value at rest under a random data key of its own, which the place's key wraps (docs/decisions/0005).

Deleting the wrapped key deletes the value. Both are bound to their owner, such as `verification/ver_…`: neither
can be moved to another row.
"""

from gateway.keys.model import PlaceKeys, Purpose
from gateway.keys.sealing import SealBroken, new_key, seal, unseal


def seal_with_data_key(keys: PlaceKeys, plain: bytes, *, owner: str, part: str) -> tuple[bytes, bytes]:
    """Return the sealed value and its wrapped data key."""
    data_key = new_key()
    wrapped = seal(keys.current(Purpose.DATA).material, data_key, place=f"{owner}/key")
    return seal(data_key, plain, place=f"{owner}/{part}"), wrapped


def unseal_with_data_key(keys: PlaceKeys, sealed: bytes, wrapped: bytes, *, owner: str, part: str) -> bytes:
    """Return the value. Raises `SealBroken`."""
    return unseal(_unwrap(keys, wrapped, owner), sealed, place=f"{owner}/{part}")


def _unwrap(keys: PlaceKeys, wrapped: bytes, owner: str) -> bytes:
    """Try every wrapping key, newest first: a rotation leaves what is older readable."""
    for key in keys.all(Purpose.DATA):
        try:
            return unseal(key.material, wrapped, place=f"{owner}/key")
        except SealBroken:
            continue
    raise SealBroken
