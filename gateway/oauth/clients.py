"""How an account proves itself at the OAuth endpoints: `private_key_jwt`, or a secret on sandbox.

Decides on rows that were loaded before; an unknown client costs and answers like a wrong secret or signature: of an
account only its credentials are read before the proof is judged, and each assertion has as many signatures verified
whether the client has fewer keys or is none. Why an assertion is refused is said only to who holds one of its keys.
Source: RFC 7523 §3, RFC 6749 §2.3; contract: `aud` is the issuer as a string, `exp` ≤ 120 s ahead.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from gateway.accounts.model import Account, AccountState, Credentials
from gateway.accounts.public_keys import import_public_key
from gateway.edge.guesses import Unproven
from gateway.keys.jws import JwsInvalid, peek_claims, plain_id, read_header, verify_jws, whole_seconds
from gateway.keys.model import Purpose
from gateway.places import Profile
from gateway.profiles.model import Place

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_AHEAD_S = 120
SKEW_S = 30
TRIES_WITHOUT_KID = 4
"""Keys of one algorithm that an assertion without `kid` is held against at least; with a `kid` it is one."""

_MAX_CLIENT_ID = 64
_MAX_JTI = 128
_ALGORITHMS = {"EC": "ES256", "OKP": "EdDSA", "RSA": "PS256"}
_STAND_INS = {
    "ES256": {
        "kty": "EC",
        "crv": "P-256",
        "x": "s6ylWwqaOaDWN-2CCttWg1NW0HS0g-hOcciEpCdv1hw",
        "y": "mF-Lv26nDUNwZF2VLJKvDPuy5qq5byYUjr5PXpfzTOM",
    },
    "EdDSA": {"kty": "OKP", "crv": "Ed25519", "x": "rwtdIKg-EONfR6QgEIvqfJDgsTiCMTGkMswdjbYxEJo"},
    "PS256": {
        "kty": "RSA",
        "n": "vP_1oxB4D1RRPBo1cgHVaofBEHPOC6tljEHgO-D-qaXbcEtRW5POAClxm9U3LEPIfpBOfa2NLZwOrZyjzcYkrtLqHYIOf4KFZxIXwq7_"
        "xWy0vsg9ZJSHV1_JSab6Dpj9toywc3muJP2uP8liFrH52HydY1MmeGlvPF92Cp6jkvpS4f2doux6WiX-tn7gnFuvdaBH496CyeVokYaSDz9B"
        "RzFlmfXE2L5UP7sfQqllWl5yvTMr-3_FIEOEf_LMOIbiiE2JXU7ELksGMhSXKxO0c83Jw8f-1YuHmbqiduQGQRuODNyDl1-WRvhDCJfNRuYl"
        "ZO63Lx2t-ijpqTVzzqYStQ",
        "e": "AQAB",
    },
}
"""A public key of each algorithm that nobody signs with: what an account lacks in keys is verified against these."""


class ClientUnproven(Unproven):
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
    """A signed assertion; `claimants` are the accounts it names as `sub` and `iss`, not yet believed."""

    claimants: tuple[str, ...]
    named: str | None
    raw: str = field(repr=False)
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is on record for a client id that was presented: no credentials for one unknown at this place."""

    client_id: str
    credentials: Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A client id, and the claims of an assertion that one of its keys signed."""

    client_id: str
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spendable:
    """The assertion's id, good once until `expires_at` (seconds)."""

    jti: str
    expires_at: int


def parse_proof(authorization: list[str], form: Mapping[str, str]) -> SecretProof | AssertionProof:
    """Find the one proof in a request.

    Raises:
        ProofMalformed: two of them.
        ClientUnproven: none at all, one of a kind that we don't take (a secret in the body), or malformed.
    """
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if len(authorization) + assertion + ("client_secret" in form) > 1:
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
    client_id = plain_id(unquote_plus(user), longest=_MAX_CLIENT_ID)
    if client_id is None:
        raise ClientUnproven
    if form.get("client_id", client_id) != client_id:
        raise ProofMalformed
    return SecretProof(client_id=client_id, secret=unquote_plus(secret))


def _parse_assertion(form: Mapping[str, str]) -> AssertionProof:
    raw = form.get("client_assertion", "")
    try:
        header = read_header(raw, typ=None)
        claimants = _peek_claimants(raw)
    except JwsInvalid:
        raise ClientUnproven from None
    if str(header.get("typ", "JWT")).lower() not in {"jwt", "client-authentication+jwt"}:
        raise ClientUnproven
    return AssertionProof(claimants=claimants, named=form.get("client_id"), raw=raw, header=header)


