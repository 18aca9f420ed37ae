"""C06's own login: HTTP Basic whose password is a digest over address, user, time and secret.

Refuses a stale time, a time in the wrong unit and a replay, all with the same answer (reasons.py has what the journal
says): an unknown user takes the same path as a wrong secret. Source: two public clients (domain §1.5).
"""

import base64
import hmac
import re
from datetime import datetime

from mock_c06.accounts.model import Account
from mock_c06.errors import Unauthorised
from mock_c06.login.admission import WINDOW_SECONDS
from mock_c06.login.reasons import LoginFailure, diagnose, digest
from mock_c06.unfrozen import unfrozen

_DIGITS = re.compile(r"[0-9]{1,16}")
_NOBODY = "0" * 64


@unfrozen
class Login:
    """User and password of a Basic header."""

    user: str
    password: str


def find_login(header: str | None) -> Login | None:
    """Read an `Authorization: Basic` header; None if it is another one or cannot be decoded."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:  # no base64, no UTF-8, or a header that is not even ASCII
        return None
    user, separator, password = text.partition(":")
    return Login(user=user, password=password) if separator else None


def verify_login(
    account: Account | None,
    login: Login | None,
    *,
    url: str,
    timestamp: str | None,
    now: datetime,
    elsewhere: bool = False,
) -> Account:
    """Verify the caller; raises `Unauthorised`. `account` is that of the login's user, `elsewhere` whether the other
    environment has this user. The digest is over `url` without its query. Replays are found elsewhere
    (login/admission.py)."""
    if login is None:
        raise Unauthorised(LoginFailure.NO_LOGIN)
    if timestamp is None:
        raise Unauthorised(LoginFailure.NO_TIMESTAMP)
    secret = account.secret if account is not None else _NOBODY
    called, _, query = url.partition("?")
    expected = digest(url=called, user=login.user, timestamp=timestamp, secret=secret)
    proven = hmac.compare_digest(expected.encode(), login.password.encode())
    if account is None or not proven:
        reason, detail = diagnose(
            sent=login.password, url=called, query=query, user=login.user, timestamp=timestamp, secret=secret
        )
        if account is None:
            raise Unauthorised(LoginFailure.ENVIRONMENT if elsewhere else LoginFailure.UNKNOWN_USER)
        raise Unauthorised(reason, detail, is_guess=True)
    _verify_time(timestamp, now=now, seconds=account.switches.seconds)
    return account


def _verify_time(timestamp: str, *, now: datetime, seconds: bool) -> None:
    if _is_fresh(timestamp, now=now, seconds=seconds):
        return
    if _is_fresh(timestamp, now=now, seconds=not seconds):
        raise Unauthorised(LoginFailure.MILLISECONDS if seconds else LoginFailure.SECONDS)
    raise Unauthorised(LoginFailure.STALE, _lag(timestamp, now=now, seconds=seconds))


def _is_fresh(timestamp: str, *, now: datetime, seconds: bool) -> bool:
    if not _DIGITS.fullmatch(timestamp):
        return False
    sent = int(timestamp) / (1 if seconds else 1000)
    return abs(now.timestamp() - sent) <= WINDOW_SECONDS


def _lag(timestamp: str, *, now: datetime, seconds: bool) -> str:
    if not _DIGITS.fullmatch(timestamp):
        return "Timestamp is no number"
    lag = now.timestamp() - int(timestamp) / (1 if seconds else 1000)
    return f"{abs(lag):.0f} s {'before' if lag > 0 else 'after'} the server's time"
