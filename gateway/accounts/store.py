"""The tables of organisations, accounts, credentials and officers, and all SQL on them."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.model import (
    Account,
    AccountKey,
    AccountState,
    Credentials,
    Grants,
    Organisation,
    SecretDigest,
    parse_grants,
)
from gateway.errors.operators import AlreadyExists
from gateway.identifiers import OrganisationId, Profile
from gateway.storage.database import Instant, metadata

organisations = sa.Table(
    "organisations",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("organisation", sa.ForeignKey("organisations.id"), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("grants", sa.JSON, nullable=False),
    sa.Column("grant_epoch", sa.Integer, nullable=False),
    sa.Column("bearer_allowed", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("promoted_from", sa.String(40)),
    sa.Column("created_at", Instant, nullable=False),
)
_FIND_ACCOUNT = sa.select(accounts).where(accounts.c.client_id == sa.bindparam("client_id"))
"""Built once: building a statement and its cache key costs more than running it."""
_FIND_PROFILE = sa.select(accounts.c.profile).where(accounts.c.client_id == sa.bindparam("client_id"))

account_secrets = sa.Table(
    "account_secrets",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), nullable=False, index=True),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
)
account_keys = sa.Table(
    "account_keys",
    metadata,
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), primary_key=True),
    sa.Column("thumbprint", sa.String(64), primary_key=True),
    sa.Column("jwk", sa.JSON, nullable=False),
    sa.Column("added_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
)
account_officers = sa.Table(
    "account_officers",
    metadata,
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), primary_key=True),
    sa.Column("officer", sa.String(64), primary_key=True),
    sa.Column("added_at", Instant, nullable=False),
    sa.Column("disabled_at", Instant),
)
_SECRETS = sa.select(*(account_secrets.c[each.name] for each in fields(SecretDigest)))
_KEYS = sa.select(*(account_keys.c[each.name] for each in fields(AccountKey)))


async def insert_organisation(
    connection: AsyncConnection, organisation: Organisation, *, at: datetime
) -> None:
    """Add an organisation. Raises `AlreadyExists`, also if somebody else has just added it."""
    try:
        async with connection.begin_nested():
            await connection.execute(
                sa.insert(organisations).values(id=organisation.id, name=organisation.name, created_at=at)
            )
    except IntegrityError:
        raise AlreadyExists(f"organisation {organisation.id} exists already") from None


async def find_organisation(connection: AsyncConnection, organisation: str) -> Organisation | None:
    """Return the organisation by its e-id."""
    row = (
        await connection.execute(sa.select(organisations).where(organisations.c.id == organisation))
    ).first()
    return Organisation(id=OrganisationId(row.id), name=row.name) if row else None


async def list_organisations(connection: AsyncConnection) -> list[Organisation]:
    """Return every organisation by id."""
    rows = await connection.execute(sa.select(organisations).order_by(organisations.c.id))
    return [Organisation(id=OrganisationId(row.id), name=row.name) for row in rows]


async def insert_account(connection: AsyncConnection, account: Account) -> None:
    """Add an account."""
    members = {each.name: getattr(account, each.name) for each in fields(Account)}
    rights = {"scopes": sorted(account.scopes), "grants": account.grants.to_details()}
    await connection.execute(sa.insert(accounts).values(members | rights))


async def find_account(connection: AsyncConnection, client_id: str) -> Account | None:
    """Return the account, of any profile and state."""
    row = (await connection.execute(_FIND_ACCOUNT, {"client_id": client_id})).first()
    return account_of(row) if row else None


async def find_profile(connection: AsyncConnection, client_id: str) -> Profile | None:
    """Return an account's profile, the only value read before the client is authenticated."""
    row = (await connection.execute(_FIND_PROFILE, {"client_id": client_id})).first()
    return Profile(row.profile) if row else None


async def list_accounts(connection: AsyncConnection) -> list[Account]:
    """Return every account, oldest first."""
    rows = await connection.execute(sa.select(accounts).order_by(accounts.c.created_at, accounts.c.client_id))
    return [account_of(row) for row in rows]


async def list_names(connection: AsyncConnection) -> dict[str, str]:
    """Return the name of every account and organisation, by its id."""
    found: dict[str, str] = {}
    for column, name in ((accounts.c.client_id, accounts.c.name), (organisations.c.id, organisations.c.name)):
        found |= {row[0]: row[1] for row in await connection.execute(sa.select(column, name))}
    return found


async def update_state(
    connection: AsyncConnection, client_id: str, state: AccountState, *, former: AccountState
) -> bool:
    """Set the state, and a new grant epoch, which ends live tokens; return False if the state is no longer `former`."""
    result = await connection.execute(
        sa.update(accounts)
        .where(accounts.c.client_id == client_id, accounts.c.state == former.value)
        .values(state=state.value, grant_epoch=accounts.c.grant_epoch + 1)
    )
    return bool(result.rowcount)


