"""C06's own login: HTTP Basic whose password is a digest over address, user, time and secret.

Refuses a stale time, a time in the wrong unit and a packet seen before, and never says which it was: an unknown
user takes the same path as a wrong secret. Source: two public clients (domain §1.5).
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime

from mock_c06.desk.accounts import Account
from mock_c06.desk.memory import WINDOW_SECONDS
from mock_c06.errors import Unauthorised
from mock_c06.light import light_value

_DIGITS = re.compile(r"[0-9]{1,16}")
_NOBODY = "0" * 64


@light_value
class Login:
    """What a Basic header holds."""

    user: str
    password: str


def find_login(header: str | None) -> Login | None:
    """Read an `Authorization: Basic` header; None where it is none, or not decodable."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:  # no base64, no UTF-8, or a header that is not even ASCII
        return None
    user, separator, password = text.partition(":")
    return Login(user=user, password=password) if separator else None


def digest(*, url: str, user: str, timestamp: str, secret: str) -> str:
    """Compute the password: sha256 in hex over the four texts, put together."""
    return hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()


def verify_login(
    account: Account | None,
    login: Login | None,
    *,
    url: str,
    timestamp: str | None,
    now: datetime,
) -> Account:
    """Prove who calls; raises `Unauthorised`. The account is the one of the login's user; a replay is the caller's to
    find (desk/memory.py)."""
    if login is None or timestamp is None:
        raise Unauthorised("no login")
    secret = account.secret if account is not None else _NOBODY
    expected = digest(url=url, user=login.user, timestamp=timestamp, secret=secret)
    proven = hmac.compare_digest(expected.encode(), login.password.encode())
    if account is None or not proven:
        raise Unauthorised("login")
    if not _is_fresh(timestamp, now=now, seconds=account.switches.seconds):
        raise Unauthorised("timestamp")
    return account


def _is_fresh(timestamp: str, *, now: datetime, seconds: bool) -> bool:
    if not _DIGITS.fullmatch(timestamp):
        return False
    sent = int(timestamp) / (1 if seconds else 1000)
    return abs(now.timestamp() - sent) <= WINDOW_SECONDS
