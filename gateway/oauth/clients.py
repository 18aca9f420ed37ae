"""How an account proves itself at the OAuth endpoints: `private_key_jwt`, or a secret on sandbox.

Decides on rows that were loaded before; an unknown client costs and answers like a wrong secret.
Source: RFC 7523 §3, RFC 6749 §2.3; contract: `aud` is the issuer as a string, `exp` ≤ 120 s ahead.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from gateway.accounts.model import Account, AccountState, Credentials
from gateway.accounts.public_keys import algorithm_of, import_public_key
from gateway.keys.jws import JwsInvalid, peek_claims, read_header, verify_jws, whole_seconds
from gateway.keys.model import Purpose
from gateway.places import Profile
from gateway.profiles.model import Place

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_AHEAD_S = 120
SKEW_S = 30


class ClientUnproven(Exception):
    """The client did not prove itself; `reason` is set only where the proof was well signed."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason


class ProofMalformed(Exception):
    """No proof, or more than one: the request itself is wrong (RFC 6749 §2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProof:
    """A client id and secret from the Basic header."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionProof:
    """A signed assertion; `client_id` is what it claims, not yet believed."""

    client_id: str
    raw: str = field(repr=False)
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spendable:
    """The assertion's id, good once until `expires_at` (seconds)."""

    jti: str
    expires_at: int


def parse_proof(authorization: list[str], form: Mapping[str, str]) -> SecretProof | AssertionProof:
    """Find the one proof in a request.

    Raises:
        ProofMalformed: two of them, a secret in the body, or a header that can't be read.
        ClientUnproven: none at all, or an assertion that is no JWS of ours to accept.
    """
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if len(authorization) > 1 or "client_secret" in form or (authorization and assertion):
        raise ProofMalformed
    if authorization:
        return _parse_basic(authorization[0], form)
    if not assertion:
        raise ClientUnproven
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise ProofMalformed
    return _parse_assertion(form)


def _parse_basic(header: str, form: Mapping[str, str]) -> SecretProof:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ClientUnproven
    try:
        user, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ClientUnproven from None
    client_id = unquote_plus(user)
    if form.get("client_id", client_id) != client_id:
        raise ProofMalformed
    return SecretProof(client_id=client_id, secret=unquote_plus(secret))


def _parse_assertion(form: Mapping[str, str]) -> AssertionProof:
    raw = form.get("client_assertion", "")
    try:
        header = read_header(raw, typ=None)
        claimed = _peek_subject(raw)
    except JwsInvalid:
        raise ClientUnproven from None
    if header.get("typ", "JWT").lower() not in {"jwt", "client-authentication+jwt"}:
        raise ClientUnproven
    if form.get("client_id", claimed) != claimed:
        raise ClientUnproven
    return AssertionProof(client_id=claimed, raw=raw, header=header)


def verify_secret(
    proof: SecretProof, place: Place, account: Account | None, credentials: Credentials, *, now: datetime
) -> None:
    """Raise `ClientUnproven` unless the secret is a live one of a live sandbox account of this place."""
    digests = {key.kid: key.mac(proof.secret) for key in place.keys.all(Purpose.CREDENTIAL)}
    matched = False
    for secret in credentials.secrets or ():
        live = secret.expires_at is None or secret.expires_at > now
        matched |= hmac.compare_digest(digests.get(secret.key_id, ""), secret.digest) and live
    if place.profile is not Profile.SANDBOX or not matched or not stands(account, place):
        raise ClientUnproven


def verify_assertion(
    proof: AssertionProof, place: Place, account: Account | None, credentials: Credentials, *, now: int
) -> Spendable:
    """Return the id to spend of an assertion that a live key of this live account signed for us.

    Raises:
        ClientUnproven: with the wrong claim's name where the signature holds.
    """
    claims = _verify_signature(proof, credentials)
    if not stands(account, place):
        raise ClientUnproven
    expires_at, issued_at = whole_seconds(claims.get("exp")), whole_seconds(claims.get("iat", now))
    jti = claims.get("jti")
    if claims.get("iss") != proof.client_id or claims.get("sub") != proof.client_id:
        raise ClientUnproven("iss and sub must both be the client_id")
    if claims.get("aud") != place.issuer:
        raise ClientUnproven("aud must be this profile's issuer, as one string")
    if expires_at is None or not now < expires_at <= now + MAX_AHEAD_S:
        raise ClientUnproven("exp must be whole seconds in the future, at most 120 ahead")
    if issued_at is None or issued_at > now + SKEW_S:
        raise ClientUnproven("iat must be whole seconds, not in the future")
    if "nbf" in claims and (whole_seconds(claims["nbf"]) or now + SKEW_S + 1) > now + SKEW_S:
        raise ClientUnproven("nbf must be whole seconds, not in the future")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 128:
        raise ClientUnproven("jti must be a string of 1 to 128 characters")
    return Spendable(jti=jti, expires_at=expires_at)


def stands(account: Account | None, place: Place) -> bool:
    """Say whether the account is this place's and active."""
    return account is not None and account.profile is place.profile and account.state is AccountState.ACTIVE


def _peek_subject(raw: str) -> str:
    """Read whose assertion it claims to be, unverified, only to load that account's keys."""
    subject = peek_claims(raw).get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 64:
        raise JwsInvalid
    return subject


def _verify_signature(proof: AssertionProof, credentials: Credentials) -> dict[str, Any]:
    for candidate in credentials.public_keys:
        if candidate.retired_at is not None:
            continue
        if "kid" in proof.header and candidate.jwk.get("kid") != proof.header["kid"]:
            continue
        key = import_public_key(candidate.jwk)
        if algorithm_of(key) != proof.header["alg"]:
            continue
        try:
            return verify_jws(proof.raw, key=key, algorithm=proof.header["alg"])
        except JwsInvalid:
            continue
    raise ClientUnproven