async def update_rights(
    connection: AsyncConnection, client_id: str, *, grants: Grants, scopes: Collection[str]
) -> None:
    """Replace grants and scopes, with a new grant epoch, which ends live tokens."""
    await connection.execute(
        sa.update(accounts)
        .where(accounts.c.client_id == client_id)
        .values(grants=grants.to_details(), scopes=sorted(scopes), grant_epoch=accounts.c.grant_epoch + 1)
    )


async def insert_secret(connection: AsyncConnection, client_id: str, secret: SecretDigest) -> None:
    """Add a secret's digest."""
    await connection.execute(sa.insert(account_secrets).values(client_id=client_id, **asdict(secret)))


async def expire_secrets(connection: AsyncConnection, client_id: str, *, now: datetime, at: datetime) -> None:
    """End the present secret at `at`, and former secrets now."""
    own = account_secrets.c.client_id == client_id
    await connection.execute(
        sa.update(account_secrets).where(own, account_secrets.c.expires_at > now).values(expires_at=now)
    )
    await connection.execute(
        sa.update(account_secrets).where(own, account_secrets.c.expires_at.is_(None)).values(expires_at=at)
    )


async def retire_keys(connection: AsyncConnection, client_id: str, *, at: datetime) -> None:
    """Retire the present public keys."""
    await connection.execute(
        sa.update(account_keys)
        .where(account_keys.c.client_id == client_id, account_keys.c.retired_at.is_(None))
        .values(retired_at=at)
    )


async def insert_key(
    connection: AsyncConnection, client_id: str, *, thumbprint: str, jwk: dict[str, Any], at: datetime
) -> None:
    """Add a public key. Raises `AlreadyExists` for a key that the account has, or had."""
    try:
        async with connection.begin_nested():
            await connection.execute(
                sa.insert(account_keys).values(
                    client_id=client_id, thumbprint=thumbprint, jwk=jwk, added_at=at
                )
            )
    except IntegrityError:
        raise AlreadyExists(
            "the account has or had this key: make a new one, since a retired key is never accepted again"
        ) from None


async def get_credentials(connection: AsyncConnection, client_id: str) -> Credentials:
    """Return an account's digests and public keys, with retired ones."""
    own_secrets = _SECRETS.where(account_secrets.c.client_id == client_id)
    own_keys = _KEYS.where(account_keys.c.client_id == client_id)
    secrets = (await connection.execute(own_secrets)).mappings()
    keys = (await connection.execute(own_keys)).mappings()
    return Credentials(
        secrets=tuple(SecretDigest(**row) for row in secrets),
        public_keys=tuple(AccountKey(**row) for row in keys),
    )


async def enable_officers(
    connection: AsyncConnection, client_id: str, officers: Sequence[str], *, at: datetime
) -> None:
    """Add officers by pseudonym, or enable them again."""
    await connection.execute(sa.delete(account_officers).where(_named(client_id, officers)))
    await connection.execute(
        sa.insert(account_officers),
        [{"client_id": client_id, "officer": officer, "added_at": at} for officer in officers],
    )


async def disable_officers(
    connection: AsyncConnection, client_id: str, officers: Sequence[str], *, at: datetime
) -> int:
    """Disable officers by pseudonym; return how many were enabled before."""
    result = await connection.execute(
        sa.update(account_officers)
        .where(_named(client_id, officers), account_officers.c.disabled_at.is_(None))
        .values(disabled_at=at)
    )
    return int(result.rowcount)


async def list_officers(connection: AsyncConnection, client_ids: Sequence[str]) -> list[str]:
    """Return the enabled officers of these accounts by pseudonym, each once."""
    query = (
        sa.select(account_officers.c.officer)
        .where(account_officers.c.client_id.in_(client_ids), account_officers.c.disabled_at.is_(None))
        .distinct()
        .order_by(account_officers.c.officer)
    )
    return list((await connection.execute(query)).scalars())


async def list_officers_since(connection: AsyncConnection, client_id: str) -> list[tuple[str, datetime]]:
    """Return an account's enabled officers by pseudonym, each with the time when they were enabled, the oldest first."""
    query = (
        sa.select(account_officers.c.officer, account_officers.c.added_at)
        .where(account_officers.c.client_id == client_id, account_officers.c.disabled_at.is_(None))
        .order_by(account_officers.c.added_at, account_officers.c.officer)
    )
    return [(row.officer, row.added_at) for row in await connection.execute(query)]


async def has_officer(connection: AsyncConnection, client_id: str, officers: Sequence[str]) -> bool:
    """Return whether any of these pseudonyms is an enabled officer of the account."""
    query = (
        sa.select(sa.literal(1))
        .where(_named(client_id, officers), account_officers.c.disabled_at.is_(None))
        .limit(1)
    )
    return (await connection.execute(query)).first() is not None


def _named(client_id: str, officers: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(account_officers.c.client_id == client_id, account_officers.c.officer.in_(officers))


def account_of(row: sa.Row[tuple[Any, ...]]) -> Account:
    """Return the account of a row of `accounts`."""
    members = {each.name: getattr(row, each.name) for each in fields(Account)}
    typed = {"profile": Profile(row.profile), "state": AccountState(row.state)}
    rights = {"scopes": frozenset(row.scopes), "grants": parse_grants(row.grants)}
    return Account(**members | typed | rights)
