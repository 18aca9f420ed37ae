"""Who is calling the API: token, proof, place, account, scope, in the contract's order of guards.

401 first, then `profile_mismatch` (only for a token that its own place would accept now), then
`account_suspended`, then `scope_missing`, then `rate_limited`; a DPoP proof's id is spent last, so that what is refused
writes nothing. The account is read at each call, so that suspension and revocation
hold at once on every worker.
"""

from dataclasses import dataclass, field

from gateway.accounts import store as accounts
from gateway.accounts.model import Account, AccountState
from gateway.audit.model import AuditEntry, Kind
from gateway.edge.problems import find_problem
from gateway.edge.rates import RateLimits
from gateway.errors.callers import (
    AccountSuspended,
    CallerError,
    DpopProofInvalid,
    ProfileMismatch,
    ScopeMissing,
    TokenInvalid,
    TokenMissing,
)
from gateway.identifiers import new_identifier
from gateway.oauth import store
from gateway.oauth.dpop import Proof, verify_proof
from gateway.oauth.model import Caller
from gateway.oauth.tokens import TokenClaims, verify_token
from gateway.oauth.use_cases import spend_proof, the_only_proof
from gateway.parts import Parts
from gateway.profiles.model import Gateway, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What arrived: the `Authorization` and `DPoP` headers, and where."""

    authorization: list[str] = field(repr=False)
    proofs: list[str] = field(repr=False)
    method: str
    path: str
    request_id: str
    correlation_id: str | None


async def identify_caller(
    gateway: Gateway, place: Place, presented: Presented, *, scope: str | None, rates: RateLimits
) -> Caller:
    """Return who is calling this place and may use this route.

    Raises:
        TokenMissing, TokenInvalid, TokenExpired, DpopProofInvalid, ProfileMismatch, AccountSuspended,
        ScopeMissing, RateLimited
    """
    parts = gateway.parts
    claims, account, proof = await _identify(gateway, place, presented)
    try:
        _check_standing(claims, account, scope=scope)
    except (AccountSuspended, ScopeMissing) as refusal:
        await _record_refusal(parts, place, presented, refusal, account)
        raise
    rates.spend(place.profile.value, account.client_id, per_second=place.policy.rate_per_second)
    if proof is not None:
        await spend_proof(parts, thumbprint=proof.thumbprint, jti=proof.jti)
    return Caller(
        account=account,
        scopes=claims.scopes & account.scopes,
        grants=claims.grants or account.grants,
        request_id=presented.request_id,
        correlation_id=presented.correlation_id,
        token_id=claims.jti,
    )


async def _identify(
    gateway: Gateway, place: Place, presented: Presented
) -> tuple[TokenClaims, Account, Proof | None]:
    scheme, raw = _read_authorization(presented.authorization)
    try:
        return await _verify(gateway.parts, place, presented, scheme=scheme, raw=raw)
    except CallerError as refusal:
        await _raise_if_foreign(gateway, place, presented, scheme=scheme, raw=raw)
        raise refusal from None


def _check_standing(claims: TokenClaims, account: Account, *, scope: str | None) -> None:
    if account.state is AccountState.SUSPENDED:
        raise AccountSuspended
    if scope is not None and scope not in claims.scopes & account.scopes:
        raise ScopeMissing(scope)


async def _record_refusal(
    parts: Parts, place: Place, presented: Presented, refusal: CallerError, account: Account
) -> None:
    entry = AuditEntry(
        at=parts.clock.now(),
        kind=Kind.REFUSED,
        profile=place.profile,
        act=new_identifier("act"),
        request_id=presented.request_id,
        correlation_id=presented.correlation_id,
        client_id=account.client_id,
        organisation=account.organisation,
        outcome=find_problem(refusal).code,
    )
    await parts.refusals.record(entry)


def _read_authorization(headers: list[str]) -> tuple[str, str]:
    if not headers:
        raise TokenMissing
    scheme, _, raw = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() not in {"bearer", "dpop"} or not raw.strip():
        raise TokenInvalid
    return scheme.lower(), raw.strip()


async def _verify(
    parts: Parts, place: Place, presented: Presented, *, scheme: str, raw: str
) -> tuple[TokenClaims, Account, Proof | None]:
    """Return what a token of this place says, its account, active or suspended, and the unspent proof of a bound one."""
    now = parts.clock.now()
    claims = verify_token(place, raw, now=now)
    async with parts.database.read() as connection:
        account = await accounts.find_account(connection, claims.client_id)
        revoked = await store.is_revoked(connection, claims.jti)
    if account is None or revoked or account.profile is not place.profile:
        raise TokenInvalid
    if account.state is AccountState.REVOKED:
        raise TokenInvalid
    if account.state is AccountState.ACTIVE and account.grant_epoch != claims.grant_epoch:
        raise TokenInvalid
    proof = await _check_binding(parts, place, presented, claims, scheme=scheme, raw=raw)
    return claims, account, proof


async def _check_binding(
    parts: Parts, place: Place, presented: Presented, claims: TokenClaims, *, scheme: str, raw: str
) -> Proof | None:
    """Return the proof that a bound token needs for this call, not used before; an unbound one is no DPoP token."""
    if (claims.thumbprint is None) != (scheme == "bearer"):
        raise TokenInvalid
    if claims.thumbprint is None:
        return None
    proof = verify_proof(
        the_only_proof(presented.proofs),
        method=presented.method,
        address=f"{place.base}{presented.path}",
        now=int(parts.clock.now().timestamp()),
        access_token=raw,
    )
    if proof.thumbprint != claims.thumbprint:
        raise DpopProofInvalid
    async with parts.database.read() as connection:
        if await store.is_spent(connection, kind="dpop", owner=proof.thumbprint, jti=proof.jti):
            raise DpopProofInvalid
    return proof


async def _raise_if_foreign(
    gateway: Gateway, place: Place, presented: Presented, *, scheme: str, raw: str
) -> None:
    other = gateway.other(place)
    try:
        _, account, _ = await _verify(gateway.parts, other, presented, scheme=scheme, raw=raw)
    except CallerError:
        return
    if account.state is AccountState.ACTIVE:
        mismatch = ProfileMismatch()
        await _record_refusal(gateway.parts, place, presented, mismatch, account)
        raise mismatch
