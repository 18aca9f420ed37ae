"""TOTP against the vectors of RFC 6238, and against a second implementation of RFC 4226."""

import base64
import hashlib
import hmac
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators.credentials import (
    SECRET_SIZE,
    STEP_S,
    code_at,
    find_step,
    new_secret,
    step_of,
    to_base32,
    to_uri,
)

RFC_SECRET = b"12345678901234567890"
SECRETS = st.binary(min_size=SECRET_SIZE, max_size=SECRET_SIZE)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy takes bare bounds


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238_appendix_b_come_out(seconds: int, code: str) -> None:
    step = step_of(datetime.fromtimestamp(seconds, UTC))
    assert code_at(RFC_SECRET, step, digits=8) == code
    assert code_at(RFC_SECRET, step) == code[-6:]


def by_the_words(secret: bytes, step: int) -> str:
    """RFC 4226 §5.3, the other way: the four bytes by struct, the remainder as text."""
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    (number,) = struct.unpack_from(">I", digest, digest[19] % 16)
    return f"{(number % 2**31) % 1000000:06}"


@given(SECRETS, st.integers(0, 2**40))
def test_every_code_equals_the_one_computed_by_rfc_4226(secret: bytes, step: int) -> None:
    assert code_at(secret, step) == by_the_words(secret, step)


@given(SECRETS, INSTANTS, st.integers(-3, 3))
def test_a_code_is_accepted_one_step_around_now_and_no_further(
    secret: bytes, now: datetime, away: int
) -> None:
    step = step_of(now) + away
    near = [code_at(secret, step_of(now) + offset) for offset in (-1, 0, 1)]
    found = find_step(secret, code_at(secret, step), now=now, after=None)
    if abs(away) <= 1:
        assert found is not None
    else:
        assert (found is not None) == (code_at(secret, step) in near)


@given(SECRETS, INSTANTS, st.integers(-1, 1), st.integers(-2, 2))
def test_no_time_step_is_accepted_twice_nor_an_earlier_one(
    secret: bytes, now: datetime, tried: int, used: int
) -> None:
    after = step_of(now) + used
    found = find_step(secret, code_at(secret, step_of(now) + tried), now=now, after=after)
    assert found is None or found > after


@pytest.mark.parametrize("code", ["", "12345", "1234567", "ABCDEF", "１２３４５６"])
def test_a_malformed_code_matches_no_step_and_raises_nothing(code: str) -> None:
    assert find_step(RFC_SECRET, code, now=datetime.fromtimestamp(59, UTC), after=None) is None


def test_a_secret_has_160_bits_and_an_address_that_authenticators_read() -> None:
    secret = new_secret()
    text = to_base32(secret)
    assert len(secret) * 8 >= 160
    assert base64.b32decode(text) == secret
    assert to_uri(text, name="lan.nguyen") == f"otpauth://totp/gateway:lan.nguyen?secret={text}"
    assert STEP_S == 30
