"""Access tokens: RFC 9068 JWTs, ES256, 300 seconds, for one profile.

Checks signature, type, issuer, audience and times. `bearer_web.py` checks the account's state and `grant_epoch`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.accounts.grants import Grants, parse_grants
from gateway.accounts.model import Account
from gateway.errors.requests import TokenExpired, TokenInvalid
from gateway.identifiers import new_identifier
from gateway.keys.jws import JwsInvalid, read_header, sign_jws, verify_jws, whole_seconds
from gateway.profiles.model import Place

TYP = "at+jwt"
LIFETIME_S = 300
SKEW_S = 30
_MAX_DETAILS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """The claims of a verified access token."""

    client_id: str
    scopes: frozenset[str]
    grant_epoch: int
    jti: str
    issued_at: int
    expires_at: int
    thumbprint: str | None
    grants: Grants | None


def issue_token(
    place: Place,
    account: Account,
    *,
    scope: str,
    now: datetime,
    thumbprint: str | None,
    narrowed: Grants | None,
) -> str:
    """Sign an access token for the account; `thumbprint` binds it to a DPoP key (RFC 9449 §6)."""
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": place.issuer,
        "aud": place.audience,
        "sub": account.client_id,
        "client_id": account.client_id,
        "scope": scope,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_S,
        "jti": new_identifier("tok"),
        "grant_epoch": account.grant_epoch,
    }
    if thumbprint is not None:
        claims["cnf"] = {"jkt": thumbprint}
    if narrowed is not None:
        claims["authorization_details"] = narrowed.to_details()
    kid, key = place.tokens.signer(now)
    return sign_jws(claims, key=key, kid=kid, typ=TYP)


def verify_token(place: Place, raw: str, *, now: datetime) -> TokenClaims:
    """Return the claims of an access token of this profile. A signature is checked once, the times at each call.

    Raises:
        TokenExpired: the token is valid except that it has expired.
        TokenInvalid: anything else.
    """
    claims: TokenClaims | None = place.tokens.find_kept(raw, now=now)
    if claims is None:
        kid, claims = _open(place, raw, now=now)
        place.tokens.keep(raw, kid, claims)
    seconds = int(now.timestamp())
    if claims.issued_at > seconds + SKEW_S or claims.expires_at - claims.issued_at > LIFETIME_S:
        raise TokenInvalid
    if claims.expires_at <= seconds:
        place.tokens.forget(raw)
        raise TokenExpired
    return claims


def _open(place: Place, raw: str, *, now: datetime) -> tuple[str, TokenClaims]:
    """Return the key's id and the claims of a token that is signed for this profile, whatever its times.

    Raises:
        TokenInvalid
    """
    try:
        header = read_header(raw, typ=TYP)
        key = place.tokens.find(header.get("kid"), now=now)
        if key is None or header["alg"] != "ES256":
            raise TokenInvalid
        members = verify_jws(raw, key=key, algorithm="ES256")
    except JwsInvalid:
        raise TokenInvalid from None
    issued_at, expires_at = whole_seconds(members.get("iat")), whole_seconds(members.get("exp"))
    if issued_at is None or expires_at is None:
        raise TokenInvalid
    return header["kid"], _read_claims(place, members, issued_at, expires_at)


def _read_claims(place: Place, members: Mapping[str, Any], issued_at: int, expires_at: int) -> TokenClaims:
    if members.get("iss") != place.issuer or members.get("aud") != place.audience:
        raise TokenInvalid
    try:
        details = members.get("authorization_details")
        return TokenClaims(
            client_id=members["client_id"],
            scopes=frozenset(members["scope"].split()),
            grant_epoch=members["grant_epoch"],
            jti=members["jti"],
            issued_at=issued_at,
            expires_at=expires_at,
            thumbprint=members["cnf"]["jkt"] if "cnf" in members else None,
            grants=None if details is None else parse_grants(details),
        )
    except (KeyError, AttributeError, TypeError, ValueError):
        raise TokenInvalid from None


def parse_authorization_details(text: str, account: Account) -> Grants:
    """Read a token request's `authorization_details` (RFC 9396 §6), which may only narrow.

    Raises:
        ValueError: malformed, or wider than the account's grants.
    """
    if len(text) > _MAX_DETAILS:  # they become a claim of the token, and headers have a size limit
        raise ValueError(f"at most {_MAX_DETAILS} characters")
    details = json.loads(text)
    if not isinstance(details, list) or not details:
        raise ValueError("a list of objects")
    wanted = parse_grants(details)
    if not all(account.grants.covers(entry) for entry in wanted.entries):
        raise ValueError("wider than granted")
    return wanted
