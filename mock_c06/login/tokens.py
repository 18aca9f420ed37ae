"""The provincial platform's login: a client-credentials token, and the adapter's own header.

Source: three public token clients (domain §1.5). Tokens are valid for 3600 s by the run's clock, and only in their
run.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from mock_c06.accounts.model import Account, Adapter, Environment
from mock_c06.accounts.register import Register
from mock_c06.errors import Unauthorised
from mock_c06.login.admission import CallMemory, IssuedToken
from mock_c06.login.digest import Login
from mock_c06.login.reasons import LoginFailure

TOKEN_SECONDS = 3600
_MEMBERS = {
    "AccessKey": "access_key",
    "SecretKey": "secret_key",
    "AppName": "app_name",
    "PartnerCode": "partner_code",
    "PartnerCodeCus": "partner_code_cus",
}


def verify_key(
    account: Account | None, login: Login | None, adapter_header: str | None, *, elsewhere: bool = False
) -> Account:
    """Verify a token call by secret and adapter header; raises `Unauthorised`. `account` is that of the key,
    `elsewhere` whether the other environment has this key."""
    if login is None:
        raise Unauthorised(LoginFailure.NO_LOGIN)
    secret = (account.ngsp_secret if account is not None else None) or "0" * 64
    proven = hmac.compare_digest(secret.encode(), login.password.encode())
    if account is None:
        raise Unauthorised(LoginFailure.ENVIRONMENT if elsewhere else LoginFailure.UNKNOWN_USER)
    if not proven:
        raise Unauthorised(LoginFailure.SECRET, is_guess=True)
    _verify_adapter(account.adapter, adapter_header)
    return account


def issue_token(
    memory: CallMemory, account: Account, *, now: datetime, seconds: float = TOKEN_SECONDS
) -> str:
    """Issue a token to the account."""
    token = str(uuid4())
    expires_at = now + timedelta(seconds=seconds)
    memory.keep_token(token, IssuedToken(account=account.name, expires_at=expires_at))
    return token


def find_holder(
    register: Register, environment: Environment, memory: CallMemory, token: str
) -> Account | None:
    """Return the account of a token, valid or expired; nothing else is verified."""
    issued = memory.tokens.get(token)
    account = register.find(issued.account) if issued is not None else None
    return account if account is not None and account.environment is environment else None


def verify_token(
    account: Account | None, memory: CallMemory, token: str, adapter_header: str | None, now: datetime
) -> Account:
    """Verify the caller by a valid token and the adapter header; raises `Unauthorised`."""
    issued = memory.tokens.get(token)
    if not token:
        raise Unauthorised(LoginFailure.NO_LOGIN)
    if issued is None:
        raise Unauthorised(LoginFailure.TOKEN_UNKNOWN)
    if account is None:
        raise Unauthorised(LoginFailure.ENVIRONMENT)
    if issued.expires_at <= now:
        raise Unauthorised(LoginFailure.TOKEN_EXPIRED)
    _verify_adapter(account.adapter, adapter_header)
    return account


def _verify_adapter(adapter: Adapter | None, header: str | None) -> None:
    """Compare every member of the header in constant time; an account without adapter needs no header."""
    if adapter is None:
        return
    sent = _parse_adapter(header)
    same = [
        hmac.compare_digest(str(sent.get(wire, "")).encode(), str(getattr(adapter, ours)).encode())
        for wire, ours in _MEMBERS.items()
    ]
    if not all(same):
        raise Unauthorised(LoginFailure.ADAPTER)


def _parse_adapter(header: str | None) -> Mapping[str, object]:
    try:
        sent = json.loads(base64.b64decode(header or "", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return sent if isinstance(sent, dict) else {}
