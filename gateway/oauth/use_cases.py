"""The three OAuth acts: issue a token, look into one's own, revoke one's own.

Each proves the client first. Ids of assertions and proofs are spent before anything is issued.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.accounts import store as accounts
from gateway.accounts.grants import Grants
from gateway.accounts.model import Account, Credentials
from gateway.edge.guesses import Guesses, TooManyGuesses
from gateway.edge.rates import RateLimits
from gateway.errors.callers import DpopProofInvalid, RateLimited, TokenExpired, TokenInvalid
from gateway.oauth import store
from gateway.oauth.clients import (
    AssertionProof,
    Candidate,
    ClientUnproven,
    ProofMalformed,
    SecretProof,
    Spendable,
    check_claims,
    check_standing,
    parse_proof,
    verify_secret,
    verify_signature,
)
from gateway.oauth.dpop import WINDOW_S, verify_proof
from gateway.oauth.server import OAuthAnswer, ProvenClient, TokenServer
from gateway.oauth.tokens import TokenClaims, issue_token, parse_authorization_details, verify_token
from gateway.parts import Parts
from gateway.profiles.model import Place

_KEPT_LONGER = timedelta(hours=2)
"""How much longer spent and revoked ids are kept than they are good: a clock set back revives none."""


class OAuthRefusal(Exception):
    """An RFC 6749 §5.2 error; `retry_after` in seconds where it says to wait."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthRequest:
    """What arrived at an OAuth endpoint: distinct form members, `Authorization` and `DPoP` headers.

    `address` is whoever called, behind a trusted proxy too (`edge/forwarded.py`).
    """

    path: str
    request_id: str
    address: str
    form: Mapping[str, str] = field(repr=False)
    authorization: list[str] = field(repr=False)
    proofs: list[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What slows wrong proofs, and how fast a proven client may ask."""

    guesses: Guesses
    rates: RateLimits


async def grant_token(parts: Parts, place: Place, request: OAuthRequest, bounds: Bounds) -> OAuthAnswer:
    """Issue an access token. Raises `OAuthRefusal`."""
    account = await prove_client(parts, place, request, bounds)
    if "grant_type" not in request.form:
        raise OAuthRefusal("invalid_request", "grant_type is missing")
    if request.form.get("resource", place.audience) != place.audience:
        raise OAuthRefusal("invalid_target", "resource must be this profile's API")
    narrowed = _narrow(request.form, account)
    thumbprint = await _bind(parts, place, account, request)

    def sign(scope: str) -> str:
        return issue_token(
            place, account, scope=scope, now=parts.clock.now(), thumbprint=thumbprint, narrowed=narrowed
        )

    answer = TokenServer(ProvenClient(account), sign, "DPoP" if thumbprint else "Bearer").answer(request.form)
    if answer.status == 200 and narrowed is not None:
        answer.members["authorization_details"] = narrowed.to_details()
    return answer


async def introspect(parts: Parts, place: Place, request: OAuthRequest, bounds: Bounds) -> dict[str, Any]:
    """Say what one's own token is good for (RFC 7662); anyone else's is `{"active": false}`."""
    account = await prove_client(parts, place, request, bounds)
    claims = await _own_token(parts, place, account, request.form)
    if claims is None:
        return {"active": False}
    members: dict[str, Any] = {
        "active": True,
        "client_id": claims.client_id,
        "sub": claims.client_id,
        "scope": " ".join(sorted(claims.scopes)),
        "token_type": "DPoP" if claims.thumbprint else "Bearer",
        "iss": place.issuer,
        "aud": place.audience,
        "iat": claims.issued_at,
        "exp": claims.expires_at,
        "jti": claims.jti,
    }
    if claims.thumbprint is not None:
        members["cnf"] = {"jkt": claims.thumbprint}
    if claims.grants is not None:
        members["authorization_details"] = claims.grants.to_details()
    return members


async def revoke(parts: Parts, place: Place, request: OAuthRequest, bounds: Bounds) -> None:
    """End one's own token (RFC 7009); anything else is quietly left alone."""
    account = await prove_client(parts, place, request, bounds)
    claims = await _own_token(parts, place, account, request.form)
    if claims is None:
        return
    expires_at = datetime.fromtimestamp(claims.expires_at, UTC) + _KEPT_LONGER
    async with parts.database.write() as connection:
        await store.insert_revoked(connection, jti=claims.jti, expires_at=expires_at)


async def prove_client(parts: Parts, place: Place, request: OAuthRequest, bounds: Bounds) -> Account:
    """Return the active account of this place that the request proves. Raises `OAuthRefusal`."""
    try:
        proof = parse_proof(request.authorization, request.form)
        if isinstance(proof, SecretProof):
            async with bounds.guesses.slowing(place.profile.value, proof.client_id, request.address):
                return await _verify_secret(parts, place, proof)
        return await _verify_assertion(parts, place, proof, bounds.rates)
    except TooManyGuesses as error:
        parts.refusals.count(place.profile, "temporarily_unavailable", address=request.address)
        raise OAuthRefusal(
            "temporarily_unavailable",
            "too many wrong secrets from this address: wait as Retry-After says",
            status=429,
            retry_after=error.retry_after,
        ) from None
    except ProofMalformed:
        raise OAuthRefusal("invalid_request", "send exactly one client authentication") from None
    except ClientUnproven as error:
        parts.refusals.count(place.profile, "invalid_client", address=request.address)
        raise OAuthRefusal("invalid_client", error.reason, status=401) from None


async def _verify_secret(parts: Parts, place: Place, proof: SecretProof) -> Account:
    candidate = await _load(parts, place, proof.client_id)
    verify_secret(proof, place, candidate.credentials, now=parts.clock.now())
    return await _find_active(parts, place, candidate.client_id)


async def _verify_assertion(parts: Parts, place: Place, proof: AssertionProof, rates: RateLimits) -> Account:
    now = parts.clock.now()
    candidates = [await _load(parts, place, claimant) for claimant in proof.claimants]
    signed = verify_signature(proof, candidates)
    account = await _find_active(parts, place, signed.client_id)
    spendable = check_claims(proof, place, signed, now=int(now.timestamp()))
    _hold_rate(place, account, rates)  # before the id is spent: what is refused writes nothing
    if not await _spend(parts, "assertion", account.client_id, spendable):
        raise ClientUnproven("jti was used before")
    return account


def _hold_rate(place: Place, account: Account, rates: RateLimits) -> None:
    """Take one token request out of a bucket that only who holds the account's key can empty."""
    try:
        name = f"{account.client_id} oauth2"
        rates.spend(place.profile.value, name, per_second=place.policy.rate_per_second)
    except RateLimited as error:
        raise OAuthRefusal(
            "temporarily_unavailable",
            "too many token requests of this client: wait as Retry-After says",
            status=429,
            retry_after=error.retry_after,
        ) from None


async def _load(parts: Parts, place: Place, client_id: str) -> Candidate:
    """Look up the credentials of a client of this place. An unknown one costs the same queries."""
    async with parts.database.read() as connection:
        profile = await accounts.find_profile(connection, client_id)
        credentials = await accounts.get_credentials(connection, client_id)
    return Candidate(
        client_id=client_id, credentials=credentials if profile is place.profile else Credentials()
    )


async def _find_active(parts: Parts, place: Place, client_id: str) -> Account:
    async with parts.database.read() as connection:
        return check_standing(await accounts.find_account(connection, client_id), place)


async def _spend(parts: Parts, kind: str, owner: str, spendable: Spendable) -> bool:
    async with parts.database.write() as connection:
        return await store.spend(
            connection,
            kind=kind,
            owner=owner,
            jti=spendable.jti,
            expires_at=datetime.fromtimestamp(spendable.expires_at, UTC) + _KEPT_LONGER,
        )


async def spend_proof(parts: Parts, *, thumbprint: str, jti: str) -> None:
    """Use up a DPoP proof's id with its key. Raises `DpopProofInvalid` where it was used before."""
    expires_at = int(parts.clock.now().timestamp()) + 2 * WINDOW_S
    if not await _spend(parts, "dpop", thumbprint, Spendable(jti=jti, expires_at=expires_at)):
        raise DpopProofInvalid


def the_only_proof(proofs: Sequence[str]) -> str:
    """Return the request's one `DPoP` header. Raises `DpopProofInvalid` for none or several."""
    if len(proofs) != 1:
        raise DpopProofInvalid
    return proofs[0]


def _narrow(form: Mapping[str, str], account: Account) -> Grants | None:
    if "authorization_details" not in form:
        return None
    try:
        return parse_authorization_details(form["authorization_details"], account)
    except (ValueError, RecursionError):
        raise OAuthRefusal(
            "invalid_authorization_details", "objects of type citizen_enquiry within the account's grants"
        ) from None


async def _bind(parts: Parts, place: Place, account: Account, request: OAuthRequest) -> str | None:
    """Return the thumbprint that the token is to be bound to; a proof is required unless Bearer is allowed."""
    if not request.proofs:
        if not account.bearer_allowed:
            raise OAuthRefusal(
                "invalid_dpop_proof", "this account's tokens are DPoP-bound: send a DPoP proof"
            )
        return None
    try:
        proof = verify_proof(
            the_only_proof(request.proofs),
            method="POST",
            address=f"{place.base}{request.path}",
            now=int(parts.clock.now().timestamp()),
        )
        await spend_proof(parts, thumbprint=proof.thumbprint, jti=proof.jti)
    except DpopProofInvalid:
        raise OAuthRefusal("invalid_dpop_proof", "a fresh proof for this method and address") from None
    return proof.thumbprint


async def _own_token(
    parts: Parts, place: Place, account: Account, form: Mapping[str, str]
) -> TokenClaims | None:
    if "token" not in form:
        raise OAuthRefusal("invalid_request", "token is missing")
    try:
        claims = verify_token(place, form["token"], now=parts.clock.now())
    except (TokenInvalid, TokenExpired):
        return None
    async with parts.database.read() as connection:
        revoked = await store.is_revoked(connection, claims.jti)
    good = claims.client_id == account.client_id and claims.grant_epoch == account.grant_epoch
    return claims if good and not revoked else None
