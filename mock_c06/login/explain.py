"""Explain a login of C06's own form, without a call: why the registry refuses it, or that it accepts it.

For the control face and `mock-c06 explain` alone. Replays and locks are not judged, since they depend on earlier calls.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mock_c06.accounts.model import Environment, Status
from mock_c06.accounts.register import Register
from mock_c06.errors import AccountNotActive, Unauthorised
from mock_c06.login.admission import inactive
from mock_c06.login.digest import find_login, verify_login
from mock_c06.login.reasons import REMEDIES, LoginFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class SentLogin:
    """What one call carried: the URL as it was called, and two headers."""

    environment: Environment
    url: str
    authorization: str | None
    timestamp: str | None


def explain_login(
    register: Register, sent: SentLogin, *, now: datetime
) -> tuple[LoginFailure | None, str | None]:
    """Return why the login fails, and what was hashed or sent instead; (None, None) for a right login."""
    login = find_login(sent.authorization)
    user = login.user if login is not None else ""
    claimed = register.find_by_user(sent.environment, user)
    try:
        account = verify_login(
            claimed,
            login,
            url=sent.url,
            timestamp=sent.timestamp,
            now=now,
            elsewhere=register.knows_user(user),
        )
        if account.status is not Status.ACTIVE and not account.activates_at_login:
            raise inactive(account)
    except Unauthorised as refusal:
        return LoginFailure(refusal.reason), refusal.detail
    except AccountNotActive as refusal:
        return LoginFailure(refusal.reason), None
    return None, None


def login_json(reason: LoginFailure | None, detail: str | None) -> dict[str, Any]:
    """Write an explanation as the control face answers."""
    vi, en = REMEDIES[reason] if reason is not None else (None, None)
    return {"reason": reason, "reason_detail": detail, "remedy": {"vi": vi, "en": en} if reason else None}
