"""Make, change and end organisations and accounts; each act leaves an audit row, `local` for whoever has the host.

On official the host alone only suspends once there are operators: a key, an officer or a resumption is a change of two
people, and an operator revokes or disables (docs/decisions/0069). Secrets are 256 random bits, shown once and kept as
a keyed HMAC (docs/decisions/0015).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.accounts import store
from gateway.accounts.grants import Grants
from gateway.accounts.model import Account, AccountState, Organisation, SecretDigest
from gateway.accounts.official_guard import (
    ADD_OFFICERS,
    CREATE,
    DISABLE_OFFICERS,
    PROMOTE,
    RESUME,
    REVOKE,
    ROTATE,
    hold_act,
    hold_inside,
)
from gateway.accounts.public_keys import import_public_key
from gateway.audit.log import Change
from gateway.audit.model import LOCAL, AuditEntry
from gateway.database import Transaction
from gateway.errors.commands import AlreadyExists, StateWrong, Unknown
from gateway.identifiers import ClientId, OrganisationId, new_identifier
from gateway.keys.model import PlaceKeys, Purpose
from gateway.operators.model import Operator
from gateway.operators.use_cases import has_operators
from gateway.parts import Parts
from gateway.places import Profile
from gateway.profiles.host_acts import kind_of
from gateway.profiles.model import Place

SECRET_OVERLAP = timedelta(days=7)
"""How long the former secret still works after a rotation."""

_STATE_ACTS = {AccountState.ACTIVE: RESUME, AccountState.REVOKED: REVOKE}
"""What is guarded; to suspend is anybody's who has the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an account is to be made of; without `public_keys` it gets a secret (sandbox only)."""

    name: str
    organisation: str
    profile: Profile
    scopes: frozenset[str]
    grants: Grants
    officers: tuple[str, ...] = ()
    public_keys: tuple[dict[str, Any], ...] = ()
    bearer_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredential:
    """What is shown once."""

    client_id: ClientId
    issuer: str
    client_secret: str | None = field(default=None, repr=False)


async def add_organisation(parts: Parts, organisation_id: str, name: str) -> Organisation:
    """Add an organisation. Raises `AlreadyExists`."""
    organisation = Organisation(id=OrganisationId(organisation_id), name=name)
    async with parts.database.read() as connection:
        if await store.find_organisation(connection, organisation_id):
            raise AlreadyExists(f"organisation {organisation_id} exists already")

    async def change(transaction: Transaction) -> None:
        await store.insert_organisation(transaction, organisation, at=parts.clock.now())

    await _record(parts, "organisation_added", change=change, organisation=organisation_id)
    return organisation


async def create_account(parts: Parts, place: Place, new: NewAccount) -> IssuedCredential:
    """Make an account of a profile and its first credential.

    Raises:
        Unknown: the organisation does not exist.
        StateWrong: an official account where only promotion makes one, or without a public key; or another
            profile than the place's.
    """
    await _check_new(parts, place, new)
    now = parts.clock.now()
    account = Account(
        client_id=ClientId(new_identifier("acc")),
        profile=new.profile,
        organisation=OrganisationId(new.organisation),
        name=new.name,
        state=AccountState.ACTIVE,
        scopes=new.scopes,
        grants=new.grants,
        grant_epoch=1,
        bearer_allowed=new.bearer_allowed or new.profile is Profile.SANDBOX,
        created_at=now,
    )
    secret = None if new.public_keys else secrets.token_urlsafe(32)
    officers = _pseudonyms(place, new.organisation, new.officers)

    async def change(transaction: Transaction) -> None:
        await hold_inside(transaction, account, None, CREATE)
        await enter_account(transaction, account, public_keys=new.public_keys, officers=officers)
        if secret is not None:
            await store.insert_secret(transaction, account.client_id, _digest(place.keys, secret, parts))

    await _record(parts, "account_created", change=change, account=account)
    return IssuedCredential(client_id=account.client_id, issuer=place.issuer, client_secret=secret)


