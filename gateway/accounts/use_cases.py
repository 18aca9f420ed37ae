"""Create and change organisations, accounts, their credentials and officers; each act has an audit row.

A secret is 256 random bits, shown once and stored as a keyed HMAC (docs/decisions/0015). Officers are stored as keyed
pseudonyms. `official_guard.py` checks what needs a sign-in on official.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.accounts import store
from gateway.accounts.grants import ANY, Grants
from gateway.accounts.model import Account, AccountState, Credentials, Organisation, SecretDigest
from gateway.accounts.official_guard import PROMOTE, act_on_account
from gateway.audit.model import LOCAL, Kind
from gateway.dependencies import Dependencies
from gateway.errors.operators import AlreadyExists, StateWrong, Unknown
from gateway.identifiers import ClientId, OrganisationId, Profile, new_identifier
from gateway.keys.model import PlaceKeys, Purpose
from gateway.operators.model import Operator
from gateway.operators.use_cases import has_operators
from gateway.profiles.model import Place
from gateway.profiles.switching import new_act_entry
from gateway.storage.database import Transaction

if TYPE_CHECKING:
    from gateway.procedures.catalogue import Catalogue

SECRET_OVERLAP = timedelta(days=7)
"""For how long the former secret is accepted after a rotation."""

_CHANGED = "{} was changed by someone else just now: read it again"
_KEY_NEEDED = "an official account proves itself by private_key_jwt: give --public-key jwks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """The members of a new account; without `public_keys` it gets a secret (sandbox only)."""

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
    """A new credential; its secret is shown once."""

    client_id: ClientId
    issuer: str
    client_secret: str | None = field(default=None, repr=False)


async def add_organisation(deps: Dependencies, organisation_id: str, name: str) -> Organisation:
    """Add an organisation. Raises `AlreadyExists`."""
    organisation = Organisation(id=OrganisationId(organisation_id), name=name)
    async with deps.database.read() as connection:
        if await store.find_organisation(connection, organisation_id):
            raise AlreadyExists(f"organisation {organisation_id} exists already")
    entry = new_act_entry(Kind.LOCAL, None, "organisation_added", at=deps.clock.now(), actor=LOCAL)

    async def change(transaction: Transaction) -> None:
        await store.insert_organisation(transaction, organisation, at=entry.at)

    await deps.audit.record(entry.copy_with(organisation=organisation_id), change=change)
    return organisation


async def create_account(deps: Dependencies, place: Place, new: NewAccount) -> IssuedCredential:
    """Create an account of a profile and its first credential.

    Raises:
        Unknown: the organisation does not exist.
        StateWrong: an official account without a public key, or that needs a promotion; or the place is of another
            profile.
    """
    await _check_new(deps, place, new)
    now = deps.clock.now()
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
        await insert_new_account(transaction, account, public_keys=new.public_keys, officers=officers)
        if secret is not None:
            digest = _digest(place.keys, secret, at=now)
            await store.insert_secret(transaction, account.client_id, digest)

    await act_on_account(deps, account, "account_created", change)
    return IssuedCredential(client_id=account.client_id, issuer=place.issuer, client_secret=secret)


async def insert_new_account(
    transaction: Transaction,
    account: Account,
    *,
    public_keys: Sequence[dict[str, Any]],
    officers: Sequence[str],
) -> None:
    """Insert an account with its keys and its officers' pseudonyms, all valid from its `created_at`."""
    await store.insert_account(transaction, account)
    await _insert_keys(transaction, account, public_keys, at=account.created_at)
    if officers:
        await store.enable_officers(transaction, account.client_id, officers, at=account.created_at)


async def _insert_keys(
    transaction: Transaction, account: Account, public_keys: Sequence[dict[str, Any]], *, at: datetime
) -> None:
    if not public_keys:
        return
    from gateway.accounts.public_keys import import_public_key  # noqa: PLC0415 - few commands read a key

    for jwk in public_keys:
        thumbprint = import_public_key(jwk).thumbprint()
        await store.insert_key(transaction, account.client_id, thumbprint=thumbprint, jwk=jwk, at=at)


