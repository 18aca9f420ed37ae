"""The provincial platform's login: a client-credentials token, and the adapter's own header beside it.

Source: three public token clients (domain §1.5). Tokens live 3600 s by the run's clock and only in their run.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from mock_c06.desk.accounts import Account, Adapter, Environment
from mock_c06.desk.basic import Login
from mock_c06.desk.memory import DeskMemory, IssuedToken
from mock_c06.desk.register import Register
from mock_c06.errors import Unauthorised

TOKEN_SECONDS = 3600
_MEMBERS = {
    "AccessKey": "access_key",
    "SecretKey": "secret_key",
    "AppName": "app_name",
    "PartnerCode": "partner_code",
    "PartnerCodeCus": "partner_code_cus",
}


def verify_key(account: Account | None, login: Login | None, adapter_header: str | None) -> Account:
    """Prove who asks for a token by secret and adapter header; raises `Unauthorised`. The account is that of the key."""
    if login is None:
        raise Unauthorised("no login")
    secret = (account.ngsp_secret if account is not None else None) or "0" * 64
    proven = hmac.compare_digest(secret.encode(), login.password.encode())
    if account is None or not proven:
        raise Unauthorised("login")
    _verify_adapter(account.adapter, adapter_header)
    return account


def issue_token(
    memory: DeskMemory, account: Account, *, now: datetime, seconds: float = TOKEN_SECONDS
) -> str:
    """Make a token and remember whose it is."""
    token = str(uuid4())
    memory.tokens[token] = IssuedToken(account=account.name, expires_at=now + timedelta(seconds=seconds))
    return token


def find_holder(
    register: Register, environment: Environment, memory: DeskMemory, token: str
) -> Account | None:
    """Give the account a token was issued to, dead or alive, without proving anything else."""
    issued = memory.tokens.get(token)
    account = register.find(issued.account) if issued is not None else None
    return account if account is not None and account.environment is environment else None


def verify_token(
    account: Account | None, memory: DeskMemory, token: str, adapter_header: str | None, now: datetime
) -> Account:
    """Prove who calls by a live token and the adapter header; raises `Unauthorised`."""
    issued = memory.tokens.get(token)
    if account is None or issued is None:
        raise Unauthorised("token")
    if issued.expires_at <= now:
        raise Unauthorised("token expired")
    _verify_adapter(account.adapter, adapter_header)
    return account


def _verify_adapter(adapter: Adapter | None, header: str | None) -> None:
    """Compare every member of the header, in constant time each; an account without adapter needs none."""
    if adapter is None:
        return
    sent = _parse_adapter(header)
    same = [
        hmac.compare_digest(str(sent.get(wire, "")).encode(), str(getattr(adapter, ours)).encode())
        for wire, ours in _MEMBERS.items()
    ]
    if not all(same):
        raise Unauthorised("adapter")


def _parse_adapter(header: str | None) -> Mapping[str, object]:
    try:
        sent = json.loads(base64.b64decode(header or "", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return sent if isinstance(sent, dict) else {}
