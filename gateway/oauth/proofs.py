"""What a caller proves: who it is at the OAuth endpoints, and with DPoP that it has a key, for one method and address.

A client is authenticated by `private_key_jwt`, or by a secret on sandbox. Reads no store: `store.py` decides whether a `jti`
was used before. The answer for an unknown client and its time are those of a wrong secret or signature: only credentials are
loaded before the proof is checked, and each assertion costs the same number of signature checks, for any keys of the client.
Only a caller with one of the client's keys gets the reason of a refusal. Source: RFC 7523 §3, RFC 6749 §2.3, RFC 9449 §4.3;
contract: `aud` is the issuer as a string, `exp` ≤ 120 s ahead.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from gateway.accounts.model import Credentials
from gateway.edge.throttle import NotAuthenticated
from gateway.errors.requests import DpopProofInvalid
from gateway.identifiers import Profile
from gateway.keys.jws import (
    ALGORITHM_OF_TYPE,
    AnyKey,
    JwsInvalid,
    algorithm_of,
    import_public_key,
    parse_public_key,
    peek_claims,
    plain_id,
    read_header,
    verify_jws,
    whole_seconds,
)
from gateway.keys.model import Purpose, write_base64url
from gateway.profiles.model import Place

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_AHEAD_S = 120
SKEW_S = 30
DPOP_TYP = "dpop+jwt"
WINDOW_S = 60
"""How far a DPoP proof's `iat` may be from the gateway's clock."""

TRIES_WITHOUT_KID = 4
"""An assertion without `kid` is checked with at least this number of keys of its algorithm; with a `kid`, with one."""

_MAX_CLIENT_ID = 64
_MAX_JTI = 128
_PORTS = {"http": 80, "https": 443}
_ES256_LENGTH = 86  # 64 bytes in base64url
_NO_JWT = "client_assertion must be a JWT signed with ES256, EdDSA or PS256"
_DER = "an ES256 signature is r and s, 64 bytes (RFC 7518), not DER"
_NO_BASIC = "the Authorization header must be HTTP Basic, with client_id:secret in base64"
_OTHER_TYPE = "the assertion's typ must be JWT or client-authentication+jwt, or absent"
_WRONG_KEY = "jwk in the proof's header must be a public key for its alg"
_BOTH_IDS = "iss and sub must both be the client_id"
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
    """The client is not authenticated; `reason` is set only if the signature was valid, or if every account gets the same."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason


class ProofMalformed(Exception):
    """The request has several client authentications, or one of an unknown type (RFC 6749 §2.3); `reason` says which."""

    def __init__(self, reason: str = "send exactly one client authentication") -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretProof:
    """A client id and secret from the Basic header."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionProof:
    """A signed assertion, not verified yet.

    `claimants` are the accounts that it names as `sub` and `iss`; `named` is the form's `client_id`, if it has one.
    """

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
        raise ProofMalformed(f"client_assertion_type must be {ASSERTION_TYPE}")
    return _parse_assertion(form)


def _parse_basic(header: str, form: Mapping[str, str]) -> SecretProof:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ClientNotAuthenticated(_NO_BASIC)
    try:
        user, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise ClientNotAuthenticated(_NO_BASIC) from None
    client_id = plain_id(unquote_plus(user), longest=_MAX_CLIENT_ID)
    if client_id is None:
        raise ClientNotAuthenticated(_NO_BASIC)
    if form.get("client_id", client_id) != client_id:
        raise ProofMalformed("client_id must be that of the Authorization header, or absent")
    return SecretProof(client_id=client_id, secret=unquote_plus(secret))


def _is_der(raw: str, header: Mapping[str, Any]) -> bool:
    """Return whether a signature has another length than r and s of ES256, as one in DER."""
    return header["alg"] == "ES256" and len(raw.rpartition(".")[2]) != _ES256_LENGTH


def _parse_assertion(form: Mapping[str, str]) -> AssertionProof:
    raw = form.get("client_assertion", "")
    try:
        header, claims = read_header(raw, typ=None), peek_claims(raw)
    except JwsInvalid:
        raise ClientNotAuthenticated(_NO_JWT) from None
    if _is_der(raw, header):
        raise ClientNotAuthenticated(_DER)
    ids = (plain_id(claims.get(name), longest=_MAX_CLIENT_ID) for name in ("sub", "iss"))
    claimants = tuple(dict.fromkeys(each for each in ids if each is not None))
    if not claimants:
        raise ClientNotAuthenticated(_BOTH_IDS)
    if str(header.get("typ", "JWT")).lower() not in {"jwt", "client-authentication+jwt"}:
        raise ClientNotAuthenticated(_OTHER_TYPE)
    return AssertionProof(claimants=claimants, named=form.get("client_id"), raw=raw, header=header)


def verify_secret(proof: SecretProof, place: Place, credentials: Credentials, *, now: datetime) -> None:
    """Raise `ClientNotAuthenticated` unless the secret is one of these and has not ended; on official always, with the reason."""
    digests = {key.kid: key.mac(proof.secret) for key in place.keys.accepted(Purpose.CREDENTIAL, now)}
    matched = False
    for secret in credentials.secrets:
        live = secret.expires_at is None or secret.expires_at > now
        matched |= hmac.compare_digest(digests.get(secret.key_id, ""), secret.digest) and live
    if place.profile is not Profile.SANDBOX:
        raise ClientNotAuthenticated("this profile takes no client secret: send client_assertion")
    if not matched:
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
    """Return the assertion's `jti`, to be used up, and its `exp` in seconds since 1970.

    Raises:
        ClientNotAuthenticated: with the reason.
    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise ClientNotAuthenticated(_BOTH_IDS)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A verified proof: the key's thumbprint (RFC 7638) and the id to be used up."""

    thumbprint: str
    jti: str