async def enter_account(
    transaction: Transaction,
    account: Account,
    *,
    public_keys: Sequence[dict[str, Any]],
    officers: Sequence[str],
) -> None:
    """Enter an account with its keys and its officers' pseudonyms, all of them from its own beginning."""
    await store.insert_account(transaction, account)
    await _insert_keys(transaction, account, public_keys, at=account.created_at)
    if officers:
        await store.enable_officers(transaction, account.client_id, officers, at=account.created_at)


async def _insert_keys(
    transaction: Transaction, account: Account, public_keys: Sequence[dict[str, Any]], *, at: datetime
) -> None:
    for jwk in public_keys:
        thumbprint = import_public_key(jwk).thumbprint()
        await store.insert_key(transaction, account.client_id, thumbprint=thumbprint, jwk=jwk, at=at)


async def _check_new(parts: Parts, place: Place, new: NewAccount) -> None:
    async with parts.database.read() as connection:
        if await store.find_organisation(connection, new.organisation) is None:
            raise Unknown(
                f"organisation {new.organisation} does not exist: gateway organisations add ID NAME"
            )
    if new.profile is not place.profile:
        raise StateWrong(f"an account of {new.profile.value} can't be made at {place.profile.value}")
    if new.profile is Profile.OFFICIAL and not place.local:
        raise StateWrong(
            "an official account is made by promotion; directly only while every GATEWAY_OFFICIAL_NETWORKS "
            "entry is loopback"
        )
    if new.profile is Profile.OFFICIAL and await has_operators(parts):
        raise StateWrong(PROMOTE)
    if new.profile is Profile.OFFICIAL and not new.public_keys:
        raise StateWrong("an official account proves itself by private_key_jwt: give --public-key jwks.json")


async def change_state(
    parts: Parts, client_id: str, state: AccountState, *, by: Operator | None = None
) -> Account:
    """Suspend, resume or revoke an account; its live tokens end.

    Raises:
        Unknown
        StateWrong: it is in that state, or revoked; or on official, where there are operators, it is resumed by a
            change, and revoked by an operator.
        RoleMissing, TokenInvalid: `by` may not revoke.
    """
    account = await get_account(parts, client_id)
    if account.state is AccountState.REVOKED:
        raise StateWrong(f"{client_id} is revoked for good: create another account")
    if account.state is state:
        raise StateWrong(f"{client_id} is {state.value} already")
    act = _STATE_ACTS.get(state)
    if act is not None:
        await hold_act(parts, account, by, act)

    async def change(transaction: Transaction) -> None:
        if act is not None:
            await hold_inside(transaction, account, by, act)
        if not await store.update_state(transaction, client_id, state, former=account.state):
            raise StateWrong(f"{client_id} was changed by another just now: look again")

    await _record(parts, f"account_{state.value}", change=change, account=account, by=by)
    return replace(account, state=state, grant_epoch=account.grant_epoch + 1)


async def rotate_credential(
    parts: Parts, place: Place, account: Account, *, public_keys: Sequence[dict[str, Any]] = ()
) -> IssuedCredential:
    """Give a new secret or public key; the former secret lives on for `SECRET_OVERLAP`, older ones end.

    Raises:
        StateWrong: the account is revoked, or an official one was given no key; or there are operators, and on
            official it is a change.
        AlreadyExists: a key that the account has, or had.
    """
    if account.state is AccountState.REVOKED:
        raise StateWrong(f"{account.client_id} is revoked")
    if account.profile is Profile.OFFICIAL and not public_keys:
        raise StateWrong("an official account proves itself by private_key_jwt: give --public-key jwks.json")
    await hold_act(parts, account, None, ROTATE)
    now = parts.clock.now()
    secret = None if public_keys else secrets.token_urlsafe(32)

    async def change(transaction: Transaction) -> None:
        await hold_inside(transaction, account, None, ROTATE)
        if secret is not None:
            await store.expire_secrets(transaction, account.client_id, now=now, at=now + SECRET_OVERLAP)
            await store.insert_secret(transaction, account.client_id, _digest(place.keys, secret, parts))
            return
        await replace_keys(transaction, account, public_keys, at=now)

    await _record(parts, "credential_rotated", change=change, account=account)
    return IssuedCredential(client_id=account.client_id, issuer=place.issuer, client_secret=secret)