def verify_secret(proof: SecretProof, place: Place, credentials: Credentials, *, now: datetime) -> None:
    """Raise `ClientUnproven` unless this is a live secret among them; always so on official."""
    digests = {key.kid: key.mac(proof.secret) for key in place.keys.all(Purpose.CREDENTIAL)}
    matched = False
    for secret in credentials.secrets:
        live = secret.expires_at is None or secret.expires_at > now
        matched |= hmac.compare_digest(digests.get(secret.key_id, ""), secret.digest) and live
    if place.profile is not Profile.SANDBOX or not matched:
        raise ClientUnproven


def verify_signature(
    proof: AssertionProof,
    candidates: Sequence[Candidate],
    *,
    verify: Callable[..., dict[str, Any]] = verify_jws,
) -> Signed:
    """Return which of the claimants signed the assertion with a key in force, and what it says.

    Raises:
        ClientUnproven: after as many verifications as for a client that has the keys.
    """
    algorithm = proof.header["alg"]
    for candidate in candidates:
        for jwk in _tried_keys(proof, candidate.credentials):
            try:
                claims = verify(proof.raw, key=import_public_key(jwk), algorithm=algorithm)
            except JwsInvalid:
                continue
            return Signed(client_id=candidate.client_id, claims=claims)
    raise ClientUnproven


def check_claims(proof: AssertionProof, place: Place, signed: Signed, *, now: int) -> Spendable:
    """Return the id to spend of an assertion that its client made for us.

    Raises:
        ClientUnproven: with the wrong claim's name.
    """
    claims, client_id = signed.claims, signed.client_id
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise ClientUnproven("iss and sub must both be the client_id")
    if proof.named not in {None, client_id}:
        raise ClientUnproven("client_id must be the assertion's iss and sub")
    if claims.get("aud") != place.issuer:
        raise ClientUnproven("aud must be this profile's issuer, as one string")
    return _check_single_use(claims, now=now)


def _check_single_use(claims: Mapping[str, Any], *, now: int) -> Spendable:
    expires_at, issued_at = whole_seconds(claims.get("exp")), whole_seconds(claims.get("iat", now))
    not_before = whole_seconds(claims.get("nbf", now))
    jti = plain_id(claims.get("jti"), longest=_MAX_JTI)
    if expires_at is None or not now < expires_at <= now + MAX_AHEAD_S:
        raise ClientUnproven(f"exp must be whole seconds in the future, at most {MAX_AHEAD_S} ahead")
    if issued_at is None or issued_at > now + SKEW_S:
        raise ClientUnproven("iat must be whole seconds, not in the future")
    if not_before is None or not_before > now + SKEW_S:
        raise ClientUnproven("nbf must be whole seconds, not in the future")
    if jti is None:
        raise ClientUnproven(f"jti must be a string of 1 to {_MAX_JTI} printable characters")
    return Spendable(jti=jti, expires_at=expires_at)


def check_standing(account: Account | None, place: Place) -> Account:
    """Return the account of a proven client. Raises `ClientUnproven` unless it is active at this place."""
    if account is None or account.profile is not place.profile or account.state is not AccountState.ACTIVE:
        raise ClientUnproven
    return account


def _peek_claimants(raw: str) -> tuple[str, ...]:
    """Read whose assertion it claims to be, unverified, only to load those accounts' keys."""
    claims = peek_claims(raw)
    named = (plain_id(claims.get(name), longest=_MAX_CLIENT_ID) for name in ("sub", "iss"))
    if not (claimants := tuple(dict.fromkeys(name for name in named if name is not None))):
        raise JwsInvalid
    return claimants


def _tried_keys(proof: AssertionProof, credentials: Credentials) -> Sequence[dict[str, Any]]:
    """Return the keys in force that the header's `kid` (where it has one) and `alg` allow, filled up with stand-ins."""
    algorithm = proof.header["alg"]
    usable = [
        key.jwk
        for key in credentials.public_keys
        if key.retired_at is None
        and proof.header.get("kid", key.jwk.get("kid")) == key.jwk.get("kid")
        and _ALGORITHMS.get(key.jwk.get("kty", "")) == algorithm
    ]
    lacking = (1 if "kid" in proof.header else TRIES_WITHOUT_KID) - len(usable)
    return [*usable, *[_STAND_INS[algorithm]] * lacking]
