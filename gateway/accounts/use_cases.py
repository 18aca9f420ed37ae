"""Create and change organisations, accounts, their credentials and officers; each act has an audit row.

A secret is 256 random bits, shown once and stored as a keyed HMAC (docs/decisions/0015). Officers are stored as keyed
pseudonyms.

Once there are operators, a command without a sign-in may only suspend on official. New keys, more officers and a resumption
are then changes by two people (`changes/account_kinds.py`); any operator except a viewer may revoke an account and disable
officers. See docs/decisions/0069.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.accounts import store
from gateway.accounts.model import ANY, Account, AccountState, Credentials, Grants, Organisation, SecretDigest
from gateway.audit.model import LOCAL, AuditEntry, Kind, act_entry
from gateway.errors.operators import RoleMissing, StateWrong, Unknown
from gateway.identifiers import ClientId, OrganisationId, Profile, new_identifier
from gateway.keys.model import PlaceKeys, Purpose
from gateway.operators.model import Operator
from gateway.operators.sessions import has_operators
from gateway.operators.use_cases import WORKING_ROLES, actor_of, check_host_act
from gateway.profiles.model import Dependencies, Place
from gateway.storage.database import Transaction

if TYPE_CHECKING:
    from gateway.audit.log import Change
    from gateway.procedures.catalogue import Catalogue

SECRET_OVERLAP = timedelta(days=7)
"""For how long the former secret is accepted after a rotation."""

_CHANGED = "{} was changed by someone else just now: read it again"
_KEY_NEEDED = "an official account proves itself by private_key_jwt: give --public-key jwks.json"
_BY_CHANGE = (
    "there are operators: on official a proposer proposes this change and a second person approves it; sign in "
    "(gateway login NAME), then gateway accounts {command}"
)
_BY_OPERATOR = (
    "there are operators: on official any operator but a viewer may do this: gateway login NAME; without a sign-in "
    "you may only suspend: gateway accounts suspend CLIENT_ID"
)
_PROMOTE = (
    "there are operators: an official account is made by promotion, which a second person approves: "
    "gateway accounts promote CLIENT_ID"
)
_REMEDIES: Mapping[str, str] = {
    "account_created": _PROMOTE,
    "credential_rotated": _BY_CHANGE.format(command="rotate CLIENT_ID --public-key FILE"),
    "officers_added": _BY_CHANGE.format(command="officers add CLIENT_ID"),
    "rights_changed": _BY_CHANGE.format(command="grant or scopes CLIENT_ID"),
    "account_active": _BY_CHANGE.format(command="resume CLIENT_ID"),
    "officers_disabled": _BY_OPERATOR,
    "account_revoked": _BY_OPERATOR,
}
"""What to do instead, by the outcome of the audit row; an act that is not listed (to suspend) needs no sign-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredential:
    """A new credential; its secret is shown once."""

    client_id: ClientId
    issuer: str
    client_secret: str | None = field(default=None, repr=False)


async def add_organisation(deps: Dependencies, organisation_id: str, name: str) -> Organisation:
    """Add an organisation. Raises `AlreadyExists`."""
    organisation = Organisation(id=OrganisationId(organisation_id), name=name)
    entry = act_entry("organisation_added", at=deps.clock.now(), actor=LOCAL)
    insert = partial(store.insert_organisation, organisation=organisation, at=entry.at)
    await deps.audit.record(entry.copy_with(organisation=organisation_id), change=insert)
    return organisation


async def create_account(
    deps: Dependencies,
    place: Place,
    *,
    name: str,
    organisation: str,
    scopes: frozenset[str],
    grants: Grants,
    officers: Sequence[str] = (),
    public_keys: Sequence[dict[str, Any]] = (),
    bearer_allowed: bool = False,
) -> IssuedCredential:
    """Create an account at a place and its first credential; without `public_keys` it gets a secret (sandbox only).

    Raises:
        Unknown: the organisation does not exist.
        StateWrong: an official account without a public key, or one that needs a promotion.
    """
    await _check_new(deps, place, organisation, public_keys)
    now = deps.clock.now()
    account = Account(
        client_id=ClientId(new_identifier("acc")),
        profile=place.profile,
        organisation=OrganisationId(organisation),
        name=name,
        state=AccountState.ACTIVE,
        scopes=scopes,
        grants=grants,
        grant_epoch=1,
        bearer_allowed=bearer_allowed or place.profile is Profile.SANDBOX,
        created_at=now,
    )
    secret = None if public_keys else secrets.token_urlsafe(32)
    pseudonyms = _pseudonyms(place, organisation, officers)

    async def change(transaction: Transaction) -> None:
        await insert_new_account(transaction, account, public_keys=public_keys, officers=pseudonyms)
        if secret is not None:
            digest = _digest(place.keys, secret, at=now)
            await store.insert_secret(transaction, account.client_id, digest)

    await _act(deps, account, "account_created", change)
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
    from gateway.keys.jws import import_public_key  # noqa: PLC0415 - few commands read a key

    for jwk in public_keys:
        thumbprint = import_public_key(jwk).thumbprint()
        await store.insert_key(transaction, account.client_id, thumbprint=thumbprint, jwk=jwk, at=at)


