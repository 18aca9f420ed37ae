"""The OAuth endpoints: authenticate the client, then issue a token, or introspect or revoke the client's own token.

Ids of assertions and DPoP proofs are used up before anything is issued.
"""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.accounts import store as accounts
from gateway.accounts.model import Account, AccountState, Credentials, Grants
from gateway.edge.throttle import LoginThrottle, RateLimits, TooManyAttempts
from gateway.errors.requests import PROOF_USED, DpopProofInvalid, RateLimited, TokenExpired, TokenInvalid
from gateway.oauth import store
from gateway.oauth.proofs import (
    WINDOW_S,
    AssertionProof,
    ClientNotAuthenticated,
    Proof,
    ProofMalformed,
    SecretProof,
    check_claims,
    find_only_proof,
    parse_proof,
    verify_proof,
    verify_secret,
    verify_signature,
)
from gateway.oauth.tokens import (
    OAuthRefusal,
    OAuthRequest,
    TokenClaims,
    decide_token,
    issue_token,
    parse_authorization_details,
    verify_token,
)
from gateway.profiles.model import Dependencies, Place

_EXTRA_RETENTION = timedelta(hours=2)
"""Used and revoked ids are kept this much longer than they are valid: else a clock set back would make them valid again."""


OTHER_RESOURCE = "resource must be this profile's API"


async def grant_token(
    deps: Dependencies, place: Place, account: Account, request: OAuthRequest
) -> dict[str, Any]:
    """Issue an access token for an authenticated client. Raises `OAuthRefusal`."""
    form = request.form
    if "grant_type" not in form:
        raise OAuthRefusal("invalid_request", "grant_type is missing")
    if form.get("resource", place.audience) != place.audience:
        raise OAuthRefusal("invalid_target", OTHER_RESOURCE)
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
    """Return the members of the client's own token (RFC 7662), `{"active": false}` for any other. Raises `OAuthRefusal`."""
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
            return await _verify_secret(deps, place, proof, rates)
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
    except ProofMalformed as error:
        raise OAuthRefusal("invalid_request", error.reason) from None
    except ClientNotAuthenticated as error:
        deps.refusals.count(place.profile, "invalid_client", address=request.address)
        raise OAuthRefusal("invalid_client", error.reason, status=401) from None


SECRET_CALLS = 5
"""Calls with a secret that count as one of an account's rate: one costs a fifth of an enquiry (docs/performance.md)."""


_Client = tuple[Account, Credentials]
"""An active account of a profile and its credentials, kept after its first right proof."""


async def _verify_secret(deps: Dependencies, place: Place, proof: SecretProof, rates: RateLimits) -> Account:
    """Return the account of a right secret. Raises `ClientNotAuthenticated`, `RateLimited`.

    A kept value can only accept a secret: a wrong secret and an unknown client are looked up, and cost the same.
    """
    version, now = await deps.kept.version(), deps.clock.now()
    kept = _find_kept(deps, place, version, proof.client_id)
    with contextlib.suppress(ClientNotAuthenticated):
        verify_secret(proof, place, Credentials() if kept is None else kept[1], now=now)
        if kept is not None:
            _spend_call(place, proof.client_id, rates, times=SECRET_CALLS)
            return kept[0]
    credentials = await _load_credentials(deps, place, proof.client_id)
    verify_secret(proof, place, credentials, now=now)
    _spend_call(place, proof.client_id, rates, times=SECRET_CALLS)
    return await _get_active(deps, place, proof.client_id, credentials, version)


async def _verify_assertion(
    deps: Dependencies, place: Place, proof: AssertionProof, rates: RateLimits
) -> Account:
    account, claims = await _verify_signer(deps, place, proof)
    client_id, now = account.client_id, int(deps.clock.now().timestamp())
    jti, expires_at = check_claims(proof, place, client_id, claims, now=now)
    _spend_call(place, client_id, rates)  # before the id is used up: a refused call writes nothing
    if not await _spend(deps, "assertion", client_id, jti, expires_at):
        raise ClientNotAuthenticated("jti was used before")
    return account


def _spend_call(place: Place, client_id: str, rates: RateLimits, *, times: int = 1) -> None:
    """Take a call out of the account's bucket of these endpoints, which only the holder of its key or secret can empty.

    The bucket has `times` the account's rate.
    """
    per_second = times * place.policy.rate_per_second
    rates.spend(place.profile.value, f"{client_id} oauth2", per_second=per_second)


async def _verify_signer(
    deps: Dependencies, place: Place, proof: AssertionProof
) -> tuple[Account, Mapping[str, Any]]:
    """Return the account whose key signed an assertion, and the assertion's claims.

    A kept value can only accept an assertion, as in `_verify_secret`.
    """
    version = await deps.kept.version()
    kept = {claimant: _find_kept(deps, place, version, claimant) for claimant in proof.claimants}
    with contextlib.suppress(ClientNotAuthenticated):
        known = {name: Credentials() if found is None else found[1] for name, found in kept.items()}
        client_id, claims = verify_signature(proof, known)
        if (found := kept[client_id]) is not None:
            return found[0], claims
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
    deps.kept.keep(version, "client", (place.profile, client_id), (account, credentials))
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
    except ValueError as error:
        wanted = f"objects of type citizen_enquiry within the account's grants, but {error}"
        raise OAuthRefusal("invalid_authorization_details", wanted) from None


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
