"""Sealing, by property: what was sealed opens unchanged at its location, and nowhere else after any change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys.sealing import SealBroken, new_key, seal, unseal

keys = st.binary(min_size=32, max_size=32)
places = st.text(max_size=40).filter(lambda text: text.isprintable())
plains = st.binary(max_size=200)


@given(keys, plains, places)
def test_what_was_sealed_opens_at_its_own_place(key: bytes, plain: bytes, location: str) -> None:
    assert unseal(key, seal(key, plain, location=location), location=location) == plain


@given(keys, plains, places, st.data())
def test_any_one_changed_byte_breaks_the_seal(
    key: bytes, plain: bytes, location: str, data: st.DataObject
) -> None:
    sealed = bytearray(seal(key, plain, location=location))
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SealBroken):
        unseal(key, bytes(sealed), location=location)


@given(keys, plains, st.data())
def test_a_seal_cut_short_or_lengthened_is_broken(key: bytes, plain: bytes, data: st.DataObject) -> None:
    sealed = seal(key, plain, location="a")
    end = data.draw(st.integers(0, len(sealed) - 1))

    for changed in (sealed[:end], sealed + b"\x00"):
        with pytest.raises(SealBroken):
            unseal(key, changed, location="a")


@given(keys, plains, places, places)
def test_a_sealed_value_moved_elsewhere_is_broken(key: bytes, plain: bytes, one: str, other: str) -> None:
    sealed = seal(key, plain, location=one)

    if one != other:
        with pytest.raises(SealBroken):
            unseal(key, sealed, location=other)


@given(keys, keys, plains)
def test_another_key_does_not_open_the_seal(key: bytes, other: bytes, plain: bytes) -> None:
    sealed = seal(key, plain, location="a")

    if key != other:
        with pytest.raises(SealBroken):
            unseal(other, sealed, location="a")


def test_the_same_value_is_never_sealed_alike_twice() -> None:
    key = new_key()

    assert len({seal(key, b"value", location="a") for _ in range(50)}) == 50