async def _check_new(
    deps: Dependencies, place: Place, organisation: str, public_keys: Sequence[dict[str, Any]]
) -> None:
    async with deps.database.read() as connection:
        if await store.find_organisation(connection, organisation) is None:
            raise Unknown(f"organisation {organisation} does not exist: gateway organisations add ID NAME")
    if place.profile is not Profile.OFFICIAL:
        return
    if not place.local:
        raise StateWrong(
            "an official account needs a promotion; it can be created directly only while every GATEWAY_OFFICIAL_NETWORKS "
            "entry is loopback"
        )
    if await has_operators(deps):
        raise StateWrong(_PROMOTE)
    if not public_keys:
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

    await _act(deps, account, f"account_{state.value}", change, by=by)
    return replace(account, state=state, grant_epoch=account.grant_epoch + 1)


async def change_rights(
    deps: Dependencies, account: Account, *, grants: Grants, scopes: Collection[str]
) -> Account:
    """Replace an account's grants and scopes; its live tokens end.

    Raises:
        StateWrong: it is revoked, or was changed since it was read; or there are operators, and on official it needs a
            change.
    """
    if account.state is AccountState.REVOKED:
        raise StateWrong(f"{account.client_id} is revoked")

    async def change(transaction: Transaction) -> None:
        present = await store.find_account(transaction, account.client_id)
        if present is None or present.grant_epoch != account.grant_epoch:
            raise StateWrong(_CHANGED.format(account.client_id))
        await store.update_rights(transaction, account.client_id, grants=grants, scopes=scopes)

    await _act(deps, account, "rights_changed", change)
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
    """Issue a new secret or set new public keys. Former keys end; so do older secrets, the last one after `SECRET_OVERLAP`.

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
        await replace_keys(transaction, account, public_keys, at=now)
        if secret is not None:
            await store.insert_secret(transaction, account.client_id, _digest(place.keys, secret, at=now))

    await _act(deps, account, "credential_rotated", change)
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

    await _act(deps, account, "officers_added", change)


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

    await _act(deps, account, "officers_disabled", change, by=by)


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


async def _act(
    deps: Dependencies, account: Account, outcome: str, change: Change[None], *, by: Operator | None = None
) -> None:
    """Do `change` on an account and record it as `outcome`; the actor is `by`, or `local` without an operator.

    A restricted act on official is checked twice: before the commit, where a refusal is recorded, and inside it, since
    operators may be created or disabled meanwhile.

    Raises:
        StateWrong: there are operators, and nobody is signed in, or the act needs two people.
        RoleMissing: `by` is a viewer.
        TokenInvalid: `by` was disabled, or has another role, since.
        What `change` raises.
    """
    remedy = _REMEDIES.get(outcome) if account.profile is Profile.OFFICIAL else None
    alone = by if remedy == _BY_OPERATOR else None
    actor = LOCAL if by is None else by.name
    if remedy is not None:
        await check_host_act(deps, alone, tried=outcome, remedy=remedy)
    if alone is not None and alone.role not in WORKING_ROLES:
        await deps.audit.record(_entry(deps, account, f"role_missing:{outcome}", actor, kind=Kind.REFUSED))
        raise RoleMissing(tuple(role.value for role in WORKING_ROLES))

    async def checked(transaction: Transaction) -> None:
        if remedy is not None:
            await actor_of(transaction, alone, remedy=remedy)
        await change(transaction)

    entry = _entry(deps, account, outcome, actor)
    await deps.audit.record(entry.copy_with(organisation=account.organisation), change=checked)


def _entry(
    deps: Dependencies, account: Account, outcome: str, actor: str, *, kind: Kind | None = None
) -> AuditEntry:
    entry = act_entry(outcome, at=deps.clock.now(), actor=actor, profile=account.profile, kind=kind)
    return entry.copy_with(client_id=account.client_id)


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
