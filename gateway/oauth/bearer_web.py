"""Authenticate callers of the API: access token, DPoP proof, profile, account and scope, in the contract's order.

401 first, then `profile_mismatch` (only for a token that the other profile would accept now), then
`account_suspended`, `scope_missing`, the citizen's own login where a route takes it, `rate_limited`. A DPoP proof's id
is used up last, so that a refused call writes nothing.

The account of a token is kept until something about callers changes (`accounts/kept_store.py`): a suspension or
revocation has effect at once on the worker that did it, and within half a second on every other one.
"""

from starlette.requests import Request

from gateway.accounts.model import Account, AccountState, Caller
from gateway.audit.model import AuditEntry, Kind
from gateway.edge.responses import CallerCheck
from gateway.edge.throttle import RateLimits
from gateway.errors import GatewayError
from gateway.errors.requests import (
    PROOF_USED,
    AccountSuspended,
    CallerError,
    DpopProofInvalid,
    ProfileMismatch,
    RateLimited,
    ScopeMissing,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from gateway.identifiers import new_identifier
from gateway.oauth import store
from gateway.oauth.proofs import Proof, find_only_proof, verify_proof
from gateway.oauth.tokens import TokenClaims, verify_token
from gateway.oauth.use_cases import spend_proof
from gateway.profiles.model import Dependencies, Gateway, Place

_OTHER_SCHEME = {
    "bearer": (
        "the token is bound to a key: send Authorization: DPoP, with a proof",
        "mã truy cập gắn với khóa: gửi Authorization: DPoP, kèm bằng chứng",
        "DPoP",
    ),
    "dpop": (
        "the token is bound to no key: send Authorization: Bearer",
        "mã truy cập không gắn với khóa: gửi Authorization: Bearer",
        "Bearer",
    ),
}
"""What is wrong with a valid token that came with this scheme, and the scheme to send (RFC 9449 §7.1)."""

_NAMES = {"bearer": "Bearer", "dpop": "DPoP"}


class Bearer(CallerCheck):
    """Returns the caller of an API's route; it requires a scope (None: any token of this profile)."""

    refuses: tuple[type[GatewayError], ...] = (
        TokenMissing,
        TokenInvalid,
        TokenExpired,
        DpopProofInvalid,
        ProfileMismatch,
        AccountSuspended,
        RateLimited,
    )

    def __init__(self, scope: str | None) -> None:
        self.scope = scope
        if scope is not None:
            self.refuses = (*Bearer.refuses, ScopeMissing)

    async def __call__(self, request: Request, place: Place) -> Caller:
        """Return the caller of this profile, who may use this route.

        Raises:
            TokenMissing, TokenInvalid, TokenExpired, DpopProofInvalid, ProfileMismatch, AccountSuspended,
            ScopeMissing, RateLimited
            What `find_citizen` raises, which is called after the scope.
        """
        gateway: Gateway = request.app.state.gateway
        rates: RateLimits = request.app.state.rates
        deps, scope = gateway.deps, self.scope
        scheme, raw = read_authorization(request, "bearer", "dpop")
        try:
            claims, account, proof = await _verify(deps, place, request, scheme=scheme, raw=raw)
        except CallerError:
            await _raise_if_foreign(gateway, place, request, scheme=scheme, raw=raw)
            raise
        request.state.account = account.client_id
        try:
            if account.state is AccountState.SUSPENDED:
                raise AccountSuspended
            if scope is not None and scope not in claims.scopes & account.scopes:
                raise ScopeMissing(scope)
            citizen_id = await self.find_citizen(request, place)
        except CallerError as refusal:
            await _record_refusal(deps, place, request, refusal, account)
            request.state.known = True
            raise
        name, per_second = place.profile.value, place.policy.rate_per_second
        try:
            rates.spend(name, account.client_id, per_second=per_second)
            request.state.end_call = rates.begin(name, account.client_id)
        finally:
            request.state.rate_headers = rates.headers_of(name, account.client_id, per_second=per_second)
        if proof is not None:
            await spend_proof(deps, proof)
        request.state.known = True
        return Caller(
            account=account,
            scopes=claims.scopes & account.scopes,
            grants=claims.grants or account.grants,
            request_id=request.state.request_id,
            correlation_id=request.state.correlation_id,
            token_id=claims.jti,
            citizen_id=citizen_id,
        )

    async def find_citizen(self, request: Request, place: Place) -> str | None:
        """Return the number of the citizen who has signed in: nobody's, except on the routes of `CitizenBearer`."""
        del request, place
        return None


def read_authorization(request: Request, *schemes: str) -> tuple[str, str]:
    """Return the scheme, one of these, and the token of a request. Raises `TokenMissing`, `TokenInvalid`."""
    headers = request.headers.getlist("authorization")
    if not headers:
        raise TokenMissing
    if len(headers) > 1:
        raise TokenInvalid(
            "there are several Authorization headers: send one", "có nhiều Authorization: chỉ gửi một"
        )
    scheme, _, raw = headers[0].partition(" ")
    if scheme.lower() not in schemes:
        names = [_NAMES[each] for each in schemes]
        raise TokenInvalid(
            f"the scheme of Authorization is not {' or '.join(names)}: send it with an access token",
            f"Authorization không dùng {' hoặc '.join(names)}: gửi kiểu đó kèm mã truy cập",
        )
    if not raw.strip():
        raise TokenInvalid(
            "Authorization has no access token behind its scheme",
            "Authorization không có mã truy cập sau tên kiểu",
        )
    return scheme.lower(), raw.strip()


async def _verify(
    deps: Dependencies, place: Place, request: Request, *, scheme: str, raw: str
) -> tuple[TokenClaims, Account, Proof | None]:
    """Return a token's claims, its account (active or suspended), and for a token bound to a key the unused proof."""
    claims = verify_token(place, raw, now=deps.clock.now())
    account = await _find_holder(deps, claims)
    if account is None or account.profile is not place.profile or account.state is AccountState.REVOKED:
        raise TokenInvalid
    if account.state is AccountState.ACTIVE and account.grant_epoch != claims.grant_epoch:
        raise TokenInvalid
    if (claims.thumbprint is None) != (scheme == "bearer"):
        raise TokenInvalid(*_OTHER_SCHEME[scheme])
    if claims.thumbprint is None:
        return claims, account, None
    proof = verify_proof(
        find_only_proof(request.headers.getlist("dpop")),
        method=getattr(request.state, "sent_method", request.method),
        address=f"{place.base}{request.url.path}",
        now=int(deps.clock.now().timestamp()),
        access_token=raw,
    )
    if proof.thumbprint != claims.thumbprint:
        raise DpopProofInvalid("jwk is not the key that the token is bound to")
    if await store.is_spent(deps.database, kind="dpop", owner=proof.thumbprint, jti=proof.jti):
        raise DpopProofInvalid(PROOF_USED)
    return claims, account, proof


async def _find_holder(deps: Dependencies, claims: TokenClaims) -> Account | None:
    """Return the account of a token that was not revoked."""
    version = await deps.kept.version()
    account: Account | None = deps.kept.find(version, "holder", (claims.client_id, claims.jti))
    if account is None:
        async with deps.database.read() as connection:
            account = await store.find_holder(connection, claims.client_id, claims.jti)
        if account is not None:
            deps.kept.keep(version, "holder", (claims.client_id, claims.jti), account)
    return account


async def _raise_if_foreign(
    gateway: Gateway, place: Place, request: Request, *, scheme: str, raw: str
) -> None:
    """Raise `ProfileMismatch` if the other profile would accept the token now, for an active account."""
    try:
        _, account, _ = await _verify(gateway.deps, gateway.other(place), request, scheme=scheme, raw=raw)
    except CallerError:
        return
    if account.state is AccountState.ACTIVE:
        mismatch = ProfileMismatch()
        await _record_refusal(gateway.deps, place, request, mismatch, account)
        raise mismatch


async def _record_refusal(
    deps: Dependencies, place: Place, request: Request, refusal: CallerError, account: Account
) -> None:
    entry = AuditEntry(
        at=deps.clock.now(),
        kind=Kind.REFUSED,
        profile=place.profile,
        act=new_identifier("act"),
        request_id=request.state.request_id,
        correlation_id=request.state.correlation_id,
        client_id=account.client_id,
        organisation=account.organisation,
        outcome=refusal.code,
    )
    await deps.refusals.record(entry)
