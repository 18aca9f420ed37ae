"""The OAuth endpoints: authenticate the client, then issue a token, or introspect or revoke the client's own token.

Ids of assertions and DPoP proofs are used up before anything is issued.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.accounts import store as accounts
from gateway.accounts.grants import Grants
from gateway.accounts.model import Account, AccountState, Credentials
from gateway.dependencies import Dependencies
from gateway.edge.throttle import LoginThrottle, RateLimits, TooManyAttempts
from gateway.errors.requests import PROOF_USED, DpopProofInvalid, RateLimited, TokenExpired, TokenInvalid
from gateway.oauth import store
from gateway.oauth.clients import (
    AssertionProof,
    ClientNotAuthenticated,
    ProofMalformed,
    SecretProof,
    check_claims,
    parse_proof,
    verify_secret,
    verify_signature,
)
from gateway.oauth.dpop import WINDOW_S, Proof, find_only_proof, verify_proof
from gateway.oauth.model import OAuthRefusal, OAuthRequest
from gateway.oauth.server import decide_token
from gateway.oauth.tokens import TokenClaims, issue_token, parse_authorization_details, verify_token
from gateway.profiles.model import Place

_EXTRA_RETENTION = timedelta(hours=2)
"""Used and revoked ids are kept this much longer than they are valid, so that a clock set back revives none."""


async def grant_token(
    deps: Dependencies, place: Place, account: Account, request: OAuthRequest
) -> dict[str, Any]:
    """Issue an access token for an authenticated client. Raises `OAuthRefusal`."""
    form = request.form
    if "grant_type" not in form:
        raise OAuthRefusal("invalid_request", "grant_type is missing")
    if form.get("resource", place.audience) != place.audience:
        raise OAuthRefusal("invalid_target", "resource must be this profile's API")
    narrowed = _narrow(form, account)
    thumbprint = await _bind(deps, place, account, request)

    def sign(scope: str) -> str:
        return issue_token(
            place, account, scope=scope, now=deps.clock.now(), thumbprint=thumbprint, narrowed=narrowed
        )

    members = decide_token(account, form, sign=sign, token_type="DPoP" if thumbprint else "Bearer")
    if narrowed is not None:
        members["authorization_details"] = narrowed.to_details()
    return members


async def introspect(
    deps: Dependencies, place: Place, account: Account, request: OAuthRequest
) -> dict[str, Any]:
    """Return the members of the client's own token (RFC 7662); any other is `{"active": false}`. Raises `OAuthRefusal`."""
    claims = await _find_own_token(deps, place, account, request.form)
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


async def revoke(deps: Dependencies, place: Place, account: Account, request: OAuthRequest) -> dict[str, Any]:
    """Revoke the client's own token (RFC 7009); any other token is unchanged. Raises `OAuthRefusal`."""
    claims = await _find_own_token(deps, place, account, request.form)
    if claims is not None:
        expires_at = datetime.fromtimestamp(claims.expires_at, UTC) + _EXTRA_RETENTION
        async with deps.database.write() as connection:
            await store.insert_revoked(connection, jti=claims.jti, expires_at=expires_at)
    return {}


async def authenticate_client(
    deps: Dependencies, place: Place, request: OAuthRequest, *, throttle: LoginThrottle, rates: RateLimits
) -> Account:
    """Authenticate the client: return the active account of this profile. Raises `OAuthRefusal`."""
    try:
        proof = parse_proof(request.authorization, request.form)
        if isinstance(proof, AssertionProof):
            return await _verify_assertion(deps, place, proof, rates)
        async with throttle.attempt(place.profile.value, proof.client_id, request.address):
            return await _verify_secret(deps, place, proof)
    except TooManyAttempts as error:
        deps.refusals.count(place.profile, "temporarily_unavailable", address=request.address)
        raise OAuthRefusal(
            "temporarily_unavailable",
            "too many wrong secrets from this address: wait as Retry-After says",
            status=429,
            retry_after=error.retry_after,
        ) from None
    except RateLimited as error:
        raise OAuthRefusal(
            "temporarily_unavailable",
            "too many token requests of this client: wait as Retry-After says",
            status=429,
            retry_after=error.retry_after,
        ) from None
    except ProofMalformed:
        raise OAuthRefusal("invalid_request", "send exactly one client authentication") from None
    except ClientNotAuthenticated as error:
        deps.refusals.count(place.profile, "invalid_client", address=request.address)
        raise OAuthRefusal("invalid_client", error.reason, status=401) from None


@dataclass(frozen=True, slots=True)
class _Client:
    """An active account of a profile and its credentials, kept once a right proof has shown that its caller has one."""

    account: Account
    credentials: Credentials


async def _verify_secret(deps: Dependencies, place: Place, proof: SecretProof) -> Account:
    """Return the account of a right secret.

    A kept value can only accept a secret: a wrong secret and an unknown client are looked up, and cost the same.
    """
    version, now = await deps.kept.version(), deps.clock.now()
    kept = _find_kept(deps, place, version, proof.client_id)
    with contextlib.suppress(ClientNotAuthenticated):
        verify_secret(proof, place, Credentials() if kept is None else kept.credentials, now=now)
        if kept is not None:
            return kept.account
    credentials = await _load_credentials(deps, place, proof.client_id)
    verify_secret(proof, place, credentials, now=now)
    return await _get_active(deps, place, proof.client_id, credentials, version)