def find_only_proof(proofs: Sequence[str]) -> str:
    """Return the request's one `DPoP` header. Raises `DpopProofInvalid` for none or several."""
    if len(proofs) != 1:
        raise DpopProofInvalid("one DPoP header is required" if proofs else "the DPoP header is missing")
    return proofs[0]


def verify_proof(raw: str, *, method: str, address: str, now: int, access_token: str | None = None) -> Proof:
    """Return a proof for this method, address and (at the API) access token.

    Raises:
        DpopProofInvalid: malformed, stale, for another request, or not signed by the key that it contains.
    """
    key, claims = _open_proof(raw)
    issued_at = whole_seconds(claims.get("iat"))
    if issued_at is None or abs(now - issued_at) > WINDOW_S:
        raise DpopProofInvalid(f"iat is more than {WINDOW_S} s from the gateway's clock, or no number")
    if claims.get("htm") != method:
        raise DpopProofInvalid("htm is not the method of this call")
    if _resource(claims.get("htu")) != _resource(address):
        raise DpopProofInvalid("htu is not the address of this call")
    digest = hashlib.sha256((access_token or "").encode()).digest()
    if access_token is not None and claims.get("ath") != write_base64url(digest):
        raise DpopProofInvalid("ath is not the hash of the access token")
    jti = plain_id(claims.get("jti"), longest=_MAX_JTI)
    if jti is None:
        raise DpopProofInvalid(f"jti is 1 to {_MAX_JTI} printable characters")
    return Proof(thumbprint=key.thumbprint(), jti=jti)


def _open_proof(raw: str) -> tuple[AnyKey, dict[str, Any]]:
    """Return the key in a proof, and the claims that it signed. Raises `DpopProofInvalid`, which names what is wrong."""
    try:
        header = read_header(raw, typ=None, may_contain_key=True)
    except JwsInvalid:
        raise DpopProofInvalid("the proof must be a JWT signed with ES256, EdDSA or PS256") from None
    if header.get("typ") != DPOP_TYP:
        raise DpopProofInvalid(f"typ in the proof's header must be {DPOP_TYP}")
    if _is_der(raw, header):
        raise DpopProofInvalid(_DER)
    try:
        key = import_public_key(parse_public_key(header.get("jwk")))
    except ValueError:
        raise DpopProofInvalid(_WRONG_KEY) from None
    if algorithm_of(key) != header["alg"]:
        raise DpopProofInvalid(_WRONG_KEY)
    try:
        return key, verify_jws(raw, key=key, algorithm=header["alg"])
    except JwsInvalid:
        raise DpopProofInvalid("the proof is not signed by the key in jwk") from None


def _resource(address: object) -> tuple[str, str, int, str] | None:
    """Return an address without query and fragment, as RFC 9449 §4.3 and RFC 3986 §6.2.3 compare it."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return parts.scheme, parts.hostname or "", port, parts.path
