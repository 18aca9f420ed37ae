"""Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 s; the steps before and after count too (§5.2).

Stores nothing: `sessions.py` stores the step of the last code, so that each code works once.
"""

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
SECRET_SIZE = 20
"""In bytes: RFC 4226 §4 R6 recommends 160 bits."""


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
    """Return the number of the time step, counted from 1970."""
    return int(now.timestamp()) // STEP_S


def find_step(secret: bytes, code: str, *, now: datetime, after: int | None) -> int | None:
    """Return the step with this code: the present one or its neighbour, and later than `after`, the last used step."""
    found = None
    for step in range(step_of(now) - 1, step_of(now) + 2):  # always all three, so that the time shows nothing
        matches = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if matches and (after is None or step > after):
            found = step
    return found


def to_base32(secret: bytes) -> str:
    """Return a secret in the base32 form of authenticators."""
    return base64.b32encode(secret).decode().rstrip("=")


def draw_qr(text: str) -> str:
    """Return a QR code as lines of half blocks, light on dark, with the quiet zone of ISO/IEC 18004 (four modules)."""
    import segno  # noqa: PLC0415 - only an enrolment draws one

    rows = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=4)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    halves = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return "\n".join(
        "".join(halves[upper & 1, lower & 1] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    )


def to_uri(secret: str, *, name: str) -> str:
    """Return the `otpauth:` address of a base32 secret; algorithm, digits and period are the authenticators' defaults."""
    return f"otpauth://totp/gateway:{quote(name)}?secret={secret}"