async def _check_new(deps: Dependencies, place: Place, new: NewAccount) -> None:
    async with deps.database.read() as connection:
        if await store.find_organisation(connection, new.organisation) is None:
            raise Unknown(
                f"organisation {new.organisation} does not exist: gateway organisations add ID NAME"
            )
    if new.profile is not place.profile:
        raise StateWrong(f"an account of {new.profile.value} can't be made at {place.profile.value}")
    if new.profile is not Profile.OFFICIAL:
        return
    if not place.local:
        raise StateWrong(
            "an official account needs a promotion; it can be created directly only while every GATEWAY_OFFICIAL_NETWORKS "
            "entry is loopback"
        )
    if await has_operators(deps):
        raise StateWrong(PROMOTE)
    if not new.public_keys:
        raise StateWrong(_KEY_NEEDED)


async def change_state(
    deps: Dependencies, client_id: str, state: AccountState, *, by: Operator | None = None
) -> Account:
    """Suspend, resume or revoke an account; its live tokens end.

    Raises:
        Unknown
        StateWrong: it is in that state, or revoked; or on official, once there are operators, two people must resume it
            by a change, or an operator must revoke it.
        RoleMissing, TokenInvalid: `by` may not revoke.
    """
    account = await get_account(deps, client_id)
    if account.state is AccountState.REVOKED:
        raise StateWrong(f"{client_id} is revoked, which can't be undone: create another account")
    if account.state is state:
        raise StateWrong(f"{client_id} is {state.value} already")

    async def change(transaction: Transaction) -> None:
        if not await store.update_state(transaction, client_id, state, former=account.state):
            raise StateWrong(_CHANGED.format(client_id))

    await act_on_account(deps, account, f"account_{state.value}", change, by=by)
    return replace(account, state=state, grant_epoch=account.grant_epoch + 1)


async def change_rights(
    deps: Dependencies, account: Account, *, grants: Grants, scopes: Collection[str]
) -> Account:
    """Replace an account's grants and scopes; its live tokens end.

    Raises:
        StateWrong: it is revoked, or was changed since it was read; or there are operators, and on official it needs a change.
    """
    if account.state is AccountState.REVOKED:
        raise StateWrong(f"{account.client_id} is revoked")

    async def change(transaction: Transaction) -> None:
        present = await store.find_account(transaction, account.client_id)
        if present is None or present.grant_epoch != account.grant_epoch:
            raise StateWrong(_CHANGED.format(account.client_id))
        await store.update_rights(transaction, account.client_id, grants=grants, scopes=scopes)

    await act_on_account(deps, account, "rights_changed", change)
    return replace(account, grants=grants, scopes=frozenset(scopes), grant_epoch=account.grant_epoch + 1)


def find_unknown(catalogue: Catalogue, grants: Grants) -> tuple[str, str] | None:
    """Return the member and the first name of grants that the catalogue doesn't have; None if it has all."""
    slugs = {procedure.slug for procedure in catalogue.procedures}
    roles = {role.name for procedure in catalogue.procedures for role in procedure.roles}
    for grant in grants.entries:
        for member, names, known in (
            ("procedures", grant.procedures, slugs),
            ("subject_roles", grant.subject_roles, roles),
            ("fields", grant.fields, set(filter(catalogue.knows_field, grant.fields))),
        ):
            if unknown := names - {ANY} - known:
                return member, min(unknown)
    return None


async def rotate_credential(
    deps: Dependencies, place: Place, account: Account, *, public_keys: Sequence[dict[str, Any]] = ()
) -> IssuedCredential:
    """Issue a new secret or set new public keys; either way the former secret is accepted for `SECRET_OVERLAP`, older ones end.

    Raises:
        StateWrong: the account is revoked, or official without a new key; or there are operators, and on official it
            needs a change.
        AlreadyExists: the account has, or had, one of the keys.
    """
    if account.state is AccountState.REVOKED:
        raise StateWrong(f"{account.client_id} is revoked")
    if account.profile is Profile.OFFICIAL and not public_keys:
        raise StateWrong(_KEY_NEEDED)
    now = deps.clock.now()
    secret = None if public_keys else secrets.token_urlsafe(32)

    async def change(transaction: Transaction) -> None:
        await store.expire_secrets(transaction, account.client_id, now=now, at=now + SECRET_OVERLAP)
        if secret is None:
            await replace_keys(transaction, account, public_keys, at=now)
            return
        await store.insert_secret(transaction, account.client_id, _digest(place.keys, secret, at=now))

    await act_on_account(deps, account, "credential_rotated", change)
    return IssuedCredential(client_id=account.client_id, issuer=place.issuer, client_secret=secret)


