"""Client authentication at the OAuth endpoints: `private_key_jwt`, or a secret on sandbox.

Reads no store. The answer for an unknown client and its time are those of a wrong secret or signature: only credentials
are loaded before the proof is checked, and each assertion costs the same number of signature checks, for any keys of the
client. Only a caller with one of the client's keys gets the reason of a refusal.
Source: RFC 7523 §3, RFC 6749 §2.3; contract: `aud` is the issuer as a string, `exp` ≤ 120 s ahead.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from gateway.accounts.model import Credentials
from gateway.accounts.public_keys import ALGORITHM_OF_TYPE, import_public_key
from gateway.edge.throttle import NotAuthenticated
from gateway.identifiers import Profile
from gateway.keys.jws import JwsInvalid, peek_claims, plain_id, read_header, verify_jws, whole_seconds
from gateway.keys.model import Purpose
from gateway.profiles.model import Place

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_AHEAD_S = 120
SKEW_S = 30
TRIES_WITHOUT_KID = 4
"""An assertion without `kid` is checked with at least this number of keys of its algorithm; with a `kid`, with one."""

_MAX_CLIENT_ID = 64
_MAX_JTI = 128
_DUMMY_KEYS = {
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
"""Public keys without a known private key, one for each algorithm: used if an account has fewer keys than are tried."""


class ClientNotAuthenticated(NotAuthenticated):
    """The client is not authenticated; `reason` is set only if the signature was valid, or nothing was looked up."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason


class ProofMalformed(Exception):
    """The request has several client authentications, or one of an unknown type (RFC 6749 §2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProof:
    """A client id and secret from the Basic header."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionProof:
    """A signed assertion; `claimants` are the accounts it names as `sub` and `iss`, not verified yet."""

    claimants: tuple[str, ...]
    named: str | None
    raw: str = field(repr=False)
    header: Mapping[str, Any]


def parse_proof(authorization: list[str], form: Mapping[str, str]) -> SecretProof | AssertionProof:
    """Return the one client authentication of a request.

    Raises:
        ProofMalformed: two of them, or an unknown type.
        ClientNotAuthenticated: none, a malformed one, or a secret in the body.
    """
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if len(authorization) + assertion + ("client_secret" in form) > 1:
        raise ProofMalformed
    if authorization:
        return _parse_basic(authorization[0], form)
    if not assertion:
        found = (
            "a secret in the body is not accepted" if "client_secret" in form else "no client authentication"
        )
        raise ClientNotAuthenticated(f"{found}: send client_assertion, or HTTP Basic at sandbox")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise ProofMalformed
    return _parse_assertion(form)


def _parse_basic(header: str, form: Mapping[str, str]) -> SecretProof:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ClientNotAuthenticated
    try:
        user, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ClientNotAuthenticated from None
    client_id = plain_id(unquote_plus(user), longest=_MAX_CLIENT_ID)
    if client_id is None:
        raise ClientNotAuthenticated
    if form.get("client_id", client_id) != client_id:
        raise ProofMalformed
    return SecretProof(client_id=client_id, secret=unquote_plus(secret))


def _parse_assertion(form: Mapping[str, str]) -> AssertionProof:
    raw = form.get("client_assertion", "")
    try:
        header, claims = read_header(raw, typ=None), peek_claims(raw)
    except JwsInvalid:
        raise ClientNotAuthenticated from None
    ids = (plain_id(claims.get(name), longest=_MAX_CLIENT_ID) for name in ("sub", "iss"))
    claimants = tuple(dict.fromkeys(each for each in ids if each is not None))
    if not claimants:
        raise ClientNotAuthenticated
    if str(header.get("typ", "JWT")).lower() not in {"jwt", "client-authentication+jwt"}:
        raise ClientNotAuthenticated
    return AssertionProof(claimants=claimants, named=form.get("client_id"), raw=raw, header=header)


def verify_secret(proof: SecretProof, place: Place, credentials: Credentials, *, now: datetime) -> None:
    """Raise `ClientNotAuthenticated` unless the secret is one of these and has not ended; always on official."""
    digests = {key.kid: key.mac(proof.secret) for key in place.keys.accepted(Purpose.CREDENTIAL, now)}
    matched = False
    for secret in credentials.secrets:
        live = secret.expires_at is None or secret.expires_at > now
        matched |= hmac.compare_digest(digests.get(secret.key_id, ""), secret.digest) and live
    if place.profile is not Profile.SANDBOX or not matched:
        raise ClientNotAuthenticated


def verify_signature(
    proof: AssertionProof,
    candidates: Mapping[str, Credentials],
    *,
    verify: Callable[..., dict[str, Any]] = verify_jws,
) -> tuple[str, Mapping[str, Any]]:
    """Return the candidate that signed the assertion with a present key, and the assertion's claims.

    Raises:
        ClientNotAuthenticated: after the same number of signature checks as for a client with keys.
    """
    algorithm = proof.header["alg"]
    for client_id, credentials in candidates.items():
        for jwk in _tried_keys(proof, credentials):
            try:
                claims = verify(proof.raw, key=import_public_key(jwk), algorithm=algorithm)
            except JwsInvalid:
                continue
            return client_id, claims
    raise ClientNotAuthenticated


def check_claims(
    proof: AssertionProof, place: Place, client_id: str, claims: Mapping[str, Any], *, now: int
) -> tuple[str, int]:
    """Return the assertion's `jti`, to be used up, and its `exp` in seconds.

    Raises:
        ClientNotAuthenticated: with the reason.
    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise ClientNotAuthenticated("iss and sub must both be the client_id")
    if proof.named not in {None, client_id}:
        raise ClientNotAuthenticated("client_id must be the assertion's iss and sub")
    if claims.get("aud") != place.issuer:
        raise ClientNotAuthenticated("aud must be this profile's issuer, as one string")
    return _read_single_use(claims, now=now)


def _read_single_use(claims: Mapping[str, Any], *, now: int) -> tuple[str, int]:
    expires_at, issued_at = whole_seconds(claims.get("exp")), whole_seconds(claims.get("iat", now))
    not_before = whole_seconds(claims.get("nbf", now))
    jti = plain_id(claims.get("jti"), longest=_MAX_JTI)
    if expires_at is None or not now < expires_at <= now + MAX_AHEAD_S:
        raise ClientNotAuthenticated(f"exp must be whole seconds in the future, at most {MAX_AHEAD_S} ahead")
    if issued_at is None or issued_at > now + SKEW_S:
        raise ClientNotAuthenticated("iat must be whole seconds, not in the future")
    if not_before is None or not_before > now + SKEW_S:
        raise ClientNotAuthenticated("nbf must be whole seconds, not in the future")
    if jti is None:
        raise ClientNotAuthenticated(f"jti must be a string of 1 to {_MAX_JTI} printable characters")
    return jti, expires_at


def _tried_keys(proof: AssertionProof, credentials: Credentials) -> list[dict[str, Any]]:
    """Return the present keys that the header's `kid` (if it has one) and `alg` allow, filled up with dummy keys."""
    algorithm = proof.header["alg"]
    usable = [
        key.jwk
        for key in credentials.public_keys
        if key.retired_at is None
        and proof.header.get("kid", key.jwk.get("kid")) == key.jwk.get("kid")
        and ALGORITHM_OF_TYPE.get(key.jwk.get("kty", "")) == algorithm
    ]
    lacking = (1 if "kid" in proof.header else TRIES_WITHOUT_KID) - len(usable)
    return [*usable, *[_DUMMY_KEYS[algorithm]] * lacking]
