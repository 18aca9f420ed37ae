"""The change that makes an official account out of a sandbox one: a new client id and key; the sandbox account lives on.

Grants, scopes and name are the sandbox account's unless the proposal narrows them; never more. Officers are named
anew, since a pseudonym of one profile says nothing at the other. Tokens are DPoP-bound unless the proposal says
otherwise, visibly. See docs/decisions/0057.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.accounts import store
from gateway.accounts.grants import Grants, parse_grants
from gateway.accounts.model import Account, AccountState
from gateway.accounts.public_keys import import_public_key, parse_public_keys
from gateway.accounts.use_cases import enter_account, officer_pseudonym
from gateway.changes.checks import one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.commands import StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import ClientId, OrganisationId, new_identifier
from gateway.operators.model import Operator
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What is asked for. `officers` are their ids, kept as pseudonyms only; None is the sandbox account's own."""

    client_id: str
    public_key: Mapping[str, Any]
    name: str | None = None
    authorization_details: Sequence[Mapping[str, Any]] | None = None
    scopes: Sequence[str] | None = None
    officers: tuple[str, ...] = field(default=(), repr=False)
    bearer_allowed: bool = False


async def draft_promotion(transaction: Transaction, gateway: Gateway, wanted: Promotion) -> dict[str, Any]:
    """Return the document of a promotion, with the new account's id.

    Raises:
        RequestInvalid: no key to verify with, or more than the sandbox account may.
        StateWrong: not an active sandbox account.
    """
    source = await _get_source(transaction, wanted.client_id)
    try:
        keys = parse_public_keys(wanted.public_key)
    except ValueError as error:
        raise _invalid("public_key", str(error)) from None
    scopes = sorted(source.scopes if wanted.scopes is None else set(wanted.scopes))
    if beyond := set(scopes) - source.scopes:
        raise _invalid("scopes", f"beyond the sandbox account's: {', '.join(sorted(beyond))}")
    place = gateway.places[Profile.OFFICIAL]
    named = dict.fromkeys(wanted.officers)  # once each
    officers = [officer_pseudonym(place.keys, source.organisation, name) for name in named]
    return {
        "promoted_from": source.client_id,
        "client_id": new_identifier("acc"),
        "name": wanted.name or source.name,
        "organisation": source.organisation,
        "scopes": scopes,
        "authorization_details": _narrow(source, wanted).to_details(),
        "public_keys": list(keys),
        "officers": officers,
        "dpop_required": not wanted.bearer_allowed,
    }


async def diff(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Hold the official account beside the sandbox one that it comes from; what it may do is shown even where that is the same."""
    del gateway
    wanted = change.document
    source = await _get_source(transaction, str(wanted["promoted_from"]))
    before = {
        "client_id": source.client_id,
        "name": source.name,
        "scopes": sorted(source.scopes),
        "authorization_details": source.grants.to_details(),
        "dpop_required": not source.bearer_allowed,
        "profile": source.profile.value,
    }
    after = {name: wanted[name] for name in before if name != "profile"} | {
        "profile": Profile.OFFICIAL.value,
        "public_keys": _thumbprints(change),
        "officers": len(wanted["officers"]),
    }
    kept = [
        DiffLine(member=name, before=before[name], after=after[name])
        for name in ("authorization_details", "scopes")
        if before[name] == after[name]
    ]
    return tuple(sorted([*compare(before, after), *kept], key=lambda line: line.member))


async def check(gateway: Gateway, change: Change, trial: Trial) -> Preflight:
    """Look whether the sandbox account is still there to come from."""
    del trial
    async with gateway.parts.database.read() as transaction:
        source = await store.find_account(transaction, str(change.document["promoted_from"]))
    active = source is not None and source.state is AccountState.ACTIVE
    return one_check(
        "promoted_from",
        "the sandbox account is active" if active else "the sandbox account is not active",
        "Tài khoản thử nghiệm còn hiệu lực",
        passed=active,
        remedy="" if active else "gateway accounts resume CLIENT_ID",
    )


async def happen(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """Make the account with its keys and officers; its client id and issuer are what the portal needs."""
    del by
    wanted = change.document
    account = Account(
        client_id=ClientId(wanted["client_id"]),
        profile=Profile.OFFICIAL,
        organisation=OrganisationId(wanted["organisation"]),
        name=wanted["name"],
        state=AccountState.ACTIVE,
        scopes=frozenset(wanted["scopes"]),
        grants=parse_grants(wanted["authorization_details"]),
        grant_epoch=1,
        bearer_allowed=not wanted["dpop_required"],
        created_at=gateway.parts.clock.now(),
        promoted_from=ClientId(wanted["promoted_from"]),
    )
    await enter_account(transaction, account, public_keys=wanted["public_keys"], officers=wanted["officers"])
    return {"client_id": account.client_id, "issuer": gateway.places[Profile.OFFICIAL].issuer}


async def _get_source(transaction: Transaction, client_id: str) -> Account:
    found = await store.find_account(transaction, client_id)
    if found is None or found.profile is not Profile.SANDBOX:
        raise _invalid("client_id", "a sandbox account's is expected: gateway accounts list")
    if found.state is not AccountState.ACTIVE:
        raise StateWrong(f"{client_id} is {found.state.value}: only an active account is promoted")
    return found


def _narrow(source: Account, wanted: Promotion) -> Grants:
    if wanted.authorization_details is None:
        return source.grants
    try:
        grants = parse_grants(wanted.authorization_details)
    except ValueError as error:
        raise _invalid("authorization_details", str(error)) from None
    for position, entry in enumerate(grants.entries):
        if not source.grants.covers(entry):
            raise _invalid(f"authorization_details.{position}", "beyond the sandbox account's grants")
    return grants


def _thumbprints(change: Change) -> list[str]:
    return [import_public_key(jwk).thumbprint() for jwk in change.document["public_keys"]]


def _invalid(field_name: str, detail: str) -> RequestInvalid:
    return RequestInvalid((FieldError(field=field_name, code="request_invalid", detail=detail),))
