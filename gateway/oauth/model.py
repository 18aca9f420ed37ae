"""Who is calling, once proven."""

from dataclasses import dataclass

from gateway.accounts.grants import Grants
from gateway.accounts.model import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account with a token that is good now: what it may do is the token's, never more than the account's."""

    account: Account
    scopes: frozenset[str]
    grants: Grants
    request_id: str
    correlation_id: str | None = None
    token_id: str = ""