async def replace_keys(
    transaction: Transaction, account: Account, public_keys: Sequence[dict[str, Any]], *, at: datetime
) -> None:
    """Retire the present keys and add others. Raises `AlreadyExists` for a key that the account has, or had."""
    await store.retire_keys(transaction, account.client_id, at=at)
    await _insert_keys(transaction, account, public_keys, at=at)


async def add_officers(deps: Dependencies, place: Place, account: Account, officers: Sequence[str]) -> None:
    """Allow the account to name these officers. Raises `StateWrong` if it needs a change (official, with operators)."""
    pseudonyms = _pseudonyms(place, account.organisation, officers)

    async def change(transaction: Transaction) -> None:
        await store.enable_officers(transaction, account.client_id, pseudonyms, at=deps.clock.now())

    await act_on_account(deps, account, "officers_added", change)


async def disable_officers(
    deps: Dependencies, place: Place, account: Account, officers: Sequence[str], *, by: Operator | None = None
) -> None:
    """Disable officers.

    Raises:
        Unknown: one is not enabled; then none is disabled.
        StateWrong: there are operators, and on official only a signed-in operator may do it.
        RoleMissing, TokenInvalid: `by` may not.
    """
    pseudonyms = _pseudonyms(place, account.organisation, officers)

    async def change(transaction: Transaction) -> None:
        changed = await store.disable_officers(
            transaction, account.client_id, pseudonyms, at=deps.clock.now()
        )
        if changed != len(pseudonyms):
            raise Unknown("one of the officers is not enabled for the account; none was changed")

    await act_on_account(deps, account, "officers_disabled", change, by=by)


async def get_account(deps: Dependencies, client_id: str) -> Account:
    """Return an account. Raises `Unknown`."""
    async with deps.database.read() as connection:
        account = await store.find_account(connection, client_id)
    if account is None:
        raise Unknown(f"account {client_id} does not exist: gateway accounts list")
    return account


async def list_credentials(deps: Dependencies, account: Account) -> list[tuple[str, datetime | None]]:
    """Return the kind and end of each valid credential, without the credential."""
    now, version = deps.clock.now(), await deps.kept.version()
    found: Credentials | None = deps.kept.find(version, "credentials", account.client_id)
    if found is None:
        async with deps.database.read() as connection:
            found = await store.get_credentials(connection, account.client_id)
        deps.kept.keep(version, "credentials", account.client_id, found)
    keys = [("private_key_jwt", None) for key in found.public_keys if key.retired_at is None]
    ends = [secret.expires_at for secret in found.secrets]
    return [*keys, *(("client_secret", end) for end in ends if end is None or end > now)]


def officer_pseudonym(keys: PlaceKeys, organisation: str, officer: str) -> str:
    """Return the keyed HMAC that is stored, audited and shown in place of an officer's id.

    It is under the oldest pseudonym key, so that an officer stays the account's after a rotation.
    """
    return keys.pseudonyms("officer", organisation, officer)[-1]


def _pseudonyms(place: Place, organisation: str, officers: Sequence[str]) -> list[str]:
    return [officer_pseudonym(place.keys, organisation, officer) for officer in dict.fromkeys(officers)]


def _digest(keys: PlaceKeys, secret: str, *, at: datetime) -> SecretDigest:
    key = keys.serving(Purpose.CREDENTIAL, at)
    return SecretDigest(digest=key.mac(secret), key_id=key.kid, created_at=at)
