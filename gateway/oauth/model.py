"""An authenticated caller; a request to an OAuth endpoint, and its refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.accounts.grants import Grants
from gateway.accounts.model import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentCitizen:
    """A citizen who signed in at the national login a short time ago, by the ID token of the call."""

    citizen_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account with a valid token: its rights are the token's, never more than the account's.

    `citizen` is the one whose ID token came with the call, if there is one.
    """

    account: Account
    scopes: frozenset[str]
    grants: Grants
    request_id: str
    correlation_id: str | None = None
    token_id: str = ""
    citizen: PresentCitizen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthRequest:
    """A request to an OAuth endpoint: distinct form members, `Authorization` and `DPoP` headers.

    `address` is the caller's, even behind a trusted proxy (`edge/forwarded.py`).
    """

    path: str
    address: str
    form: Mapping[str, str] = field(repr=False)
    authorization: list[str] = field(repr=False)
    proofs: list[str] = field(repr=False)


class OAuthRefusal(Exception):
    """An RFC 6749 §5.2 error; `retry_after` in seconds if the client must wait."""

    def __init__(
        self,
        error: str,
        description: str | None = None,
        *,
        status: int = 400,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.retry_after = retry_after