async def _verify_assertion(
    deps: Dependencies, place: Place, proof: AssertionProof, rates: RateLimits
) -> Account:
    account, claims = await _verify_signer(deps, place, proof)
    client_id, now = account.client_id, int(deps.clock.now().timestamp())
    jti, expires_at = check_claims(proof, place, client_id, claims, now=now)
    # Only the holder of the account's key can empty this bucket. Before the id is used up: a refused call writes nothing.
    rates.spend(place.profile.value, f"{client_id} oauth2", per_second=place.policy.rate_per_second)
    if not await _spend(deps, "assertion", client_id, jti, expires_at):
        raise ClientNotAuthenticated("jti was used before")
    return account


async def _verify_signer(
    deps: Dependencies, place: Place, proof: AssertionProof
) -> tuple[Account, Mapping[str, Any]]:
    """Return the account whose key signed an assertion, and the assertion's claims; what is kept as in `_verify_secret`."""
    version = await deps.kept.version()
    kept = {claimant: _find_kept(deps, place, version, claimant) for claimant in proof.claimants}
    with contextlib.suppress(ClientNotAuthenticated):
        known = {name: Credentials() if found is None else found.credentials for name, found in kept.items()}
        client_id, claims = verify_signature(proof, known)
        if (found := kept[client_id]) is not None:
            return found.account, claims
    candidates = {claimant: await _load_credentials(deps, place, claimant) for claimant in proof.claimants}
    client_id, claims = verify_signature(proof, candidates)
    return await _get_active(deps, place, client_id, candidates[client_id], version), claims


def _find_kept(deps: Dependencies, place: Place, version: int | None, client_id: str) -> _Client | None:
    found: _Client | None = deps.kept.find(version, "client", (place.profile, client_id))
    return found


async def _load_credentials(deps: Dependencies, place: Place, client_id: str) -> Credentials:
    """Return a client's credentials, none if it is not of this profile. An unknown client costs the same queries."""
    async with deps.database.read() as connection:
        profile = await accounts.find_profile(connection, client_id)
        credentials = await accounts.get_credentials(connection, client_id)
    return credentials if profile is place.profile else Credentials()


async def _get_active(
    deps: Dependencies, place: Place, client_id: str, credentials: Credentials, version: int | None
) -> Account:
    """Return the active account of a client with a right proof, and keep it with its credentials."""
    async with deps.database.read() as connection:
        account = await accounts.find_account(connection, client_id)
    if account is None or account.profile is not place.profile or account.state is not AccountState.ACTIVE:
        raise ClientNotAuthenticated
    deps.kept.keep(version, "client", (place.profile, client_id), _Client(account, credentials))
    return account


async def _spend(deps: Dependencies, kind: str, owner: str, jti: str, expires_at: int) -> bool:
    kept_until = datetime.fromtimestamp(expires_at, UTC) + _EXTRA_RETENTION
    value = store.SingleUse(kind=kind, owner=owner, jti=jti, expires_at=kept_until)
    return bool(await deps.audit.submit(store.SINGLE_USES, value))


async def spend_proof(deps: Dependencies, proof: Proof) -> None:
    """Use up a DPoP proof's id with its key. Raises `DpopProofInvalid` if it was used before."""
    expires_at = int(deps.clock.now().timestamp()) + 2 * WINDOW_S
    if not await _spend(deps, "dpop", proof.thumbprint, proof.jti, expires_at):
        raise DpopProofInvalid(PROOF_USED)


def _narrow(form: Mapping[str, str], account: Account) -> Grants | None:
    if "authorization_details" not in form:
        return None
    try:
        return parse_authorization_details(form["authorization_details"], account)
    except (ValueError, RecursionError):
        raise OAuthRefusal(
            "invalid_authorization_details", "objects of type citizen_enquiry within the account's grants"
        ) from None


async def _bind(deps: Dependencies, place: Place, account: Account, request: OAuthRequest) -> str | None:
    """Return the thumbprint to bind the token to; a proof is required unless the account may use Bearer."""
    if not request.proofs:
        if not account.bearer_allowed:
            raise OAuthRefusal(
                "invalid_dpop_proof", "this account's tokens are DPoP-bound: send a DPoP proof"
            )
        return None
    try:
        proof = verify_proof(
            find_only_proof(request.proofs),
            method="POST",
            address=f"{place.base}{request.path}",
            now=int(deps.clock.now().timestamp()),
        )
        await spend_proof(deps, proof)
    except DpopProofInvalid as error:
        wanted = f"a fresh proof for this method and address: {error.wrong}"
        raise OAuthRefusal("invalid_dpop_proof", wanted) from None
    return proof.thumbprint


async def _find_own_token(
    deps: Dependencies, place: Place, account: Account, form: Mapping[str, str]
) -> TokenClaims | None:
    if "token" not in form:
        raise OAuthRefusal("invalid_request", "token is missing")
    try:
        claims = verify_token(place, form["token"], now=deps.clock.now())
    except (TokenInvalid, TokenExpired):
        return None
    async with deps.database.read() as connection:
        revoked = await store.is_revoked(connection, claims.jti)
    own = claims.client_id == account.client_id and claims.grant_epoch == account.grant_epoch
    return claims if own and not revoked else None