async def replace_keys(
    transaction: Transaction, account: Account, public_keys: Sequence[dict[str, Any]], *, at: datetime
) -> None:
    """Retire the keys in force and add others. Raises `AlreadyExists` for a key that the account has, or had."""
    await store.retire_keys(transaction, account.client_id, at=at)
    await _insert_keys(transaction, account, public_keys, at=at)


async def add_officers(parts: Parts, place: Place, account: Account, officers: Sequence[str]) -> None:
    """Let officers be named by this account; kept as keyed pseudonyms only.

    Raises:
        StateWrong: there are operators, and on official it is a change.
    """
    await hold_act(parts, account, None, ADD_OFFICERS)
    pseudonyms = _pseudonyms(place, account.organisation, officers)

    async def change(transaction: Transaction) -> None:
        await hold_inside(transaction, account, None, ADD_OFFICERS)
        await store.enable_officers(transaction, account.client_id, pseudonyms, at=parts.clock.now())

    await _record(parts, "officers_added", change=change, account=account)


async def disable_officers(
    parts: Parts, place: Place, account: Account, officers: Sequence[str], *, by: Operator | None = None
) -> None:
    """Forbid officers from now on.

    Raises:
        Unknown: one was not enabled; then none changes.
        StateWrong: there are operators, and on official it is an act of one.
        RoleMissing, TokenInvalid: `by` may not.
    """
    await hold_act(parts, account, by, DISABLE_OFFICERS)
    pseudonyms = _pseudonyms(place, account.organisation, officers)

    async def change(transaction: Transaction) -> None:
        await hold_inside(transaction, account, by, DISABLE_OFFICERS)
        changed = await store.disable_officers(
            transaction, account.client_id, pseudonyms, at=parts.clock.now()
        )
        if changed != len(pseudonyms):
            raise Unknown("an officer named is not among the account's enabled officers; none was changed")

    await _record(parts, "officers_disabled", change=change, account=account, by=by)


async def get_account(parts: Parts, client_id: str) -> Account:
    """Return an account. Raises `Unknown`."""
    async with parts.database.read() as connection:
        account = await store.find_account(connection, client_id)
    if account is None:
        raise Unknown(f"account {client_id} does not exist: gateway accounts list")
    return account


def officer_pseudonym(keys: PlaceKeys, organisation: str, officer: str) -> str:
    """Return the keyed HMAC that stands for an officer in the store, the audit and the ledger."""
    return keys.pseudonym("officer", organisation, officer)


def _pseudonyms(place: Place, organisation: str, officers: Sequence[str]) -> list[str]:
    return [officer_pseudonym(place.keys, organisation, officer) for officer in dict.fromkeys(officers)]


def _digest(keys: PlaceKeys, secret: str, parts: Parts) -> SecretDigest:
    key = keys.current(Purpose.CREDENTIAL)
    return SecretDigest(digest=key.mac(secret), key_id=key.kid, created_at=parts.clock.now())


async def _record(
    parts: Parts,
    outcome: str,
    *,
    change: Change,
    account: Account | None = None,
    organisation: str | None = None,
    by: Operator | None = None,
) -> None:
    actor = LOCAL if by is None else by.name
    entry = AuditEntry(
        at=parts.clock.now(),
        kind=kind_of(actor),
        profile=account.profile if account else None,
        act=new_identifier("act"),
        client_id=account.client_id if account else None,
        organisation=account.organisation if account else organisation,
        outcome=outcome,
        actor=actor,
    )
    await parts.audit.record(entry, change=change)


async def list_credentials(parts: Parts, account: Account) -> list[tuple[str, datetime | None]]:
    """Return the kind and end of each live credential; never the credential."""
    now = parts.clock.now()
    async with parts.database.read() as connection:
        found = await store.get_credentials(connection, account.client_id)
    live_keys = [("private_key_jwt", None) for key in found.public_keys if key.retired_at is None]
    live_secrets = [
        ("client_secret", secret.expires_at)
        for secret in found.secrets
        if secret.expires_at is None or secret.expires_at > now
    ]
    return [*live_keys, *live_secrets]
