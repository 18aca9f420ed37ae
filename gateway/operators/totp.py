"""One-time passwords by time (RFC 6238): SHA-1, 6 digits, 30 s; the neighbouring steps count too (§5.2).

Knows no store: that a code works once is held by who keeps the step of the last one (`sessions.py`).
"""

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
SECRET_SIZE = 20
"""160 bits, as RFC 4226 §4 R6 recommends."""


def new_secret() -> bytes:
    """Return 160 random bits."""
    return secrets.token_bytes(SECRET_SIZE)


def code_at(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of a time step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).rjust(digits, "0")


def step_of(now: datetime) -> int:
    """Return the time step of an instant."""
    return int(now.timestamp()) // STEP_S


def find_step(secret: bytes, code: str, *, now: datetime, after: int | None) -> int | None:
    """Return the step whose code this is, of those around now and later than `after`, the last one used."""
    found = None
    for step in range(step_of(now) - 1, step_of(now) + 2):  # all of them, whichever it is: no timing tells
        matches = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if matches and (after is None or step > after):
            found = step
    return found


def to_base32(secret: bytes) -> str:
    """Write a secret as authenticators take it."""
    return base64.b32encode(secret).decode().rstrip("=")


def to_uri(secret: str, *, name: str) -> str:
    """Return the `otpauth:` address of a secret in base32, as authenticators read it; what it leaves out is their default."""
    return f"otpauth://totp/gateway:{quote(name)}?secret={secret}"
